//! Revoking and deleting, each behind a page that says what it means.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Form, Path, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::permit::{ManageKeys, Permit, ReadKeys};
use tenantry_platform::problem::Problem;

use super::super::page::End;
use super::super::{Key, delete as forget, find, revoke as stop};
use super::{Confirmation, Drawing, base, frame};
use crate::Identity;

/// Which end.
#[derive(Clone, Copy)]
enum Way {
    Revoke,
    Delete,
}

/// `GET …/keys/{id}/revoke`
pub async fn confirm_revoke<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&reading, &identity.ground, id).await?;
    draw::<M>(&identity, &caller, &reading, key, Way::Revoke, Field::default()).await
}

/// `POST …/keys/{id}/revoke`
pub async fn revoke<M: Mode>(
    permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&reading, &identity.ground, id).await?;
    if sent.confirm.trim() != key.name {
        let field = wrong(&identity, &caller, sent);
        return draw::<M>(&identity, &caller, &reading, key, Way::Revoke, field).await;
    }
    let mut tx = permit.begin(&identity.ground);
    stop(&mut tx, &identity.ground, id).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=revoked", base::<M>(&caller)?)))
}

/// `GET …/keys/{id}/delete`
pub async fn confirm_delete<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&reading, &identity.ground, id).await?;
    draw::<M>(&identity, &caller, &reading, key, Way::Delete, Field::default()).await
}

/// `POST …/keys/{id}/delete`
pub async fn delete<M: Mode>(
    permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&reading, &identity.ground, id).await?;
    if sent.confirm.trim() != key.name {
        let field = wrong(&identity, &caller, sent);
        return draw::<M>(&identity, &caller, &reading, key, Way::Delete, field).await;
    }
    let mut tx = permit.begin(&identity.ground);
    forget(&mut tx, &identity.ground, id).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=deleted", base::<M>(&caller)?)))
}

fn wrong(identity: &Identity, caller: &Caller, sent: Confirmation) -> Field {
    Field::refused(sent.confirm, identity.visit(caller).words.say("component.confirm_wrong"))
}

async fn draw<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    reading: &Permit<ReadKeys, M>,
    key: Key,
    way: Way,
    confirm: Field,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let drawing = Drawing::of(identity, caller, reading, std::slice::from_ref(&key)).await?;
    let back_href = format!("{}/{}", drawing.here, key.id);
    let (page, title, means, act, path) = match way {
        Way::Revoke => ("keys.revoke_page", "keys.revoke_title", "keys.revoke_means", "keys.revoke", "revoke"),
        Way::Delete => ("keys.delete_page", "keys.delete_title", "keys.delete_means", "keys.delete", "delete"),
    };
    let chrome = frame(identity, caller, page);
    let status = if confirm.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let end = End {
        heading: chrome.t_with(title, "name", &key.name),
        means: chrome.t(means),
        act: chrome.t(act),
        action: format!("{back_href}/{path}"),
        key: drawing.row::<M>(&chrome, key),
        back_href,
        confirm,
        chrome,
    };
    Ok(render_with(status, &end))
}
