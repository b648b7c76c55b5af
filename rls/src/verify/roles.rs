//! Roles: those that no policy holds, that own what they use, that read everything.

use super::{AppRole, World, names};
use crate::catalog::{Relation, Role};
use crate::class::Class;
use crate::config::Context;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::remedy::{Remedy, Step};

/// PostgreSQL's own roles that reach past what an app is granted, with what they give.
const PREDEFINED: &[(&str, Severity, &str)] = &[
    ("pg_execute_server_program", Severity::Critical, "runs programs as the server's user, which reads every row"),
    ("pg_read_server_files", Severity::Critical, "reads the server's files, among them every table's"),
    ("pg_write_server_files", Severity::Critical, "writes the server's files, and so becomes whatever it wants"),
    ("pg_read_all_data", Severity::High, "reads every table, view and sequence, also those without policies"),
    ("pg_write_all_data", Severity::High, "writes every table, also those that say who belongs where"),
    ("pg_create_subscription", Severity::High, "copies tables in as the subscription's owner"),
    ("pg_monitor", Severity::Medium, "reads the text of every session's statements, with the values in them"),
    ("pg_read_all_stats", Severity::Medium, "reads the text of every session's statements, with the values in them"),
    ("pg_maintain", Severity::Medium, "rebuilds and analyses every table"),
];

/// Since this version CREATEROLE gives only roles that one may give anyway.
const TAMED_CREATEROLE: u32 = 160_000;

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    for app in &world.app_roles {
        findings.extend(bypassing(world, app));
        if app.role.is_superuser {
            continue;
        }
        findings.extend(predefined(world, app));
        findings.extend(attributes(world, app));
    }
    owning(world, findings);
    becoming(world, findings);
}

fn above(role: &Role) -> Option<&'static str> {
    if role.is_superuser {
        return Some("SUPERUSER");
    }
    role.bypasses_rls.then_some("BYPASSRLS")
}

fn bypassing(world: &World<'_>, app: &AppRole<'_>) -> Vec<Finding> {
    let name = app.name();
    if let Some(attribute) = above(app.role) {
        let text = format!("{name} is {attribute}: no policy holds it, and it reads and writes every tenant's rows.");
        let sql = format!("alter role {} no{}", ident(name), attribute.to_ascii_lowercase());
        let finding = Finding::verified(Class::RoleBypasses, name, text).because(format!("role {name}: {attribute}"));
        return vec![finding.closed_by(Remedy::steps([Step::of_database(sql)]))];
    }
    let others: Vec<&Role> =
        world.catalog.roles.iter().filter(|role| app.reachable.contains(&role.oid) && above(role).is_some()).collect();
    let Some(first) = others.first() else { return Vec::new() };
    let list = others.iter().map(|role| format!("{} ({})", role.name, above(role).unwrap_or_default()));
    let list = list.collect::<Vec<_>>().join(", ");
    let text = format!("{name} can become {list} by SET ROLE, and is then held by no policy.");
    // Whoever looks after a role that bypasses looks for its name.
    let of_both =
        std::iter::once((name, &first.name)).chain(others.iter().map(|role| (role.name.as_str(), &app.role.name)));
    let finding = |(object, about): (&str, &String)| {
        let finding = Finding::verified(Class::RoleBypasses, object, text.clone()).about(about.clone());
        finding.because(format!("{name} is a member of {list}")).closed_by(leaving(world, app, &others))
    };
    of_both.map(finding).collect()
}

/// Takes away the memberships that lead there, where they are direct.
fn leaving(world: &World<'_>, app: &AppRole<'_>, others: &[&Role]) -> Remedy {
    let gives = |membership: &&crate::catalog::Membership| {
        membership.member == app.role.oid
            && others.iter().any(|role| world.catalog.reachable(membership.role).contains(&role.oid))
    };
    let groups = world.catalog.memberships.iter().filter(gives);
    let revoke = |group: u32| format!("revoke {} from {}", ident(world.role_name(group)), ident(app.name()));
    Remedy::steps(groups.map(|membership| Step::of_database(revoke(membership.role))))
}

fn predefined(world: &World<'_>, app: &AppRole<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let has = |name: &str| world.catalog.role(name).is_some_and(|role| app.reachable.contains(&role.oid));
    for (name, severity, gives) in PREDEFINED {
        if !has(name) || (*name == "pg_read_all_stats" && has("pg_monitor")) {
            continue;
        }
        let text = format!("{} is a member of {name}, which {gives}.", app.name());
        let finding = Finding::verified(Class::RoleReadsAll, app.name(), text).about(*name).weighing(*severity);
        let role = world.catalog.role(name);
        let remedy = role.map(|role| leaving(world, app, &[role])).unwrap_or_default();
        findings.push(finding.because(format!("{} is a member of {name}", app.name())).closed_by(remedy));
    }
    findings
}

