//! Keys and people of a workspace that are refused for a while: `/-/console/{slug}/{mode}/blocks` (RL-4).

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::clock::Timestamp;
use tenantry_edge::offenders::{self, Own, Search, Why};
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, ControlPermit, Form, Path, Query, see_other};
use tenantry_platform::page::{Choice, Chrome, Field, FlashKind, NavEntry, console, render};
use tenantry_platform::permit::{ManageKeys, Permit};
use tenantry_platform::problem::Problem;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use super::lift::{self, Lifting, because};
use crate::app::App;

inventory::submit! {
    NavEntry {
        id: "blocks", area: "workspace", order: 60, word: "nav.blocks", icon: "block",
        path: "/-/console/{slug}/{mode}/blocks", permission: Some("keys:manage"),
    }
}

/// Blocks of a workspace's own. [RL-4]
#[derive(Debug, Template)]
#[template(path = "console/blocks.html")]
struct Blocks {
    chrome: Chrome,
    here: String,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    clear_href: String,
    rows: Vec<Row>,
    first_href: String,
    next_href: String,
}

#[derive(Clone, Debug)]
struct Row {
    /// The name of a key or a person; empty where they have none here.
    name: String,
    kind: &'static str,
    subject: String,
    because: String,
    state: &'static str,
    look: &'static str,
    at: Timestamp,
    until: Timestamp,
    lift_reason: String,
    /// Empty where there is nothing to lift.
    lift_href: String,
}

/// What the list is narrowed to, and what was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlocksQuery {
    #[serde(default)]
    kind: String,
    /// `now`, or empty for all.
    #[serde(default)]
    state: String,
    before: Option<Uuid>,
    #[serde(default)]
    done: String,
}

/// Which block of which workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct One {
    id: Uuid,
}

/// `GET …/blocks`
pub(crate) async fn list<M: Mode>(
    caller: Caller,
    ControlPermit(permit): ControlPermit<ManageKeys>,
    of_mode: Permit<ManageKeys, M>,
    State(app): State<Arc<App>>,
    Query(query): Query<BlocksQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let (found, more) = offenders::own(&permit, &app.ground, &query.search()).await?;
    let mut names: HashMap<Uuid, String> =
        offenders::member_names(&permit, &app.ground, &found).await?.into_iter().collect();
    names.extend(offenders::key_names(&of_mode, &app.ground, &found).await?);
    let mut chrome = console(&app.identity.visit(&caller), &caller, "blocks.title", "blocks");
    if query.done == "lifted" {
        let said = chrome.t("blocks.lifted_done");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let here = href_of(&caller)?;
    let last = found.last().filter(|_| more).map(|last| last.id);
    let is_narrowed = !query.kind.is_empty() || !query.state.is_empty();
    Ok(render(&Blocks {
        kinds: kinds(&chrome, &query.kind),
        states: states(&chrome, &query.state),
        clear_href: if is_narrowed { here.clone() } else { String::new() },
        rows: found.into_iter().map(|own| row(&chrome, &here, &names, own)).collect(),
        first_href: query.before.map(|_| query.href(&here, None)).unwrap_or_default(),
        next_href: last.map(|last| query.href(&here, Some(last))).unwrap_or_default(),
        here,
        chrome,
    }))
}

/// `GET …/blocks/{id}/lift`
pub(crate) async fn confirm(
    caller: Caller,
    ControlPermit(_): ControlPermit<ManageKeys>,
    State(app): State<Arc<App>>,
    Path(One { id }): Path<One>,
) -> Result<Response, Problem> {
    let chrome = console(&app.identity.visit(&caller), &caller, lift::TITLE, "blocks");
    Ok(lift::draw(chrome, &href_of(&caller)?, id, Field::default()))
}

/// `POST …/blocks/{id}/lift`
pub(crate) async fn lift(
    caller: Caller,
    ControlPermit(permit): ControlPermit<ManageKeys>,
    State(app): State<Arc<App>>,
    Path(One { id }): Path<One>,
    Form(sent): Form<Lifting>,
) -> Result<Response, Problem> {
    let here = href_of(&caller)?;
    match Why::parse(&sent.reason) {
        Ok(why) => {
            offenders::lift_own(&permit, &app.ground, id, &why).await?;
            Ok(see_other(&format!("{here}?done=lifted")))
        }
        Err(wrong) => {
            let chrome = console(&app.identity.visit(&caller), &caller, lift::TITLE, "blocks");
            Ok(lift::draw(chrome, &here, id, Field::refused(sent.reason, wrong)))
        }
    }
}

/// The list, in the workspace and mode of the path.
fn href_of(caller: &Caller) -> Result<String, Problem> {
    let parts = caller.principal()?.parts();
    let tenant = parts.tenant.as_ref().ok_or_else(Problem::not_found)?;
    let mode = parts.mode.ok_or_else(Problem::not_found)?;
    Ok(format!("/-/console/{}/{mode}/blocks", tenant.slug))
}

impl BlocksQuery {
    fn search(&self) -> Search {
        let kind = ["key", "person"].into_iter().find(|kind| *kind == self.kind).unwrap_or_default();
        Search { network: None, kind, in_force: self.state == "now", before: self.before }
    }

    fn href(&self, here: &str, before: Option<Uuid>) -> String {
        let mut query = Serializer::new(String::new());
        let text = [("kind", self.kind.as_str()), ("state", self.state.as_str())];
        query.extend_pairs(text.into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(before.map(|before| ("before", before.to_string())));
        format!("{here}?{}", query.finish())
    }
}

fn kinds(chrome: &Chrome, chosen: &str) -> Vec<Choice> {
    let all = [("", "operator.any_status"), ("key", "blocks.key"), ("person", "blocks.person")];
    all.into_iter().map(|(value, word)| choice(value, chrome.t(word), chosen)).collect()
}

/// All of them, or those that are enforced now.
pub(crate) fn states(chrome: &Chrome, chosen: &str) -> Vec<Choice> {
    let all = [("", "operator.any_status"), ("now", "blocks.in_force")];
    all.into_iter().map(|(value, word)| choice(value, chrome.t(word), chosen)).collect()
}

pub(crate) fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), hint: String::new(), selected: value == chosen }
}

/// Whether a block is enforced, over or lifted: its word and its look.
pub(crate) fn standing(chrome: &Chrome, until: Timestamp, lifted: Option<Timestamp>) -> (&'static str, &'static str) {
    match lifted {
        Some(_) => (chrome.t("blocks.lifted"), "neutral"),
        None if until > chrome.visit.now => (chrome.t("blocks.in_force"), "danger"),
        None => (chrome.t("blocks.over"), "neutral"),
    }
}

fn row(chrome: &Chrome, here: &str, names: &HashMap<Uuid, String>, own: Own) -> Row {
    let (state, look) = standing(chrome, own.until, own.lifted_at);
    let is_in_force = own.lifted_at.is_none() && own.until > chrome.visit.now;
    Row {
        name: names.get(&own.subject).cloned().unwrap_or_default(),
        kind: chrome.t(if own.is_key { "blocks.key" } else { "blocks.person" }),
        subject: own.subject.to_string(),
        because: because(chrome, &own.offence, own.nth),
        state,
        look,
        at: own.at,
        until: own.lifted_at.unwrap_or(own.until),
        lift_reason: own.lift_reason.unwrap_or_default(),
        lift_href: if is_in_force { format!("{here}/{}/lift", own.id) } else { String::new() },
    }
}
