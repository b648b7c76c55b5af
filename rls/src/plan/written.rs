//! A plan as a file that a person reviews and psql runs, and as JSON.

use serde_json::{Value, json};

use super::{Batch, Plan};
use crate::remedy::Runs;
use crate::report::{Report, printable};

/// How long a statement waits for a lock before it gives way: behind one that waits, everybody else waits.
pub(crate) const LOCK_TIMEOUT: &str = "2s";
/// How long one may wait that holds nobody up: an index that is built beside others waits for older transactions.
pub(crate) const LOCK_TIMEOUT_ALONE: &str = "10min";

/// The whole file.
pub fn sql(plan: &Plan, report: &Report) -> String {
    let mut out = head(plan, report);
    for (at, batch) in plan.batches.iter().enumerate() {
        out.push_str(&written(batch, at + 1, plan.batches.len()));
    }
    out.push_str(&notes("What to know before:", &plan.mind));
    out.push_str(&notes("Left to a person:", &plan.left));
    out
}

fn head(plan: &Plan, report: &Report) -> String {
    let (database, count) = (printable(&report.database), report.holes().count());
    let statements = plan.statements();
    if statements == 0 {
        return format!(
            "-- tenantry rls plan: no statement closes anything in {database}. Findings above info: {count}.\n"
        );
    }
    format!(
        "-- tenantry rls plan, version {}: {statements} statements for {count} findings in {database}.\n\
         -- Review it, try it on a copy, then: psql -v ON_ERROR_STOP=1 -f FILE, or: tenantry rls apply\n\
         -- No statement deletes a row. A statement that waits for a lock gives way after {LOCK_TIMEOUT}: run the rest again.\n\
         set lock_timeout = '{LOCK_TIMEOUT}';\n\
         set statement_timeout = 0;\n\
         set standard_conforming_strings = on;\n\
         set search_path = pg_catalog, pg_temp;\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn written(batch: &Batch, number: usize, of: usize) -> String {
    let about = batch.table.as_ref().map_or_else(|| "roles and the database".to_owned(), ToString::to_string);
    let mut out = format!("\n-- {number} of {of}: {}\n", printable(&about));
    out.extend(batch.why.iter().map(|why| format!("--   {why}\n")));
    out.extend(batch.closes.iter().map(|id| format!("--   closes {}\n", printable(id))));
    let statements: String = batch.steps.iter().map(|step| format!("{};\n", step.sql)).collect();
    out.push_str(&match batch.runs {
        Runs::Together => format!("begin;\n{statements}commit;\n"),
        Runs::Alone => alone(batch, &statements),
    });
    out
}

fn alone(batch: &Batch, statements: &str) -> String {
    let undo: String = batch
        .steps
        .iter()
        .filter_map(|step| step.undo.as_deref())
        .map(|undo| format!("--   {};\n", printable(undo)))
        .collect();
    let undo =
        if undo.is_empty() { undo } else { format!("-- When it fails half done, before it is tried again:\n{undo}") };
    format!(
        "-- By itself, outside a transaction.\n{undo}set lock_timeout = '{LOCK_TIMEOUT_ALONE}';\n{statements}set lock_timeout = '{LOCK_TIMEOUT}';\n"
    )
}

fn notes(title: &str, entries: &[(String, String)]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let lines = entries.iter().map(|(id, text)| format!("--   {}\n--     {}\n", printable(id), printable(text)));
    format!("\n-- {title}\n{}", lines.collect::<String>())
}

/// The same for programs.
pub fn json(plan: &Plan, report: &Report) -> String {
    let entries = |list: &[(String, String)]| -> Vec<Value> {
        list.iter().map(|(id, text)| json!({ "id": id, "advice": text })).collect()
    };
    let document = json!({
        "tool": { "name": "tenantry rls", "version": env!("CARGO_PKG_VERSION") },
        "verb": "plan",
        "database": report.database,
        "server_version": report.server,
        "batches": plan.batches.iter().map(batch).collect::<Vec<_>>(),
        "mind": entries(&plan.mind),
        "left": entries(&plan.left),
    });
    format!("{document:#}\n")
}

fn batch(batch: &Batch) -> Value {
    json!({
        "table": batch.table.as_ref().map(ToString::to_string),
        "in_transaction": batch.runs == Runs::Together,
        "statements": batch.steps.iter().map(|step| json!({ "sql": step.sql, "undo": step.undo })).collect::<Vec<_>>(),
        "closes": batch.closes,
    })
}
