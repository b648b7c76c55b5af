//! `/-/operator/jobs` and `/-/operator/mails`: one queue, seen in two ways.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::JobId;
use tenantry_platform::db::Operator;
use tenantry_platform::http::{Caller, Path, Query, see_other};
use tenantry_platform::jobs::inspect::{self, Count, Job, Search, State as JobState};
use tenantry_platform::mail;
use tenantry_platform::page::graph::grouped;
use tenantry_platform::page::{Choice, Chrome, FlashKind, console, render};
use tenantry_platform::permit::{Operate, Permit};
use tenantry_platform::problem::Problem;
use url::form_urlencoded::Serializer;

use super::page::{Discard, Jobs, Row, Tile};
use super::sent::{self, SENT};
use crate::app::App;

const JOBS: &str = "/-/operator/jobs";
pub(super) const MAILS: &str = "/-/operator/mails";

/// What the list is narrowed to, and what was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobsQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    before: Option<JobId>,
    #[serde(default)]
    done: String,
}

/// `GET /-/operator/jobs`
pub(crate) async fn jobs(
    caller: Caller,
    State(app): State<Arc<App>>,
    Query(query): Query<JobsQuery>,
) -> Result<Response, Problem> {
    show(&caller, &app, query, JOBS).await
}

/// `GET /-/operator/mails`
pub(crate) async fn mails(
    caller: Caller,
    State(app): State<Arc<App>>,
    Query(query): Query<JobsQuery>,
) -> Result<Response, Problem> {
    show(&caller, &app, query, MAILS).await
}

/// `POST /-/operator/jobs/{id}/retry`
pub(crate) async fn retry(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    let kind = inspect::retry(&permit(&caller)?, &app.ground, id).await?;
    Ok(see_other(&format!("{}?done=retried", list_of(&kind))))
}

/// `GET /-/operator/jobs/{id}/discard`
pub(crate) async fn confirm(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    permit(&caller)?;
    Ok(render(&Discard {
        chrome: console(&app.identity.visit(&caller), &caller, Discard::TITLE, "operator-jobs"),
        id: id.to_string(),
        action: format!("{JOBS}/{id}/discard"),
        back_href: JOBS,
    }))
}

/// `POST /-/operator/jobs/{id}/discard`
pub(crate) async fn discard(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    let kind = inspect::discard(&permit(&caller)?, &app.ground, id).await?;
    Ok(see_other(&format!("{}?done=discarded", list_of(&kind))))
}

fn permit(caller: &Caller) -> Result<Permit<Operate, Operator>, Problem> {
    caller.principal()?.operator_permit(None, &caller.origin())
}

fn list_of(kind: &str) -> &'static str {
    if kind == mail::JOB { MAILS } else { JOBS }
}

