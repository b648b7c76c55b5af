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
    /// When the newest verdict was reached.
    pub checked_at: Timestamp,
    /// Minutes between two runs of the checks.
    pub every_minutes: usize,
    pub in_force: usize,
    pub families: Vec<Family>,
    pub attested: Vec<Attested>,
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
    pub text: String,
    pub owner: String,
    pub at: Timestamp,
    pub expires: Timestamp,
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
    pub at: Timestamp,
}
