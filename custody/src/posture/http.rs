//! The trust page, for everybody.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tenantry_platform::config::Attested;
use tenantry_platform::http::{Caller, Json};
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{Chrome, render};

use super::attested;
use super::control::Family;
use super::matrix::{Evidence, Line};
use super::page::{self, Trust};
use super::standing::{EVERY, Held};
use crate::Custody;

/// `GET /security`
pub async fn trust(caller: Caller, State(custody): State<Custody>) -> Response {
    let chrome = custody.visit(&caller).page(Trust::TITLE);
    render(&trust_page(chrome, &custody, &InForceNow::of(&custody)))
}

/// `GET /security.json`: the claims in force, for programs.
pub async fn trust_json(State(custody): State<Custody>) -> Json<InForce> {
    let now = InForceNow::of(&custody);
    Json(InForce {
        claims: now.held.iter().map(InForceClaim::from).collect(),
        attested: now.attested.iter().map(InForceAttested::from).collect(),
    })
}

/// What holds right now, tested and attested. Nothing else reaches a public page.
struct InForceNow {
    held: Vec<Held>,
    attested: Vec<Attested>,
    today: jiff::civil::Date,
}

impl InForceNow {
    fn of(custody: &Custody) -> Self {
        let now = custody.ground.now();
        let today = attested::day(now);
        let attested = custody.attested.iter().filter(|one| one.is_in_force(today)).cloned().collect();
        Self { held: custody.standing.in_force(now), attested, today }
    }
}

/// What holds right now.
#[derive(Debug, Serialize)]
pub struct InForce {
    claims: Vec<InForceClaim>,
    attested: Vec<InForceAttested>,
}

#[derive(Debug, Serialize)]
struct InForceClaim {
    control: &'static str,
    claims: &'static [&'static str],
    criteria: &'static [&'static str],
    statement: &'static str,
    since: String,
    checked_at: String,
}

#[derive(Debug, Serialize)]
struct InForceAttested {
    practice: &'static str,
    criteria: &'static [&'static str],
    statement: String,
    owner: String,
    date: String,
    expires: String,
    evidence: Option<String>,
}

impl From<&Held> for InForceClaim {
    fn from(held: &Held) -> Self {
        let control = &held.finding.control;
        Self {
            control: control.id,
            claims: control.claims,
            criteria: control.frameworks,
            statement: Words::english().say(control.statement),
            since: held.since.to_string(),
            checked_at: held.finding.at.to_string(),
        }
    }
}

impl From<&Attested> for InForceAttested {
    fn from(one: &Attested) -> Self {
        Self {
            practice: one.practice.as_str(),
            criteria: attested::criteria(one.practice),
            statement: one.statement.clone(),
            owner: one.owner.clone(),
            date: one.date.to_string(),
            expires: one.expires.to_string(),
            evidence: one.evidence.clone(),
        }
    }
}

fn trust_page(chrome: Chrome, custody: &Custody, now: &InForceNow) -> Trust {
    let contact = custody.contact.trim_start_matches("mailto:").to_owned();
    let evidence = Evidence { held: &now.held, attested: &now.attested, today: now.today };
    Trust {
        checked_at: now.held.iter().map(|held| held.finding.at).max(),
        every_minutes: usize::try_from(EVERY.as_secs() / 60).unwrap_or(usize::MAX),
        in_force: now.held.len(),
        families: Family::ALL.into_iter().filter_map(|family| family_of(&chrome, family, &now.held)).collect(),
        attested: now.attested.iter().map(|one| attested_row(&chrome, one)).collect(),
        criteria: evidence.matrix().iter().filter_map(|line| criterion(&chrome, line)).collect(),
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
        control: control.id,
        id: control.claims.join(" "),
        text: chrome.visit.words.say(control.statement).to_owned(),
        check: chrome.visit.words.say(control.check_text).to_owned(),
        frameworks: control.frameworks.iter().map(|name| (*name).to_owned()).collect(),
        since: held.since,
        checked_at: held.finding.at,
    }
}

pub(super) fn attested_row(chrome: &Chrome, one: &Attested) -> page::Attested {
    page::Attested {
        id: one.practice.as_str(),
        practice: chrome.visit.words.say(attested::word(one.practice)).to_owned(),
        text: one.statement.clone(),
        owner: one.owner.clone(),
        at: attested::midnight(one.date),
        expires: attested::midnight(one.expires),
        evidence_href: one.evidence.clone().unwrap_or_default(),
    }
}

/// A criterion that nothing in force is evidence for is not on the public page.
fn criterion(chrome: &Chrome, line: &Line<'_>) -> Option<page::CriterionInForce> {
    let controls: Vec<&'static str> = line.tested.iter().map(|held| held.finding.control.id).collect();
    let attested: Vec<&'static str> = line.attested.iter().map(|(one, _)| one.practice.as_str()).collect();
    (!(controls.is_empty() && attested.is_empty())).then(|| page::CriterionInForce {
        id: line.criterion.id,
        text: chrome.visit.words.say(line.criterion.word).to_owned(),
        controls,
        attested,
    })
}
