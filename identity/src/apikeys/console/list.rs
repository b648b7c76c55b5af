//! The keys of a mode.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Query};
use tenantry_platform::page::{FlashKind, render};
use tenantry_platform::permit::{Permit, ReadKeys};
use tenantry_platform::problem::Problem;

use super::super::page::List;
use super::super::{KEYS_A_PAGE, list as read};
use super::{Drawing, frame};
use crate::Identity;

/// `?after=…`, and what was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    after: Option<KeyId>,
    #[serde(default)]
    done: String,
}

/// `GET …/keys`
pub async fn list<M: Mode>(
    permit: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let (keys, more) = read(&permit, &identity.ground, query.after, KEYS_A_PAGE).await?;
    let drawing = Drawing::of(&identity, &caller, &permit, &keys).await?;
    let here = &drawing.here;
    let next_href = keys.last().filter(|_| more).map(|last| format!("{here}?after={}", last.id)).unwrap_or_default();
    let mut chrome = frame(&identity, &caller, List::TITLE);
    let said = match query.done.as_str() {
        "revoked" => Some(chrome.t("keys.revoked_done")),
        "deleted" => Some(chrome.t("keys.deleted_done")),
        _ => None,
    };
    if let Some(said) = said {
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    Ok(render(&List {
        create_href: if drawing.manages { format!("{here}/new") } else { String::new() },
        first_href: query.after.map(|_| here.clone()).unwrap_or_default(),
        next_href,
        keys: keys.into_iter().map(|key| drawing.row::<M>(&chrome, key)).collect(),
        chrome,
    }))
}
