//! Invitations over HTTP: `/-/api/v1/invitations`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{LinkId, PersonId};
use tenantry_platform::http::{Caller, ControlPermit, Json, Path, Query};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageMembers, ReadMembers};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Granter, Invitation, InvitationState, Invite, list_invitations};
use crate::Identity;

/// Invitations of an answer, when nobody asks for fewer.
const A_PAGE: u16 = 50;
/// As many as can be open: an answer of about 60 KB.
const A_PAGE_MOST: u16 = 200;

/// An open invitation, without its link.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationDocument {
    id: Uuid,
    /// The one address that may accept it.
    email: String,
    /// The role's name.
    role: String,
    state: InvitationWord,
    /// The person who sent it last; absent when a key did.
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the newest mail went out.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Whether it can be accepted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvitationWord {
    /// It can.
    Open,
    /// It has to be sent again.
    Expired,
}

/// A page of invitations, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationPage {
    /// The invitations.
    data: Vec<InvitationDocument>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<Uuid>,
}

/// Which invitations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvitationQuery {
    /// `next_after` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<LinkId>,
    /// Invitations of the answer, 1 to 200; 50 unless said.
    limit: Option<u16>,
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvitation {
    /// Where the link goes. Only an account of this address can accept.
    email: String,
    /// A role's name. None above the caller's own; a key goes as far as its scopes and the role of whoever made
    /// it, and never makes an owner.
    role: String,
}

/// Open invitations, newest first, also those whose time is over.
#[utoipa::path(
    get, path = "/-/api/v1/invitations", tag = "members", operation_id = "list_invitations", params(InvitationQuery),
    responses((status = 200, body = InvitationPage), (status = 401), (status = 403, description = "Needs members:read"),
        (status = 422, description = "A parameter is out of range"))
)]
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<InvitationQuery>,
) -> Result<Json<InvitationPage>, Problem> {
    let limit = query.limit.unwrap_or(A_PAGE);
    if !(1..=A_PAGE_MOST).contains(&limit) {
        return Err(Problem::invalid("limit", format!("Ask for 1 to {A_PAGE_MOST} invitations.")));
    }
    let limit = usize::from(limit);
    let mut found = list_invitations(&permit, &identity.ground, query.after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_after = found.last().filter(|_| more).map(|last| last.id.uuid());
    let now = identity.ground.now();
    Ok(Json(InvitationPage { data: found.into_iter().map(|open| document(open, now)).collect(), next_after }))
}

/// Invites an address by mail. One that has an open invitation gets it anew, and the older link opens nothing then.
#[utoipa::path(
    post, path = "/-/api/v1/invitations", tag = "members", operation_id = "create_invitation",
    request_body = CreateInvitation, params(IdempotencyHeader),
    responses((status = 201, body = InvitationDocument), (status = 401),
        (status = 403, description = "Needs members:manage with a live key, or the role is above the caller's own"),
        (status = 409, description = "The address is a member's, or the workspace has as many people or invitations as it can"),
        (status = 422, description = "A field is wrong; `errors` names it"),
        (status = 429, description = "Too many invitations in an hour or a day"))
)]
pub async fn create(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    idem: Idempotency,
    Json(asked): Json<CreateInvitation>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let draft = Invite { email: asked.email, role: asked.role };
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let made = super::invite(&mut tx, &identity, &granter, &draft).await?;
    let body = document(made, identity.ground.now());
    let answer = idem.commit(tx, &identity.ground, StatusCode::CREATED, &body).await?;
    identity.wake_queue();
    Ok(answer)
}

/// Revokes an open invitation: its link opens nothing any more.
#[utoipa::path(
    delete, path = "/-/api/v1/invitations/{id}", tag = "members", operation_id = "revoke_invitation",
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 200, body = InvitationDocument), (status = 401),
        (status = 403, description = "Needs members:manage with a live key, or the role is above the caller's own"),
        (status = 404, description = "No such open invitation of this workspace"))
)]
pub async fn revoke(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<LinkId>,
    idem: Idempotency,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let revoked = super::revoke_invitation(&mut tx, &identity, &granter, id).await?;
    let body = document(revoked, identity.ground.now());
    idem.commit(tx, &identity.ground, StatusCode::OK, &body).await
}

fn document(invitation: Invitation, now: Timestamp) -> InvitationDocument {
    InvitationDocument {
        id: invitation.id.uuid(),
        state: match invitation.state(now) {
            InvitationState::Open => InvitationWord::Open,
            InvitationState::Expired => InvitationWord::Expired,
        },
        email: invitation.email,
        role: invitation.role,
        invited_by: invitation.invited_by.map(PersonId::uuid),
        created_at: invitation.created_at,
        sent_at: invitation.sent_at,
        expires_at: invitation.expires_at,
    }
}
