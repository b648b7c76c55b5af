//! API keys over HTTP: `/-/api/v1/keys`.

use std::sync::Arc;

use ::http::{StatusCode, header};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use tenantry_core::ids::KeyId;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::feed;
use tenantry_platform::http::{Caller, IfMatch, Json, Path, Query, etag};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageKeys, Permit, ReadKeys};
use tenantry_platform::problem::Problem;

use super::documents::{
    ChangedKey, CreateKey, CreatedDocument, KeyDocument, KeyPage, ListQuery, RotateKey, RotatedDocument, SHOWN_BEFORE,
    UpdateKey,
};
use super::{Ceiling, Draft, KEYS_A_PAGE, KEYS_A_PAGE_MOST, KeyEdit, NewKey, Overlap};
use crate::Identity;

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
    Ok(Json(KeyPage { data: keys.into_iter().map(|key| KeyDocument::of::<M>(key, now)).collect(), next_after }))
}

/// One key. Its `ETag` is its version.
#[utoipa::path(
    get, path = "/-/api/v1/keys/{id}", tag = "keys", operation_id = "read_key", params(("id" = Uuid, Path)),
    responses((status = 200, body = KeyDocument), (status = 401), (status = 403, description = "Needs keys:read"),
        (status = 404, description = "No such key in this workspace and mode"))
)]
pub async fn read<M: Mode>(
    permit: Permit<ReadKeys, M>,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<KeyId>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = super::find(&permit, &identity.ground, id).await?;
    let version = key.version;
    let answer = Json(KeyDocument::of::<M>(key, identity.ground.now())).into_response();
    Ok(with_version(answer, version))
}

/// Makes a key. The answer is the only one that ever holds it.
#[utoipa::path(
    post, path = "/-/api/v1/keys", tag = "keys", operation_id = "create_key", request_body = CreateKey,
    params(IdempotencyHeader),
    responses((status = 201, body = CreatedDocument), (status = 401),
        (status = 403, description = "Needs keys:manage; or a scope, network or time is more than the caller has"),
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
    let ceiling = Ceiling::of(caller.principal()?);
    let now = identity.ground.now();
    let mut tx = permit.begin(&identity.ground);
    // Before any check: what was fine when it was first asked for may be past by now.
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let (is_end_usual, usual) = (asked.expires_at.is_none(), || super::usual_end(&identity.options, now));
    let draft = Draft {
        name: asked.name,
        scopes: asked.scopes,
        expires_at: asked.expires_at.unwrap_or_else(usual),
        is_end_usual,
        allowed_networks: asked.allowed_networks,
    };
    let new = NewKey::check(&draft, ceiling, &identity.options, now)?;
    let created = super::create(&mut tx, &identity.ground, &new).await?;
    let kept =
        CreatedDocument { key: KeyDocument::of::<M>(created.key, now), secret: None, notice: Some(SHOWN_BEFORE) };
    let secret = Some(created.plaintext.expose_secret().to_owned());
    let show = |_| CreatedDocument { secret, notice: None, key: kept.key.clone() };
    idem.commit_showing(tx, &identity.ground, StatusCode::CREATED, &kept, show).await
}

/// Changes a key's name or networks. When this returns every live node goes by the new networks, or the answer says
/// which may not, and until when.
#[utoipa::path(
    patch, path = "/-/api/v1/keys/{id}", tag = "keys", operation_id = "update_key", request_body = UpdateKey,
    params(("id" = Uuid, Path), IdempotencyHeader,
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read, such as \"3\"")),
    responses((status = 200, body = ChangedKey), (status = 401),
        (status = 403, description = "Needs keys:manage; or more networks need every scope of the key"),
        (status = 404, description = "No such key in this workspace and mode"),
        (status = 409, description = "The key is revoked"),
        (status = 412, description = "The key is not as it was read"),
        (status = 422, description = "A field is wrong; `errors` names it"))
)]
pub async fn update<M: Mode>(
    permit: Permit<ManageKeys, M>,
    caller: Caller,
    idem: Idempotency,
    IfMatch(version): IfMatch,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<KeyId>,
    Json(asked): Json<UpdateKey>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let ceiling = Ceiling::of(caller.principal()?);
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let edit = KeyEdit { name: asked.name, allowed_networks: asked.allowed_networks, version };
    let key = super::update(&mut tx, &identity.ground, id, &edit, (ceiling, &identity.options)).await?;
    let (version, kept) = (key.version, changed::<M>(&identity, key));
    let show = |reach: feed::Reach| ChangedKey { key: kept.key.clone(), reach: Some(reach.into()) };
    let answer = idem.commit_showing(tx, &identity.ground, StatusCode::OK, &kept, show).await?;
    Ok(with_version(answer, version))
}

