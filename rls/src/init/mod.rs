//! `init`: looks at a database, guesses what it is meant to be, and writes it down with what each guess rests on.
//!
//! A guess that is wrong must be visible, so each stands below a comment that says what was seen. What a table is not
//! said to be is judged: a table is only called global where the app cannot write to it.

mod complete;
mod context;
mod evidence;
mod file;
mod roles;
mod tables;
mod tenant;

use std::path::Path;

use serde_json::json;

use crate::catalog::Catalog;
use crate::report::printable;

pub use file::written;

/// What was guessed.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The schemas that the app's roles reach.
    pub schemas: Vec<String>,
    /// The app's roles, each with why.
    pub app_roles: Vec<(String, String)>,
    /// Roles that were left out, each with why.
    pub left_out: Vec<(String, String)>,
    /// The tenant column, its type, and why.
    pub tenant: tenant::Tenant,
    /// Tables that belong to everybody: `schema.name`.
    pub global_tables: Vec<String>,
    /// Tables with another tenant column: `schema.name`, column, type where it is another, why.
    pub overrides: Vec<tables::Override>,
    /// Tables of which nobody can say whose they are.
    pub unclear: Vec<String>,
    /// How a session says which tenant it is.
    pub context: context::Said,
}

impl Guess {
    /// Guesses, for an administrator of this name, who is nobody of the app.
    pub fn of(catalog: &Catalog, administrator: &str) -> Self {
        let roles = roles::find(catalog, administrator);
        let evidence = evidence::gather(catalog, &roles.schemas);
        let tenant = tenant::find(catalog, &roles.schemas, &evidence);
        let tables = tables::sort(catalog, &roles, &tenant, &evidence);
        let context = context::find(catalog, &roles, &tenant, &tables.overrides, &evidence);
        Self {
            schemas: roles.schemas,
            app_roles: roles.app,
            left_out: roles.left_out,
            tenant,
            global_tables: tables.global,
            overrides: tables.overrides,
            unclear: tables.unclear,
            context,
        }
    }

    /// What was written where, and what is next: for people, or else for programs.
    pub fn told(&self, path: &Path, is_for_people: bool) -> String {
        let roles: Vec<&str> = self.app_roles.iter().map(|(name, _)| name.as_str()).collect();
        if !is_for_people {
            let document = json!({
                "verb": "init", "written": path, "schemas": self.schemas, "app_roles": roles,
                "tenant_column": self.tenant.column, "global_tables": self.global_tables, "unclear": self.unclear,
            });
            return format!("{document:#}\n");
        }
        let seen = match roles.as_slice() {
            [] => "No role of an app was found: write app_roles before you go on.".to_owned(),
            roles => format!("Judged as {}, by {}.", roles.join(", "), self.tenant.column),
        };
        let next = "Read it, since every line is a guess; then: tenantry rls verify";
        format!("{} is written. {}\n{next}\n", path.display(), printable(&seen))
    }
}
