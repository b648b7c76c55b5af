//! A row as CSV, with cells that no spreadsheet takes for a formula: taking one apostrophe away from the front of a cell
//! gives back what the log has, always ([`tenantry_core::csv`]).

use serde_json::{Value, json};
use tenantry_core::csv;

use super::entry::Entry;
use super::export::End;
use super::line::{END, Line};

/// The first row of the file.
const COLUMNS: [&str; 23] = [
    "schema",
    "id",
    "tenant_id",
    "plane",
    "at",
    "actor_type",
    "actor_kind",
    "actor_id",
    "actor_name",
    "actor_email",
    "action",
    "entity_type",
    "entity_id",
    "request_id",
    "ip",
    "user_agent",
    "personal_state",
    "metadata",
    "changes",
    "leaf_hash",
    "leaf_digests",
    "leaf_salts",
    "invited_email",
];

pub(super) fn head(page: &mut Vec<u8>) {
    csv::write_line(page, COLUMNS);
}

pub(super) fn write(entry: &Entry, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let line = Line::from(entry);
    let personal = |field: &str| line.personal.get(field).map_or("", String::as_str);
    let cells = [
        line.schema,
        &line.id.to_string(),
        &line.tenant_id.to_string(),
        line.plane,
        &line.at,
        &line.actor.r#type,
        &line.actor.kind,
        &line.actor.id,
        personal("actor_name"),
        personal("actor_email"),
        &line.action,
        &line.entity.r#type,
        &line.entity.id,
        line.request_id.as_deref().unwrap_or_default(),
        personal("ip"),
        personal("user_agent"),
        line.personal_state,
        &object(&line.metadata),
        &object(&line.changes),
        &line.leaf.hash,
        &serde_json::to_string(&line.leaf.digests)?,
        &serde_json::to_string(&line.leaf.salts)?,
        personal("invited_email"),
    ];
    csv::write_line(page, cells);
    Ok(())
}

/// The last record has the columns of all others, and its facts in `metadata`.
pub(super) fn end(end: &End, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let mut cells = [""; COLUMNS.len()];
    let (id, tenant) = (end.export.to_string(), end.tenant.to_string());
    let facts = serde_json::to_string(&json!({ "end": true, "rows": end.rows }))?;
    (cells[0], cells[1], cells[2], cells[17]) = (END, &id, &tenant, &facts);
    csv::write_line(page, cells);
    Ok(())
}

/// An empty object is an empty cell.
fn object(value: &Value) -> String {
    if value.as_object().is_some_and(serde_json::Map::is_empty) { String::new() } else { value.to_string() }
}
