//! The pages of the queue.

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Choice, Chrome, NavEntry, OPERATOR};

inventory::submit! {
    NavEntry {
        id: "operator-jobs", area: OPERATOR, order: 30, word: "nav.jobs", icon: "jobs",
        path: "/-/operator/jobs", permission: Some(OPERATOR),
    }
}
inventory::submit! {
    NavEntry {
        id: "operator-mails", area: OPERATOR, order: 40, word: "nav.mails", icon: "mail",
        path: "/-/operator/mails", permission: Some(OPERATOR),
    }
}

/// Jobs, or mails alone. [AC-4]
#[derive(Debug, Template)]
#[template(path = "operator/jobs.html")]
pub(super) struct Jobs {
    pub chrome: Chrome,
    pub lead: &'static str,
    /// This page, without filters.
    pub here: &'static str,
    pub tiles: Vec<Tile>,
    pub states: Vec<Choice>,
    /// Empty for mails: they are of one kind.
    pub kinds: Vec<Choice>,
    pub clear_href: String,
    pub jobs: Vec<Row>,
    pub is_mail: bool,
    pub first_href: String,
    pub next_href: String,
    /// What left the queue, on the page of mails.
    pub sent: Option<Sent>,
    /// Only that is asked for.
    pub is_of_sent: bool,
}

/// Mails that the mail server took.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub rows: Vec<SentRow>,
    /// Where the rest is; empty where there is none, and where this is the rest.
    pub all_href: String,
}

#[derive(Clone, Debug)]
pub(super) struct SentRow {
    pub id: String,
    /// Masked.
    pub recipient: String,
    pub letter: String,
    pub queued_at: Timestamp,
    pub sent_at: Timestamp,
}

/// How many jobs stand somewhere, and since when the oldest.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub label: &'static str,
    pub value: String,
    pub note: String,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub id: String,
    /// Of a mail the recipient, masked; otherwise the kind.
    pub title: String,
    pub state: &'static str,
    pub look: &'static str,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    /// Given up: it is due no more.
    pub is_over: bool,
    pub attempts: i32,
    pub error: String,
    /// Empty where the state does not allow it.
    pub retry_action: String,
    pub discard_href: String,
}

/// Says what discarding means. [AC-4]
#[derive(Debug, Template)]
#[template(path = "operator/discard.html")]
pub(super) struct Discard {
    pub chrome: Chrome,
    pub id: String,
    pub action: String,
    pub back_href: &'static str,
}

impl Discard {
    pub(super) const TITLE: &'static str = "jobs.discard_title";
}
