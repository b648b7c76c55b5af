//! The audit log as a page: filters in the URL, a row that unfolds, an export of the same rows. [AUD-1, AUD-2, AUD-3]

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::chart::Chart;
use tenantry_platform::page::{Choice, Chrome, Field, NavEntry};

use super::diff::Change;

inventory::submit! {
    NavEntry {
        id: "audit", area: "workspace", order: 30, word: "nav.audit", icon: "log",
        path: "/-/console/{slug}/{mode}/audit", permission: Some("audit:read"),
    }
}

#[derive(Debug, Template)]
#[template(path = "audit/list.html")]
pub struct List {
    pub chrome: Chrome,
    /// The page's own path, where the filters are sent.
    pub action: String,
    pub filter: AuditFilter,
    pub rows: Vec<AuditRow>,
    /// Rows a day; none while there is nothing to compare.
    pub volume: Option<Chart>,
    /// A field is wrong: no rows were looked for.
    pub is_refused: bool,
    /// The rows of the same filter as a file.
    pub jsonl_href: String,
    pub csv_href: String,
    pub ocsf_href: String,
    /// The page without filters; empty when none is set.
    pub clear_href: String,
    pub first_href: String,
    pub next_href: String,
}

impl List {
    pub const TITLE: &'static str = "audit.title";
}

/// What the query string said, as it was written.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Times in UTC, `2026-03-12T10:00`.
    pub since: Field,
    pub until: Field,
    pub actor: Field,
    pub actions: Vec<Choice>,
    /// What is wrong with the action; a list of choices has no error of its own.
    pub action_error: String,
    pub entity_type: Field,
    pub entity_id: Field,
    pub ip: Field,
    pub request_id: Field,
}

#[derive(Clone, Debug)]
pub struct AuditRow {
    pub id: String,
    pub at: Timestamp,
    /// `false` is SYSTEM.
    pub by_user: bool,
    pub actor: String,
    /// An address, a key's prefix, a job; may be empty.
    pub actor_note: String,
    pub actor_id: String,
    pub action: String,
    pub entity: String,
    pub entity_id: String,
    pub ip: String,
    pub user_agent: String,
    pub request_id: String,
    pub changes: Vec<Change>,
    pub metadata: Vec<Fact>,
}

#[derive(Clone, Debug)]
pub struct Fact {
    pub name: String,
    pub value: String,
}
