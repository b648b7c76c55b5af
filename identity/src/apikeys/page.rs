//! The pages of API keys: the list, a new one, its one showing, its end. [KEY-2, KEY-3]

use askama::Template;
use tenantry_core::clock::Timestamp;
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
    pub state: KeyState,
    pub created_at: Timestamp,
    pub created_by: String,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// Empty for who may not, or when it is revoked already.
    pub revoke_href: String,
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
    pub expires_at: Option<Timestamp>,
    /// A command that can be pasted as it is.
    pub curl: String,
    pub list_href: String,
}

impl Created {
    pub const TITLE: &'static str = "keys.created_page";
}

/// Says what revoking does, and asks for the name.
#[derive(Debug, Template)]
#[template(path = "apikeys/revoke.html")]
pub struct Revoke {
    pub chrome: Chrome,
    pub key: KeyRow,
    pub action: String,
    pub back_href: String,
    pub confirm: Field,
}

impl Revoke {
    pub const TITLE: &'static str = "keys.revoke_page";
}
