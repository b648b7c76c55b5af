//! The pages of roles: what each may do, and the tenant's own made, changed and deleted. [AC-2]

use askama::Template;
use tenantry_platform::page::{Choice, Chrome, Field, NavEntry};

inventory::submit! {
    NavEntry {
        id: "roles", area: "workspace", order: 16, word: "nav.roles", icon: "shield",
        path: "/-/console/{slug}/{mode}/roles", permission: Some("members:read"),
    }
}

#[derive(Debug, Template)]
#[template(path = "roles/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub roles: Vec<RoleRow>,
    /// Empty for who may not make one.
    pub create_href: String,
}

impl List {
    pub const TITLE: &'static str = "roles.title";
}

#[derive(Clone, Debug)]
pub struct RoleRow {
    pub name: String,
    pub description: String,
    /// What it permits now.
    pub permissions: Vec<String>,
    /// Given by the configuration, the same in every workspace.
    pub is_configured: bool,
    pub is_owner: bool,
    /// The configuration has a role of this name by now.
    pub is_hidden: bool,
    /// Each empty for who may not.
    pub edit_href: String,
    pub delete_href: String,
}

/// A new role.
#[derive(Debug, Template)]
#[template(path = "roles/create.html")]
pub struct Create {
    pub chrome: Chrome,
    pub action: String,
    pub back_href: String,
    pub name: Field,
    pub description: Field,
    pub permissions: Vec<Choice>,
    pub permissions_error: String,
    /// What stands in the way and belongs to no field; empty at first.
    pub refused: String,
}

impl Create {
    pub const TITLE: &'static str = "roles.create_title";
}

/// Other permissions. The version tells whether somebody else was faster.
#[derive(Debug, Template)]
#[template(path = "roles/edit.html")]
pub struct Edit {
    pub chrome: Chrome,
    pub action: String,
    pub back_href: String,
    pub name: String,
    pub version: i64,
    pub description: Field,
    pub permissions: Vec<Choice>,
    pub permissions_error: String,
    pub refused: String,
}

impl Edit {
    pub const TITLE: &'static str = "roles.edit_page";
}

/// Says what deleting does, and asks for the name.
#[derive(Debug, Template)]
#[template(path = "roles/delete.html")]
pub struct Delete {
    pub chrome: Chrome,
    pub action: String,
    pub back_href: String,
    pub name: String,
    pub version: i64,
    pub permissions: Vec<String>,
    pub confirm: Field,
    pub refused: String,
}

impl Delete {
    pub const TITLE: &'static str = "roles.delete_page";
}
