//! The findings as `tenantry posture` prints them.

use std::fmt::Write as _;

use serde::Serialize;
use tenantry_platform::page::words::Words;

use super::control::Outcome;
use super::engine::Finding;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// A control each.
    pub controls: Vec<Row>,
}

/// What one control found.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Which control.
    pub id: &'static str,
    /// The ids of the claims that stand on it.
    pub claim: String,
    /// `pass`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// What was tried, and what came of it.
    pub evidence: String,
    /// RFC 3339.
    pub at: String,
}

impl Report {
    /// The report of these findings.
    pub fn new(findings: &[Finding]) -> Self {
        Self { controls: findings.iter().map(Row::from).collect() }
    }

    /// Whether the command ends with 1: a control fails. What could not be checked does not fail.
    pub fn has_failed(&self) -> bool {
        self.controls.iter().any(|row| row.verdict == Outcome::Fail.as_str())
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        // Invariant: a report is texts alone.
        serde_json::to_string_pretty(self).expect("a report is JSON")
    }
}

/// For people: a line a control with its evidence below, and the sum.
pub fn to_text(findings: &[Finding], words: &Words) -> String {
    let mut text = String::new();
    for finding in findings {
        let outcome = finding.verdict.outcome.as_str().to_uppercase();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{outcome:<8}{} [{}]", finding.control.id, finding.control.claims.join(" "));
        let _ = writeln!(text, "        {}", words.say(finding.control.statement));
        let _ = writeln!(text, "        {}", finding.verdict.evidence);
    }
    let count = |outcome: Outcome| findings.iter().filter(|finding| finding.verdict.outcome == outcome).count();
    let (pass, fail, unknown) = (count(Outcome::Pass), count(Outcome::Fail), count(Outcome::Unknown));
    let _ = writeln!(text, "\n{pass} pass, {fail} fail, {unknown} unknown");
    text
}

impl From<&Finding> for Row {
    fn from(finding: &Finding) -> Self {
        Self {
            id: finding.control.id,
            claim: finding.control.claims.join(" "),
            verdict: finding.verdict.outcome.as_str(),
            evidence: finding.verdict.evidence.clone(),
            at: finding.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}