/// Makes a successor with the same name, scopes, networks and lifetime, which ends no later than the key that rotates: one
/// that rotates itself keeps its end. The answer is the only one that ever holds the successor. Both keys work until the overlap ends; of several who rotate a key, one gets a successor.
#[utoipa::path(
    post, path = "/-/api/v1/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key", request_body = RotateKey,
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 201, body = RotatedDocument), (status = 401),
        (status = 403, description = "Needs keys:manage and every scope and network of the key"),
        (status = 404, description = "No such key in this workspace and mode"),
        (status = 409, description = "The key works no more, has a successor, or there is no room for both"),
        (status = 422, description = "The overlap is out of range"))
)]
pub async fn rotate<M: Mode>(
    permit: Permit<ManageKeys, M>,
    caller: Caller,
    idem: Idempotency,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<KeyId>,
    Json(asked): Json<RotateKey>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let (ceiling, now) = (Ceiling::of(caller.principal()?), identity.ground.now());
    let overlap = Overlap::of(asked.overlap_s)?;
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let rotated = super::rotate(&mut tx, &identity.ground, id, overlap, (ceiling, &identity.options)).await?;
    let kept = RotatedDocument {
        key: KeyDocument::of::<M>(rotated.successor.key, now),
        secret: None,
        notice: Some(SHOWN_BEFORE),
        predecessor: KeyDocument::of::<M>(rotated.predecessor, now),
        reach: None,
    };
    let secret = Some(rotated.successor.plaintext.expose_secret().to_owned());
    let show = |reach: feed::Reach| RotatedDocument {
        key: kept.key.clone(),
        secret,
        notice: None,
        predecessor: kept.predecessor.clone(),
        reach: Some(reach.into()),
    };
    idem.commit_showing(tx, &identity.ground, StatusCode::CREATED, &kept, show).await
}

/// Revokes a key: it stays in the list, and works no more. When this returns no live node accepts it, or the answer
/// says which may, and until when. Asking again gives the same answer.
#[utoipa::path(
    delete, path = "/-/api/v1/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 200, body = ChangedKey), (status = 401), (status = 403, description = "Needs keys:manage"),
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
    let kept = changed::<M>(&identity, key);
    let show = |reach: feed::Reach| ChangedKey { key: kept.key.clone(), reach: Some(reach.into()) };
    idem.commit_showing(tx, &identity.ground, StatusCode::OK, &kept, show).await
}

/// Takes a revoked or expired key out of the list. The audit log keeps what it was. A key that works is revoked
/// first: forgetting is no way to stop one.
#[utoipa::path(
    post, path = "/-/api/v1/keys/{id}/delete", tag = "keys", operation_id = "delete_key",
    params(("id" = Uuid, Path), IdempotencyHeader),
    responses((status = 204), (status = 401), (status = 403, description = "Needs keys:manage"),
        (status = 404, description = "No such key in this workspace and mode"),
        (status = 409, description = "The key still works"))
)]
pub async fn delete<M: Mode>(
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
    super::delete(&mut tx, &identity.ground, id).await?;
    idem.commit(tx, &identity.ground, StatusCode::NO_CONTENT, &()).await
}

fn changed<M: Mode>(identity: &Identity, key: super::Key) -> ChangedKey {
    ChangedKey { key: KeyDocument::of::<M>(key, identity.ground.now()), reach: None }
}

fn with_version(mut answer: Response, version: i64) -> Response {
    answer.headers_mut().insert(header::ETAG, etag(version));
    answer
}
