//! The home of a workspace, and the operator's list of all of them.

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::graph::Graph;
use tenantry_platform::page::usage::SpanLink;
use tenantry_platform::page::{Choice, Chrome, Field, NavEntry, OPERATOR};

inventory::submit! {
    NavEntry { id: "home", area: "workspace", order: 10, word: "nav.home", icon: "home", path: "/-/console/{slug}/{mode}", permission: None }
}
inventory::submit! {
    NavEntry {
        id: "settings", area: "workspace", order: 90, word: "nav.settings", icon: "settings",
        path: "/-/console/{slug}/{mode}/settings", permission: Some("tenant:manage"),
    }
}
inventory::submit! {
    NavEntry {
        id: "operator-tenants", area: OPERATOR, order: 10, word: "nav.tenants", icon: "building",
        path: "/-/operator/tenants", permission: Some(OPERATOR),
    }
}

/// Where a workspace stands and what to do next.
#[derive(Debug, Template)]
#[template(path = "tenants/home.html")]
pub struct Home {
    pub chrome: Chrome,
    /// The workspace's own address, with scheme.
    pub address: String,
    /// The API's address, with scheme.
    pub api: String,
    pub tenant_id: String,
    pub status: String,
    /// The first steps; an empty list once all are done and seen.
    pub steps: Vec<Step>,
    pub tiles: Vec<Tile>,
    /// How much is used; nothing for who may not see it.
    pub usage: Option<Usage>,
    /// The first of the people; empty for who may not see them.
    pub people: Vec<Person>,
    /// How many more there are.
    pub more: usize,
}

/// Charts over one span, and ways to the others.
#[derive(Debug)]
pub struct Usage {
    pub spans: Vec<SpanLink>,
    pub graphs: Vec<Graph>,
    /// Nothing was ever asked in this span: say how to begin.
    pub is_silent: bool,
    /// A first call to copy.
    pub curl: String,
    /// Where a key is made; empty for who may not.
    pub key_href: String,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub title: String,
    pub text: String,
    pub href: String,
    pub act: String,
    pub done: bool,
}

/// One fact at a glance.
#[derive(Clone, Debug)]
pub struct Tile {
    pub label: String,
    pub value: String,
    pub note: String,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub role: String,
    /// Who looks at the page.
    pub is_you: bool,
}

/// What a workspace can change about itself, and what it cannot.
#[derive(Debug, Template)]
#[template(path = "tenants/settings.html")]
pub struct Settings {
    pub chrome: Chrome,
    pub name: Field,
    /// Of the settings as they are shown.
    pub version: i64,
    pub action: String,
    pub slug: String,
    /// Scheme and host of the workspace in this mode.
    pub address: String,
    pub tenant_id: String,
    pub plan: String,
    pub status: Status,
    /// Where ownership is handed on, and where one leaves.
    pub members_href: String,
    pub leave_href: String,
}

impl Settings {
    pub const TITLE: &'static str = "settings.title";
}

/// Every workspace of the house. [AC-4]
#[derive(Debug, Template)]
#[template(path = "tenants/operator_tenants.html")]
pub struct OperatorTenants {
    pub chrome: Chrome,
    /// What was typed into the search: name, slug or id.
    pub query: Field,
    pub statuses: Vec<Choice>,
    pub tenants: Vec<TenantRow>,
    /// The page without filters; empty when none is set.
    pub clear_href: String,
    pub first_href: String,
    pub next_href: String,
}

impl OperatorTenants {
    pub const TITLE: &'static str = "nav.tenants";
}

#[derive(Clone, Debug)]
pub struct TenantRow {
    pub id: String,
    /// The page of this one.
    pub href: String,
    pub name: String,
    pub slug: String,
    pub owner: String,
    pub status: Status,
    pub members: usize,
    pub created_at: Timestamp,
    /// Empty when the status does not allow it.
    pub suspend_href: String,
    /// A form posts here; empty when the status does not allow it.
    pub reactivate_action: String,
}

/// One workspace: what it is, how much it uses, what was done to it. [AC-4]
#[derive(Debug, Template)]
#[template(path = "tenants/operator_tenant.html")]
pub struct OperatorTenant {
    pub chrome: Chrome,
    pub slug: String,
    pub tenant_id: String,
    pub plan: String,
    pub status: Status,
    /// Why it is suspended; empty when it is not.
    pub reason: String,
    pub owner: String,
    pub members: String,
    pub created_at: Timestamp,
    /// Empty when the status does not allow it.
    pub suspend_href: String,
    pub reactivate_action: String,
    pub back_href: String,
    pub spans: Vec<SpanLink>,
    pub graphs: Vec<Graph>,
    /// Newest first.
    pub history: Vec<HistoryRow>,
}

#[derive(Clone, Debug)]
pub struct HistoryRow {
    pub at: Timestamp,
    pub text: &'static str,
    pub look: &'static str,
    /// What kind of actor it was.
    pub by: &'static str,
    pub reason: String,
}

/// A status and its look: `success`, `warning`, `danger`, `neutral`.
#[derive(Clone, Debug)]
pub struct Status {
    pub text: String,
    pub look: &'static str,
}

/// Says what suspending does, and asks for the name. [AC-12]
#[derive(Debug, Template)]
#[template(path = "tenants/operator_suspend.html")]
pub struct OperatorSuspend {
    pub chrome: Chrome,
    pub name: String,
    pub slug: String,
    pub members: usize,
    pub action: String,
    pub back_href: String,
    pub reason: Field,
    pub confirm: Field,
}

impl OperatorSuspend {
    pub const TITLE: &'static str = "operator.suspend_page";
}