async fn show(caller: &Caller, app: &App, query: JobsQuery, here: &'static str) -> Result<Response, Problem> {
    let (permit, is_mail) = (permit(caller)?, here == MAILS);
    let is_of_sent = is_mail && query.state == SENT;
    let counts = inspect::counts(&permit, &app.ground).await?;
    let (found, more) = match is_of_sent {
        true => (Vec::new(), false),
        false => inspect::list(&permit, &app.ground, &query.search(is_mail)).await?,
    };
    let (title, nav) = if is_mail { ("nav.mails", "operator-mails") } else { ("nav.jobs", "operator-jobs") };
    let mut chrome = console(&app.identity.visit(caller), caller, title, nav);
    if let Some(said) = said(&chrome, &query.done) {
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let of_page: Vec<&Count> = counts.iter().filter(|count| !is_mail || count.kind == mail::JOB).collect();
    let mut last = found.last().filter(|_| more).map(|job| job.id);
    let mut tiles: Vec<Tile> = JobState::ALL.into_iter().map(|state| tile(&chrome, state, &of_page)).collect();
    let mut sent = None;
    if is_mail && (is_of_sent || query.state.is_empty()) {
        let (shown, last_sent) = sent::show(&chrome, &permit, &app.ground, is_of_sent.then_some(query.before)).await?;
        last = last.or(last_sent);
        sent = Some(shown);
    }
    if is_mail {
        tiles.push(sent::tile(&chrome, &permit, &app.ground).await?);
    }
    let is_narrowed = !query.state.is_empty() || !query.kind.is_empty();
    Ok(render(&Jobs {
        lead: chrome.t(if is_mail { "jobs.mails_lead" } else { "jobs.lead" }),
        here,
        tiles,
        states: states(&chrome, &query.state, is_mail),
        kinds: if is_mail { Vec::new() } else { kinds(&chrome, &counts, &query.kind) },
        clear_href: if is_narrowed { here.to_owned() } else { String::new() },
        jobs: found.into_iter().map(|job| row(&chrome, job, is_mail)).collect(),
        is_mail,
        first_href: query.before.map(|_| query.href(here, None)).unwrap_or_default(),
        next_href: last.map(|last| query.href(here, Some(last))).unwrap_or_default(),
        sent,
        is_of_sent,
        chrome,
    }))
}

impl JobsQuery {
    fn search(&self, is_mail: bool) -> Search {
        let kind = if is_mail { mail::JOB } else { &self.kind };
        Search { state: JobState::named(&self.state), kind: kind.to_owned(), before: self.before }
    }

    fn href(&self, here: &str, before: Option<JobId>) -> String {
        let mut query = Serializer::new(String::new());
        let text = [("state", self.state.as_str()), ("kind", self.kind.as_str())];
        query.extend_pairs(text.into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(before.map(|before| ("before", before.to_string())));
        format!("{here}?{}", query.finish())
    }
}

fn tile(chrome: &Chrome, state: JobState, counts: &[&Count]) -> Tile {
    let of_state = || counts.iter().filter(move |count| count.state == state);
    let oldest = of_state().map(|count| count.oldest).min();
    Tile {
        label: word(chrome, state),
        value: grouped(of_state().map(|count| count.jobs).sum()),
        note: oldest.map(|at| chrome.t_with("jobs.oldest", "ago", chrome.ago(&at))).unwrap_or_default(),
    }
}

fn states(chrome: &Chrome, chosen: &str, is_mail: bool) -> Vec<Choice> {
    let any = ("", chrome.t("operator.any_status"));
    let each = JobState::ALL.into_iter().map(|state| (state.as_str(), word(chrome, state)));
    let sent = is_mail.then(|| (SENT, chrome.t("jobs.sent")));
    let all = std::iter::once(any).chain(each).chain(sent);
    all.map(|(value, label)| choice(value, label, value == chosen)).collect()
}

fn kinds(chrome: &Chrome, counts: &[Count], chosen: &str) -> Vec<Choice> {
    let mut kinds: Vec<&str> = counts.iter().map(|count| count.kind.as_str()).collect();
    kinds.dedup();
    let any = choice("", chrome.t("operator.any_status"), chosen.is_empty());
    std::iter::once(any).chain(kinds.into_iter().map(|kind| choice(kind, kind, kind == chosen))).collect()
}

fn choice(value: &str, label: &str, selected: bool) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), hint: String::new(), selected }
}

fn row(chrome: &Chrome, job: Job, is_mail: bool) -> Row {
    let act = |may: bool, verb: &str| if may { format!("{JOBS}/{}/{verb}", job.id) } else { String::new() };
    let unknown = || chrome.t("jobs.unknown_recipient").to_owned();
    Row {
        retry_action: act(matches!(job.state, JobState::Retrying | JobState::Failed), "retry"),
        discard_href: act(job.state == JobState::Failed, "discard"),
        id: job.id.to_string(),
        title: if is_mail { job.recipient.unwrap_or_else(unknown) } else { job.kind },
        state: word(chrome, job.state),
        look: look(job.state),
        created_at: job.created_at,
        due_at: job.due_at,
        is_over: job.state == JobState::Failed,
        attempts: job.attempts,
        error: job.last_error.unwrap_or_default(),
    }
}

fn word(chrome: &Chrome, state: JobState) -> &'static str {
    chrome.t(match state {
        JobState::Waiting => "jobs.waiting",
        JobState::Running => "jobs.running",
        JobState::Retrying => "jobs.retrying",
        JobState::Failed => "jobs.failed",
    })
}

const fn look(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "neutral",
        JobState::Running => "accent",
        JobState::Retrying => "warning",
        JobState::Failed => "danger",
    }
}

fn said(chrome: &Chrome, done: &str) -> Option<&'static str> {
    match done {
        "retried" => Some(chrome.t("jobs.retried_done")),
        "discarded" => Some(chrome.t("jobs.discarded_done")),
        _ => None,
    }
}
