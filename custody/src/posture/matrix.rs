//! The controls matrix: each criterion with what is evidence for it, tested or attested [EV-2].

use jiff::civil::Date;
use tenantry_core::csv;
use tenantry_platform::config::Attested;
use tenantry_platform::page::words::Words;

use super::attested::{self, Status};
use super::criteria::{CRITERIA, Criterion};
use super::standing::Held;

/// Everything that is known on a day.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What the controls found.
    pub held: &'a [Held],
    /// What people answer for.
    pub attested: &'a [Attested],
    /// The day of the calendar, in UTC.
    pub today: Date,
}

/// A criterion with what is evidence for it.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    pub criterion: Criterion,
    pub tested: Vec<&'a Held>,
    pub attested: Vec<(&'a Attested, Status)>,
}

impl<'a> Evidence<'a> {
    /// A line for each criterion, also for those that nothing here is evidence for.
    pub fn matrix(&self) -> Vec<Line<'a>> {
        CRITERIA.iter().map(|criterion| self.line(*criterion)).collect()
    }

    fn line(&self, criterion: Criterion) -> Line<'a> {
        let tested = self.held.iter().filter(|held| held.finding.control.frameworks.contains(&criterion.id));
        let attested = self.attested.iter().filter(|one| attested::criteria(one.practice).contains(&criterion.id));
        Line {
            criterion,
            tested: tested.collect(),
            attested: attested.map(|one| (one, Status::on(one, self.today))).collect(),
        }
    }
}

const COLUMNS: [&str; 12] = [
    "criterion",
    "criterion_text",
    "kind",
    "id",
    "claims",
    "statement",
    "verdict",
    "since",
    "checked_at",
    "evidence",
    "owner",
    "expires",
];

/// The matrix as CSV: a row for each criterion and each evidence of it.
pub fn to_csv(lines: &[Line<'_>], words: &Words) -> String {
    let mut text = Vec::new();
    csv::write_line(&mut text, COLUMNS);
    for line in lines {
        let criterion = [line.criterion.id, words.say(line.criterion.word)];
        for held in &line.tested {
            write_tested(&mut text, criterion, held, words);
        }
        for (attested, status) in &line.attested {
            write_attested(&mut text, criterion, attested, *status);
        }
        if line.tested.is_empty() && line.attested.is_empty() {
            csv::write_line(&mut text, criterion.into_iter().chain(["none"]).chain([""; 9]));
        }
    }
    // Invariant: whole texts were written, and ASCII between them.
    String::from_utf8(text).expect("a line of texts is text")
}

fn write_tested(text: &mut Vec<u8>, criterion: [&str; 2], held: &Held, words: &Words) {
    let (control, verdict) = (&held.finding.control, &held.finding.verdict);
    let (claims, since, at) = (control.claims.join(" "), held.since.to_string(), held.finding.at.to_string());
    let statement = words.say(control.statement);
    let cells =
        ["tested", control.id, &claims, statement, verdict.outcome.as_str(), &since, &at, &verdict.evidence, "", ""];
    csv::write_line(text, criterion.into_iter().chain(cells));
}

fn write_attested(text: &mut Vec<u8>, criterion: [&str; 2], one: &Attested, status: Status) {
    let (since, expires) = (one.date.to_string(), one.expires.to_string());
    let evidence = one.evidence.as_deref().unwrap_or_default();
    let id = one.practice.as_str();
    let cells = [
        "attested",
        id,
        attested::CLAIM,
        &one.statement,
        status.as_str(),
        &since,
        &since,
        evidence,
        &one.owner,
        &expires,
    ];
    csv::write_line(text, criterion.into_iter().chain(cells));
}
