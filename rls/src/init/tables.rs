//! Which tables are different: the tenants themselves, those with another column, and those of everybody.

use std::collections::HashSet;

use super::evidence::{Evidence, Source};
use super::roles::Roles;
use super::tenant::{self, Tenant};
use crate::catalog::{Catalog, Relation};

/// A table with another tenant column.
#[derive(Clone, Debug)]
pub struct Override {
    /// `schema.name`.
    pub table: String,
    /// Its column, where it is another.
    pub column: Option<String>,
    /// The column's type, where it is another.
    pub type_name: Option<String>,
    /// What was seen.
    pub why: String,
}

/// The tables that are different.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) global: Vec<String>,
    pub(super) overrides: Vec<Override>,
    pub(super) unclear: Vec<String>,
}

/// Sorts them.
pub(super) fn sort(catalog: &Catalog, roles: &Roles, tenant: &Tenant, evidence: &Evidence) -> Sorted {
    let tables = tenant::tables(catalog, &roles.schemas);
    let mut sorted = Sorted::default();
    for table in &tables {
        sorted.overrides.extend(different(catalog, &tables, table, tenant, evidence));
    }
    let mut owned: HashSet<u32> =
        tables.iter().filter(|table| is_owned(table, tenant, &sorted)).map(|table| table.oid).collect();
    grow(catalog, &mut owned);
    for table in tables.iter().filter(|table| !owned.contains(&table.oid) && is_reached(table, roles)) {
        let name = table.name.to_string();
        if is_for_everybody(catalog, table, roles) { sorted.global.push(name) } else { sorted.unclear.push(name) }
    }
    sorted
}

fn is_owned(table: &Relation, tenant: &Tenant, sorted: &Sorted) -> bool {
    table.column(&tenant.column).is_some() || sorted.overrides.iter().any(|other| other.table == table.name.to_string())
}

/// And whatever refers to one of them.
fn grow(catalog: &Catalog, owned: &mut HashSet<u32>) {
    loop {
        let before = owned.len();
        for key in &catalog.constraints {
            if key.references.is_some_and(|to| owned.contains(&to)) {
                owned.insert(key.relation);
            }
        }
        if owned.len() == before {
            return;
        }
    }
}

fn is_reached(table: &Relation, roles: &Roles) -> bool {
    ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|privilege| table.grants_any(&roles.reachable, privilege))
}

/// A table that the app reads, cannot write, and whose policies compare nothing.
fn is_for_everybody(catalog: &Catalog, table: &Relation, roles: &Roles) -> bool {
    let writes = ["INSERT", "UPDATE", "DELETE"].iter().any(|privilege| table.grants_any(&roles.reachable, privilege));
    let is_policed = table.has_rls
        && catalog.policies_of(table.oid).any(|policy| policy.using.as_deref().is_some_and(|using| using != "true"));
    !writes && !is_policed
}

/// What is different about a table, if anything is.
fn different(
    catalog: &Catalog,
    tables: &[&Relation],
    table: &Relation,
    tenant: &Tenant,
    evidence: &Evidence,
) -> Option<Override> {
    if let Some(column) = table.column(&tenant.column) {
        let is_other = column.type_name != tenant.type_name;
        let why = format!("its {} is {}, and {} elsewhere", tenant.column, column.type_name, tenant.type_name);
        let type_name = Some(column.type_name.clone());
        return is_other.then(|| Override { table: table.name.to_string(), column: None, type_name, why });
    }
    let (column, why) = referred(catalog, tables, table, tenant)
        .or_else(|| named_after(catalog, table, tenant))
        .or_else(|| compared(table, tenant, evidence))
        .or_else(|| similar(table, tenant))?;
    let type_name = table.column(&column).map(|column| column.type_name.clone()).filter(|of| of != &tenant.type_name);
    Some(Override { table: table.name.to_string(), column: Some(column), type_name, why })
}

/// The table that tenant columns refer to.
fn referred(catalog: &Catalog, tables: &[&Relation], table: &Relation, tenant: &Tenant) -> Option<(String, String)> {
    let is_by_tenant = |key: &&crate::catalog::Constraint| {
        let from = tables.iter().find(|from| from.oid == key.relation);
        key.references == Some(table.oid)
            && key.columns.len() == 1
            && from.and_then(|from| from.column_at(key.columns[0])).is_some_and(|column| column.name == tenant.column)
    };
    let mut keys = catalog.constraints.iter().filter(is_by_tenant);
    let column = table.column_at(*keys.next()?.referenced_columns.first()?)?;
    Some((column.name.clone(), format!("what {} means, by {} of its foreign keys", tenant.column, 1 + keys.count())))
}

/// `tenants` of `tenant_id`, where nobody wrote the foreign key down.
fn named_after(catalog: &Catalog, table: &Relation, tenant: &Tenant) -> Option<(String, String)> {
    let stem = tenant.column.strip_suffix("_id").or_else(|| tenant.column.strip_suffix("Id"))?;
    let name = table.name.name.to_ascii_lowercase();
    let ys = stem.strip_suffix('y').map(|stem| format!("{stem}ies")).unwrap_or_default();
    let is_named =
        [stem.to_owned(), format!("{stem}s"), ys].contains(&name) || (stem == "org" && name.starts_with("organi"));
    let key = catalog.constraints_of(table.oid).find(|key| key.kind == "p" && key.columns.len() == 1)?;
    let column = table.column_at(key.columns[0])?;
    (is_named && column.type_name == tenant.type_name)
        .then(|| (column.name.clone(), format!("by its name and primary key it is what {} means", tenant.column)))
}

/// The one column that its own policies compare with a setting or role.
fn compared(table: &Relation, tenant: &Tenant, evidence: &Evidence) -> Option<(String, String)> {
    let of_it = evidence.comparisons.iter().filter(|one| one.policy_of == table.oid && one.relation == table.oid);
    let columns: HashSet<&str> = of_it
        .filter(|one| !matches!(one.source, Source::Query(_)))
        .map(|one| one.column.as_str())
        .filter(|column| !tenant::is_persons(column) || tenant::is_persons(&tenant.column))
        .collect();
    let mut usable = columns
        .into_iter()
        .filter(|name| table.column(name).is_some_and(|column| column.type_name == tenant.type_name));
    let column = usable.next()?;
    usable.next().is_none().then(|| (column.to_owned(), "its policies compare this column with the context".to_owned()))
}

/// The one column of a name that tenants have elsewhere.
fn similar(table: &Relation, tenant: &Tenant) -> Option<(String, String)> {
    let stem = tenant.column.trim_end_matches("_id");
    let is_it = |name: &str| name != "id" && (name.starts_with(stem) || name.ends_with(tenant.column.as_str()));
    let mut found = table.columns.iter().filter(|column| is_it(&column.name) && column.type_name == tenant.type_name);
    let column = found.next()?;
    found
        .next()
        .is_none()
        .then(|| (column.name.clone(), format!("by its name and type it is what {} is elsewhere", tenant.column)))
}
