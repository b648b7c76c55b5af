//! Tables: without row level security, without FORCE, partitions beside their parents, rows without a tenant.

use std::collections::HashSet;

use super::{World, names};
use crate::catalog::{Relation, RelationKind};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::{Name, ident};
use crate::policy::{Prover, context_expression, tenant_equality};
use crate::remedy::{Remedy, Step};

/// What can be done to rows.
pub(super) const ROWS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let prover = Prover::new(world);
    for relation in world.exposed().filter(|relation| relation.is_table() && !world.settings.is_global(&relation.name))
    {
        if relation.parents.is_empty() {
            findings.extend(disabled(world, relation));
        }
        findings.extend(not_forced(world, relation));
        findings.extend(nullable(world, relation));
        findings.extend(fixed_default(world, &prover, relation));
    }
    findings.extend(exposed_children(world));
}

/// What app roles may do to rows of a relation, as words.
fn reach(world: &World<'_>, relation: &Relation) -> Option<(String, Vec<&'static str>)> {
    let verbs: Vec<&'static str> =
        ROWS.iter().copied().filter(|privilege| !world.who_may(relation, privilege).is_empty()).collect();
    let who: Vec<_> = world
        .app_roles
        .iter()
        .filter(|app| ROWS.iter().any(|privilege| world.may(&app.reachable, relation, privilege)))
        .collect();
    (!verbs.is_empty()).then(|| (names(&who), verbs))
}

fn disabled(world: &World<'_>, relation: &Relation) -> Option<Finding> {
    if relation.has_rls {
        return None;
    }
    let (who, verbs) = reach(world, relation)?;
    let verbs_text = verbs.join(", ");
    let table = &relation.name;
    let (severity, why) = if world.is_tenant_table(relation) {
        (Severity::Critical, format!("{table} holds every tenant's rows and has no row level security"))
    } else if world.is_tenants_root(relation) {
        let writes = verbs.iter().any(|verb| *verb != "SELECT");
        let severity = if writes { Severity::High } else { Severity::Medium };
        (severity, format!("{table} lists all tenants and has no row level security"))
    } else if world.belongs_by_key(relation) {
        (Severity::Critical, format!("{table} belongs to tenants by its foreign key and has no row level security"))
    } else if let Some(other) = names_tenants_rows(world, relation) {
        (
            Severity::High,
            format!(
                "{table} says by its columns' names which rows of {other} it belongs to, and has no row level security"
            ),
        )
    } else {
        let text = format!(
            "{table} has no tenant column, no key to a tenant's table and no row level security: {who} may {verbs_text} all of it. If it is everybody's, name it in global_tables."
        );
        return Some(Finding::verified(Class::RlsDisabled, table.to_string(), text).weighing(Severity::Info));
    };
    let dormant = world.policies_of(relation.oid).len();
    let dormant = if dormant > 0 { format!(" Its {dormant} policies are not in force.") } else { String::new() };
    let text = format!("{why}: {who} may {verbs_text} all of them.{dormant}");
    let finding = Finding::verified(Class::RlsDisabled, table.to_string(), text).weighing(severity);
    Some(finding.because(format!("{table}: relrowsecurity = false")).closed_by(enabling(world, relation)))
}

/// The tenants' table that a table without keys refers to by the names of its columns, where these are ids of no other.
fn names_tenants_rows<'a>(world: &World<'a>, relation: &Relation) -> Option<&'a Name> {
    let ids = relation.columns.iter().filter(|column| column.plain_type() == "uuid");
    let mut linked = ids.filter_map(|column| world.linked_by_name(relation, column));
    linked.find(|other| world.is_tenant_table(other)).map(|other| &other.name)
}

/// Switches row level security on, with a policy where there is none and one can be written.
pub(super) fn enabling(world: &World<'_>, relation: &Relation) -> Remedy {
    let table = relation.name.quoted();
    let mut steps = Vec::new();
    let has_policies = !world.policies_of(relation.oid).is_empty();
    let condition = tenant_equality(world.settings, relation).or_else(|| parent_equality(world, relation));
    if let Some(condition) = condition.as_ref().filter(|_| !has_policies) {
        let sql = format!("create policy tenant_isolation on {table} using ({condition}) with check ({condition})");
        steps.push(Step::on(&relation.name, sql));
    }
    steps.push(Step::on(&relation.name, format!("alter table {table} enable row level security")));
    steps.push(Step::on(&relation.name, format!("alter table {table} force row level security")));
    let remedy = Remedy::steps(steps);
    if has_policies || condition.is_some() {
        return remedy;
    }
    Remedy::advice(format!(
        "Enable row level security on {} with a policy that looks up the tenant; without a policy nobody sees a row.",
        relation.name
    ))
}

/// The tenant of the row that a single-column foreign key refers to.
fn parent_equality(world: &World<'_>, relation: &Relation) -> Option<String> {
    world.constraints_of(relation.oid).iter().find_map(|constraint| {
        let parent = world.relation(constraint.references?)?;
        let tenant = parent.column(world.settings.tenant_column(&parent.name))?;
        let ([own], [theirs]) = (constraint.columns.as_slice(), constraint.referenced_columns.as_slice()) else {
            return None;
        };
        let (own, theirs) = (relation.column_at(*own)?, parent.column_at(*theirs)?);
        let context = context_expression(world.settings, &tenant.type_name)?;
        Some(format!(
            "exists (select 1 from {parent} as tenant_parent where tenant_parent.{theirs} = {table}.{own} and tenant_parent.{tenant} = {context})",
            parent = parent.name.quoted(),
            theirs = ident(&theirs.name),
            table = relation.name.quoted(),
            own = ident(&own.name),
            tenant = ident(&tenant.name),
        ))
    })
}

