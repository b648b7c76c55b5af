//! The SQL of tenants.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Context, Control, DbFault, Operator, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::own_limits::OwnLimits;
use tenantry_platform::permit::{Actor, Operate, Origin, Permission, Permit, Resolve, TenantRef, TenantStatus};
use uuid::Uuid;

use super::rename::Versioned;
use super::status::{Overview, Search};

tenantry_platform::sql! {
    AsDoor OnlyControl BY_SLUG = "select tenant_id, name, status, plan, limits from doors.tenant_by_slug($1)";
    AsTenant OnlyControl BY_ID = "select slug, name, status, plan, limits from tenants where tenant_id = $1";
    AsTenant OnlyControl INSERT = "
        insert into tenants (tenant_id, slug, name, plan, status_at, created_at) values ($1, $2, $3, $4, $5, $5)";
    AsTenant OnlyControl INSERT_OWNER = "
        insert into memberships (tenant_id, person_id, role, owner, created_at) values ($1, $2, $3, true, $4)";
    AsTenant OnlyControl VERSIONED = "select slug, name, status, plan, limits, version from tenants where tenant_id = $1";
    AsTenant OnlyControl LOCKED = "
        select slug, name, status, plan, limits, version from tenants where tenant_id = $1 for update";
    AsTenant OnlyControl RENAME taking = "
        update tenants set name = $2, version = version + 1 where tenant_id = $1 returning version";
    AsDoor OnlyControl CLAIM = "select doors.claim_slug($1, $2)";
    AsTenant OnlyOperator NAMED = "select slug, name, status, plan, limits from tenants where tenant_id = $1";
    AsTenant OnlyOperator HISTORY = "
        select at, action, actor_kind, metadata->>'reason' as reason from audit
        where tenant_id = $1 and action = any ('{tenant.created,tenant.suspended,tenant.reactivated}')
        order by id desc limit 50";
    AsTenant OnlyOperator SUSPEND taking = "
        update tenants set status_before = status, status = 'suspended', status_reason = $2, status_at = $3
        where tenant_id = $1 and status in ('active', 'past_due') returning slug, name, status, plan, limits";
    AsTenant OnlyOperator REACTIVATE taking = "
        update tenants set status = coalesce(status_before, 'active'), status_before = null, status_reason = null,
            status_at = $2
        where tenant_id = $1 and status = 'suspended' returning slug, name, status, plan, limits";
    AsTenant OnlyOperator HELD = "
        select slug, name, status, plan, limits from tenants where tenant_id = $1 for no key update";
    AsTenant OnlyOperator SET_TERMS taking = "
        update tenants set plan = $2, limits = $3, version = version + 1 where tenant_id = $1";
    AsTenant OnlyControl SEATED = "select plan from tenants where tenant_id = $1 for no key update";
    AsDoor OnlyOperator PLATFORM_LOG = "
        select at, login, action, subject, detail from doors.platform_log(9223372036854775807, $1)";
    AsDoor OnlyOperator OVERVIEW = "
        select tenant_id, slug, name, status, status_reason, plan, created_at, members, owner
        from doors.tenant_overview($1, $2, $3, $4, $5)";
}

pub(crate) async fn by_slug(ground: &Ground, slug: &str) -> Result<Option<TenantRef>, DbFault> {
    let rows = resolving(Context::default()).read(ground, &BY_SLUG, &[&slug]).await?;
    Ok(rows.first().map(|row| TenantRef {
        id: TenantId::from_uuid(row.get("tenant_id")),
        slug: slug.to_owned(),
        name: row.get("name"),
        plan: row.get("plan"),
        limits: OwnLimits::from_stored(&row.get("limits")),
        status: TenantStatus::from_stored(row.get("status")),
    }))
}

pub(super) async fn by_id(ground: &Ground, id: TenantId) -> Result<Option<TenantRef>, DbFault> {
    let rows = resolving(Context { tenant: Some(id), person: None }).read(ground, &BY_ID, &[]).await?;
    Ok(rows.first().map(|row| read(id, row)))
}

pub(super) async fn insert(
    tx: &mut TenantTx<Control>,
    slug: &Slug,
    name: &str,
    plan: &str,
    at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&INSERT, &[&slug.as_str(), &name, &plan, &at]).await
}

pub(super) async fn insert_owner(
    tx: &mut TenantTx<Control>,
    owner: PersonId,
    role: &str,
    at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&INSERT_OWNER, &[&owner.uuid(), &role, &at]).await
}

/// Turns a reservation into the tenant's own slug. `false`: it was not reserved for this tenant.
pub(super) async fn claim(tx: &mut TenantTx<Control>, slug: &Slug, tenant: TenantId) -> Result<bool, DbFault> {
    Ok(tx.query_one(&CLAIM, &[&slug.as_str(), &tenant.uuid()]).await?.get(0))
}

/// The tenant of the permit, with the version of its settings.
pub(super) async fn versioned<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
) -> Result<Option<Versioned>, DbFault> {
    let Some(id) = permit.tenant() else { return Ok(None) };
    Ok(permit.read(ground, &VERSIONED, &[]).await?.first().map(|row| read_versioned(id, row)))
}

/// The same for whoever may do nothing but know the tenant.
pub(super) async fn versioned_by_id(ground: &Ground, id: TenantId) -> Result<Option<Versioned>, DbFault> {
    versioned(&resolving(Context { tenant: Some(id), person: None }), ground).await
}

