//! The SQL of staff's view of people.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_platform::db::{DbFault, Operator, Row};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Operate, Permit, TenantStatus};

tenantry_platform::sql! {
    AsDoor OnlyOperator PERSON = "
        select person_id, name, email, status, operator, created_at, verified_at, sessions
        from doors.operator_person($1, $2, $3)";
    AsDoor OnlyOperator WORKSPACES = "
        select tenant_id, slug, name, status, role, since from doors.operator_workspaces($1)";
}

/// A person, without anything that proves who they are.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: PersonId,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) status: String,
    pub(super) is_operator: bool,
    pub(super) created_at: Timestamp,
    pub(super) verified_at: Option<Timestamp>,
    pub(super) sessions: i64,
}

/// A workspace of theirs.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    pub(super) tenant: TenantId,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) status: TenantStatus,
    pub(super) role: String,
    pub(super) since: Timestamp,
}

/// By address as it is looked up, or by id.
pub(super) async fn find(
    permit: &Permit<Operate, Operator>,
    ground: &Ground,
    address: &str,
    id: PersonId,
) -> Result<Option<Found>, DbFault> {
    let rows = permit.read(ground, &PERSON, &[&address, &id.uuid(), &ground.now()]).await?;
    Ok(rows.first().map(|row| Found {
        id: PersonId::from_uuid(row.get("person_id")),
        name: row.get("name"),
        email: row.get("email"),
        status: row.get("status"),
        is_operator: row.get("operator"),
        created_at: row.get("created_at"),
        verified_at: row.get("verified_at"),
        sessions: row.get("sessions"),
    }))
}

pub(super) async fn workspaces(
    permit: &Permit<Operate, Operator>,
    ground: &Ground,
    person: PersonId,
) -> Result<Vec<Workspace>, DbFault> {
    let read = |row: &Row| Workspace {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        slug: row.get("slug"),
        name: row.get("name"),
        status: TenantStatus::from_stored(row.get("status")),
        role: row.get("role"),
        since: row.get("since"),
    };
    Ok(permit.read(ground, &WORKSPACES, &[&person.uuid()]).await?.iter().map(read).collect())
}