fn not_forced(world: &World<'_>, relation: &Relation) -> Option<Finding> {
    let is_kept = relation.has_rls && !relation.forces_rls;
    let concerns = world.is_tenant_table(relation) || world.belongs_by_key(relation) || world.is_tenants_root(relation);
    let who = world.who_reaches(relation.owner);
    if !is_kept || !concerns || who.is_empty() || world.is_above_rls(relation.owner) {
        return None;
    }
    let (table, owner) = (&relation.name, world.role_name(relation.owner));
    let text = format!(
        "{} is or can become {owner}, which owns {table}; without FORCE the owner passes by the table's policies.",
        names(&who)
    );
    let sql = format!("alter table {} force row level security", table.quoted());
    let proof = format!("{table}: relforcerowsecurity = false, owner {owner}");
    let finding = Finding::verified(Class::RlsNotForced, table.to_string(), text).because(proof);
    Some(finding.closed_by(Remedy::steps([Step::on(table, sql)])))
}

/// Partitions and children that can be named directly, past the policies of what they are part of.
fn exposed_children(world: &World<'_>) -> Vec<Finding> {
    let tables = world.catalog.relations.iter().filter(|relation| relation.is_table() && !relation.has_rls);
    tables.filter_map(|relation| exposed_child(world, relation)).collect()
}

fn exposed_child(world: &World<'_>, relation: &Relation) -> Option<Finding> {
    let parent = guarded_ancestor(world, relation)?;
    if world.settings.is_global(&relation.name) {
        return None;
    }
    let (who, verbs) = reach(world, relation)?;
    let table = &relation.name;
    let part = if relation.is_partition { "a partition" } else { "a child" };
    let text = format!(
        "{table} is {part} of {} and has no row level security of its own: {who} may {} its rows by its name, past the parent's policies.",
        parent.name,
        verbs.join(", ")
    );
    let finding = Finding::verified(Class::PartitionExposed, table.to_string(), text);
    Some(finding.because(format!("{table}: relrowsecurity = false")).closed_by(closing_child(relation)))
}

/// Without a policy of its own nobody reads it directly, and through its parent everybody does as before.
fn closing_child(relation: &Relation) -> Remedy {
    let table = relation.name.quoted();
    let steps = [
        format!("alter table {table} enable row level security"),
        format!("alter table {table} force row level security"),
    ];
    let advice = "Reads and writes through the parent go on as before; whoever names it directly sees nothing until it has policies of its own.";
    Remedy::steps(steps.map(|sql| Step::on(&relation.name, sql))).with_advice(advice)
}

/// The nearest table above that is exposed and a tenant's.
fn guarded_ancestor<'a>(world: &World<'a>, relation: &Relation) -> Option<&'a Relation> {
    let (mut seen, mut open) = (HashSet::new(), relation.parents.clone());
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        let Some(parent) = world.relation(next) else { continue };
        let is_exposed = world.settings.schemas.contains(&parent.name.schema);
        let is_table = matches!(parent.kind, RelationKind::Table | RelationKind::Partitioned);
        let concerns = world.is_tenant_table(parent) || parent.has_rls || world.belongs_by_key(parent);
        if is_table && is_exposed && concerns && !world.settings.is_global(&parent.name) {
            return Some(parent);
        }
        open.extend(&parent.parents);
    }
    None
}

/// For information: what has no tenant is seen by nobody, as long as the policies are sound.
fn nullable(world: &World<'_>, relation: &Relation) -> Option<Finding> {
    if !world.is_tenant_table(relation) || !relation.parents.is_empty() {
        return None;
    }
    let column = relation.column(world.settings.tenant_column(&relation.name))?;
    if column.is_not_null || ROWS.iter().all(|privilege| world.who_may(relation, privilege).is_empty()) {
        return None;
    }
    let text = format!(
        "{} may be NULL in {}: such rows belong to nobody, and every condition that lets NULL pass shows them to everybody.",
        column.name, relation.name
    );
    let advice = format!("Find such rows first; then: {}", not_null(&relation.name, &column.name));
    let finding = Finding::verified(Class::TenantNullable, relation.name.to_string(), text).weighing(Severity::Info);
    Some(finding.about(column.name.clone()).closed_by(Remedy::advice(advice)))
}

fn not_null(table: &Name, column: &str) -> String {
    format!("alter table {} alter column {} set not null", table.quoted(), ident(column))
}

fn fixed_default(world: &World<'_>, prover: &Prover<'_, '_>, relation: &Relation) -> Option<Finding> {
    if !world.is_tenant_table(relation) || world.who_may(relation, "INSERT").is_empty() {
        return None;
    }
    let column = relation.column(world.settings.tenant_column(&relation.name))?;
    let default = column.default.as_deref().filter(|_| column.generated.is_empty() && column.identity.is_empty())?;
    prover.literal(default)?;
    let table = &relation.name;
    let text = format!(
        "{table}.{} is {default} where a statement does not say it: such rows go to one fixed tenant.",
        column.name
    );
    let sql = format!("alter table {} alter column {} drop default", table.quoted(), ident(&column.name));
    let finding = Finding::verified(Class::TenantDefault, table.to_string(), text).about(column.name.clone());
    Some(finding.because(format!("default {default}")).closed_by(Remedy::steps([Step::on(table, sql)])))
}
