//! The pages of people, for platform staff.

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Chrome, Field, NavEntry, OPERATOR};

inventory::submit! {
    NavEntry {
        id: "operator-people", area: OPERATOR, order: 20, word: "nav.people", icon: "users",
        path: "/-/operator/people", permission: Some(OPERATOR),
    }
}

/// A search for one person. [AC-4]
#[derive(Debug, Template)]
#[template(path = "staff/people.html")]
pub struct People {
    pub chrome: Chrome,
    /// A whole address or an id.
    pub query: Field,
    pub clear_href: String,
    /// Whoever was found.
    pub person: Option<Person>,
    /// Something was looked for, and nobody is there.
    pub is_missing: bool,
}

impl People {
    pub const TITLE: &'static str = "nav.people";
}

/// One person and what may be done with them.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub email: String,
    pub status: &'static str,
    pub look: &'static str,
    pub is_operator: bool,
    pub created_at: Timestamp,
    pub verified_at: Option<Timestamp>,
    pub sessions: i64,
    pub workspaces: Vec<Workspace>,
    /// Empty where the status does not allow it.
    pub deactivate_href: String,
    pub reactivate_action: String,
}

#[derive(Clone, Debug)]
pub struct Workspace {
    pub name: String,
    pub slug: String,
    pub href: String,
    pub status: &'static str,
    pub role: String,
    pub since: Timestamp,
}

/// Says what deactivating does, and asks for the reason and the address; or what has to be done first. [ID-11]
#[derive(Debug, Template)]
#[template(path = "staff/deactivate.html")]
pub struct Deactivate {
    pub chrome: Chrome,
    pub name: String,
    pub email: String,
    /// Workspaces that stand in the way, because nobody else owns them: name and where to go.
    pub owned_alone: Vec<(String, String)>,
    pub sessions: usize,
    pub action: String,
    pub back_href: String,
    pub reason: Field,
    pub confirm: Field,
}

impl Deactivate {
    pub const TITLE: &'static str = "people.deactivate";
}
