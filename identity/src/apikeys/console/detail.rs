//! One key: what it is, what it did, what can be done with it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Path, Query};
use tenantry_platform::page::{self, FlashKind, render};
use tenantry_platform::permit::{Permission as _, Permit, ReadAudit, ReadKeys};
use tenantry_platform::problem::Problem;
use tenantry_platform::usage::{self, Span};

use super::super::find;
use super::super::page::{Detail, OtherKey};
use super::{Drawing, frame};
use crate::Identity;

/// How far back the charts look, and what was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailQuery {
    #[serde(default)]
    span: String,
    #[serde(default)]
    done: String,
}

/// `GET …/keys/{id}`
pub async fn show<M: Mode>(
    permit: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Query(query): Query<DetailQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&permit, &identity.ground, id).await?;
    let drawing = Drawing::of(&identity, &caller, &permit, std::slice::from_ref(&key)).await?;
    let span = Span::named(&query.span).unwrap_or_default();
    let series = usage::read(&permit, &identity.ground, Some(id), span).await?;
    let mut chrome = frame(&identity, &caller, Detail::TITLE).titled(key.name.as_str());
    if query.done == "updated" {
        let said = chrome.t("keys.updated_done");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let (successor, predecessor) = (other(&drawing, key.replaced_by), other(&drawing, key.rotated_from));
    let row = drawing.row::<M>(&chrome, key);
    let reads_log = caller.principal()?.parts().permissions.contains(ReadAudit::WORD);
    Ok(render(&Detail {
        graphs: vec![page::usage::requests(&chrome, span, &series), page::usage::refusals(&chrome, span, &series)],
        spans: page::usage::spans(&chrome, &row.href, span),
        history_href: if reads_log { history(&drawing.here, id) } else { String::new() },
        back_href: drawing.here,
        key: row,
        successor,
        predecessor,
        chrome,
    }))
}

/// A key that this one is linked with, as long as it is there.
fn other(drawing: &Drawing, id: Option<KeyId>) -> Option<OtherKey> {
    let id = id?;
    let name = drawing.keys.get(&id)?.clone();
    Some(OtherKey { name, href: format!("{}/{id}", drawing.here) })
}

/// The rows of the audit log about this key.
fn history(keys: &str, id: KeyId) -> String {
    let here = keys.strip_suffix("/keys").unwrap_or(keys);
    format!("{here}/audit?entity_type=api_key&entity_id={id}")
}
