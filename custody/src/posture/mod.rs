//! Posture: each claim has a check that tries it on the running system, and a page that shows only what holds.
//!
//! What must always hold (EV-1, EV-2, EV-5):
//!
//! - A control passes only because its check ran to its end and found the claim true. A panic, a time-out, a
//!   database that is away are `unknown`, and what is unknown is not in force.
//! - A check tries: it opens transactions as the serving logins, reaches for another tenant's rows, alters an
//!   audit row, presents a revoked key. Whatever it does in the database is rolled back. What needs a key or a
//!   person that other processes see uses those of canaries: a key works and a person exists only while a check
//!   runs, and neither is seen by platform staff, by apps, or in a log but the canary's own.
//! - What cannot be taken back, a row of the canary's log or a name that is reserved for a day, is left once an hour at
//!   most; between, what was found then counts while it is a pass.
//! - Requests come from a loopback address of the checks alone, where there is one: they use up nobody's limits.
//! - Evidence is numbers and our own words, never anything personal, never a tenant's name.
//! - The trust page shows claims in force and since when. A failing control takes its claim off the page and
//!   leaves no trace there; the operator's page has the evidence.
//!
//! - What people attest stands apart from what was tested, and counts until its day.
//! - The matrix and its exports say nothing that the verdicts do not; the same verdicts give the same OSCAL, to the byte.
//!
//! The statements of the checks go around the first wall on purpose, so they are not in the registry of
//! statements: they run on connections of their own (`probe.rs`), never on a pool that serves requests.

mod attested;
mod browser;
mod canary;
mod catalogue;
mod control;
mod controls;
mod criteria;
mod engine;
mod entry;
pub mod http;
mod matrix;
pub mod operator;
mod oscal;
pub mod page;
mod person;
mod probe;
mod report;
mod sites;
mod standing;

pub use attested::{CLAIM as ATTESTED_CLAIM, Status, criteria as attested_criteria};
pub use control::{Check, Control, Family, Outcome, Verdict};
pub use controls::CONTROLS;
pub use criteria::{CRITERIA, Criterion};
pub use engine::{Finding, run_all, run_one, run_within};
pub use matrix::{Evidence, Line, to_csv};
pub use oscal::to_json as to_oscal;
pub use probe::{Inconclusive, Probe, Rehearse};
pub use report::{Report, Row, to_text};
pub use sites::{Answer, Sites};
pub use standing::{Held, Standing, beside_noted};

pub use catalogue::{EXPECTED as EXPECTED_CATALOGUE, actual as actual_catalogue};
