//! What an app role can become, switch off, replace or create.

use crate::attack::arena::Arena;
use crate::attack::judge::Found;
use crate::attack::probes::code::{helpers, signature};
use crate::attack::probes::read::leaking_tables;
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Roles of PostgreSQL that reach everything, or the server's files.
const READERS: &[&str] = &[
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
];
/// Functions that reach the server's files, granted to nobody at first.
const FILES: &[&str] = &[
    "pg_catalog.pg_read_file(text)",
    "pg_catalog.pg_read_binary_file(text)",
    "pg_catalog.pg_ls_dir(text)",
    "pg_catalog.lo_import(text)",
    "pg_catalog.lo_export(oid, text)",
];

/// Tries every way out of the role.
pub(in crate::attack) async fn roles<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    above(arena, found).await;
    becomes(arena, found).await;
    readers(arena, found).await;
    switches_off(arena, found).await;
    replaces(arena, found).await;
    creates(arena, found).await;
}

/// A role that no policy holds.
pub(in crate::attack) async fn above<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if !arena.actor.is_above_rls() {
        return;
    }
    let guise = arena.guise.clone();
    let Some((table, sql, reading)) = leaking_tables(arena, &guise, &[]).await.into_iter().next() else { return };
    let what = if arena.actor.role.is_superuser { "is a superuser" } else { "has BYPASSRLS" };
    let name = arena.actor.role.name.clone();
    let seen = format!("{} rows of {} are not tenant A's, as {}", reading.theirs, table.name, reading.seen);
    let script = arena.script([table.oid], &guise, &[sql], &seen);
    found.add(Finding::shown(Class::RoleBypasses, name.clone(), format!("{name} {what}: {seen}."), script));
}

/// The other roles that A can become, each with what it says for that.
fn ways_out(arena: &Arena<'_, '_>) -> Vec<(u32, Vec<String>)> {
    let world = arena.plan.world;
    let own = arena.actor.role.oid;
    let mut ways: Vec<(u32, Vec<String>)> = world
        .catalog
        .roles
        .iter()
        .filter(|role| role.oid != own && arena.actor.reachable.contains(&role.oid) && !role.name.starts_with("pg_"))
        .map(|role| (role.oid, vec![format!("set local role {}", ident(&role.name))]))
        .collect();
    if arena.actor.role.can_create_roles {
        // Owners, who switch the policies off, and those whom none holds.
        let owners = world.tenant_tables().map(|table| table.owner);
        let above = world.catalog.roles.iter().filter(|role| role.bypasses_rls).map(|role| role.oid);
        let targets: std::collections::BTreeSet<u32> = owners.chain(above).collect();
        for role in targets.iter().filter_map(|target| world.role(*target)).filter(|role| role.oid != own) {
            let mut lines = vec![
                format!("grant {} to {}", ident(&role.name), ident(&arena.actor.role.name)),
                format!("set local role {}", ident(&role.name)),
            ];
            let table = world.tenant_tables().find(|table| table.owner == role.oid && table.has_rls);
            lines.extend(table.map(|table| format!("alter table {} disable row level security", table.name.quoted())));
            ways.push((role.oid, lines));
        }
    }
    ways
}

async fn becomes<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if arena.actor.is_above_rls() {
        return;
    }
    let world = arena.plan.world;
    let ways = ways_out(arena);
    let guise = arena.guise.clone();
    let before: Vec<u32> = leaking_tables(arena, &guise, &[]).await.iter().map(|(table, ..)| table.oid).collect();
    for (target, lines) in ways {
        let leaking = as_other(arena, &lines).await;
        let Some((table, sql, seen)) = leaking.into_iter().find(|(table, ..)| !before.contains(table)) else {
            continue;
        };
        let Some((role, relation)) = world.role(target).zip(world.relation(table)) else { continue };
        let mut all = lines.clone();
        all.push(sql);
        let script = arena.script([table], &guise, &all, &seen);
        let above = role.is_superuser || role.bypasses_rls;
        let granted = lines.len() > 1;
        let policy =
            world.policies_of(table).iter().find(|policy| policy.is_permissive && policy.roles.contains(&target));
        let name = arena.actor.role.name.clone();
        let why = format!(
            "{name} can become {}, {}: {seen}.",
            role.name,
            if above { "which no policy holds" } else { "which the policies let see more" }
        );
        let finding = if let Some(policy) = policy.filter(|_| !above && !granted) {
            let why = format!("{why} The policy {} is what lets it.", policy.name);
            Finding::shown(Class::PolicyNotForRole, relation.name.to_string(), why, script).about(policy.name.clone())
        } else if !above && !granted && relation.owner == role.oid {
            Finding::shown(
                found
                    .hint(&relation.name.to_string(), &[Class::RlsNotForced, Class::RoleOwnsTable])
                    .unwrap_or(Class::RlsNotForced),
                relation.name.to_string(),
                why,
                script,
            )
        } else {
            if above && !granted {
                let of_role = Finding::shown(Class::RoleBypasses, role.name.clone(), why.clone(), script.clone());
                found.add(of_role.about(name.clone()));
            }
            Finding::shown(Class::RoleBypasses, name, why, script).about(role.name.clone())
        };
        found.add(finding);
    }
}

