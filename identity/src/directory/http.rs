//! The directory over HTTP: `/-/api/v1/users`, `/-/api/v1/memberships`, `/-/api/v1/tenants` with a management key,
//! `/-/api/v1/member-changes` with a tenant's own.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_platform::http::{ControlPermit, Json, ManagementPermit, Query};
use tenantry_platform::permit::{ListMembers, ListTenants, ListUsers, ReadMembers};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    CHANGES_A_PAGE, CHANGES_A_PAGE_MOST, Cursor, From, Kind, MemberChange, MembershipChange, Page, TenantChange,
    UserChange,
};
use crate::Identity;
use crate::members::http::{MemberDocument, document};

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// For the first page: only what has changed since then. A minute earlier counts too, so some may be told twice.
    #[param(value_type = Option<String>, format = DateTime)]
    updated_since: Option<Timestamp>,
    /// `next_cursor` of the answer before; not together with `updated_since`.
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Changes of the answer, 1 to 500; 100 unless said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u16>,
}

impl ChangesQuery {
    /// Where the page begins.
    ///
    /// # Errors
    /// 422 that names the parameter.
    pub fn from(&self, kind: Kind) -> Result<From, Problem> {
        let limit = self.limit.unwrap_or(CHANGES_A_PAGE);
        if !(1..=CHANGES_A_PAGE_MOST).contains(&limit) {
            return Err(Problem::invalid("limit", format!("Write a number from 1 to {CHANGES_A_PAGE_MOST}.")));
        }
        let cursor = match &self.cursor {
            Some(_) if self.updated_since.is_some() => {
                return Err(Problem::invalid(
                    "cursor",
                    "Send `updated_since` for the first page and `cursor` from then on.",
                ));
            }
            Some(text) => Cursor::read(kind, text)?,
            None => Cursor::start(kind),
        };
        Ok(From { cursor, since: self.updated_since, limit })
    }
}

/// A person, or that they are gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserDocument {
    id: Uuid,
    /// Whether the account was deleted: nothing but id and time is told then.
    deleted: bool,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `pending`, `active` or `deactivated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

/// Who belongs where, or no longer.
#[derive(Debug, Serialize, ToSchema)]
pub struct MembershipDocument {
    /// The workspace.
    tenant_id: Uuid,
    /// The person.
    person_id: Uuid,
    /// Whether they belong there no more.
    deleted: bool,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// The role's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Whether the workspace is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// A workspace, or that it is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkspaceDocument {
    id: Uuid,
    /// Whether it was deleted.
    deleted: bool,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// Its name in hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `active`, `past_due`, `suspended`, `offboarding` or `deactivated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

/// A page of changes, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserChanges {
    data: Vec<UserDocument>,
    /// Send it as `cursor` for what comes next, now or at any later time.
    next_cursor: String,
    /// Whether more is there already.
    more: bool,
}

/// A page of changes, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct MembershipChanges {
    data: Vec<MembershipDocument>,
    /// Send it as `cursor` for what comes next, now or at any later time.
    next_cursor: String,
    /// Whether more is there already.
    more: bool,
}

/// A page of changes, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantChanges {
    data: Vec<WorkspaceDocument>,
    /// Send it as `cursor` for what comes next, now or at any later time.
    next_cursor: String,
    /// Whether more is there already.
    more: bool,
}

/// A member of the workspace, or that they are gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberChangeDocument {
    /// The person.
    id: Uuid,
    /// Whether they belong to the workspace no more.
    deleted: bool,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// As they are now; absent where they are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<MemberDocument>,
}

/// A page of changes, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberChanges {
    data: Vec<MemberChangeDocument>,
    /// Send it as `cursor` for what comes next, now or at any later time.
    next_cursor: String,
    /// Whether more is there already.
    more: bool,
}

