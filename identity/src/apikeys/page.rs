//! The pages of API keys: the list, a new one, its one showing, its page, its successor, its end. [KEY-2, KEY-3]

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::graph::Graph;
use tenantry_platform::page::usage::SpanLink;
use tenantry_platform::page::{Choice, Chrome, Field, NavEntry};

use super::KeyState;

inventory::submit! {
    NavEntry {
        id: "keys", area: "workspace", order: 20, word: "nav.keys", icon: "key",
        path: "/-/console/{slug}/{mode}/keys", permission: Some("keys:read"),
    }
}

#[derive(Debug, Template)]
#[template(path = "apikeys/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub keys: Vec<KeyRow>,
    /// Empty for who may not make one.
    pub create_href: String,
    pub first_href: String,
    pub next_href: String,
}

impl List {
    pub const TITLE: &'static str = "keys.title";
}

#[derive(Clone, Debug)]
pub struct KeyRow {
    pub id: String,
    pub name: String,
    /// What is still known of the key: `sk_test_…` and its first eight characters.
    pub shown: String,
    pub scopes: Vec<String>,
    /// None: from anywhere.
    pub networks: Vec<String>,
    pub state: KeyState,
    pub created_at: Timestamp,
    pub created_by: String,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub href: String,
    /// The acts: empty for who may not, or when there is nothing to do.
    pub edit_href: String,
    pub rotate_href: String,
    pub revoke_href: String,
    pub delete_href: String,
}

/// Everything of one key.
#[derive(Debug, Template)]
#[template(path = "apikeys/detail.html")]
pub struct Detail {
    pub chrome: Chrome,
    pub key: KeyRow,
    pub successor: Option<OtherKey>,
    pub predecessor: Option<OtherKey>,
    pub graphs: Vec<Graph>,
    pub spans: Vec<SpanLink>,
    /// Empty for who may not read the log.
    pub history_href: String,
    pub back_href: String,
}

impl Detail {
    pub const TITLE: &'static str = "keys.key";
}

/// A key that another one is linked with.
#[derive(Clone, Debug)]
pub struct OtherKey {
    pub name: String,
    pub href: String,
}

/// Posts to where it stands.
#[derive(Debug, Template)]
#[template(path = "apikeys/edit.html")]
pub struct Edit {
    pub chrome: Chrome,
    /// The key's name, as it is kept.
    pub key: String,
    pub action: String,
    pub back_href: String,
    pub name: Field,
    pub networks: Field,
    pub version: i64,
}

impl Edit {
    pub const TITLE: &'static str = "keys.edit_page";
}

/// Says what rotating does, and asks how long both keys shall work.
#[derive(Debug, Template)]
#[template(path = "apikeys/rotate.html")]
pub struct Rotate {
    pub chrome: Chrome,
    pub key: KeyRow,
    pub action: String,
    pub back_href: String,
    pub overlaps: Vec<Choice>,
}

impl Rotate {
    pub const TITLE: &'static str = "keys.rotate_page";
}

/// Posts to where it stands.
#[derive(Debug, Template)]
#[template(path = "apikeys/create.html")]
pub struct Create {
    pub chrome: Chrome,
    pub action: String,
    pub back_href: String,
    pub name: Field,
    pub scopes: Vec<Choice>,
    pub scopes_error: String,
    pub expiries: Vec<Choice>,
    pub networks: Field,
}

impl Create {
    pub const TITLE: &'static str = "keys.create_title";
}

/// The only answer that ever holds the key.
#[derive(Debug, Template)]
#[template(path = "apikeys/created.html")]
pub struct Created {
    pub chrome: Chrome,
    pub name: String,
    pub key: String,
    pub scopes: Vec<String>,
    pub networks: Vec<String>,
    pub expires_at: Option<Timestamp>,
    /// The end of the key that this one follows.
    pub predecessor_ends: Option<Timestamp>,
    /// A command that can be pasted as it is.
    pub curl: String,
    pub list_href: String,
}

impl Created {
    pub const TITLE: &'static str = "keys.created_page";
}

/// Says what revoking or deleting does, and asks for the name.
#[derive(Debug, Template)]
#[template(path = "apikeys/end.html")]
pub struct End {
    pub chrome: Chrome,
    pub heading: String,
    pub means: &'static str,
    pub act: &'static str,
    pub key: KeyRow,
    pub action: String,
    pub back_href: String,
    pub confirm: Field,
}
