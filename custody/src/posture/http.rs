//! The trust page for everybody, and the controls with their evidence for the platform's staff.

use std::cmp::Reverse;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tenantry_platform::http::{Caller, Json};
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{Chrome, console, render};
use tenantry_platform::problem::Problem;

use super::control::{Family, Outcome};
use super::page::{self, ControlRow, Controls, Trust};
use super::standing::{EVERY, Held};
use crate::Custody;

/// `GET /security`
pub async fn trust(caller: Caller, State(custody): State<Custody>) -> Response {
    let held = custody.standing.in_force(custody.ground.now());
    let chrome = custody.visit(&caller).page(Trust::TITLE);
    render(&trust_page(chrome, &custody, &held))
}

/// `GET /security.json`: the claims in force, for programs.
pub async fn trust_json(State(custody): State<Custody>) -> Json<InForce> {
    let held = custody.standing.in_force(custody.ground.now());
    Json(InForce { claims: held.iter().map(InForceClaim::from).collect() })
}

/// `GET /-/operator/controls`
pub async fn controls(caller: Caller, State(custody): State<Custody>) -> Result<Response, Problem> {
    // The permit is the proof that platform staff asks; nothing is read with it.
    caller.principal()?.operator_permit(None, &caller.origin())?;
    let chrome = console(&custody.visit(&caller), &caller, Controls::TITLE, "controls");
    Ok(render(&controls_page(chrome, &custody.standing.all())))
}

/// What holds right now.
#[derive(Debug, Serialize)]
pub struct InForce {
    claims: Vec<InForceClaim>,
}

#[derive(Debug, Serialize)]
struct InForceClaim {
    control: &'static str,
    claims: &'static [&'static str],
    statement: &'static str,
    since: String,
    checked_at: String,
}

impl From<&Held> for InForceClaim {
    fn from(held: &Held) -> Self {
        let control = &held.finding.control;
        Self {
            control: control.id,
            claims: control.claims,
            statement: Words::english().say(control.statement),
            since: held.since.to_string(),
            checked_at: held.finding.at.to_string(),
        }
    }
}

fn trust_page(chrome: Chrome, custody: &Custody, held: &[Held]) -> Trust {
    let contact = custody.contact.trim_start_matches("mailto:").to_owned();
    Trust {
        checked_at: held.iter().map(|held| held.finding.at).max().unwrap_or(chrome.visit.now),
        every_minutes: usize::try_from(EVERY.as_secs() / 60).unwrap_or(usize::MAX),
        in_force: held.len(),
        families: Family::ALL.into_iter().filter_map(|family| family_of(&chrome, family, held)).collect(),
        attested: Vec::new(),
        json_href: "/security.json".to_owned(),
        contact_href: custody.contact.to_string(),
        contact,
        chrome,
    }
}

/// A family without a claim in force leaves no heading behind either.
fn family_of(chrome: &Chrome, family: Family, held: &[Held]) -> Option<page::Family> {
    let (id, title, text) = family.words();
    let claims: Vec<page::Claim> =
        held.iter().filter(|held| held.finding.control.family == family).map(|held| claim(chrome, held)).collect();
    let words = |key| chrome.visit.words.say(key).to_owned();
    (!claims.is_empty()).then(|| page::Family { id: id.to_owned(), title: words(title), text: words(text), claims })
}

fn claim(chrome: &Chrome, held: &Held) -> page::Claim {
    let control = &held.finding.control;
    page::Claim {
        id: control.claims.join(" "),
        text: chrome.visit.words.say(control.statement).to_owned(),
        check: chrome.visit.words.say(control.check_text).to_owned(),
        frameworks: control.frameworks.iter().map(|name| (*name).to_owned()).collect(),
        since: held.since,
        checked_at: held.finding.at,
    }
}

fn controls_page(chrome: Chrome, held: &[Held]) -> Controls {
    let count = |outcome: Outcome| held.iter().filter(|held| held.finding.verdict.outcome == outcome).count();
    let mut rows: Vec<&Held> = held.iter().collect();
    // Failing ones first, then unknown ones.
    rows.sort_by_key(|held| {
        Reverse(["pass", "unknown", "fail"].iter().position(|word| *word == held.finding.verdict.outcome.as_str()))
    });
    Controls {
        passing: count(Outcome::Pass),
        failing: count(Outcome::Fail),
        unknown: count(Outcome::Unknown),
        controls: rows.into_iter().map(|held| row(&chrome, held)).collect(),
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
        at: held.finding.at,
    }
}
