//! A control: one claim, one check, one verdict.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::probe::{Inconclusive, Probe};

/// A claim with the check that tries it.
#[derive(Clone, Copy)]
pub struct Control {
    /// `tenant-isolation`.
    pub id: &'static str,
    /// `AC-5`, `AC-9`: which claims stand on it.
    pub claims: &'static [&'static str],
    /// Where it stands on the trust page.
    pub family: Family,
    /// What holds when it passes: a word of the catalogue.
    pub statement: &'static str,
    /// What the check does, in one sentence: a word of the catalogue.
    pub check_text: &'static str,
    /// Criteria of SOC 2 that it is evidence for.
    pub frameworks: &'static [&'static str],
    /// Tries the claim.
    pub check: Check,
}

/// A check. What it cannot decide is an [`Inconclusive`].
pub type Check = fn(Arc<Probe>) -> BoxFuture<'static, Result<Verdict, Inconclusive>>;

/// Claims that belong together on the trust page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One tenant never meets another.
    Isolation,
    /// Who gets in, and with what.
    Access,
    /// What was done stays written.
    Record,
    /// What is secret stays secret.
    Secrets,
    /// What a browser is told.
    Browser,
    /// What holds under load, repeats and mistakes.
    Service,
}

impl Family {
    /// In the order of the page.
    pub const ALL: [Self; 6] =
        [Self::Isolation, Self::Access, Self::Record, Self::Secrets, Self::Browser, Self::Service];

    /// Its anchor, its title and its text: the latter two words of the catalogue.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Isolation => ("isolation", "family.isolation.title", "family.isolation.text"),
            Self::Access => ("access", "family.access.title", "family.access.text"),
            Self::Record => ("record", "family.record.title", "family.record.text"),
            Self::Secrets => ("secrets", "family.secrets.title", "family.secrets.text"),
            Self::Browser => ("browser", "family.browser.title", "family.browser.text"),
            Self::Service => ("service", "family.service.title", "family.service.text"),
        }
    }
}

/// Whether a claim holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was tried and holds.
    Pass,
    /// It was tried and does not.
    Fail,
    /// It could not be tried to the end.
    Unknown,
}

impl Outcome {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check found, with numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the claim holds.
    pub outcome: Outcome,
    /// What was tried, and what came of it.
    pub evidence: String,
}

impl Verdict {
    /// It holds.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, evidence: evidence.into() }
    }

    /// It does not.
    pub fn fail(evidence: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, evidence: evidence.into() }
    }

    /// It holds unless something was found.
    pub fn unless(found: &[String], otherwise: impl Into<String>) -> Self {
        match found {
            [] => Self::pass(otherwise),
            [one] => Self::fail(one.clone()),
            [one, rest @ ..] => Self::fail(format!("{one}; and {} more", rest.len())),
        }
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Control({})", self.id)
    }
}
