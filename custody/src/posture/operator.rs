//! The controls with their evidence and the matrix, for the platform's staff; the exports that they hand to an auditor.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use tenantry_platform::http::Caller;
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{Chrome, console, render};
use tenantry_platform::problem::{Kind, Problem};

use super::attested::{self, Status};
use super::control::Outcome;
use super::http::attested_row;
use super::matrix::{Evidence, Line, to_csv};
use super::oscal;
use super::page::{AttestedStatus, ControlRow, Controls, CriterionRow, Matrix};
use super::standing::Held;
use crate::Custody;

/// A run of all checks takes some seconds.
const FIRST_RUN_S: u64 = 10;

/// `GET /-/operator/controls`
pub async fn controls(caller: Caller, State(custody): State<Custody>) -> Result<Response, Problem> {
    admit(&caller)?;
    let chrome = console(&custody.visit(&caller), &caller, Controls::TITLE, "controls");
    Ok(render(&controls_page(chrome, &Known::of(&custody))))
}

/// `GET /-/operator/controls/matrix`
pub async fn matrix(caller: Caller, State(custody): State<Custody>) -> Result<Response, Problem> {
    admit(&caller)?;
    let chrome = console(&custody.visit(&caller), &caller, Matrix::TITLE, "controls");
    let known = Known::of(&custody);
    let criteria: Vec<CriterionRow> = known.evidence().matrix().iter().map(|line| criterion(&chrome, line)).collect();
    let covered = criteria.iter().filter(|row| !(row.controls.is_empty() && row.attested.is_empty())).count();
    Ok(render(&Matrix { chrome, covered, criteria }))
}

/// `GET /-/operator/controls/matrix.csv`
pub async fn matrix_csv(caller: Caller, State(custody): State<Custody>) -> Result<Response, Problem> {
    admit(&caller)?;
    let text = to_csv(&Known::of(&custody).evidence().matrix(), Words::english());
    Ok(attachment("text/csv; charset=utf-8", "attachment; filename=\"controls-matrix.csv\"", text))
}

/// `GET /-/operator/controls/oscal.json`
pub async fn oscal(caller: Caller, State(custody): State<Custody>) -> Result<Response, Problem> {
    admit(&caller)?;
    let text = oscal::to_json(&Known::of(&custody).evidence(), &custody.brand.name, Words::english());
    let text = text.ok_or_else(|| {
        Problem::new(Kind::Unavailable, "No check has ended since the start. Ask again in a moment.")
            .retry_after(FIRST_RUN_S)
    })?;
    Ok(attachment("application/json", "attachment; filename=\"assessment-results.json\"", text))
}

/// The permit is the proof that platform staff asks; nothing is read with it.
fn admit(caller: &Caller) -> Result<(), Problem> {
    caller.principal()?.operator_permit(None, &caller.origin()).map(drop)
}

fn attachment(content_type: &'static str, disposition: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// Everything that was found and attested, whether it holds or not.
struct Known {
    held: Arc<Vec<Held>>,
    attested: Arc<[tenantry_platform::config::Attested]>,
    today: jiff::civil::Date,
}

impl Known {
    fn of(custody: &Custody) -> Self {
        let today = attested::day(custody.ground.now());
        Self { held: custody.standing.all(), attested: Arc::clone(&custody.attested), today }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence { held: &self.held, attested: &self.attested, today: self.today }
    }
}

fn controls_page(chrome: Chrome, known: &Known) -> Controls {
    let count = |outcome: Outcome| known.held.iter().filter(|held| held.finding.verdict.outcome == outcome).count();
    let mut rows: Vec<&Held> = known.held.iter().collect();
    // Failing ones first, then unknown ones.
    rows.sort_by_key(|held| {
        Reverse(["pass", "unknown", "fail"].iter().position(|word| *word == held.finding.verdict.outcome.as_str()))
    });
    let attested = known.attested.iter().map(|one| status_row(&chrome, one, Status::on(one, known.today)));
    Controls {
        passing: count(Outcome::Pass),
        failing: count(Outcome::Fail),
        unknown: count(Outcome::Unknown),
        controls: rows.into_iter().map(|held| row(&chrome, held)).collect(),
        attested: attested.collect(),
        chrome,
    }
}

fn row(chrome: &Chrome, held: &Held) -> ControlRow {
    let control = &held.finding.control;
    ControlRow {
        id: format!("{} · {}", control.id, control.claims.join(" ")),
        claim: chrome.visit.words.say(control.statement).to_owned(),
        verdict: held.finding.verdict.outcome.as_str(),
        evidence: held.finding.verdict.evidence.clone(),
        frameworks: control.frameworks.iter().map(|name| (*name).to_owned()).collect(),
        since: held.since,
        at: held.finding.at,
    }
}

fn status_row(chrome: &Chrome, one: &tenantry_platform::config::Attested, status: Status) -> AttestedStatus {
    AttestedStatus {
        row: attested_row(chrome, one),
        is_in_force: status == Status::InForce,
        is_expired: status == Status::Expired,
    }
}

fn criterion(chrome: &Chrome, line: &Line<'_>) -> CriterionRow {
    CriterionRow {
        id: line.criterion.id,
        text: chrome.visit.words.say(line.criterion.word).to_owned(),
        controls: line.tested.iter().map(|held| row(chrome, held)).collect(),
        attested: line.attested.iter().map(|(one, status)| status_row(chrome, one, *status)).collect(),
    }
}