fn attributes(world: &World<'_>, app: &AppRole<'_>) -> Vec<Finding> {
    let name = app.name();
    let mut findings = Vec::new();
    let mut add = |class: Class, attribute: &str, why: &str| {
        let text = format!("{name} has {attribute}: {why}.");
        let sql = format!("alter role {} no{}", ident(name), attribute.to_ascii_lowercase());
        let finding = Finding::verified(class, name, text).about(attribute).weighing(Severity::High);
        let finding = finding.because(format!("role {name}: {attribute}"));
        findings.push(finding.closed_by(Remedy::steps([Step::of_database(sql)])));
    };
    if app.role.can_create_roles && world.catalog.server.version_num < TAMED_CREATEROLE {
        add(
            Class::RoleBypasses,
            "CREATEROLE",
            "before PostgreSQL 16 it may make itself a member of every role but superusers",
        );
    }
    if app.role.can_replicate {
        add(
            Class::RoleReadsAll,
            "REPLICATION",
            "it may stream every change of every table, which no policy holds back",
        );
    }
    findings
}

fn owning(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut of_others = Vec::new();
    for relation in world.exposed().filter(|relation| relation.is_table() && !world.is_above_rls(relation.owner)) {
        let concerns =
            world.is_tenant_table(relation) || world.belongs_by_key(relation) || world.is_tenants_root(relation);
        let who: Vec<_> = world.who_reaches(relation.owner).into_iter().filter(|app| !app.role.is_superuser).collect();
        if concerns && !who.is_empty() && !world.settings.is_global(&relation.name) {
            findings.push(owned(world, relation, &who));
            of_others.push(relation);
        }
    }
    findings.extend(members(world, &of_others));
}

/// The roles themselves: it is them, or what they can become, that has to change.
fn members(world: &World<'_>, owned: &[&Relation]) -> Vec<Finding> {
    let of = |app: &AppRole<'_>| {
        let reached = |table: &&&Relation| app.reachable.contains(&table.owner);
        let owners: Vec<&Role> = owned
            .iter()
            .filter(reached)
            .filter_map(|table| world.catalog.roles.iter().find(|role| role.oid == table.owner))
            .collect();
        let first = owners.first()?;
        let text = format!(
            "{} is or can become {}, which owns tenants' tables: an owner can switch their policies off, and drop them.",
            app.name(),
            first.name
        );
        let finding = Finding::verified(Class::RoleOwnsTable, app.name(), text).about(first.name.clone());
        let how = if first.oid == app.role.oid { "is" } else { "is a member of" };
        let finding = finding.because(format!("{} {how} {}", app.name(), first.name));
        Some(finding.closed_by(leaving(world, app, &owners)))
    };
    world.app_roles.iter().filter(|app| above(app.role).is_none()).filter_map(of).collect()
}

/// A tenant's role that can become another tenant's.
fn becoming(world: &World<'_>, findings: &mut Vec<Finding>) {
    let Context::Role { roles, .. } = &world.settings.context else { return };
    for app in &world.app_roles {
        let is_tenants =
            |name: &str| roles.iter().any(|(side, role)| matches!(side.as_str(), "A" | "B") && role == name);
        let others: Vec<&Role> = world
            .catalog
            .roles
            .iter()
            .filter(|role| is_tenants(&role.name) && role.oid != app.role.oid && app.reachable.contains(&role.oid))
            .collect();
        let Some(other) = others.first().filter(|_| is_tenants(app.name()) && above(app.role).is_none()) else {
            continue;
        };
        let text =
            format!("{} is a member of {}, which is another tenant's role, and has its rows.", app.name(), other.name);
        let finding = Finding::verified(Class::RoleBypasses, app.name(), text).about(other.name.clone());
        let finding = finding.because(format!("{} is a member of {}", app.name(), other.name));
        findings.push(finding.closed_by(leaving(world, app, &others)));
    }
}

fn owned(world: &World<'_>, relation: &Relation, who: &[&AppRole<'_>]) -> Finding {
    let (table, owner) = (&relation.name, world.role_name(relation.owner));
    let text = format!(
        "{} is or can become {owner}, which owns {table}: an owner can switch its policies off, and drop them.",
        names(who)
    );
    let advice = format!(
        "Give {table} to a role that nobody logs in as and that {} is no member of (alter table … owner to …), then grant what the app needs.",
        names(who)
    );
    let finding = Finding::verified(Class::RoleOwnsTable, table.to_string(), text);
    finding.because(format!("{table}: owner {owner}")).closed_by(Remedy::advice(advice))
}
