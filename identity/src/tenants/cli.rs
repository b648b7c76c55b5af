//! What `tenantry tenants` and `tenantry operators` do: the acts of whoever has the machine.
//!
//! They run beside the serving processes. What takes something away answers when none of those believes it any more.

use tenantry_core::email::EmailAddress;
use tenantry_core::ids::TenantId;
use tenantry_core::slug::Slug;
use tenantry_platform::config::{Limits, Plans, Roles};
use tenantry_platform::db::{Context, Operator};
use tenantry_platform::feed::{Change, ChangeKind, Reach, end_as_owner};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Administer, Origin, Permit, TenantRef};
use tenantry_platform::problem::Problem;
use tokio_postgres::Client;
use uuid::Uuid;

use super::status::{self, Overview, Reason, Search};
use super::store;
pub use super::store::PlatformAct;
use super::terms::{self, LimitChange};

/// Acts of a page of the platform's log: what fits a terminal's memory.
const LOG_MOST: i32 = 200;

/// `tenantry tenants suspend SLUG --reason …`
///
/// # Errors
/// 404 for an unknown slug, 409 when the tenant is not served anyway.
pub async fn suspend(ground: &Ground, slug: &Slug, reason: &Reason) -> Result<(TenantRef, Reach), Problem> {
    let mut tx = administering(Some(find(ground, slug).await?), "tenants suspend").begin(ground);
    let tenant = status::suspend(&mut tx, ground, reason).await?;
    let reach = tx.commit_and_fence(ground).await?;
    Ok((tenant, reach))
}

/// `tenantry tenants reactivate SLUG`
///
/// # Errors
/// 404 for an unknown slug, 409 when the tenant is not suspended.
pub async fn reactivate(ground: &Ground, slug: &Slug) -> Result<TenantRef, Problem> {
    let mut tx = administering(Some(find(ground, slug).await?), "tenants reactivate").begin(ground);
    let tenant = status::reactivate(&mut tx, ground).await?;
    tx.commit_and_fence(ground).await?;
    Ok(tenant)
}

/// `tenantry tenants plan SLUG PLAN`
///
/// # Errors
/// 404 for an unknown slug, or a plan that the configuration does not have.
pub async fn change_plan(ground: &Ground, plans: &Plans, slug: &Slug, plan: &str) -> Result<TenantRef, Problem> {
    let mut tx = administering(Some(find(ground, slug).await?), "tenants plan").begin(ground);
    let tenant = terms::change_plan(&mut tx, ground, plans, plan).await?;
    tx.commit_and_fence(ground).await?;
    Ok(tenant)
}

/// `tenantry tenants limits SLUG [--set …] [--unset …]`
///
/// # Errors
/// 404 for an unknown slug, or a tier that the configuration does not have.
pub async fn change_limits(
    ground: &Ground,
    limits: &Limits,
    slug: &Slug,
    changes: &[LimitChange],
) -> Result<TenantRef, Problem> {
    let mut tx = administering(Some(find(ground, slug).await?), "tenants limits").begin(ground);
    let tenant = terms::change_limits(&mut tx, ground, limits, changes).await?;
    tx.commit_and_fence(ground).await?;
    Ok(tenant)
}

/// `tenantry tenants list [QUERY]`: a page, newest first, and whether there are more.
///
/// # Errors
/// When the database does not answer.
pub async fn list(ground: &Ground, roles: &Roles, search: Search) -> Result<(Vec<Overview>, bool), Problem> {
    let mut tx = administering(None, "tenants list").begin(ground);
    let found = status::list(&mut tx, roles, search).await?;
    tx.commit().await?;
    Ok(found)
}

/// `tenantry operators grant|revoke EMAIL`, over a connection of the login that migrates: no serving login may.
/// None: nobody has this address. The door leaves a row in the platform's log: platform staff are no tenant's, and no
/// workspace learns who they are.
///
/// # Errors
/// What the database says.
pub async fn set_operator(
    client: &mut Client,
    ground: &Ground,
    address: &EmailAddress,
    is_operator: bool,
) -> Result<Option<Reach>, tokio_postgres::Error> {
    let tx = client.transaction().await?;
    tx.batch_execute("set local role tenantry_owner").await?;
    let found = tx.query_opt("select person_id from doors.person_by_email($1)", &[&address.lookup()]).await?;
    let Some(person) = found.map(|row| row.get::<_, Uuid>(0)) else { return Ok(None) };
    tx.execute("select doors.set_operator($1, $2)", &[&address.lookup(), &is_operator]).await?;
    // Sessions hold what a person may do: they are read again.
    end_as_owner(tx, ground, Change { kind: ChangeKind::Person, subject: person }).await.map(Some)
}

/// `tenantry operators log`: acts that are no single tenant's, newest first, as many as one page has.
///
/// # Errors
/// When the database does not answer.
pub async fn platform_log(ground: &Ground) -> Result<Vec<PlatformAct>, Problem> {
    let mut tx = administering(None, "operators log").begin(ground);
    let acts = store::platform_log(&mut tx, LOG_MOST).await?;
    tx.commit().await?;
    Ok(acts)
}

/// The tenant of a slug, for a command of another room.
///
/// # Errors
/// 404 for an unknown slug.
pub async fn find(ground: &Ground, slug: &Slug) -> Result<TenantId, Problem> {
    store::by_slug(ground, slug.as_str()).await?.map(|tenant| tenant.id).ok_or_else(|| {
        Problem::new(
            tenantry_platform::problem::Kind::NotFound,
            format!("There is no workspace {slug}. `tenantry tenants list` names them."),
        )
    })
}

fn administering(tenant: Option<TenantId>, what: &'static str) -> Permit<Administer, Operator> {
    Permit::system(Context { tenant, person: None }, Actor::system("cli", what), Origin::default())
}