/// The same, held until the transaction ends.
pub(super) async fn locked(tx: &mut TenantTx<Control>) -> Result<Option<Versioned>, DbFault> {
    let Some(id) = tx.context().tenant else { return Ok(None) };
    Ok(tx.query_opt(&LOCKED, &[]).await?.map(|row| read_versioned(id, &row)))
}

pub(super) async fn rename(tx: &mut TenantTx<Control>, name: &str) -> Result<i64, DbFault> {
    Ok(tx.query_one(&RENAME, &[&name]).await?.get(0))
}

pub(super) async fn named(tx: &mut TenantTx<Operator>, id: TenantId) -> Result<Option<TenantRef>, DbFault> {
    Ok(tx.query_opt(&NAMED, &[]).await?.map(|row| read(id, &row)))
}

/// What was done to a tenant as a whole.
#[derive(Clone, Debug)]
pub(super) struct StatusChange {
    pub(super) at: Timestamp,
    pub(super) action: String,
    pub(super) by: String,
    pub(super) reason: Option<String>,
}

/// What was done to the tenant of the permit, newest first.
pub(super) async fn history(permit: &Permit<Operate, Operator>, ground: &Ground) -> Result<Vec<StatusChange>, DbFault> {
    let read = |row: &Row| StatusChange {
        at: row.get("at"),
        action: row.get("action"),
        by: row.get("actor_kind"),
        reason: row.get("reason"),
    };
    Ok(permit.read(ground, &HISTORY, &[]).await?.iter().map(read).collect())
}

pub(super) async fn suspend(
    tx: &mut TenantTx<Operator>,
    id: TenantId,
    reason: &str,
    at: Timestamp,
) -> Result<Option<TenantRef>, DbFault> {
    Ok(tx.query_opt(&SUSPEND, &[&reason, &at]).await?.map(|row| read(id, &row)))
}

pub(super) async fn reactivate(
    tx: &mut TenantTx<Operator>,
    id: TenantId,
    at: Timestamp,
) -> Result<Option<TenantRef>, DbFault> {
    Ok(tx.query_opt(&REACTIVATE, &[&at]).await?.map(|row| read(id, &row)))
}

/// The tenant of the transaction, held until its end.
pub(super) async fn held(tx: &mut TenantTx<Operator>, id: TenantId) -> Result<Option<TenantRef>, DbFault> {
    Ok(tx.query_opt(&HELD, &[]).await?.map(|row| read(id, &row)))
}

/// Writes plan and limits.
pub(super) async fn set_terms(tx: &mut TenantTx<Operator>, tenant: &TenantRef) -> Result<(), DbFault> {
    tx.execute(&SET_TERMS, &[&tenant.plan, &tenant.limits.to_stored()]).await
}

/// The plan of the transaction's tenant, which is held: of two who take the last seat, one waits.
pub(crate) async fn plan_held(tx: &mut TenantTx<Control>) -> Result<Option<String>, DbFault> {
    Ok(tx.query_opt(&SEATED, &[]).await?.map(|row| row.get(0)))
}

/// The newest tenants that match, one more than asked for when there are more.
pub(super) async fn overview(
    tx: &mut TenantTx<Operator>,
    search: &Search,
    owner_role: &str,
    most: i32,
) -> Result<Vec<Overview>, DbFault> {
    let before = search.before.map_or(Uuid::max(), TenantId::uuid);
    let status = search.status.map_or("", TenantStatus::as_str);
    let rows = tx.query(&OVERVIEW, &[&search.query, &status, &owner_role, &before, &most]).await?;
    Ok(rows.iter().map(read_overview).collect())
}

fn read(id: TenantId, row: &Row) -> TenantRef {
    TenantRef {
        id,
        slug: row.get("slug"),
        name: row.get("name"),
        plan: row.get("plan"),
        // The operator's list tells of none.
        limits: row.try_get("limits").map(|stored| OwnLimits::from_stored(&stored)).unwrap_or_default(),
        status: TenantStatus::from_stored(row.get("status")),
    }
}

fn read_versioned(id: TenantId, row: &Row) -> Versioned {
    Versioned { tenant: read(id, row), version: row.get("version") }
}

fn read_overview(row: &Row) -> Overview {
    Overview {
        tenant: read(TenantId::from_uuid(row.get("tenant_id")), row),
        reason: row.get("status_reason"),
        owner: row.get("owner"),
        members: row.get("members"),
        created_at: row.get("created_at"),
    }
}

fn resolving(context: Context) -> Permit<Resolve, Control> {
    Permit::system(context, Actor::system("gateway", "resolve"), Origin::default())
}

/// Something that was done to the whole installation.
#[derive(Clone, Debug)]
pub struct PlatformAct {
    /// When, by the database's clock.
    pub at: Timestamp,
    /// By which login of the database.
    pub login: String,
    /// `operator.granted`, `audit.month_dropped`, …
    pub action: String,
    /// A person's id, a partition.
    pub subject: String,
    /// Structured detail.
    pub detail: serde_json::Value,
}

pub(super) async fn platform_log(tx: &mut TenantTx<Operator>, most: i32) -> Result<Vec<PlatformAct>, DbFault> {
    let rows = tx.query(&PLATFORM_LOG, &[&most]).await?;
    let act = |row: &Row| PlatformAct {
        at: row.get(0),
        login: row.get(1),
        action: row.get(2),
        subject: row.get(3),
        detail: row.get(4),
    };
    Ok(rows.iter().map(act).collect())
}
