//! What `rls.toml` leaves open and the catalogue answers: filled in by the guesses of `init`, never over what is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context::{self, Kind, Said};
use super::evidence;
use super::roles::Roles;
use super::tables;
use super::tenant::{self, Tenant};
use crate::catalog::Catalog;
use crate::config::{CLAIMS, Context, Settings};
use crate::name::Name;
use crate::report::printable;
use crate::stack::with_room;

const TENANT: &str = "$tenant";
const USER: &str = "$user";

impl Settings {
    /// These, with what they leave open taken from the catalogue; what was taken is in `guessed`.
    #[must_use]
    pub fn completed(&self, catalog: &Catalog) -> Self {
        with_room(|| self.filled(catalog)).unwrap_or_else(|_| self.filled(catalog))
    }

    fn filled(&self, catalog: &Catalog) -> Self {
        let mut settings = self.clone();
        let tables = tenant::tables(catalog, &settings.schemas);
        if settings.tenant_type.is_empty() {
            settings.tenant_type = tenant::usual_type(&tables, &settings.tenant_column);
        }
        let roles = roles(catalog, &settings);
        let tenant = Tenant {
            column: settings.tenant_column.clone(),
            type_name: settings.tenant_type.clone(),
            why: String::new(),
        };
        let evidence = evidence::gather(catalog, &settings.schemas);
        let sorted = tables::sort(catalog, &roles, &tenant, &evidence);
        let said = context::find(catalog, &roles, &tenant, &sorted.overrides, &evidence);
        settings.complete_tables(catalog, sorted.overrides);
        settings.complete_context(said);
        settings
    }

    /// Tables without the tenant column whose own column for it is plain.
    fn complete_tables(&mut self, catalog: &Catalog, overrides: Vec<tables::Override>) {
        for other in overrides {
            let Some(table) = catalog.relations.iter().find(|table| table.name.to_string() == other.table) else {
                continue;
            };
            let Some(column) = other.column else { continue };
            if self.is_global(&table.name) || self.of_table(&table.name).is_some_and(|it| it.tenant_column.is_some()) {
                continue;
            }
            self.guessed.push(format!("the tenant column of {} is {column}: {}", other.table, other.why));
            let entry = self.tables.entry(self.key_of(&table.name)).or_default();
            entry.tenant_column = Some(column);
            entry.tenant_type = entry.tenant_type.take().or(other.type_name);
        }
    }

    /// As whom the file speaks of a table already, or else its whole name.
    fn key_of(&self, name: &Name) -> String {
        let written = self.tables.keys().find(|written| name.is_meant_by(written));
        written.cloned().unwrap_or_else(|| name.to_string())
    }

    fn complete_context(&mut self, said: Said) {
        let mut guessed = Vec::new();
        let names_tenant = self.context.names(TENANT);
        match (&mut self.context, said.kind) {
            (Context::Guc { vars, .. }, kind) if vars.is_empty() => {
                *vars = match kind {
                    Kind::Guc(found) => found,
                    Kind::Claims(found) => BTreeMap::from([(CLAIMS.to_owned(), found.to_string())]),
                    Kind::Role(_) => return,
                };
                guessed.push(format!("the settings of the context are {}: {}", listed(vars.keys()), said.why));
            }
            (Context::JwtClaims { claims, .. }, Kind::Claims(Value::Object(found))) if !names_tenant => {
                let new: Vec<_> = found.into_iter().filter(|(key, _)| !claims.contains_key(key)).collect();
                for (key, value) in new.into_iter().filter_map(|(key, value)| Some((key, as_toml(value)?))) {
                    guessed.push(format!("the claim {key} holds {value}: {}", said.why));
                    claims.insert(key, value);
                }
            }
            // Without a word of the policies it would be a name that nobody reads.
            (Context::JwtClaims { vars, membership: None, .. }, Kind::Guc(found))
                if !names_tenant && said.is_seen && said.membership.is_none() =>
            {
                guessed.extend(found.keys().map(|name| format!("the setting {name}: {}", said.why)));
                found.into_iter().for_each(|(name, value)| _ = vars.entry(name).or_insert(value));
            }
            _ => {}
        }
        // A table that is looked up by anything else than a person says nothing of people.
        let has_people = self.context.names(USER);
        let place = self.context.membership_mut();
        if let Some(found) = said.membership.filter(|_| place.is_none() && has_people) {
            guessed.push(format!("{} says who belongs where, by {} and {}", found.table, found.tenant, found.user));
            *place = Some(found);
        }
        self.guessed.extend(guessed);
    }
}

impl Context {
    /// Whether something of it is the tenant, or the person; roles stand for either.
    fn names(&self, whom: &str) -> bool {
        let claims = match self {
            Self::Role { .. } => return true,
            Self::JwtClaims { claims, .. } => claims.values().any(|value| value.to_string().contains(whom)),
            Self::Guc { .. } => false,
        };
        claims || self.vars().values().any(|value| value.contains(whom))
    }
}

/// What the file says of roles, as a guess has it.
fn roles(catalog: &Catalog, settings: &Settings) -> Roles {
    let oids = settings.app_roles.iter().filter_map(|name| catalog.roles.iter().find(|role| &role.name == name));
    Roles {
        app: settings.app_roles.iter().map(|name| (name.clone(), String::new())).collect(),
        left_out: Vec::new(),
        schemas: settings.schemas.clone(),
        reachable: oids.flat_map(|role| catalog.reachable(role.oid)).collect(),
    }
}

fn as_toml(value: Value) -> Option<toml::Value> {
    toml::Value::try_from(value).ok()
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}
