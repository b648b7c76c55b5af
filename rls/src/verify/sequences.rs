//! Sequences: what all tenants count with, one of them can read or move.

use super::reach::revokes;
use super::{World, names};
use crate::catalog::{Relation, RelationKind};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::{Name, ident, literal};
use crate::remedy::Remedy;

/// Adds the sequences that tell one tenant how much the others do. `USAGE` alone, which `nextval` needs, is no hole.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let draws = draws(world);
    let sequences = world.exposed().filter(|relation| relation.kind == RelationKind::Sequence);
    findings.extend(sequences.filter(|it| is_shared(world, &draws, it)).filter_map(|it| one(world, it)));
}

fn one(world: &World<'_>, sequence: &Relation) -> Option<Finding> {
    let may = |privilege| -> Vec<_> {
        let granted = world.granted(&sequence.acl, sequence.owner, privilege);
        granted.into_iter().filter(|app| world.has_usage(&sequence.name.schema, &app.reachable)).collect()
    };
    let (readers, movers) = (may("SELECT"), may("UPDATE"));
    let (mut can, mut privileges) = (Vec::new(), Vec::new());
    if !readers.is_empty() {
        can.push(format!("{} may read its last_value, and so count what all tenants do", names(&readers)));
        privileges.push("SELECT");
    }
    if !movers.is_empty() {
        can.push(format!("{} may move it with setval, and so break the inserts of every tenant", names(&movers)));
        privileges.push("UPDATE");
    }
    if privileges.is_empty() {
        return None;
    }
    let severity = if movers.is_empty() { Severity::Low } else { Severity::Medium };
    let explanation = format!("All tenants draw from the sequence {}: {}.", sequence.name, can.join("; "));
    let grantees = world.grantees(&sequence.acl, sequence.owner, &privileges);
    let remedy = Remedy::steps(revokes(sequence, "sequence", &privileges, &grantees)).with_advice(
        "nextval and currval go on working: the app needs USAGE alone. Numbers by which a tenant must not count are \
         better uuids, or numbers of the tenant's own.",
    );
    Some(
        Finding::verified(Class::SequenceOracle, sequence.name.to_string(), explanation)
            .weighing(severity)
            .because(format!("granted on {}: {} to {}", sequence.name, privileges.join(", "), grantees.join(", ")))
            .closed_by(remedy),
    )
}

/// The defaults that draw from a sequence, with whether their table is of tenants.
fn draws<'a>(world: &World<'a>) -> Vec<(&'a str, bool)> {
    let of_table = |relation: &'a Relation| {
        let of_tenants = world.is_of_tenants(relation);
        let defaults = relation.columns.iter().filter_map(|column| column.default.as_deref());
        defaults.filter(|text| text.contains("nextval(")).map(move |text| (text, of_tenants))
    };
    world.catalog.relations.iter().flat_map(of_table).collect()
}

/// That of a tenants' table, or one that belongs to none: those of everybody's tables say nothing of tenants.
fn is_shared(world: &World<'_>, draws: &[(&str, bool)], sequence: &Relation) -> bool {
    if let Some(table) = sequence.owned_by.as_ref().and_then(|owned| world.relation(owned.relation)) {
        return world.is_of_tenants(table);
    }
    let written = forms(&sequence.name);
    let mut of_tenants = draws.iter().filter(|(text, _)| written.iter().any(|form| text.contains(form))).map(|it| it.1);
    let first = of_tenants.next();
    first.is_none_or(|first| first || of_tenants.any(|other| other))
}

/// A name in a default, as PostgreSQL prints it: each part quoted where it has to be, in a literal.
fn forms(name: &Name) -> [String; 4] {
    let (schema, own) = (ident(&name.schema), ident(&name.name));
    [name.to_string(), format!("{schema}.{own}"), format!("{}.{own}", name.schema), format!("{schema}.{}", name.name)]
        .map(|form| literal(&form).trim_start().to_owned())
}
