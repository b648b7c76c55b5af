//! Which roles are the app's, and which schemas they reach.

use std::collections::{BTreeSet, HashSet};

use crate::catalog::{Catalog, Relation, RelationKind, Role, granted};

/// Schemas of platforms, which no app's tables are in.
const PLATFORMS: &[&str] = &[
    "auth",
    "cron",
    "extensions",
    "graphql",
    "graphql_public",
    "hdb_catalog",
    "net",
    "pgbouncer",
    "pgsodium",
    "realtime",
    "supabase_functions",
    "supabase_migrations",
    "vault",
    "_analytics",
    "_realtime",
];
/// Words of roles that pass by policies because that is what they are for.
const OPERATORS: &[&str] = &[
    "admin",
    "backup",
    "dump",
    "etl",
    "maint",
    "migrat",
    "monitor",
    "operator",
    "replic",
    "service_role",
    "superuser",
];
const WRITES: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];
const READS_OR_WRITES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) app: Vec<(String, String)>,
    pub(super) left_out: Vec<(String, String)>,
    pub(super) schemas: Vec<String>,
    /// Everything that the app's roles are or can become.
    pub(super) reachable: HashSet<u32>,
}

/// The app's roles and schemas.
pub(super) fn find(catalog: &Catalog, administrator: &str) -> Roles {
    let relations: Vec<&Relation> = catalog.relations.iter().filter(|relation| is_of_the_app(relation)).collect();
    let owners: BTreeSet<u32> = relations.iter().map(|relation| relation.owner).collect();
    let mut found = Roles::default();
    let mut chosen: Vec<&Role> = Vec::new();
    for role in candidates(catalog, &relations, administrator) {
        match why_not(catalog, role, &owners) {
            Some(why) => found.left_out.push((role.name.clone(), why)),
            None => chosen.push(role),
        }
    }
    chosen = without_groups(catalog, chosen);
    if !chosen.iter().any(|role| writes(catalog, &relations, role)) {
        chosen.extend(owner_that_logs_in(catalog, &owners, administrator, &mut found.left_out));
    }
    found.reachable = chosen.iter().flat_map(|role| catalog.reachable(role.oid)).collect();
    found.app = chosen.iter().map(|role| (role.name.clone(), seen(catalog, &relations, role))).collect();
    found.schemas = schemas(catalog, &relations, &found.reachable);
    found
}

fn is_of_the_app(relation: &Relation) -> bool {
    let schema = relation.name.schema.as_str();
    relation.extension.is_none() && relation.kind != RelationKind::Sequence && !PLATFORMS.contains(&schema)
}

/// Roles that were granted something, have it from a group, or stand in a policy.
fn candidates<'a>(catalog: &'a Catalog, relations: &[&Relation], administrator: &str) -> Vec<&'a Role> {
    let in_policies: HashSet<u32> = catalog.policies.iter().flat_map(|policy| policy.roles.iter().copied()).collect();
    let is_candidate = |role: &&Role| {
        let rights = catalog.inherited(role.oid);
        !role.is_superuser
            && !role.name.starts_with("pg_")
            && role.name != administrator
            && (rights.iter().any(|right| in_policies.contains(right) && *right != 0)
                || relations.iter().any(|relation| has_anything(relation, &rights)))
    };
    catalog.roles.iter().filter(is_candidate).collect()
}

/// By a grant to one of them; PUBLIC's grants make nobody the app.
fn has_anything(relation: &Relation, rights: &HashSet<u32>) -> bool {
    let columns = relation.columns.iter().flat_map(|column| &column.acl);
    relation
        .acl
        .iter()
        .chain(columns)
        .any(|grant| rights.contains(&grant.grantee) && READS_OR_WRITES.contains(&grant.privilege.as_str()))
}

fn why_not(catalog: &Catalog, role: &Role, owners: &BTreeSet<u32>) -> Option<String> {
    let name = role.name.to_ascii_lowercase();
    let is_operators = OPERATORS.iter().any(|word| name.contains(word));
    if catalog.inherited(role.oid).iter().any(|right| owners.contains(right)) {
        return Some("owns tables, or belongs to a role that does: add it if the app connects as it".to_owned());
    }
    if role.bypasses_rls && (is_operators || !role.can_login) {
        return Some("passes by every policy (BYPASSRLS): add it if tenants' requests use it".to_owned());
    }
    is_operators.then(|| "by its name an operator's: add it if tenants' requests use it".to_owned())
}

/// Without the groups whose every right one of the others has by inheritance, and logs in with.
fn without_groups<'a>(catalog: &Catalog, roles: Vec<&'a Role>) -> Vec<&'a Role> {
    let logins: Vec<&Role> = roles.iter().copied().filter(|role| role.can_login).collect();
    let is_covered = |role: &Role| {
        logins.iter().any(|login| login.oid != role.oid && catalog.inherited(login.oid).contains(&role.oid))
    };
    roles.into_iter().filter(|role| role.can_login || !is_covered(role)).collect()
}

fn writes(catalog: &Catalog, relations: &[&Relation], role: &Role) -> bool {
    let rights = catalog.reachable(role.oid);
    relations.iter().any(|relation| WRITES.iter().any(|privilege| relation.grants_any(&rights, privilege)))
}

/// Where nobody else writes, the app connects as the owner.
fn owner_that_logs_in<'a>(
    catalog: &'a Catalog,
    owners: &BTreeSet<u32>,
    administrator: &str,
    left_out: &mut Vec<(String, String)>,
) -> Vec<&'a Role> {
    let is_app =
        |role: &&Role| owners.contains(&role.oid) && role.can_login && !role.is_superuser && role.name != administrator;
    let found: Vec<&Role> = catalog.roles.iter().filter(is_app).collect();
    left_out.retain(|(name, _)| !found.iter().any(|role| &role.name == name));
    found
}

/// What was seen of a role.
fn seen(catalog: &Catalog, relations: &[&Relation], role: &Role) -> String {
    let rights = catalog.reachable(role.oid);
    let of = |privilege: &&str| relations.iter().any(|relation| relation.grants_any(&rights, privilege));
    let privileges: Vec<_> = READS_OR_WRITES.into_iter().filter(|privilege| of(privilege)).collect();
    let login = if role.can_login { "logs in" } else { "is switched to" };
    let owns = if relations.iter().any(|relation| relation.owner == role.oid) { ", owns tables" } else { "" };
    let bypasses = if role.bypasses_rls { ", BYPASSRLS" } else { "" };
    format!(
        "{login}{owns}{bypasses}, has {}",
        if privileges.is_empty() { "no grant".to_owned() } else { privileges.join(", ") }
    )
}

/// Where these roles may look, and have something.
fn schemas(catalog: &Catalog, relations: &[&Relation], roles: &HashSet<u32>) -> Vec<String> {
    let may_look = |name: &str| {
        let schema = catalog.schemas.iter().find(|schema| schema.name == name);
        schema.is_some_and(|schema| granted(&schema.acl, roles, "USAGE") || roles.contains(&schema.owner))
    };
    let has = |relation: &Relation| {
        roles.contains(&relation.owner) || READS_OR_WRITES.iter().any(|privilege| relation.grants_any(roles, privilege))
    };
    let reached = relations.iter().filter(|relation| has(relation) && may_look(&relation.name.schema));
    let mut found: BTreeSet<String> = reached.map(|relation| relation.name.schema.clone()).collect();
    if found.is_empty() {
        found.extend(relations.iter().map(|relation| relation.name.schema.clone()));
    }
    if found.is_empty() {
        found.insert("public".to_owned());
    }
    found.into_iter().collect()
}
