//! What the database enforces, compared with what this binary was built for.

use super::control::Verdict;
use super::probe::{Inconclusive, Login, Probe};

/// The facts of a database that this binary's migrations made. A test writes and compares this file.
pub const EXPECTED: &str = include_str!("expected-catalogue.txt");

const FACTS: &str = include_str!("catalogue.sql");

/// The facts of a database, a line each, sorted as the statement sorts them.
///
/// # Errors
/// What the database said.
pub async fn actual(client: &tokio_postgres::Client) -> Result<Vec<String>, tokio_postgres::Error> {
    // Names are written with their schema, whoever asks.
    client.batch_execute("set search_path = ''").await?;
    let rows = client.query(FACTS, &[]).await?;
    let mut lines: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
    // By bytes: the database sorts by its collation.
    lines.sort_unstable();
    lines.dedup();
    Ok(lines)
}

/// Holds the facts that `concerns` chooses against the expected ones. `what` names them in the evidence.
pub(super) async fn compare(
    probe: &Probe,
    what: &str,
    concerns: impl Fn(&str) -> bool,
) -> Result<Verdict, Inconclusive> {
    let client = probe.connect(Login::Control).await?;
    let actual = actual(&client).await?;
    let expected: Vec<&str> = EXPECTED.lines().filter(|line| concerns(line)).collect();
    let found: Vec<&str> = actual.iter().map(String::as_str).filter(|line| concerns(line)).collect();
    let missing = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("missing: {line}"));
    let extra = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("not expected: {line}"));
    let differences: Vec<String> = missing.chain(extra).collect();
    Ok(Verdict::unless(&differences, format!("{} {what} in the catalogue, as this version made them", expected.len())))
}

/// Whether a line is of one of these kinds: its first word.
pub(super) fn is_of(line: &str, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| line.split(' ').next() == Some(kind))
}
