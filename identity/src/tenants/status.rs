//! Suspending and reactivating, and the list to do it from: platform staff alone (AC-4, AC-12).

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{DbFault, Operator, TenantTx};
use tenantry_platform::events::EventKind;
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{TenantRef, TenantStatus};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::store;
use crate::events;

/// Tenants on a page of the operator's list.
pub const TENANTS_A_PAGE: usize = 50;
/// A sentence for the tenant's own log; the database keeps no more.
const REASON_CHARS_MOST: usize = 500;
/// Longer searches match nothing that exists.
const QUERY_CHARS_MOST: usize = 200;

/// Why a tenant is suspended: its owner reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// A sentence, trimmed, without control characters.
    ///
    /// # Errors
    /// A message for the form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Say why: the workspace's owner reads it.");
        }
        if text.chars().count() > REASON_CHARS_MOST || text.chars().any(char::is_control) {
            return Err("Use one line of at most 500 characters.");
        }
        Ok(Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What to look for in the list.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A part of name or slug, or a whole id.
    pub query: String,
    /// Only these.
    pub status: Option<TenantStatus>,
    /// Only tenants made before this one: the last of the page before.
    pub before: Option<TenantId>,
}

/// A tenant, as the operator's list shows it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Which.
    pub tenant: TenantRef,
    /// Why it is suspended.
    pub reason: Option<String>,
    /// The owner's address.
    pub owner: Option<String>,
    /// How many people belong to it.
    pub members: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A page of tenants, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn list(
    tx: &mut TenantTx<Operator>,
    roles: &Roles,
    mut search: Search,
) -> Result<(Vec<Overview>, bool), DbFault> {
    search.query = search.query.trim().chars().take(QUERY_CHARS_MOST).collect();
    let owner_role = roles.owner().role.name.as_str();
    let one_more = i32::try_from(TENANTS_A_PAGE + 1).unwrap_or(i32::MAX);
    let mut found = store::overview(tx, &search, owner_role, one_more).await?;
    let more = found.len() > TENANTS_A_PAGE;
    found.truncate(TENANTS_A_PAGE);
    Ok((found, more))
}

/// Stops a tenant's people, keys and hosts. The transaction's context names the tenant; the caller fences.
///
/// # Errors
/// 404 without such a tenant, 409 when it is not served anyway.
pub async fn suspend(tx: &mut TenantTx<Operator>, ground: &Ground, reason: &Reason) -> Result<TenantRef, Problem> {
    let id = tenant_of(tx)?;
    let Some(before) = store::named(tx, id).await? else { return Err(Problem::not_found()) };
    let done = store::suspend(tx, id, reason.as_str(), ground.now()).await?;
    let tenant = done.ok_or_else(|| refused(before.status, "suspended"))?;
    let act = Act::new("tenant.suspended", "tenant", id)
        .with(serde_json::json!({ "reason": reason.as_str() }))
        .changed("status", before.status.as_str(), tenant.status.as_str());
    note(tx, ground, &tenant, (act, &events::TENANT_SUSPENDED)).await?;
    Ok(tenant)
}

/// Serves a suspended tenant again. The transaction's context names the tenant; the caller fences.
///
/// # Errors
/// 404 without such a tenant, 409 when it is not suspended.
pub async fn reactivate(tx: &mut TenantTx<Operator>, ground: &Ground) -> Result<TenantRef, Problem> {
    let id = tenant_of(tx)?;
    let Some(before) = store::named(tx, id).await? else { return Err(Problem::not_found()) };
    let done = store::reactivate(tx, id, ground.now()).await?;
    let tenant = done.ok_or_else(|| refused(before.status, "reactivated"))?;
    let act =
        Act::new("tenant.reactivated", "tenant", id).changed("status", before.status.as_str(), tenant.status.as_str());
    note(tx, ground, &tenant, (act, &events::TENANT_REACTIVATED)).await?;
    Ok(tenant)
}

async fn note(
    tx: &mut TenantTx<Operator>,
    ground: &Ground,
    tenant: &TenantRef,
    (act, event): (Act, &'static EventKind),
) -> Result<(), DbFault> {
    record::append(tx, ground, act).await?;
    let data = serde_json::json!({ "id": tenant.id, "slug": tenant.slug, "status": tenant.status });
    record::emit(tx, ground, event, data).await?;
    tx.announce(ground, Change { kind: ChangeKind::Tenant, subject: tenant.id.uuid() }).await
}

pub(super) fn tenant_of(tx: &TenantTx<Operator>) -> Result<TenantId, Problem> {
    tx.context().tenant.ok_or_else(|| Problem::internal("an operator's act on a tenant needs a permit that names it"))
}

fn refused(status: TenantStatus, wanted: &str) -> Problem {
    let text = format!("The workspace is {} and cannot be {wanted}. Load the list again.", status.as_str());
    Problem::new(Kind::Conflict, text).code("tenant_status")
}
