//! The SQL of the directory and of management keys.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::keyformat::KeyDigest;
use tenantry_platform::db::{Context, Control, DbFault, Row};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Origin, Permission, Permit, Resolve};
use uuid::Uuid;

use super::From;
use super::cursor::{Cursor, Kind};
use crate::members::Member;

tenantry_platform::sql! {
    AsDoor OnlyControl USERS = "
        select horizon::text, xid::text, changed_at, person_id, is_deleted, email, name, status, created_at
        from doors.directory_of_users($1::text::xid8, $2, $3, $4)";
    AsDoor OnlyControl MEMBERSHIPS = "
        select horizon::text, xid::text, changed_at, tenant_id, person_id, is_deleted, role, owner, created_at
        from doors.directory_of_members($1::text::xid8, $2, $3, $4, $5)";
    AsDoor OnlyControl TENANTS = "
        select horizon::text, xid::text, changed_at, tenant_id, is_deleted, slug, name, status, plan, created_at
        from doors.directory_of_tenants($1::text::xid8, $2, $3, $4)";
    AsDoor OnlyControl MEMBERS = "
        select horizon::text, xid::text, changed_at, person_id, is_deleted, name, email, status, role, created_at, owner, version
        from doors.member_changes($1::text::xid8, $2, $3, $4)";
    AsDoor OnlyControl KEY = "select id, scopes from doors.management_key($1)";
}

/// What every change has.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// When.
    pub at: Timestamp,
}

/// A person, or that they are gone.
#[derive(Clone, Debug)]
pub struct UserChange {
    /// Who.
    pub id: Uuid,
    /// When.
    pub changed: Changed,
    /// None: their account was deleted.
    pub user: Option<User>,
}

/// A person with an account.
#[derive(Clone, Debug)]
pub struct User {
    /// As they wrote it.
    pub email: String,
    /// As they wrote it.
    pub name: String,
    /// `pending`, `active` or `deactivated`.
    pub status: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A membership, or its end.
#[derive(Clone, Debug)]
pub struct MembershipChange {
    /// Where.
    pub tenant: Uuid,
    /// Who.
    pub person: Uuid,
    /// When.
    pub changed: Changed,
    /// None: they belong there no more.
    pub membership: Option<Membership>,
}

/// Who belongs how.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The role's name.
    pub role: String,
    /// Whether the workspace is theirs.
    pub owner: bool,
    /// Since when.
    pub since: Timestamp,
}

/// A workspace, or that it is gone.
#[derive(Clone, Debug)]
pub struct TenantChange {
    /// Which.
    pub id: Uuid,
    /// When.
    pub changed: Changed,
    /// None: it was deleted.
    pub tenant: Option<TenantFacts>,
}

/// A workspace.
#[derive(Clone, Debug)]
pub struct TenantFacts {
    /// Its name in hosts.
    pub slug: String,
    /// Its name on pages.
    pub name: String,
    /// A word of its status.
    pub status: String,
    /// Its plan.
    pub plan: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A member of the transaction's own tenant, or their end.
#[derive(Clone, Debug)]
pub struct MemberChange {
    /// Who.
    pub id: Uuid,
    /// When.
    pub changed: Changed,
    /// None: they are no member any more.
    pub member: Option<Member>,
}

/// What was read, each change with its place.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub(super) horizon: u64,
    pub(super) changes: Vec<(Cursor, T)>,
}

/// The doors take 1970 for "since ever": nothing here is older.
fn since(from: From) -> Timestamp {
    from.since.map_or(Timestamp::UNIX_EPOCH, |since| since.max(Timestamp::UNIX_EPOCH))
}

fn one_more(from: From) -> i32 {
    i32::from(from.limit) + 1
}

pub(super) async fn users<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    from: From,
) -> Result<Listed<UserChange>, DbFault> {
    let at = from.cursor;
    let args = (at.xid.to_string(), since(from), one_more(from));
    let rows = permit.read(ground, &USERS, &[&args.0, &at.person, &args.1, &args.2]).await?;
    Ok(listed(&rows, Kind::Users, |row| UserChange {
        id: row.get("person_id"),
        changed: changed(row),
        user: is_there(row).then(|| User {
            email: row.get("email"),
            name: row.get("name"),
            status: row.get("status"),
            created_at: row.get("created_at"),
        }),
    }))
}