/// What is read as another role: which table, by which statement, what was seen.
async fn as_other(arena: &mut Arena<'_, '_>, lines: &[String]) -> Vec<(u32, String, String)> {
    let guise = arena.guise.clone();
    let mut found = Vec::new();
    for relation in arena.seeded() {
        if !arena.plan.is_of_tenants(relation) {
            continue;
        }
        let sql = format!("select * from {} limit 500", relation.name.quoted());
        let (outcome, _) = arena.after(&[], &guise, lines, &sql, None).await;
        let reading = crate::attack::probes::read::whose(arena, relation, &sql, &outcome);
        if reading.theirs > 0 {
            let seen = format!("{} rows of {} are not tenant A's, as {}", reading.theirs, relation.name, reading.seen);
            found.push((relation.oid, sql, seen));
        }
    }
    found
}

async fn readers<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let name = arena.actor.role.name.clone();
    let guise = arena.guise.clone();
    for reader in READERS.iter().filter_map(|reader| world.catalog.role(reader)) {
        if arena.actor.reachable.contains(&reader.oid) && !arena.actor.role.is_superuser {
            let sql = format!("select pg_catalog.pg_has_role({}, 'MEMBER')", literal(&reader.name));
            let script = arena.script([], &guise, &[sql], "true");
            let why = format!("{name} is a member of {}, which reaches more than any policy holds.", reader.name);
            found.add(Finding::shown(Class::RoleReadsAll, name.clone(), why, script).about(reader.name.clone()));
        }
    }
    for function in FILES {
        let sql = format!("select pg_catalog.has_function_privilege({}, 'EXECUTE')", literal(function));
        let outcome = arena.as_a(&sql).await;
        if outcome.value() == Some("t") && !arena.actor.role.is_superuser {
            let script = arena.script([], &guise, &[sql], "true: it reaches the files of the server");
            let why = format!("{name} may call {function}, which reaches the files of the server.");
            found.add(Finding::shown(Class::RoleReadsAll, name.clone(), why, script).about((*function).to_owned()));
        }
    }
}

/// `alter table … disable row level security`, as A.
async fn switches_off<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if arena.actor.role.is_superuser {
        return;
    }
    let guise = arena.guise.clone();
    for relation in
        arena.plan.world.exposed().filter(|relation| relation.has_rls && relation.is_table()).collect::<Vec<_>>()
    {
        if found.has(Class::RlsNotForced, &relation.name.to_string())
            || !arena.actor.reachable.contains(&relation.owner)
        {
            continue;
        }
        let owner = arena.plan.world.role_name(relation.owner);
        let sql = format!("alter table {} disable row level security", relation.name.quoted());
        let own: Vec<String> = if arena.actor.inherited.contains(&relation.owner) {
            Vec::new()
        } else {
            vec![format!("set local role {}", ident(owner))]
        };
        let (outcome, _) = arena.after(&[], &guise, &own, &sql, None).await;
        if outcome.is_done() {
            let lines: Vec<String> = own.into_iter().chain([sql]).collect();
            let script = arena.script([], &guise, &lines, "Not refused: the policies are off.");
            let why = format!(
                "{} has the rights of its owner, {owner}, and can switch its policies off.",
                arena.actor.role.name
            );
            let role = Finding::shown(Class::RoleOwnsTable, arena.actor.role.name.clone(), why.clone(), script.clone());
            found.add(role.about(owner));
            found.add(Finding::shown(Class::RoleOwnsTable, relation.name.to_string(), why, script));
        }
    }
}

/// A function that policies call, and that A can replace.
async fn replaces<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if arena.actor.role.is_superuser {
        return;
    }
    let guise = arena.guise.clone();
    for function in helpers(arena)
        .into_iter()
        .filter(|function| arena.actor.reachable.contains(&function.owner))
        .collect::<Vec<_>>()
    {
        let sql = format!("alter function {}({}) cost 100", function.name.quoted(), function.identity_arguments);
        let own: Vec<String> = if arena.actor.inherited.contains(&function.owner) {
            Vec::new()
        } else {
            vec![format!("set local role {}", ident(arena.plan.world.role_name(function.owner)))]
        };
        let (outcome, _) = arena.after(&[], &guise, &own, &sql, None).await;
        if outcome.is_done() {
            let script = arena.script([], &guise, &[sql], "Not refused: who may alter it may replace it.");
            let why = format!(
                "Policies call it, and {} has the rights of its owner and can replace it.",
                arena.actor.role.name
            );
            found.add(Finding::shown(Class::PolicyFunctionUnsafe, signature(function), why, script));
        }
    }
}

/// Objects of A's own, where others look for theirs.
async fn creates<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if arena.actor.role.is_superuser {
        return;
    }
    let guise = arena.guise.clone();
    let world = arena.plan.world;
    let owners: std::collections::BTreeSet<u32> =
        world.exposed().filter(|relation| relation.is_table()).map(|relation| relation.owner).collect();
    // What the owner of the tables may do is told of with the tables.
    let mut roles = arena.actor.inherited.clone();
    roles.retain(|role| *role == arena.actor.role.oid || !owners.contains(role));
    for schema in world.settings.schemas.clone() {
        if !world.may_create_in(&schema, &roles) {
            continue;
        }
        let sql = format!("create table {}.tenantry_was_here ()", ident(&schema));
        let outcome = arena.as_a(&sql).await;
        if outcome.is_done() {
            let script = arena.script([], &guise, &[sql], "Not refused.");
            let why = format!(
                "{} may create tables and functions in {schema}, which take the place of those that others mean.",
                arena.actor.role.name
            );
            found.add(Finding::shown(Class::SchemaCreate, schema.clone(), why, script));
        }
    }
}
