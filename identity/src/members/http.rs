//! Members over HTTP: `/-/api/v1/members`, and `GET /-/api/v1/whoami`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use ::http::{StatusCode, header};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::feed;
use tenantry_platform::http::{Caller, ControlPermit, IfMatch, Json, Path, Query, etag};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageMembers, Principal, ReadMembers};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Granter, MEMBERS_A_PAGE, Member};
use crate::Identity;
use crate::apikeys::documents::Reach;
use crate::tenants::http::TenantDocument;

/// A person in the tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberDocument {
    /// The person.
    id: Uuid,
    name: String,
    email: String,
    /// `pending`, `active` or `deactivated`.
    status: String,
    /// The role's name.
    role: String,
    /// Whether the workspace is theirs.
    owner: bool,
    /// Counts the changes of the role: the `ETag` of a read, for `If-Match`.
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// A role's name. None above the caller's own; a key goes as far as its scopes and the role of whoever made
    /// it, and never makes an owner.
    role: String,
}

/// A member as they are after the change, or were before their end, and who has heard of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedMember {
    member: MemberDocument,
    /// Absent in a replayed answer: it was true when the first one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<Reach>,
}

/// A page of members, in order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberPage {
    /// The members.
    data: Vec<MemberDocument>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<Uuid>,
}

/// Which members.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_after` of the page before.
    after: Option<Uuid>,
}

/// Who a credential is, where it acts, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    actor: ActorDocument,
    tenant: Option<TenantDocument>,
    /// `live` or `test`.
    mode: Option<&'static str>,
    /// Role names; a key has none.
    roles: Vec<String>,
    /// A role's permissions, or a key's scopes.
    permissions: Vec<String>,
}

/// Who acts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorDocument {
    /// `api_key` or `session`.
    kind: &'static str,
    /// The key's or the person's id.
    id: String,
    /// The person's name; a key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Who belongs to the tenant, 200 to a page.
#[utoipa::path(
    get, path = "/-/api/v1/members", tag = "members", operation_id = "list_members", params(ListQuery),
    responses((status = 200, body = MemberPage), (status = 401), (status = 403, description = "Needs members:read"))
)]
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<MemberPage>, Problem> {
    let members = super::list(&permit, &identity.ground, query.after).await?;
    let next_after = members.last().filter(|_| members.len() == MEMBERS_A_PAGE).map(|last| last.id.uuid());
    Ok(Json(MemberPage { data: members.into_iter().map(document).collect(), next_after }))
}

/// One member. The `ETag` is for `If-Match`.
#[utoipa::path(
    get, path = "/-/api/v1/members/{id}", tag = "members", operation_id = "read_member", params(("id" = Uuid, Path)),
    responses((status = 200, body = MemberDocument), (status = 401), (status = 403, description = "Needs members:read"),
        (status = 404, description = "No such member of this workspace"))
)]
pub async fn read(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
) -> Result<Response, Problem> {
    let member = super::find(&permit, &identity.ground, id).await?;
    Ok(([(header::ETAG, etag(member.version))], Json(document(member))).into_response())
}

/// Gives a member another role, at once in all their sessions. An owner's role changes only by a transfer of ownership
/// in the console.
#[utoipa::path(
    patch, path = "/-/api/v1/members/{id}", tag = "members", operation_id = "change_member",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "The `ETag` of a read"),
        IdempotencyHeader),
    request_body = ChangeMember,
    responses((status = 200, body = ChangedMember), (status = 401),
        (status = 403, description = "Needs members:manage with a live key, or a role is above the caller's own, or the member is an owner"),
        (status = 404, description = "No such member of this workspace"),
        (status = 412, description = "Somebody else changed the role meanwhile"),
        (status = 422, description = "No such role"))
)]
pub async fn change(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
    IfMatch(version): IfMatch,
    idem: Idempotency,
    Json(asked): Json<ChangeMember>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let ground = (&identity.ground, &*identity.options.roles);
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let member = super::change_role(&mut tx, ground, &granter, id, &asked.role, version).await?;
    let tag = etag(member.version);
    let mut answer = commit(idem, tx, &identity, member).await?;
    answer.headers_mut().insert(header::ETAG, tag);
    Ok(answer)
}

/// Removes a member. When this returns their sessions let them into this workspace no more.
#[utoipa::path(
    delete, path = "/-/api/v1/members/{id}", tag = "members", operation_id = "remove_member",
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 200, body = ChangedMember), (status = 401),
        (status = 403, description = "Needs members:manage with a live key, or the role is above the caller's own, or the member is an owner"),
        (status = 404, description = "No such member of this workspace"))
)]
pub async fn remove(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
    idem: Idempotency,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let member = super::remove(&mut tx, (&identity.ground, &identity.options.roles), &granter, id).await?;
    commit(idem, tx, &identity, member).await
}

/// How far a change has come is told with the change alone: repeated, it would be of another time.
async fn commit(
    idem: Idempotency,
    tx: TenantTx<Control>,
    identity: &Identity,
    member: Member,
) -> Result<Response, Problem> {
    let kept = ChangedMember { member: document(member), reach: None };
    let show = |reach: feed::Reach| ChangedMember { member: kept.member.clone(), reach: Some(reach.into()) };
    idem.commit_showing(tx, &identity.ground, StatusCode::OK, &kept, show).await
}

/// Who the credential is, where it acts, and what it may do.
#[utoipa::path(
    get, path = "/-/api/v1/whoami", tag = "tenant", operation_id = "who_am_i",
    responses((status = 200, body = WhoAmI), (status = 401))
)]
pub async fn whoami(caller: Caller) -> Result<Json<WhoAmI>, Problem> {
    Ok(Json(describe(caller.principal()?)))
}

fn describe(principal: &Principal) -> WhoAmI {
    let (parts, actor) = (principal.parts(), principal.actor());
    WhoAmI {
        actor: ActorDocument { kind: parts.credential.kind(), id: actor.id, name: actor.name },
        tenant: parts.tenant.as_ref().map(TenantDocument::from),
        mode: parts.mode.map(tenantry_core::mode::Mode::as_str),
        roles: parts.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        permissions: parts.permissions.iter().map(|word| word.as_str().to_owned()).collect(),
    }
}

pub(crate) fn document(member: Member) -> MemberDocument {
    MemberDocument {
        id: member.id.uuid(),
        name: member.name,
        email: member.email,
        status: member.status,
        role: member.role,
        owner: member.is_owner,
        version: member.version,
        since: member.since,
    }
}
