//! A successor, and how long both work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Form, Path};
use tenantry_platform::page::{Choice, Chrome, render};
use tenantry_platform::permit::{ManageKeys, Permit, ReadKeys};
use tenantry_platform::problem::Problem;

use super::super::page::Rotate;
use super::super::{Ceiling, OVERLAP_MOST, OVERLAP_USUAL, Overlap, find, rotate as follow};
use super::{DAY, Drawing, HOUR, base, choice, count, frame, show_once};
use crate::Identity;

/// What the form offers; programs may name any time up to the last.
const OVERLAPS: [Duration; 4] = [Duration::ZERO, HOUR, OVERLAP_USUAL, OVERLAP_MOST];

/// What the form posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    overlap_s: u64,
}

/// `GET …/keys/{id}/rotate`
pub async fn confirm_rotate<M: Mode>(
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
    let drawing = Drawing::of(&identity, &caller, &reading, std::slice::from_ref(&key)).await?;
    let chrome = frame(&identity, &caller, Rotate::TITLE);
    let back_href = format!("{}/{id}", base::<M>(&caller)?);
    Ok(render(&Rotate {
        overlaps: overlap_choices(&chrome),
        key: drawing.row::<M>(&chrome, key),
        action: format!("{back_href}/rotate"),
        back_href,
        chrome,
    }))
}

/// `POST …/keys/{id}/rotate`: the page that shows the successor, once.
pub async fn rotate<M: Mode>(
    permit: Permit<ManageKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Form(filled): Form<Filled>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let ceiling = Ceiling::of(caller.principal()?);
    let overlap = Overlap::of(Some(filled.overlap_s))?;
    let mut tx = permit.begin(&identity.ground);
    let rotated = follow(&mut tx, &identity.ground, id, overlap, (ceiling, &identity.options)).await?;
    tx.commit_and_fence(&identity.ground).await?;
    let (new, old) = (rotated.successor, rotated.predecessor);
    show_once::<M>(&identity, &caller, new.key, &new.plaintext, old.expires_at)
}

fn overlap_choices(chrome: &Chrome) -> Vec<Choice> {
    let usual = OVERLAP_USUAL.as_secs().to_string();
    let label = |span: Duration| match span {
        Duration::ZERO => chrome.t("keys.overlap_none").to_owned(),
        span if span < DAY => chrome.t_count("time.hour", &count(span.as_secs() / HOUR.as_secs())),
        span => chrome.t_count("time.day", &count(span.as_secs() / DAY.as_secs())),
    };
    OVERLAPS.into_iter().map(|span| choice(span.as_secs().to_string(), label(span), &usual)).collect()
}
