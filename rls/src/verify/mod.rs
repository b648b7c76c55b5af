//! `verify`: judges the catalogue. Each family is a file with one function from the world to findings.

use std::collections::HashSet;

use crate::catalog::{Catalog, Relation, Role};
use crate::config::Settings;
use crate::fault::Fault;
use crate::finding::Finding;

/// What a family judges: the snapshot, and what it is meant to be.
#[derive(Debug)]
pub struct World<'a> {
    /// The snapshot.
    pub catalog: &'a Catalog,
    /// What `rls.toml` says.
    pub settings: &'a Settings,
    /// The app's roles.
    pub app_roles: Vec<AppRole<'a>>,
}

/// A role that the app connects as, with what it can be.
#[derive(Debug)]
pub struct AppRole<'a> {
    /// The role.
    pub role: &'a Role,
    /// Itself, and the roles whose rights it has.
    pub inherited: HashSet<u32>,
    /// Those, and the roles that it can become.
    pub reachable: HashSet<u32>,
}

impl<'a> World<'a> {
    /// Puts both together.
    ///
    /// # Errors
    /// When `rls.toml` names a schema or a role that does not exist: nothing could be found then.
    pub fn new(catalog: &'a Catalog, settings: &'a Settings) -> Result<Self, Fault> {
        for schema in &settings.schemas {
            if !catalog.schemas.iter().any(|known| &known.name == schema) {
                return Err(Fault::Refused(format!(
                    "the schema {schema:?} of rls.toml does not exist in this database."
                )));
            }
        }
        let app_roles = settings.app_roles.iter().map(|name| AppRole::of(catalog, name)).collect::<Result<_, _>>()?;
        Ok(Self { catalog, settings, app_roles })
    }

    /// The relations of the exposed schemas, without those that came with an extension.
    pub fn exposed(&self) -> impl Iterator<Item = &'a Relation> {
        let (catalog, settings) = (self.catalog, self.settings);
        catalog
            .relations
            .iter()
            .filter(|relation| relation.extension.is_none() && settings.schemas.contains(&relation.name.schema))
    }

    /// The tables of the tenants: exposed, with a tenant column, and not everybody's.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &'a Relation> {
        let settings = self.settings;
        self.exposed().filter(move |relation| {
            relation.is_table()
                && !settings.is_global(&relation.name)
                && relation.column(settings.tenant_column(&relation.name)).is_some()
        })
    }
}

impl<'a> AppRole<'a> {
    fn of(catalog: &'a Catalog, name: &str) -> Result<Self, Fault> {
        let unknown = || Fault::Refused(format!("the role {name:?} of rls.toml does not exist on this server."));
        let role = catalog.role(name).ok_or_else(unknown)?;
        Ok(Self { role, inherited: catalog.inherited(role.oid), reachable: catalog.reachable(role.oid) })
    }
}

/// Judges everything.
pub fn verify(world: &World<'_>) -> Vec<Finding> {
    let _ = world;
    Vec::new()
}
