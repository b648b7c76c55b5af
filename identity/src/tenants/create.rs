//! A new tenant with its owner, in the transaction of the verification that made both (AC-1).

use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::slug::Slug;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::own_limits::OwnLimits;
use tenantry_platform::permit::{TenantRef, TenantStatus};
use tenantry_platform::problem::{Kind, OnConstraint as _, Problem};
use tenantry_platform::record::{self, Act};

use super::store;
use crate::events;
use crate::members;

/// The plan of a new tenant.
const FIRST_PLAN: &str = "free";

/// What a sign-up asked for.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// The id that the slug was reserved for.
    pub id: TenantId,
    /// Its name in hosts.
    pub slug: Slug,
    /// Its name on pages.
    pub name: String,
    /// Who gets the owner's role.
    pub owner: PersonId,
}

/// Makes the tenant and its owner's membership, and claims its slug. The transaction's context names the
/// tenant; its end belongs to the caller, who should fence: until then the host answers 404 from memory.
///
/// # Errors
/// 409 when the reservation of the slug has gone to somebody else.
pub async fn create(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    roles: &Roles,
    new: NewTenant,
) -> Result<TenantRef, Problem> {
    let at = ground.now();
    // Two links of one browser carry one id: the first that is used makes the tenant.
    store::insert(tx, &new.slug, &new.name, FIRST_PLAN, at).await.on_constraint("tenants_pkey", taken)?;
    if !store::claim(tx, &new.slug, new.id).await? {
        return Err(taken());
    }
    let role = roles.owner().role.name.as_str();
    store::insert_owner(tx, new.owner, role, at)
        .await
        .on_constraint(members::MEMBERSHIPS_MOST, members::too_many_workspaces)?;
    note(tx, ground, &new, role).await?;
    Ok(TenantRef {
        id: new.id,
        slug: new.slug.as_str().to_owned(),
        name: new.name,
        plan: FIRST_PLAN.to_owned(),
        limits: OwnLimits::default(),
        status: TenantStatus::Active,
    })
}

async fn note(tx: &mut TenantTx<Control>, ground: &Ground, new: &NewTenant, role: &str) -> Result<(), Problem> {
    let facts = serde_json::json!({ "slug": new.slug.as_str(), "name": new.name });
    record::append(tx, ground, Act::new("tenant.created", "tenant", new.id).with(facts)).await?;
    let tenant = serde_json::json!({ "id": new.id, "slug": new.slug.as_str(), "name": new.name });
    record::emit(tx, ground, &events::TENANT_CREATED, tenant).await?;
    members::note(tx, ground, new.owner, role, None).await?;
    tx.announce(ground, Change { kind: ChangeKind::Tenant, subject: new.id.uuid() }).await?;
    Ok(())
}

fn taken() -> Problem {
    Problem::new(Kind::Conflict, "This workspace address was taken meanwhile. Sign up again with another one.")
        .code("slug_taken")
}
