//! How findings are told: as text for people (`text`), JSON for programs (`json`), SARIF for code hosts (`sarif`).
//!
//! The order is the same from run to run: the worst first, then by class, object and detail. What `rls.toml` accepts is
//! told apart, with its reason, and makes no run fail.

mod json;
mod sarif;
mod style;
mod text;

use std::time::Duration;

use crate::attack::Tried;
use crate::cli::Format;
use crate::config::{Accepted, Settings};
use crate::finding::{Finding, Severity};
use crate::verify::World;

pub use style::{Style, printable};

/// The name of whoever reports, in all formats.
const TOOL: &str = "tenantry rls";

/// What a run has to tell.
#[derive(Debug)]
pub struct Report {
    /// The verb.
    pub verb: &'static str,
    /// The database.
    pub database: String,
    /// The server's version: `15.20`.
    pub server: String,
    /// The roles that it was judged as.
    pub app_roles: Vec<String>,
    /// What was judged.
    pub counts: Counts,
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// What was found and is accepted, with the reason.
    pub accepted: Vec<(Finding, String)>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// How much `attack` tried.
    pub tried: Option<Tried>,
    /// How long it took.
    pub took: Duration,
}

/// What was judged: of the exposed schemas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Tables, partitions among them.
    pub tables: usize,
    /// Policies on them.
    pub policies: usize,
    /// Views and materialised views.
    pub views: usize,
    /// Functions and procedures.
    pub functions: usize,
}

impl Report {
    /// What was found in this world: in order, and without what is accepted.
    pub fn new(verb: &'static str, world: &World<'_>, findings: Vec<Finding>) -> Self {
        let (findings, accepted) = split(findings, &world.settings.accepted);
        let server = &world.catalog.server;
        Self {
            verb,
            database: server.database.clone(),
            server: format!("{}.{}", server.version_num / 10_000, server.version_num % 10_000),
            app_roles: world.settings.app_roles.clone(),
            counts: Counts::of(world),
            notes: notes(world.settings, &accepted),
            findings,
            accepted,
            tried: None,
            took: Duration::ZERO,
        }
    }

    /// The same, with how long it took.
    #[must_use]
    pub const fn after(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }

    /// The same, with how much `attack` tried.
    #[must_use]
    pub const fn trying(mut self, tried: Tried) -> Self {
        self.tried = Some(tried);
        self
    }

    /// The same, with what else a reader should know.
    #[must_use]
    pub fn noting(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Whether anything above `Info` was found.
    pub fn has_holes(&self) -> bool {
        self.holes().next().is_some()
    }

    /// What was found above `Info`.
    pub fn holes(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity > Severity::Info)
    }

    /// As a text of that format, which ends with a newline.
    pub fn written(&self, format: Format, style: Style) -> String {
        match format {
            Format::Text => text::written(self, style),
            Format::Json => json::written(self),
            Format::Sarif => sarif::written(self),
        }
    }
}

impl Counts {
    fn of(world: &World<'_>) -> Self {
        let tables: Vec<_> = world.exposed().filter(|relation| relation.is_table()).map(|table| table.oid).collect();
        let catalog = world.catalog;
        let is_exposed = |schema: &String| world.settings.schemas.contains(schema);
        Self {
            tables: tables.len(),
            policies: catalog.policies.iter().filter(|policy| tables.contains(&policy.relation)).count(),
            views: world.exposed().filter(|relation| relation.definition.is_some()).count(),
            functions: catalog
                .functions
                .iter()
                .filter(|function| function.extension.is_none() && is_exposed(&function.name.schema))
                .count(),
        }
    }
}

/// What is found, in its order; and what is accepted, with its reason.
fn split(findings: Vec<Finding>, accepted: &[Accepted]) -> (Vec<Finding>, Vec<(Finding, String)>) {
    let (mut open, mut taken) = (Vec::new(), Vec::new());
    for finding in findings {
        match accepted.iter().find(|entry| entry.covers(&finding.id())) {
            Some(entry) => taken.push((finding, entry.reason.clone())),
            None => open.push(finding),
        }
    }
    (open, taken)
}

/// What was guessed for want of a word in `rls.toml`, and entries that accept nothing any more.
fn notes(settings: &Settings, taken: &[(Finding, String)]) -> Vec<String> {
    let guessed =
        settings.guessed.iter().map(|what| format!("rls.toml does not say it, and the catalogue does: {what}."));
    guessed.chain(unused(&settings.accepted, taken)).collect()
}

/// Entries that accept nothing any more.
fn unused(entries: &[Accepted], taken: &[(Finding, String)]) -> Vec<String> {
    let is_unused = |entry: &&Accepted| !taken.iter().any(|(finding, _)| entry.covers(&finding.id()));
    let told = |entry: &Accepted| format!("rls.toml accepts {:?}, which this run did not find.", entry.id);
    entries.iter().filter(is_unused).map(told).collect()
}
