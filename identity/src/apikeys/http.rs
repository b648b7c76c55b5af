//! API keys over HTTP: `/-/api/v1/keys`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::feed;
use tenantry_platform::http::{Caller, Json, Path, Query};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageKeys, Permit, ReadKeys};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Draft, KEYS_A_PAGE, KEYS_A_PAGE_MOST, Key, KeyState, NewKey};
use crate::Identity;

/// A key, without what it is known by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyDocument {
    id: Uuid,
    name: String,
    /// `live` or `test`.
    mode: &'static str,
    /// The first eight characters of the key's random part, to tell keys apart.
    start: String,
    scopes: Vec<String>,
    state: StateWord,
    /// The person who made it; absent when another key did.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Absent: it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// To about a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateWord {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A page of keys, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyPage {
    /// The keys.
    data: Vec<KeyDocument>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<Uuid>,
}

/// Which keys.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_after` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<KeyId>,
    /// Keys of the answer, 1 to 200; 50 unless said.
    limit: Option<u16>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What people will call it, 1 to 100 characters.
    name: String,
    /// Permissions, such as `orders:read`. None that the caller lacks.
    scopes: Vec<String>,
    /// When it ends; without it, never by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct CreatedDocument {
    key: KeyDocument,
    /// The key itself. Shown here once; nobody can show it again. Absent in a replayed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Why there is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

/// What stands in a replayed answer for the secret.
const SHOWN_BEFORE: &str =
    "The key was shown in the first answer alone. If that answer was lost, revoke this key and create another one.";

/// A revoked key, and who has heard of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    key: KeyDocument,
    /// Absent in a replayed answer: it was true when the first one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<Reach>,
}

/// How far a revocation has come when the call returns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reach {
    /// Nodes that know of it.
    applied: u32,
    /// Until when another node, if there is one, may at the very most believe what was before: usually a quarter of a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    may_accept_until: Option<Timestamp>,
}

/// The keys of the mode that the credential acts in, newest first.
#[utoipa::path(
    get, path = "/-/api/v1/keys", tag = "keys", operation_id = "list_keys", params(ListQuery),
    responses((status = 200, body = KeyPage), (status = 401), (status = 403, description = "Needs keys:read"),
        (status = 422, description = "A parameter is out of range"))
)]
pub async fn list<M: Mode>(
    permit: Permit<ReadKeys, M>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<KeyPage>, Problem>
where
    Database: HasStore<M>,
{
    let limit = query.limit.unwrap_or(KEYS_A_PAGE);
    if !(1..=KEYS_A_PAGE_MOST).contains(&limit) {
        return Err(Problem::invalid("limit", format!("Write a number from 1 to {KEYS_A_PAGE_MOST}.")));
    }
    let (keys, more) = super::list(&permit, &identity.ground, query.after, limit).await?;
    let next_after = keys.last().filter(|_| more).map(|key| key.id.uuid());
    let now = identity.ground.now();
    Ok(Json(KeyPage { data: keys.into_iter().map(|key| document::<M>(key, now)).collect(), next_after }))
}

/// One key.
#[utoipa::path(
    get, path = "/-/api/v1/keys/{id}", tag = "keys", operation_id = "read_key", params(("id" = Uuid, Path)),
    responses((status = 200, body = KeyDocument), (status = 401), (status = 403, description = "Needs keys:read"),
        (status = 404, description = "No such key in this workspace and mode"))
)]
pub async fn read<M: Mode>(
    permit: Permit<ReadKeys, M>,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<KeyId>,
) -> Result<Json<KeyDocument>, Problem>
where
    Database: HasStore<M>,
{
    let key = super::find(&permit, &identity.ground, id).await?;
    Ok(Json(document::<M>(key, identity.ground.now())))
}

/// Makes a key. The answer is the only one that ever holds it.
#[utoipa::path(
    post, path = "/-/api/v1/keys", tag = "keys", operation_id = "create_key", request_body = CreateKey,
    params(IdempotencyHeader),
    responses((status = 201, body = CreatedDocument), (status = 401),
        (status = 403, description = "Needs keys:manage, or a scope is more than the caller may do"),
        (status = 409, description = "The workspace has 1,000 keys that work in this mode"),
        (status = 422, description = "A field is wrong; `errors` names it"))
)]
pub async fn create<M: Mode>(
    permit: Permit<ManageKeys, M>,
    caller: Caller,
    idem: Idempotency,
    State(identity): State<Arc<Identity>>,
    Json(asked): Json<CreateKey>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let draft = Draft { name: asked.name, scopes: asked.scopes, expires_at: asked.expires_at, ..Draft::default() };
    let ceiling = &caller.principal()?.parts().permissions;
    let now = identity.ground.now();
    let mut tx = permit.begin(&identity.ground);
    // Before any check: what was fine when it was first asked for may be past by now.
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let new = NewKey::check(&draft, ceiling, &identity.options, now)?;
    let created = super::create(&mut tx, &identity.ground, &new).await?;
    let kept = CreatedDocument { key: document::<M>(created.key, now), secret: None, notice: Some(SHOWN_BEFORE) };
    let secret = Some(created.plaintext.expose_secret().to_owned());
    let show = |_| CreatedDocument { secret, notice: None, key: kept.key.clone() };
    idem.commit_showing(tx, &identity.ground, StatusCode::CREATED, &kept, show).await
}

/// Revokes a key. When this returns no live node accepts it, or the answer says which may, and until when.
/// Asking again gives the same answer.
#[utoipa::path(
    delete, path = "/-/api/v1/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 200, body = Revoked), (status = 401), (status = 403, description = "Needs keys:manage"),
        (status = 404, description = "No such key in this workspace and mode"))
)]
pub async fn revoke<M: Mode>(
    permit: Permit<ManageKeys, M>,
    idem: Idempotency,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<KeyId>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let key = super::revoke(&mut tx, &identity.ground, id).await?;
    let kept = Revoked { key: document::<M>(key, identity.ground.now()), reach: None };
    let show = |reach: feed::Reach| Revoked { key: kept.key.clone(), reach: Some(reach.into()) };
    idem.commit_showing(tx, &identity.ground, StatusCode::OK, &kept, show).await
}

fn document<M: Mode>(key: Key, now: Timestamp) -> KeyDocument {
    KeyDocument {
        id: key.id.uuid(),
        mode: M::MODE.as_str(),
        state: key.state(now).into(),
        name: key.name,
        start: key.start,
        scopes: key.scopes,
        created_by: key.created_by.map(PersonId::uuid),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
    }
}

impl From<KeyState> for StateWord {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Active => Self::Active,
            KeyState::Expired => Self::Expired,
            KeyState::Revoked => Self::Revoked,
        }
    }
}

impl From<feed::Reach> for Reach {
    fn from(reach: feed::Reach) -> Self {
        Self { applied: reach.applied, may_accept_until: reach.may_accept_until }
    }
}
