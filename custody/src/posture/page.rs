//! The trust page for strangers, and the controls with their evidence for the platform's staff. [EV-1, EV-2, EV-5]

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Chrome, NavEntry, OPERATOR};

inventory::submit! {
    NavEntry {
        id: "controls", area: OPERATOR, order: 20, word: "nav.controls", icon: "shield",
        path: "/-/operator/controls", permission: Some(OPERATOR),
    }
}

/// `/security`. Only claims in force stand here; what fails is gone, without a trace of why.
#[derive(Debug, Template)]
#[template(path = "posture/trust.html")]
pub struct Trust {
    pub chrome: Chrome,
    /// When the newest verdict was reached; none while nothing holds.
    pub checked_at: Option<Timestamp>,
    /// Minutes between two runs of the checks.
    pub every_minutes: usize,
    pub in_force: usize,
    pub families: Vec<Family>,
    pub attested: Vec<Attested>,
    /// Criteria of SOC 2 that something in force is evidence for.
    pub criteria: Vec<CriterionInForce>,
    /// Where the same is served as JSON; empty for nowhere.
    pub json_href: String,
    pub contact: String,
    pub contact_href: String,
}

impl Trust {
    pub const TITLE: &'static str = "trust.page";
}

/// Claims that belong together: sign-in, isolation, keys.
#[derive(Clone, Debug)]
pub struct Family {
    /// For links to it.
    pub id: String,
    pub title: String,
    pub text: String,
    pub claims: Vec<Claim>,
}

/// A claim in force.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `audit-atomic`: for links to it.
    pub control: &'static str,
    /// `AUD-5`.
    pub id: String,
    pub text: String,
    /// What the check does, in one sentence.
    pub check: String,
    pub frameworks: Vec<String>,
    pub since: Timestamp,
    pub checked_at: Timestamp,
}

/// What no program can check: somebody answers for it until a day.
#[derive(Clone, Debug)]
pub struct Attested {
    /// `incident-plan`: for links to it.
    pub id: &'static str,
    pub practice: String,
    pub text: String,
    pub owner: String,
    pub at: Timestamp,
    /// The beginning of its last day.
    pub expires: Timestamp,
    /// Where the document is; empty for nowhere.
    pub evidence_href: String,
}

/// What in force is evidence for a criterion, by the ids that the page's own anchors have.
#[derive(Clone, Debug)]
pub struct CriterionInForce {
    pub id: &'static str,
    pub text: String,
    pub controls: Vec<&'static str>,
    pub attested: Vec<&'static str>,
}

/// Every control with its verdict and evidence, failing ones first.
#[derive(Debug, Template)]
#[template(path = "posture/controls.html")]
pub struct Controls {
    pub chrome: Chrome,
    pub passing: usize,
    pub failing: usize,
    pub unknown: usize,
    pub controls: Vec<ControlRow>,
    pub attested: Vec<AttestedStatus>,
}

impl Controls {
    pub const TITLE: &'static str = "controls.title";
}

#[derive(Clone, Debug)]
pub struct ControlRow {
    pub id: String,
    pub claim: String,
    /// `pass`, `fail` or `unknown`.
    pub verdict: &'static str,
    pub evidence: String,
    pub frameworks: Vec<String>,
    pub since: Timestamp,
    pub at: Timestamp,
}

/// An attested practice as platform staff sees it: also after its day.
#[derive(Clone, Debug)]
pub struct AttestedStatus {
    pub row: Attested,
    pub is_in_force: bool,
    /// Its last day is over; neither is a date that has not come.
    pub is_expired: bool,
}

/// Each criterion of SOC 2 with what is evidence for it.
#[derive(Debug, Template)]
#[template(path = "posture/matrix.html")]
pub struct Matrix {
    pub chrome: Chrome,
    /// Criteria with any evidence.
    pub covered: usize,
    pub criteria: Vec<CriterionRow>,
}

impl Matrix {
    pub const TITLE: &'static str = "matrix.title";
}

#[derive(Clone, Debug)]
pub struct CriterionRow {
    pub id: &'static str,
    pub text: String,
    pub controls: Vec<ControlRow>,
    pub attested: Vec<AttestedStatus>,
}
