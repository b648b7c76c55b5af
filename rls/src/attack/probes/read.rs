//! Reading a table: with A's context, with none, as a tenant whose name is like another's.

use crate::attack::arena::Arena;
use crate::attack::identity::{Guise, NAMED, Side};
use crate::attack::judge::{Failing, Found};
use crate::attack::outcome::Outcome;
use crate::attack::probes::write::{harmless_column, insert_of};
use crate::catalog::Relation;
use crate::class::Class;
use crate::finding::Finding;
use crate::name::ident;

/// More rows say nothing more.
const ROWS: usize = 500;

/// With an index on the tenant, a condition of A's own would only ever see A's rows.
pub(in crate::attack) const NO_INDEX: &str =
    "set local enable_indexscan = off; set local enable_bitmapscan = off; set local enable_indexonlyscan = off";

/// Whose rows came back.
#[derive(Clone, Debug, Default)]
pub(in crate::attack) struct Reading {
    pub(in crate::attack) theirs: usize,
    pub(in crate::attack) nobodys: usize,
    pub(in crate::attack) seen: String,
}

/// Sorts rows by whose they are.
pub(in crate::attack) fn whose(arena: &Arena<'_, '_>, relation: &Relation, sql: &str, outcome: &Outcome) -> Reading {
    let a = arena.pair().a.tenant.trim_end().to_owned();
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let has_tenant = relation.column(tenant).is_some() && outcome.columns.iter().any(|column| column == tenant);
    let mut reading = Reading::default();
    if !has_tenant {
        let sight = arena.sight(sql, outcome);
        reading.theirs = usize::from(sight.is_some());
        reading.seen = sight.map(|sight| sight.text).unwrap_or_default();
        return reading;
    }
    let padded = relation.column(tenant).is_some_and(|column| column.type_name.starts_with("character("));
    for value in outcome.column(tenant) {
        match value {
            None => reading.nobodys += 1,
            Some(value) if value == arena.pair().a.tenant || (padded && value.trim_end() == a) => {}
            Some(value) => {
                reading.theirs += 1;
                reading.seen = value.to_owned();
            }
        }
    }
    if let Some(sight) = arena.sight(sql, outcome).filter(|_| reading.theirs > 0) {
        reading.seen = format!("{} of tenant {}", sight.text, reading.seen);
    }
    reading
}

/// The statement that reads what A may read.
pub(in crate::attack) fn select(arena: &Arena<'_, '_>, relation: &Relation) -> Option<String> {
    let columns: Vec<String> = arena.actor.columns(relation, "SELECT").into_iter().map(ident).collect();
    if columns.is_empty() {
        return None;
    }
    Some(format!("select {} from {} limit {ROWS}", columns.join(", "), relation.name.quoted()))
}

/// Whether policies hold A here.
pub(in crate::attack) fn is_held(arena: &Arena<'_, '_>, relation: &Relation) -> bool {
    let owns = arena.actor.inherited.contains(&relation.owner);
    relation.has_rls && !arena.actor.is_above_rls() && (relation.forces_rls || !owns)
}

/// Reads as A, and as nobody.
pub(in crate::attack) async fn read<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let Some(sql) = select(arena, relation) else { return };
    let guise = arena.guise.clone();
    let outcome = arena.as_a(&sql).await;
    let reading = whose(arena, relation, &sql, &outcome);
    if !is_held(arena, relation) {
        if reading.theirs > 0
            || (outcome.is_done() && !relation.has_rls && arena.plan.tenant_column(relation).is_some())
        {
            unguarded(arena, relation, &sql, &reading, found);
        }
        return;
    }
    if reading.theirs > 0 {
        leaking(arena, relation, &guise, &sql, Failing::Open, found).await;
    }
    if reading.nobodys > 0 && becomes_nobodys(arena, relation).await {
        leaking(arena, relation, &guise, &sql, Failing::Nobodys, found).await;
    } else if reading.nobodys > 0 {
        changes_nobodys(arena, relation, found).await;
    }
    let nobody = arena.nobody();
    if nobody != guise {
        let outcome = arena.as_guise(&nobody, &sql).await;
        let unset = whose(arena, relation, &sql, &outcome);
        if unset.theirs > 0 {
            leaking(arena, relation, &nobody, &sql, Failing::Unset, found).await;
        }
        if unset.nobodys > 0 && reading.nobodys == 0 && becomes_nobodys(arena, relation).await {
            leaking(arena, relation, &nobody, &sql, Failing::Nobodys, found).await;
        }
    }
}

