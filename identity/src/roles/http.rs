//! Roles over HTTP: `/-/api/v1/roles`.

use std::sync::Arc;

use ::http::{StatusCode, header};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::RoleId;
use tenantry_core::permission::PermissionSet;
use tenantry_platform::config::{ConfiguredRole, Roles};
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::feed;
use tenantry_platform::http::{Caller, ControlPermit, IfMatch, Json, Path, etag};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageRoles, ReadMembers};
use tenantry_platform::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OwnRole, RoleBook, RoleDraft, RoleEdit};
use crate::Identity;
use crate::apikeys::documents::Reach;
use crate::members::Granter;

/// A role that members of the workspace can have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoleDocument {
    /// Absent for a role of the configuration, which nobody changes here.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// What members and invitations call it. It never changes.
    name: String,
    description: String,
    /// What it permits now.
    permissions: Vec<String>,
    /// Whether it is the configuration's, the same in every workspace.
    configured: bool,
    /// Whether whoever has it owns the workspace.
    owner: bool,
    /// Grows with every change; send it as `If-Match: "3"` with yours. Absent for a role of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// All roles of a workspace, which are few: the configuration's, highest first, then its own by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleList {
    /// The roles.
    data: Vec<RoleDocument>,
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRole {
    /// 1 to 40 letters, digits, hyphens, underscores or colons; single spaces between words.
    name: String,
    /// Up to 200 characters.
    #[serde(default)]
    description: String,
    /// None that the caller lacks, and none above the ceiling of the configuration.
    permissions: Vec<String>,
}

/// What shall be other than it is; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRole {
    /// Up to 200 characters.
    description: Option<String>,
    /// All that the role shall hold. Neither before nor after may it hold what the caller lacks.
    permissions: Option<Vec<String>>,
}

/// A role as it is after the change, or was before its end, and who has heard of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedRole {
    role: RoleDocument,
    /// Absent in a replayed answer: it was true when the first one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<Reach>,
}

/// Every role that members can have.
#[utoipa::path(
    get, path = "/-/api/v1/roles", tag = "roles", operation_id = "list_roles",
    responses((status = 200, body = RoleList), (status = 401), (status = 403, description = "Needs members:read"))
)]
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
) -> Result<Json<RoleList>, Problem> {
    let roles = &*identity.options.roles;
    let book = RoleBook::read(&permit, &identity.ground, roles).await?;
    let own = book.own().iter().cloned().map(|own| document(own, roles));
    Ok(Json(RoleList { data: roles.iter().map(configured).chain(own).collect() }))
}

/// One role of the workspace's own. Its `ETag` is its version.
#[utoipa::path(
    get, path = "/-/api/v1/roles/{id}", tag = "roles", operation_id = "read_role", params(("id" = Uuid, Path)),
    responses((status = 200, body = RoleDocument), (status = 401), (status = 403, description = "Needs members:read"),
        (status = 404, description = "The workspace has no such role of its own"))
)]
pub async fn read(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<RoleId>,
) -> Result<Response, Problem> {
    let role = super::find(&permit, &identity.ground, id).await?;
    let tag = etag(role.version);
    Ok(([(header::ETAG, tag)], Json(document(role, &identity.options.roles))).into_response())
}

/// Makes a role of the workspace's own.
#[utoipa::path(
    post, path = "/-/api/v1/roles", tag = "roles", operation_id = "create_role", request_body = CreateRole,
    params(IdempotencyHeader),
    responses((status = 201, body = ChangedRole), (status = 401),
        (status = 403, description = "Needs roles:manage with a live key; or a permission is more than the caller holds"),
        (status = 409, description = "The name is taken, or the workspace has 50 roles of its own"),
        (status = 422, description = "A field is wrong; `errors` names it"))
)]
pub async fn create(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    idem: Idempotency,
    Json(asked): Json<CreateRole>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let draft = RoleDraft { name: asked.name, description: asked.description, permissions: asked.permissions };
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let made = super::create(&mut tx, (&identity.ground, &identity.options), &granter, &draft).await?;
    commit(idem, tx, &identity, (StatusCode::CREATED, made)).await
}

/// Changes a role of the workspace's own. When this returns it counts in every session of those who have it.
#[utoipa::path(
    patch, path = "/-/api/v1/roles/{id}", tag = "roles", operation_id = "update_role", request_body = UpdateRole,
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "The `ETag` of a read"),
        IdempotencyHeader),
    responses((status = 200, body = ChangedRole), (status = 401),
        (status = 403, description = "Needs roles:manage with a live key; or the role holds, or shall hold, more than the caller"),
        (status = 404, description = "The workspace has no such role of its own"),
        (status = 412, description = "Somebody else changed the role meanwhile"),
        (status = 422, description = "A field is wrong; `errors` names it"))
)]
pub async fn update(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<RoleId>,
    IfMatch(version): IfMatch,
    idem: Idempotency,
    Json(asked): Json<UpdateRole>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let edit = RoleEdit { description: asked.description, permissions: asked.permissions, version };
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let changed = super::update(&mut tx, (&identity.ground, &identity.options), &granter, id, &edit).await?;
    commit(idem, tx, &identity, (StatusCode::OK, changed)).await
}

/// Deletes a role of the workspace's own that nobody has and nobody is invited as.
#[utoipa::path(
    delete, path = "/-/api/v1/roles/{id}", tag = "roles", operation_id = "delete_role",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "The `ETag` of a read"),
        IdempotencyHeader),
    responses((status = 200, body = ChangedRole), (status = 401),
        (status = 403, description = "Needs roles:manage with a live key; or the role holds more than the caller"),
        (status = 404, description = "The workspace has no such role of its own"),
        (status = 409, description = "Members have the role, or are invited as it"),
        (status = 412, description = "Somebody else changed the role meanwhile"))
)]
pub async fn delete(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<RoleId>,
    IfMatch(version): IfMatch,
    idem: Idempotency,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let gone = super::delete(&mut tx, (&identity.ground, &identity.options), &granter, (id, version)).await?;
    commit(idem, tx, &identity, (StatusCode::OK, gone)).await
}

/// How far a change has come is told with the change alone: repeated, it would be of another time.
async fn commit(
    idem: Idempotency,
    tx: TenantTx<Control>,
    identity: &Identity,
    (status, role): (StatusCode, OwnRole),
) -> Result<Response, Problem> {
    let tag = etag(role.version);
    let kept = ChangedRole { role: document(role, &identity.options.roles), reach: None };
    let show = |reach: feed::Reach| ChangedRole { role: kept.role.clone(), reach: Some(reach.into()) };
    let mut answer = idem.commit_showing(tx, &identity.ground, status, &kept, show).await?;
    answer.headers_mut().insert(header::ETAG, tag);
    Ok(answer)
}

fn configured(found: &ConfiguredRole) -> RoleDocument {
    RoleDocument {
        id: None,
        name: found.role.name.as_str().to_owned(),
        description: found.description.clone(),
        permissions: words(&found.role.permissions),
        configured: true,
        owner: found.is_owner,
        version: None,
        created_at: None,
        updated_at: None,
    }
}

fn document(own: OwnRole, roles: &Roles) -> RoleDocument {
    RoleDocument {
        permissions: words(&own.permissions(roles)),
        id: Some(own.id.uuid()),
        name: own.name,
        description: own.description,
        configured: false,
        owner: false,
        version: Some(own.version),
        created_at: Some(own.created_at),
        updated_at: Some(own.updated_at),
    }
}

fn words(permissions: &PermissionSet) -> Vec<String> {
    permissions.iter().map(|word| word.as_str().to_owned()).collect()
}