/// Everybody who has an account on this platform, with their e-mail address, in the order of the last change.
#[utoipa::path(
    get, path = "/-/api/v1/users", tag = "directory", operation_id = "list_user_changes", params(ChangesQuery),
    security(("management_key" = [])),
    responses((status = 200, body = UserChanges), (status = 401),
        (status = 403, description = "Needs a management key with users:list"),
        (status = 422, description = "A parameter is out of range, or the cursor is of another list"))
)]
pub async fn users(
    ManagementPermit(permit): ManagementPermit<ListUsers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<UserChanges>, Problem> {
    let Page { changes, next, more } = super::users(&permit, &identity.ground, query.from(Kind::Users)?).await?;
    Ok(Json(UserChanges { data: changes.into_iter().map(user).collect(), next_cursor: next.write(), more }))
}

/// Who belongs to which workspace of this platform, in the order of the last change.
#[utoipa::path(
    get, path = "/-/api/v1/memberships", tag = "directory", operation_id = "list_membership_changes", params(ChangesQuery),
    security(("management_key" = [])),
    responses((status = 200, body = MembershipChanges), (status = 401),
        (status = 403, description = "Needs a management key with members:list"),
        (status = 422, description = "A parameter is out of range, or the cursor is of another list"))
)]
pub async fn memberships(
    ManagementPermit(permit): ManagementPermit<ListMembers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<MembershipChanges>, Problem> {
    let from = query.from(Kind::Memberships)?;
    let Page { changes, next, more } = super::memberships(&permit, &identity.ground, from).await?;
    Ok(Json(MembershipChanges { data: changes.into_iter().map(membership).collect(), next_cursor: next.write(), more }))
}

/// All workspaces of this platform, in the order of the last change.
#[utoipa::path(
    get, path = "/-/api/v1/tenants", tag = "directory", operation_id = "list_tenant_changes", params(ChangesQuery),
    security(("management_key" = [])),
    responses((status = 200, body = TenantChanges), (status = 401),
        (status = 403, description = "Needs a management key with tenants:list"),
        (status = 422, description = "A parameter is out of range, or the cursor is of another list"))
)]
pub async fn tenants(
    ManagementPermit(permit): ManagementPermit<ListTenants>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<TenantChanges>, Problem> {
    let Page { changes, next, more } = super::tenants(&permit, &identity.ground, query.from(Kind::Tenants)?).await?;
    Ok(Json(TenantChanges { data: changes.into_iter().map(workspace).collect(), next_cursor: next.write(), more }))
}

/// The members of the key's own workspace in the order of the last change, also those who are gone.
#[utoipa::path(
    get, path = "/-/api/v1/member-changes", tag = "members", operation_id = "list_member_changes", params(ChangesQuery),
    responses((status = 200, body = MemberChanges), (status = 401), (status = 403, description = "Needs members:read"),
        (status = 422, description = "A parameter is out of range, or the cursor is of another list"))
)]
pub async fn members(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<MemberChanges>, Problem> {
    let Page { changes, next, more } = super::members(&permit, &identity.ground, query.from(Kind::Members)?).await?;
    Ok(Json(MemberChanges { data: changes.into_iter().map(member).collect(), next_cursor: next.write(), more }))
}

fn member(change: MemberChange) -> MemberChangeDocument {
    let (id, deleted, changed_at) = (change.id, change.member.is_none(), change.changed.at);
    MemberChangeDocument { id, deleted, changed_at, member: change.member.map(document) }
}

fn user(change: UserChange) -> UserDocument {
    let (deleted, changed_at) = (change.user.is_none(), change.changed.at);
    let empty =
        UserDocument { id: change.id, deleted, changed_at, email: None, name: None, status: None, created_at: None };
    match change.user {
        None => empty,
        Some(user) => UserDocument {
            email: Some(user.email),
            name: Some(user.name),
            status: Some(user.status),
            created_at: Some(user.created_at),
            ..empty
        },
    }
}

fn membership(change: MembershipChange) -> MembershipDocument {
    let (role, owner, since) =
        change.membership.map_or((None, None, None), |held| (Some(held.role), Some(held.owner), Some(held.since)));
    let deleted = role.is_none();
    let (tenant_id, person_id, changed_at) = (change.tenant, change.person, change.changed.at);
    MembershipDocument { tenant_id, person_id, deleted, changed_at, role, owner, since }
}

fn workspace(change: TenantChange) -> WorkspaceDocument {
    let (id, deleted, changed_at) = (change.id, change.tenant.is_none(), change.changed.at);
    let empty = WorkspaceDocument {
        id,
        deleted,
        changed_at,
        slug: None,
        name: None,
        status: None,
        plan: None,
        created_at: None,
    };
    match change.tenant {
        None => empty,
        Some(tenant) => WorkspaceDocument {
            slug: Some(tenant.slug),
            name: Some(tenant.name),
            status: Some(tenant.status),
            plan: Some(tenant.plan),
            created_at: Some(tenant.created_at),
            ..empty
        },
    }
}
