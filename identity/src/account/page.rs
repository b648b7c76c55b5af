//! The pages of one's own account, and those behind its mailed links.

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Chrome, Field, NavEntry};

inventory::submit! {
    NavEntry { id: "account", area: "account", order: 10, word: "nav.account", icon: "user",
        path: "/-/account", permission: None }
}
inventory::submit! {
    NavEntry { id: "account.password", area: "account", order: 20, word: "nav.password", icon: "key",
        path: "/-/account/password", permission: None }
}
inventory::submit! {
    NavEntry { id: "account.email", area: "account", order: 30, word: "nav.email", icon: "mail",
        path: "/-/account/email", permission: None }
}
inventory::submit! {
    NavEntry { id: "account.sessions", area: "account", order: 40, word: "nav.sessions", icon: "shield",
        path: "/-/account/sessions", permission: None }
}

/// Asks for the address of a forgotten password. Posts to `/-/forgot-password`.
#[derive(Debug, Template)]
#[template(path = "account/forgot.html")]
pub struct Forgot {
    pub chrome: Chrome,
    pub email: Field,
}

impl Forgot {
    pub const TITLE: &'static str = "forgot.title";
}

/// The same answer for every address. [ID-4]
#[derive(Debug, Template)]
#[template(path = "account/link_mailed.html")]
pub struct LinkMailed {
    pub chrome: Chrome,
    /// As it was typed.
    pub email: String,
    pub lasts: String,
    /// The mailbox of `tenantry dev`; empty in `serve`.
    pub mailbox_href: String,
}

/// What a reset link opens. Opening it changes nothing; the form does.
#[derive(Debug, Template)]
#[template(path = "account/reset_password.html")]
pub struct ResetPassword {
    pub chrome: Chrome,
    pub token: String,
    pub email: String,
    pub password_error: String,
    pub password_min: usize,
}

impl ResetPassword {
    pub const TITLE: &'static str = "reset.title";
}

/// What a link about an address opens: one button.
#[derive(Debug, Template)]
#[template(path = "account/use_address.html")]
pub struct UseAddress {
    pub chrome: Chrome,
    pub lead: &'static str,
    pub email: String,
    pub note: &'static str,
    pub action: &'static str,
    pub submit: &'static str,
    pub token: String,
}

/// The end of a way.
#[derive(Debug, Template)]
#[template(path = "account/done.html")]
pub struct Done {
    pub chrome: Chrome,
    pub text: &'static str,
    pub act: &'static str,
    pub href: &'static str,
}

/// Who one is, and where one belongs.
#[derive(Debug, Template)]
#[template(path = "account/overview.html")]
pub struct Overview {
    pub chrome: Chrome,
    pub name: String,
    pub email: String,
    pub workspaces: Vec<Belonging>,
}

impl Overview {
    pub const TITLE: &'static str = "account.title";
}

/// A workspace of the person.
#[derive(Debug)]
pub struct Belonging {
    pub name: String,
    pub slug: String,
    pub role: String,
    pub href: String,
    /// Whoever may not even see the members can still go.
    pub leave_href: String,
}

/// Posts to `/-/account/password`.
#[derive(Debug, Template)]
#[template(path = "account/password.html")]
pub struct ChangePassword {
    pub chrome: Chrome,
    /// For password managers: whose password this is.
    pub email: String,
    pub current_error: String,
    pub password_error: String,
    pub password_min: usize,
}

impl ChangePassword {
    pub const TITLE: &'static str = "change_password.title";
}

/// Posts to `/-/account/email`.
#[derive(Debug, Template)]
#[template(path = "account/email.html")]
pub struct ChangeEmail {
    pub chrome: Chrome,
    pub present: String,
    pub email: Field,
    pub current_error: String,
}

impl ChangeEmail {
    pub const TITLE: &'static str = "change_email.title";
}

/// Where somebody is signed in.
#[derive(Debug, Template)]
#[template(path = "account/sessions.html")]
pub struct Sessions {
    pub chrome: Chrome,
    pub sessions: Vec<SessionRow>,
}

impl Sessions {
    pub const TITLE: &'static str = "sessions.title";
}

/// A sign-in and what came of it.
#[derive(Debug)]
pub struct SessionRow {
    pub id: String,
    /// "Firefox on Linux".
    pub device: String,
    /// The network, empty where nothing is known.
    pub network: String,
    /// How far the network reaches, in a word.
    pub reach: &'static str,
    /// Hosts of workspaces, in a line; empty for the console alone.
    pub hosts: String,
    pub since: Timestamp,
    pub last_seen: Timestamp,
    pub is_current: bool,
}

/// Posts to `/-/account/delete`.
#[derive(Debug, Template)]
#[template(path = "account/delete.html")]
pub struct Delete {
    pub chrome: Chrome,
    pub email: String,
    /// Workspaces that stand in the way, because nobody else owns them: name and where to go.
    pub owned_alone: Vec<(String, String)>,
    pub current_error: String,
}

impl Delete {
    pub const TITLE: &'static str = "delete_account.title";
}
