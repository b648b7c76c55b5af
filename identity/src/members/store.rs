//! The SQL of members.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_platform::db::{Control, DbFault, Row, Step, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Authenticate, Permission, Permit, ReadMembers};
use uuid::Uuid;

tenantry_platform::sql! {
    AsDoor OnlyControl MEMBERS = "
        select person_id, name, email, status, role, created_at, owner, version from doors.members_of_tenant($1)";
    AsDoor OnlyControl MEMBER = "
        select person_id, name, email, status, role, created_at, owner, version from doors.member_of_tenant($1)";
    AsTenant OnlyControl JOIN = "
        insert into memberships (tenant_id, person_id, role, owner, created_at) values ($1, $2, $3, $4, $5)
        on conflict (tenant_id, person_id) do nothing returning true";
    // In one order, so that of two who change one another one waits and none is given up.
    AsTenant OnlyControl LOCK = "
        select person_id, role, owner, version from memberships where tenant_id = $1 and person_id = any($2)
        order by person_id for update";
    AsTenant OnlyControl CHANGE taking = "
        update memberships set role = $3, owner = $4, version = version + 1 where tenant_id = $1 and person_id = $2";
    AsTenant OnlyControl REMOVE taking = "delete from memberships where tenant_id = $1 and person_id = $2";
    AsTenant OnlyControl LEAVE taking = "delete from memberships where tenant_id = $1 and person_id = $2 returning role";
    AsDoor OnlyControl PERSON_BY_EMAIL = "select person_id from doors.person_by_email($1)";
    AsPerson OnlyControl PROVEN = "
        select email_lower from persons
        where person_id = $1 and status = 'active' and verified_at is not null for share";
    AsDoor OnlyControl KEY = "
        select scopes, expires_at, revoked_at, person_behind, role_behind from doors.key_that_acts($1)";
    AsTenant OnlyControl COUNT = "select count(*) from memberships where tenant_id = $1";
}

/// The database's own refusal to leave a workspace without an owner.
pub(crate) const KEEP_AN_OWNER: &str = "memberships_keep_an_owner";

/// The database's own refusal to let a person join more workspaces than their session loads.
pub(crate) const MEMBERSHIPS_MOST: &str = "memberships_of_a_person";

/// A person in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: PersonId,
    /// As they wrote it.
    pub name: String,
    /// As they wrote it.
    pub email: String,
    /// `pending`, `active` or `deactivated`.
    pub status: String,
    /// A role's name, as it was given.
    pub role: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether the workspace is theirs.
    pub is_owner: bool,
    /// Counts the changes of the role.
    pub version: i64,
}

/// The status of a person who can sign in.
pub(super) const ACTIVE: &str = "active";

/// A live key of the tenant, held until the end of the transaction.
#[derive(Clone, Debug)]
pub(super) struct ActingKey {
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) person: Option<PersonId>,
    pub(super) role: Option<String>,
}

/// A membership, held until the end of the transaction.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) person: PersonId,
    pub(super) role: String,
    pub(super) is_owner: bool,
    pub(super) version: i64,
}

pub(super) async fn list(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    after: Uuid,
) -> Result<Vec<Member>, DbFault> {
    Ok(permit.read(ground, &MEMBERS, &[&after]).await?.iter().map(read).collect())
}

pub(super) async fn find<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    person: PersonId,
) -> Result<Option<Member>, DbFault> {
    Ok(permit.read(ground, &MEMBER, &[&person.uuid()]).await?.first().map(read))
}

pub(super) async fn find_in(tx: &mut TenantTx<Control>, person: PersonId) -> Result<Option<Member>, DbFault> {
    Ok(tx.query_opt(&MEMBER, &[&person.uuid()]).await?.as_ref().map(read))
}

/// Adds a person to the transaction's tenant. `false`: they are a member already.
pub(super) async fn join(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    (role, is_owner): (&str, bool),
    at: Timestamp,
) -> Result<bool, DbFault> {
    Ok(tx.query_opt(&JOIN, &[&person.uuid(), &role, &is_owner, &at]).await?.is_some())
}

/// The memberships of these people, held as they are. Who is no member is not among them.
pub(super) async fn lock(tx: &mut TenantTx<Control>, people: &[PersonId]) -> Result<Vec<Held>, DbFault> {
    let people: Vec<Uuid> = people.iter().map(|person| person.uuid()).collect();
    Ok(tx.query(&LOCK, &[&people]).await?.iter().map(held).collect())
}

pub(super) async fn change(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    (role, is_owner): (&str, bool),
) -> Result<(), DbFault> {
    tx.execute(&CHANGE, &[&person.uuid(), &role, &is_owner]).await
}

pub(super) async fn remove(tx: &mut TenantTx<Control>, person: PersonId) -> Result<(), DbFault> {
    tx.execute(&REMOVE, &[&person.uuid()]).await
}

/// Takes a person out of many workspaces, each under its own permit, and answers the roles that they had.
pub(super) async fn leave_each(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    workspaces: &[Permit<Authenticate, Control>],
) -> Result<Vec<Option<String>>, DbFault> {
    let person = person.uuid();
    let steps = workspaces.iter().map(|permit| Step::new(permit, &LEAVE, &[&person]));
    let roles = tx.each(&steps.collect::<Result<Vec<_>, _>>()?).await?;
    Ok(roles.iter().map(|rows| rows.first().map(|row| row.get(0))).collect())
}

pub(super) async fn count(tx: &mut TenantTx<Control>) -> Result<i64, DbFault> {
    Ok(tx.query_one(&COUNT, &[]).await?.get(0))
}

/// Whether the address is a member's of the transaction's tenant.
pub(super) async fn is_member(tx: &mut TenantTx<Control>, email: &EmailAddress) -> Result<bool, DbFault> {
    let Some(found) = tx.query_opt(&PERSON_BY_EMAIL, &[&email.lookup()]).await? else { return Ok(false) };
    Ok(find_in(tx, PersonId::from_uuid(found.get(0))).await?.is_some())
}

/// The proven address of the transaction's person, in the form that addresses are compared in.
pub(super) async fn proven_address(tx: &mut TenantTx<Control>) -> Result<Option<String>, DbFault> {
    Ok(tx.query_opt(&PROVEN, &[]).await?.map(|row| row.get(0)))
}

/// `None`: the tenant has no such live key.
pub(super) async fn key_that_acts(tx: &mut TenantTx<Control>, id: KeyId) -> Result<Option<ActingKey>, DbFault> {
    let read = |row: Row| ActingKey {
        scopes: row.get("scopes"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
        person: row.get::<_, Option<Uuid>>("person_behind").map(PersonId::from_uuid),
        role: row.get("role_behind"),
    };
    Ok(tx.query_opt(&KEY, &[&id.uuid()]).await?.map(read))
}

fn held(row: &Row) -> Held {
    Held {
        person: PersonId::from_uuid(row.get("person_id")),
        role: row.get("role"),
        is_owner: row.get("owner"),
        version: row.get("version"),
    }
}

fn read(row: &Row) -> Member {
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
