//! The SQL of roles.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::RoleId;
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};

tenantry_platform::sql! {
    AsTenant OnlyControl LIST = "
        select id, name, description, permissions, version, created_at, updated_at from roles
        where tenant_id = $1 order by lower(name)";
    AsTenant OnlyControl FIND = "
        select id, name, description, permissions, version, created_at, updated_at from roles
        where tenant_id = $1 and id = $2";
    // Whoever deletes it waits, and then sees who has it.
    AsTenant OnlyControl HOLD = "
        select id, name, description, permissions, version, created_at, updated_at from roles
        where tenant_id = $1 and name = $2 for share";
    AsTenant OnlyControl LOCK = "
        select id, name, description, permissions, version, created_at, updated_at from roles
        where tenant_id = $1 and id = $2 for update";
    // Two that count at once would both find room; the lock ends with the transaction.
    AsTenant OnlyControl LOCK_ALL = "select pg_advisory_xact_lock(hashtextextended('roles ' || $1::uuid::text, 0))";
    AsTenant OnlyControl COUNT = "select count(*) from roles where tenant_id = $1";
    AsTenant OnlyControl INSERT = "
        insert into roles (tenant_id, id, name, description, permissions, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $6)
        on conflict (tenant_id, lower(name)) do nothing
        returning id, name, description, permissions, version, created_at, updated_at";
    AsTenant OnlyControl UPDATE taking = "
        update roles set description = $3, permissions = $4, version = version + 1, updated_at = $5
        where tenant_id = $1 and id = $2
        returning id, name, description, permissions, version, created_at, updated_at";
    AsTenant OnlyControl DELETE taking = "delete from roles where tenant_id = $1 and id = $2";
    AsTenant OnlyControl MEMBERS = "select count(*) from memberships where tenant_id = $1 and role = $2";
    // Also those whose time is over: they can be sent again as they are.
    AsTenant OnlyControl INVITED = "
        select count(*) from invitations
        where tenant_id = $1 and role = $2 and accepted_at is null and revoked_at is null";
}

/// A role of a tenant's own, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRole {
    /// Which.
    pub id: RoleId,
    /// What memberships and invitations call it.
    pub name: String,
    /// What people read beside the name.
    pub description: String,
    /// The words as they were written; what they permit now, [`OwnRole::permissions`] says.
    pub words: Vec<String>,
    /// Counts the changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

pub(super) async fn list(tx: &mut TenantTx<Control>) -> Result<Vec<OwnRole>, DbFault> {
    Ok(tx.query(&LIST, &[]).await?.iter().map(read).collect())
}

pub(super) async fn read_list<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
) -> Result<Vec<OwnRole>, DbFault> {
    Ok(permit.read(ground, &LIST, &[]).await?.iter().map(read).collect())
}

pub(super) async fn find<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    id: RoleId,
) -> Result<Option<OwnRole>, DbFault> {
    Ok(permit.read(ground, &FIND, &[&id.uuid()]).await?.first().map(read))
}

/// The role of this very name, kept from being changed until the end of the transaction.
pub(super) async fn hold(tx: &mut TenantTx<Control>, name: &str) -> Result<Option<OwnRole>, DbFault> {
    Ok(tx.query_opt(&HOLD, &[&name]).await?.as_ref().map(read))
}

/// The role, which nobody else grants or changes until the end of the transaction.
pub(super) async fn lock(tx: &mut TenantTx<Control>, id: RoleId) -> Result<Option<OwnRole>, DbFault> {
    Ok(tx.query_opt(&LOCK, &[&id.uuid()]).await?.as_ref().map(read))
}

/// How many there are. Serialised for the tenant until the transaction ends.
pub(super) async fn count(tx: &mut TenantTx<Control>) -> Result<i64, DbFault> {
    tx.execute(&LOCK_ALL, &[]).await?;
    Ok(tx.query_one(&COUNT, &[]).await?.get(0))
}

/// `None`: the tenant has a role of this name, perhaps in another case.
pub(super) async fn insert(
    tx: &mut TenantTx<Control>,
    id: RoleId,
    (name, description, words): (&str, &str, &[String]),
    now: Timestamp,
) -> Result<Option<OwnRole>, DbFault> {
    let row = tx.query_opt(&INSERT, &[&id.uuid(), &name, &description, &words, &now]).await?;
    Ok(row.as_ref().map(read))
}

pub(super) async fn update(
    tx: &mut TenantTx<Control>,
    id: RoleId,
    (description, words): (&str, &[String]),
    now: Timestamp,
) -> Result<OwnRole, DbFault> {
    Ok(read(&tx.query_one(&UPDATE, &[&id.uuid(), &description, &words, &now]).await?))
}

pub(super) async fn delete(tx: &mut TenantTx<Control>, id: RoleId) -> Result<(), DbFault> {
    tx.execute(&DELETE, &[&id.uuid()]).await
}

/// How many members have the role, and how many are invited as it.
pub(super) async fn uses(tx: &mut TenantTx<Control>, name: &str) -> Result<(i64, i64), DbFault> {
    // Members last: an invitation that is accepted in between is counted twice rather than not at all.
    let invited = tx.query_one(&INVITED, &[&name]).await?.get(0);
    let members = tx.query_one(&MEMBERS, &[&name]).await?.get(0);
    Ok((members, invited))
}

fn read(row: &Row) -> OwnRole {
    OwnRole {
        id: RoleId::from_uuid(row.get("id")),
        name: row.get("name"),
        description: row.get("description"),
        words: row.get("permissions"),
        version: row.get("version"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}