pub(super) async fn memberships<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    from: From,
) -> Result<Listed<MembershipChange>, DbFault> {
    let at = from.cursor;
    let args = (at.xid.to_string(), since(from), one_more(from));
    let rows = permit.read(ground, &MEMBERSHIPS, &[&args.0, &at.tenant, &at.person, &args.1, &args.2]).await?;
    Ok(listed(&rows, Kind::Memberships, |row| MembershipChange {
        tenant: row.get("tenant_id"),
        person: row.get("person_id"),
        changed: changed(row),
        membership: is_there(row).then(|| Membership {
            role: row.get("role"),
            owner: row.get("owner"),
            since: row.get("created_at"),
        }),
    }))
}

pub(super) async fn tenants<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    from: From,
) -> Result<Listed<TenantChange>, DbFault> {
    let at = from.cursor;
    let args = (at.xid.to_string(), since(from), one_more(from));
    let rows = permit.read(ground, &TENANTS, &[&args.0, &at.tenant, &args.1, &args.2]).await?;
    Ok(listed(&rows, Kind::Tenants, |row| TenantChange {
        id: row.get("tenant_id"),
        changed: changed(row),
        tenant: is_there(row).then(|| TenantFacts {
            slug: row.get("slug"),
            name: row.get("name"),
            status: row.get("status"),
            plan: row.get("plan"),
            created_at: row.get("created_at"),
        }),
    }))
}

pub(super) async fn members<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    from: From,
) -> Result<Listed<MemberChange>, DbFault> {
    let at = from.cursor;
    let args = (at.xid.to_string(), since(from), one_more(from));
    let rows = permit.read(ground, &MEMBERS, &[&args.0, &at.person, &args.1, &args.2]).await?;
    Ok(listed(&rows, Kind::Members, |row| MemberChange {
        id: row.get("person_id"),
        changed: changed(row),
        member: is_there(row).then(|| member(row)),
    }))
}

/// A key that works.
pub(super) struct Found {
    pub(super) id: KeyId,
    pub(super) scopes: Vec<String>,
}

pub(super) async fn key(ground: &Ground, digest: &KeyDigest) -> Result<Option<Found>, DbFault> {
    let actor = Actor::system("gateway", "resolve");
    let permit = Permit::<Resolve, Control>::system(Context::default(), actor, Origin::default());
    let rows = permit.read(ground, &KEY, &[&digest.as_bytes().as_slice()]).await?;
    Ok(rows.first().map(|row| Found { id: KeyId::from_uuid(row.get("id")), scopes: row.get("scopes") }))
}

/// The first row tells the horizon, also where there is no change.
fn listed<T>(rows: &[Row], kind: Kind, read: impl Fn(&Row) -> T) -> Listed<T> {
    let horizon = rows.first().and_then(|row| xid(row, "horizon")).unwrap_or_default();
    let changes = rows.iter().filter_map(|row| Some((place(row, kind)?, read(row)))).collect();
    Listed { horizon, changes }
}

fn place(row: &Row, kind: Kind) -> Option<Cursor> {
    let id = |column: &str| row.try_get::<_, Uuid>(column).unwrap_or_default();
    Some(Cursor { kind, xid: xid(row, "xid")?, tenant: id("tenant_id"), person: id("person_id") })
}

/// `xid8` as PostgreSQL writes it.
fn xid(row: &Row, column: &str) -> Option<u64> {
    row.get::<_, Option<&str>>(column)?.parse().ok()
}

fn changed(row: &Row) -> Changed {
    Changed { at: row.get("changed_at") }
}

fn is_there(row: &Row) -> bool {
    !row.get::<_, bool>("is_deleted")
}

fn member(row: &Row) -> Member {
    Member {
        id: PersonId::from_uuid(row.get("person_id")),
        name: row.get("name"),
        email: row.get("email"),
        status: row.get("status"),
        role: row.get("role"),
        since: row.get("created_at"),
        is_owner: row.get("owner"),
        version: row.get("version"),
    }
}