/// Whether a tenant's row can be left without a tenant: by the tenant itself, by a definer's code, or by a key that sets it to
/// null. Rows that are nobody's from the start are everybody's, and where every row must name its tenant, none becomes so.
async fn becomes_nobodys<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation) -> bool {
    let Some(tenant) = arena.plan.tenant_column(relation).filter(|tenant| !tenant.is_not_null) else { return false };
    if arena.plan.world.is_left_without_a_tenant(relation, tenant) {
        return true;
    }
    let with = [(tenant.name.clone(), "null".to_owned())];
    let mut statements: Vec<String> = insert_of(arena, relation, Side::B, &with).await.into_iter().collect();
    if arena.actor.columns(relation, "UPDATE").contains(&tenant.name.as_str()) {
        statements.push(format!("update {} set {} = null", relation.name.quoted(), ident(&tenant.name)));
    }
    // A trigger may see to it that it is somebody's after all.
    let table = relation.name.quoted();
    let look = format!("select pg_catalog.count(*) from {table} t where t.{} is null", ident(&tenant.name));
    let before = arena.session.guarded(&look).await;
    for guise in [arena.guise_of_b(), arena.nobody()] {
        for sql in &statements {
            let (outcome, after) = arena.after(&[], &guise, &[], sql, Some(&look)).await;
            if outcome.is_done() && !after.rows.is_empty() && after.rows != before.rows {
                return true;
            }
        }
    }
    false
}

/// What is nobody's from the start is everybody's to read, and no tenant's to change.
async fn changes_nobodys<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let Some(tenant) = arena.plan.tenant_column(relation) else { return };
    let (table, of_nobody) = (relation.name.quoted(), format!("{} is null", ident(&tenant.name)));
    let change = harmless_column(arena, relation)
        .map(|column| (format!("update {table} set {0} = {0} where {of_nobody}", ident(&column)), "w", "change"));
    let may_delete = relation.grants(&arena.actor.inherited, "DELETE");
    let delete = may_delete.then(|| (format!("delete from {table} where {of_nobody}"), "d", "delete"));
    for (sql, command, deed) in change.into_iter().chain(delete) {
        let does = |outcome: &Outcome, _: &Outcome| outcome.is_done() && outcome.affected > 0;
        let guise = arena.guise.clone();
        if !does(&arena.as_guise(&guise, &sql).await, &Outcome::default()) {
            continue;
        }
        let policies = arena.culprits(relation, &["*", command], &[], &guise, &sql, None, does).await;
        let seen = format!("Tenant A may {deed} rows that every tenant reads.");
        let script = arena.script([relation.oid], &guise, &[sql], &seen);
        for policy in policies {
            let why = format!(
                "The policy {} lets every tenant {deed} the rows without a tenant, which all read.",
                policy.name
            );
            let finding = Finding::shown(Class::PolicyNullTenant, relation.name.to_string(), why, script.clone());
            found.add(finding.about(policy.name.clone()));
        }
    }
}

/// Reads in a session in which no context was ever set.
pub(in crate::attack) async fn read_unset<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let Some(sql) = select(arena, relation).filter(|_| is_held(arena, relation)) else { return };
    let path = arena.guise.settings.iter().filter(|(name, _)| name == "search_path").cloned().collect();
    let unset = arena.guise.with(path);
    let outcome = arena.as_guise(&unset, &sql).await;
    if whose(arena, relation, &sql, &outcome).theirs > 0 {
        leaking(arena, relation, &unset, &sql, Failing::Unset, found).await;
    }
}

/// Reads as a tenant whose name is like B's.
pub(in crate::attack) async fn read_confused<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let Some(sql) = select(arena, relation).filter(|_| is_held(arena, relation)) else { return };
    let guise = arena.guise.clone();
    let outcome = arena.as_a(&sql).await;
    if whose(arena, relation, &sql, &outcome).theirs > 0 {
        let failing = if arena.pair().confusion == NAMED { Failing::Open } else { Failing::Confused };
        leaking(arena, relation, &guise, &sql, failing, found).await;
    }
}

/// No policy holds A: says why.
fn unguarded(arena: &Arena<'_, '_>, relation: &Relation, sql: &str, reading: &Reading, found: &mut Found) {
    let root = arena.plan.root(
        arena
            .plan
            .world
            .relation(relation.oid)
            .unwrap_or(arena.plan.world.catalog.relations.first().unwrap_or(relation)),
    );
    let role = &arena.actor.role.name;
    let (class, why) = if relation.has_rls {
        let why = format!(
            "{role} has the rights of its owner, and the owner of a table passes by its policies unless they are forced."
        );
        (Class::RlsNotForced, why)
    } else if root.oid != relation.oid && root.has_rls {
        (
            Class::PartitionExposed,
            format!("{role} reads it by its own name, where the policies of {} do not count.", root.name),
        )
    } else {
        (Class::RlsDisabled, format!("Row level security is off, and {role} may read it."))
    };
    let seen = if reading.theirs > 0 {
        format!("{} rows are another tenant's, as {}", reading.theirs, reading.seen)
    } else {
        "Nothing filters the rows: row_security_active is false.".to_owned()
    };
    let script = arena.script([relation.oid], &arena.guise, &[sql.to_owned()], &seen);
    found.add(Finding::shown(class, relation.name.to_string(), why, script));
}

