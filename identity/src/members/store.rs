//! The SQL of members.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit, ReadMembers};
use uuid::Uuid;

tenantry_platform::sql! {
    AsDoor OnlyControl MEMBERS = "
        select person_id, name, email, status, role, created_at from doors.members_of_tenant($1)";
    AsTenant OnlyControl JOIN = "
        insert into memberships (tenant_id, person_id, role, created_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, person_id) do update set role = excluded.role where memberships.tenant_id = $1";
    AsTenant OnlyControl ROLE = "select role from memberships where tenant_id = $1 and person_id = $2";
}

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
}

pub(super) async fn list(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    after: Uuid,
) -> Result<Vec<Member>, DbFault> {
    Ok(permit.read(ground, &MEMBERS, &[&after]).await?.iter().map(read).collect())
}

/// The role's name of a person in the permit's tenant.
pub(super) async fn role<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    person: PersonId,
) -> Result<Option<String>, DbFault> {
    Ok(permit.read(ground, &ROLE, &[&person.uuid()]).await?.first().map(|row| row.get("role")))
}

/// Adds a person to the transaction's tenant, or changes their role.
pub(super) async fn join(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    role: &str,
    at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&JOIN, &[&person.uuid(), &role, &at]).await
}

fn read(row: &Row) -> Member {
    Member {
        id: PersonId::from_uuid(row.get("person_id")),
        name: row.get("name"),
        email: row.get("email"),
        status: row.get("status"),
        role: row.get("role"),
        since: row.get("created_at"),
    }
}