/// Finds the policy, and says how it fails.
pub(in crate::attack) async fn leaking<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    guise: &Guise,
    sql: &str,
    failing: Failing,
    found: &mut Found,
) {
    let pair = arena.pair().clone();
    let plan = arena.plan;
    let watch = arena.watch.clone();
    let tenant = plan.world.settings.tenant_column(&relation.name).to_owned();
    let has_tenant = relation.column(&tenant).is_some();
    let leaks = |outcome: &Outcome, _: &Outcome| {
        if !has_tenant {
            return watch.sight(sql, outcome).is_some();
        }
        let values = outcome.column(&tenant);
        match failing {
            Failing::Nobodys => values.iter().any(Option::is_none),
            _ => values
                .iter()
                .flatten()
                .any(|value| value.trim_end() != pair.a.tenant.trim_end() || **value != pair.a.tenant),
        }
    };
    let policies = arena.culprits(relation, &["*", "r"], &[], guise, sql, None, leaks).await;
    let outcome = arena.as_guise(guise, sql).await;
    let reading = whose(arena, relation, sql, &outcome);
    let seen = match failing {
        Failing::Nobodys => format!("{} rows belong to no tenant", reading.nobodys),
        _ => format!("{} rows are not tenant A's, as {}", reading.theirs, reading.seen),
    };
    let script = arena.script([relation.oid], guise, &[sql.to_owned()], &seen);
    for policy in policies {
        if found.has_policy(&relation.name.to_string(), &policy.name) {
            continue;
        }
        let mut class = found.policy_class(&relation.name, policy, arena.actor, failing);
        if class == Class::PolicyLossy && failing == Failing::Open && shows_strangers(arena, relation, guise, sql).await
        {
            class = Class::PolicyOpen;
        }
        let why = told(failing, &policy.name, arena.pair().confusion);
        found.add(Finding::shown(class, relation.name.to_string(), why, script.clone()).about(policy.name.clone()));
    }
}

/// Whether rows of a tenant whose name is like nobody's are shown, too: then the comparison is not what fails.
async fn shows_strangers<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, guise: &Guise, sql: &str) -> bool {
    let Some(tenant) = arena.plan.tenant_column(relation).filter(|_| arena.plan.facts.login.is_superuser) else {
        return false;
    };
    let stranger = match crate::attack::identity::base(arena.plan.facts.base(&tenant.type_name)) {
        "uuid" => "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f",
        "smallint" | "integer" | "bigint" | "numeric" => "29999",
        _ => "zz-nobody-zz",
    };
    let admin = [
        "set local session_replication_role = replica".to_owned(),
        format!(
            "update {} set {1} = {2} where {1}::text = {3}",
            relation.name.quoted(),
            ident(&tenant.name),
            crate::name::literal(stranger),
            crate::name::literal(&arena.pair().b.tenant)
        ),
        "set local session_replication_role = origin".to_owned(),
    ];
    let (outcome, _) = arena.after(&admin, guise, &[], sql, None).await;
    outcome.column(&tenant.name).iter().flatten().any(|value| value.trim_end() == stranger)
}

fn told(failing: Failing, policy: &str, confusion: &str) -> String {
    match failing {
        Failing::Nobodys => format!("The policy {policy} shows rows without a tenant to every tenant."),
        Failing::Unset => format!("The policy {policy} shows tenants' rows to a session that set no context."),
        Failing::Believed => {
            format!("The policy {policy} believes what the caller chooses, and shows another tenant's rows.")
        }
        Failing::Confused => format!("The policy {policy} {confusion}, and so takes one tenant for another."),
        _ => format!("The policy {policy} shows tenant A another tenant's rows."),
    }
}

/// The tables of which A reads another tenant's rows in this guise, after statements of its own.
pub(in crate::attack) async fn leaking_tables<'w>(
    arena: &mut Arena<'w, '_>,
    guise: &Guise,
    own: &[String],
) -> Vec<(&'w Relation, String, Reading)> {
    let world = arena.plan.world;
    let mut leaking = Vec::new();
    for relation in arena.seeded() {
        if world.settings.is_global(&relation.name) || !arena.plan.is_of_tenants(relation) {
            continue;
        }
        let Some(sql) = select(arena, relation) else { continue };
        let (outcome, _) = arena.after(&[], guise, own, &sql, None).await;
        let reading = whose(arena, relation, &sql, &outcome);
        if reading.theirs > 0 {
            leaking.push((relation, sql, reading));
        }
    }
    leaking
}
