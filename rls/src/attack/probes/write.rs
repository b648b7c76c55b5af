//! Changing a table: bare, so that the policies for reading do not hide what those for writing let through.

use crate::attack::arena::Arena;
use crate::attack::identity::{Guise, NAMED, Side};
use crate::attack::judge::{Failing, Found};
use crate::attack::outcome::Outcome;
use crate::attack::probes::read::is_held;
use crate::catalog::Relation;
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal, mentions};

/// So many variants of a row are written.
const VARIANTS: usize = 32;
/// Columns that are set without reading any.
const BLIND: usize = 8;
/// Rows under which one is moved.
const PARENTS: usize = 24;
const INSERTS: &str = "lets tenant A insert rows that are another tenant's";
const MOVES: &str = "lets tenant A move its rows into another tenant";

/// What a write does, for the report.
struct Write<'a> {
    /// What the administrator does first, so that nothing but policies can refuse.
    admin: Vec<String>,
    sql: String,
    /// The policies that have a say in it.
    commands: &'a [&'a str],
    /// Whether it moves rows into B, rather than changing B's rows.
    is_into: bool,
    told: &'a str,
}

impl<'a> Write<'a> {
    /// What changes rows of B's.
    const fn of_theirs(sql: String, commands: &'a [&'a str], told: &'a str) -> Self {
        Self { admin: Vec::new(), sql, commands, is_into: false, told }
    }

    /// What makes a row B's.
    const fn into_theirs(sql: String, commands: &'a [&'a str], told: &'a str) -> Self {
        Self { admin: Vec::new(), sql, commands, is_into: true, told }
    }
}

/// Tries every way to change rows.
pub(in crate::attack) async fn write<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    truncate(arena, relation, found).await;
    grants(arena, relation, found);
    if !is_held(arena, relation) {
        return;
    }
    for write in writes(arena, relation, VARIANTS).await {
        let guise = arena.guise.clone();
        if attempt(arena, relation, &guise, &write, false, found).await {
            continue;
        }
        let nobody = arena.nobody();
        if nobody != guise {
            attempt(arena, relation, &nobody, &write, true, found).await;
        }
    }
}

/// Only what writes into B: for pairs of names that are alike.
pub(in crate::attack) async fn write_confused<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    found: &mut Found,
) {
    if !is_held(arena, relation) {
        return;
    }
    for write in writes(arena, relation, 0).await {
        let guise = arena.guise.clone();
        attempt(arena, relation, &guise, &write, false, found).await;
    }
}

async fn writes<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, variants: usize) -> Vec<Write<'static>> {
    let table = relation.name.quoted();
    let mut found = Vec::new();
    if let Some(column) = harmless_column(arena, relation) {
        let sql = format!("update {table} set {0} = {0}", ident(&column));
        let merge = format!(
            "merge into {table} t using (values (1)) s on true when matched then update set {0} = t.{0}",
            ident(&column)
        );
        for sql in [sql, merge] {
            found.push(Write::of_theirs(sql, &["*", "w"], "lets tenant A change another tenant's rows"));
        }
    }
    for sql in blind(arena, relation) {
        found.push(Write::of_theirs(
            sql,
            &["*", "w"],
            "lets tenant A change another tenant's rows, by a statement that reads none of their columns",
        ));
    }
    if relation.grants(&arena.actor.inherited, "DELETE") {
        let sql = format!("delete from {table}");
        found.push(Write::of_theirs(sql, &["*", "d"], "lets tenant A delete another tenant's rows"));
    }
    if let Some(sql) = insert_of(arena, relation, Side::B, &[]).await {
        found.push(Write::into_theirs(sql, &["*", "a"], INSERTS));
    }
    if let Some(sql) = in_conflict(arena, relation) {
        found.push(Write::of_theirs(
            sql,
            &["*", "a", "w"],
            "lets tenant A change another tenant's row by inserting it once more",
        ));
    }
    if let Some(sql) = mixed(arena, relation).await {
        found.push(Write::into_theirs(sql, &["*", "a"], INSERTS));
    }
    found.extend(instead(arena, relation, variants).await);
    for sql in moving(arena, relation, Side::B).into_iter().chain(moving_by_link(arena, relation)) {
        found.push(Write::into_theirs(sql, &["*", "w"], MOVES));
    }
    if let Some((tenant, sql)) = arena.plan.tenant_column(relation).zip(moving(arena, relation, Side::A)) {
        // A's own rows would be in the way of B's, which have the same natural keys.
        let own = literal(&arena.pair().a.tenant);
        let admin = vec![format!("delete from {table} where {}::text = {own}", ident(&tenant.name))];
        found.push(Write {
            admin,
            sql,
            commands: &["*", "w"],
            is_into: false,
            told: "lets tenant A take another tenant's rows",
        });
    }
    found
}

/// Changes that read no column: the policies for reading have no say in them.
fn blind(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<String> {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let given = arena.seeder.first(relation.oid, Side::A).map(|row| row.given.as_slice()).unwrap_or_default();
    let may = arena.actor.columns(relation, "UPDATE");
    let is_key =
        |name: &str| arena.plan.keys(relation).iter().any(|key| key.columns.iter().any(|column| column == name));
    let free = |(name, value): &&(String, String)| {
        may.contains(&name.as_str()) && name != tenant && !is_key(name) && value != "null"
    };
    let sets: Vec<String> =
        given.iter().filter(free).map(|(name, value)| format!("{} = {value}", ident(name))).collect();
    let table = relation.name.quoted();
    let all = (sets.len() > 1).then(|| sets.join(", "));
    sets.iter().take(BLIND).cloned().chain(all).map(|set| format!("update {table} set {set}")).collect()
}

/// A row of B's that refers to what is A's.
async fn mixed<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation) -> Option<String> {
    let tenant = arena.plan.tenant_column(relation)?.name.clone();
    // In the table that says who belongs where, that is its meaning.
    let membership = arena.plan.world.settings.context.membership();
    if membership.is_some_and(|known| relation.name.is_meant_by(&known.table)) {
        return None;
    }
    let own = arena.values(relation.oid, Side::A)?.clone();
    let keys = arena.plan.foreign_keys(relation.oid).iter().filter(|key| !key.columns.contains(&tenant));
    let linked =
        relation.columns.iter().filter(|column| column.name != tenant && arena.plan.link(relation, column).is_some());
    let columns = keys.flat_map(|key| key.columns.clone()).chain(linked.map(|column| column.name.clone()));
    let with = columns.filter_map(|name| Some((name.clone(), literal(own.get(&name)?.as_deref()?))));
    let with: Vec<(String, String)> = with.collect();
    if with.is_empty() {
        return None;
    }
    insert_of(arena, relation, Side::B, &with).await
}

/// Under any of B's rows, where no key says to what a column refers.
fn moving_by_link(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<String> {
    let plan = arena.plan;
    if relation.column(plan.world.settings.tenant_column(&relation.name)).is_some() {
        return Vec::new();
    }
    let Some(relation) = plan.world.relation(relation.oid) else { return Vec::new() };
    let may = arena.actor.columns(relation, "UPDATE");
    let columns = relation.columns.iter().filter(|column| may.contains(&column.name.as_str()));
    let linked = columns.filter_map(|column| Some((column, plan.link(relation, column)?)));
    let moves = linked.flat_map(|(column, (target, there))| {
        let rows = arena.seeder.rows_of(target.oid, Side::B).take(PARENTS);
        let values = rows.filter_map(move |row| row.values.get(&there).cloned().flatten());
        let set = move |value: String| {
            format!("update {} set {} = {}", relation.name.quoted(), ident(&column.name), literal(&value))
        };
        values.map(set).collect::<Vec<_>>()
    });
    moves.collect()
}

/// B's first row once more, `on conflict do update`.
fn in_conflict(arena: &Arena<'_, '_>, relation: &Relation) -> Option<String> {
    let key = arena.plan.keys(relation).iter().find(|key| key.is_plain && !key.is_exclusion)?;
    let values = arena.values(relation.oid, Side::B)?;
    let of_key = |name: &String| Some((name.clone(), literal(values.get(name)?.as_deref()?)));
    let theirs: Vec<(String, String)> = key.columns.iter().map(of_key).collect::<Option<_>>()?;
    let given = arena.seeder.first(relation.oid, Side::B).map(|row| row.given.clone())?;
    let insert = insert_with(arena, relation, &given, &theirs)?;
    let columns: Vec<String> = key.columns.iter().map(|name| ident(name)).collect();
    let column = ident(&harmless_column(arena, relation)?);
    let table = relation.name.quoted();
    Some(format!("{insert} on conflict ({}) do update set {column} = {table}.{column}", columns.join(", ")))
}

/// What a condition for writing may ask for instead of the tenant: first of all, that the row is by whoever asks.
async fn instead<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, variants: usize) -> Vec<Write<'static>> {
    let mut found = Vec::new();
    let rows = arena.plan.variants(relation, &arena.pair().clone(), Side::B);
    let by_oneself = arena.plan.by(relation, &arena.pair().a).filter(|_| variants > 0);
    let others = rows.iter().filter(|variant| !variant.is_empty()).take(variants);
    for variant in by_oneself.iter().chain(others) {
        let with: Vec<(String, String)> = variant.iter().map(|(name, value)| (name.clone(), value.sql())).collect();
        if let Some(sql) = insert_of(arena, relation, Side::B, &with).await {
            found.push(Write::into_theirs(sql, &["*", "a"], INSERTS));
        }
        let may = arena.actor.columns(relation, "UPDATE");
        if let Some(sql) =
            moving(arena, relation, Side::B).filter(|_| with.iter().all(|(name, _)| may.contains(&name.as_str())))
        {
            let sets: String = with.iter().map(|(name, value)| format!(", {} = {value}", ident(name))).collect();
            found.push(Write::into_theirs(sql + &sets, &["*", "w"], MOVES));
        }
    }
    found
}

/// A column that may be set to what it holds.
pub(in crate::attack) fn harmless_column(arena: &Arena<'_, '_>, relation: &Relation) -> Option<String> {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let may = arena.actor.columns(relation, "UPDATE");
    let plain = |column: &&crate::catalog::Column| {
        column.generated.is_empty() && column.identity != "a" && may.contains(&column.name.as_str())
    };
    let mut columns: Vec<_> = relation.columns.iter().filter(plain).collect();
    columns.sort_by_key(|column| (column.name == tenant, column.type_name != "text"));
    columns.first().map(|column| column.name.clone())
}

/// `update … set tenant_id = B`, or for a row that belongs to a parent's tenant, the parent's id.
pub(in crate::attack) fn moving(arena: &Arena<'_, '_>, relation: &Relation, to: Side) -> Option<String> {
    let may = arena.actor.columns(relation, "UPDATE");
    let there = arena.values(relation.oid, to)?;
    let mut columns: Vec<String> = Vec::new();
    let tenant = relation.column(arena.plan.world.settings.tenant_column(&relation.name));
    if let Some(tenant) = tenant {
        columns.push(tenant.name.clone());
        // What refers with the tenant has to follow it, or the reference would refuse what the policy lets through.
        let with_tenant = arena.plan.foreign_keys(relation.oid).iter().filter(|key| key.columns.contains(&tenant.name));
        columns.extend(with_tenant.flat_map(|key| key.columns.clone()).filter(|column| *column != tenant.name));
    } else {
        let of_tenants = |key: &&crate::attack::plan::ForeignKey| {
            arena.plan.world.relation(key.target).is_some_and(|target| arena.plan.tenant_column(target).is_some())
        };
        let key = arena.plan.foreign_keys(relation.oid).iter().find(of_tenants)?;
        columns.extend(key.columns.clone());
    }
    columns.retain(|column| may.contains(&column.as_str()));
    if columns.is_empty() || tenant.is_some_and(|tenant| !columns.contains(&tenant.name)) {
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    columns.retain(|column| seen.insert(column.clone()));
    let sets: Vec<String> = columns
        .iter()
        .map(|column| {
            let value = there.get(column).cloned().flatten();
            format!("{} = {}", ident(column), value.map_or_else(|| "null".to_owned(), |value| literal(&value)))
        })
        .collect();
    Some(format!("update {} set {}", relation.name.quoted(), sets.join(", ")))
}

/// An insert that PostgreSQL would take as a row of the side, with columns that A may set.
pub(in crate::attack) async fn insert_of<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    side: Side,
    with: &[(String, String)],
) -> Option<String> {
    let given = arena.seeder.spare(arena.session, relation, side).await?;
    insert_with(arena, relation, &given, with)
}

/// The same, from values that are known.
pub(in crate::attack) fn insert_with(
    arena: &Arena<'_, '_>,
    relation: &Relation,
    given: &[(String, String)],
    with: &[(String, String)],
) -> Option<String> {
    let may = arena.actor.columns(relation, "INSERT");
    let mut values: Vec<(String, String)> =
        given.iter().filter(|(name, _)| may.contains(&name.as_str())).cloned().collect();
    for (name, value) in with {
        match values.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => values.push((name.clone(), value.clone())),
        }
    }
    if values.is_empty() {
        return None;
    }
    let overriding =
        values.iter().any(|(name, _)| relation.column(name).is_some_and(|column| !column.identity.is_empty()));
    let (columns, texts): (Vec<String>, Vec<String>) =
        values.into_iter().map(|(name, value)| (ident(&name), value)).unzip();
    let overriding = if overriding { " overriding system value" } else { "" };
    Some(format!(
        "insert into {} ({}){overriding} values ({})",
        relation.name.quoted(),
        columns.join(", "),
        texts.join(", ")
    ))
}

/// Whether a write went through, judged by B's rows, or by a refusal that comes after the policies.
fn went_through(write: &Write<'_>, says_whose: bool, before: &Outcome, outcome: &Outcome, after: &Outcome) -> bool {
    let changed = outcome.is_done() && !after.rows.is_empty() && before.rows != after.rows;
    let refused_later =
        write.is_into && says_whose && matches!(outcome.code(), "23505" | "23P01") && write.sql.starts_with("insert");
    changed || refused_later
}

/// Whether a trigger may change whose a row is before it is written.
fn is_stamped(arena: &Arena<'_, '_>, relation: &Relation, tenant: &str) -> bool {
    let world = arena.plan.world;
    let triggers = world.catalog.triggers.iter().filter(|trigger| trigger.relation == relation.oid);
    let mut before = triggers.filter(|trigger| trigger.is_enabled && trigger.definition.contains(" BEFORE "));
    before.any(|trigger| world.function(trigger.function).is_some_and(|function| mentions(function.body(), tenant)))
}

async fn attempt<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    guise: &Guise,
    write: &Write<'_>,
    is_unset: bool,
    found: &mut Found,
) -> bool {
    let look = arena.digest(relation);
    let before = match &look {
        Some(look) => arena.session.guarded(look).await,
        None => Outcome::default(),
    };
    let (outcome, after) = arena.after(&write.admin, guise, &[], &write.sql, look.as_deref()).await;
    // A child of a parent of B is B's by that alone.
    let childs =
        arena.plan.tenant_column(relation).is_none() && write.is_into && outcome.is_done() && outcome.affected > 0;
    // A tenant that is generated, or that a trigger sees to, is not B because A says so.
    let says_whose = arena
        .plan
        .tenant_column(relation)
        .is_none_or(|tenant| tenant.generated.is_empty() && !is_stamped(arena, relation, &tenant.name));
    if !went_through(write, says_whose, &before, &outcome, &after) && !childs {
        return false;
    }
    let leaks = |outcome: &Outcome, after: &Outcome| {
        went_through(write, says_whose, &before, outcome, after)
            || (childs && outcome.is_done() && outcome.affected > 0)
    };
    let policies =
        arena.culprits(relation, write.commands, &write.admin, guise, &write.sql, look.as_deref(), leaks).await;
    let look = look.unwrap_or_else(|| "select 'written'".to_owned());
    let lines = [write.sql.clone(), "reset session authorization".to_owned(), "reset role".to_owned(), look];
    let script = arena.script_after(
        &write.admin,
        [relation.oid],
        guise,
        &lines,
        &format!("It went through: {}. Tenant B's rows are no longer what they were.", outcome.told()),
    );
    for policy in policies {
        let object = relation.name.to_string();
        if found.has_policy(&object, &policy.name) {
            continue;
        }
        let failing = match (is_unset, arena.pair().confusion.is_empty(), write.is_into) {
            (true, ..) => Failing::Unset,
            (_, false, _) if arena.pair().confusion != NAMED => Failing::Confused,
            (_, _, true) => Failing::Written,
            _ => Failing::Open,
        };
        let class = found.policy_class(&relation.name, policy, arena.actor, failing);
        let when = if is_unset { " when no context is set" } else { "" };
        let why = format!("The policy {} {}{when}.", policy.name, write.told);
        found.add(Finding::shown(class, object, why, script.clone()).about(policy.name.clone()));
    }
    true
}

async fn truncate<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    if !relation.grants(&arena.actor.inherited, "TRUNCATE") || arena.actor.inherited.contains(&relation.owner) {
        return;
    }
    let sql = format!("truncate {}", relation.name.quoted());
    let outcome = arena.as_a(&sql).await;
    if outcome.code() == "42501" {
        return;
    }
    let why =
        format!("{} may TRUNCATE it, which empties every tenant's rows: no policy is asked.", arena.actor.role.name);
    let script = arena.script(
        [relation.oid],
        &arena.guise,
        &[sql],
        &format!("Not refused for want of a right: {}", outcome.told()),
    );
    found.add(Finding::shown(Class::GrantTruncate, relation.name.to_string(), why, script));
}

/// Rights that are exercised by objects that outlive a transaction: shown by asking for them.
fn grants(arena: &Arena<'_, '_>, relation: &Relation, found: &mut Found) {
    if arena.actor.inherited.contains(&relation.owner) {
        return;
    }
    let held: Vec<&str> = ["REFERENCES", "TRIGGER", "MAINTAIN"]
        .into_iter()
        .filter(|privilege| relation.grants_any(&arena.actor.inherited, privilege))
        .collect();
    if held.is_empty() {
        return;
    }
    let ask = |privilege: &&str| {
        format!(
            "select pg_catalog.has_any_column_privilege({}, {})",
            literal(&relation.name.quoted()),
            literal(privilege)
        )
    };
    let table = |privilege: &&str| {
        format!("select pg_catalog.has_table_privilege({}, {})", literal(&relation.name.quoted()), literal(privilege))
    };
    let lines: Vec<String> = held
        .iter()
        .map(|privilege| if **privilege == *"REFERENCES" { ask(privilege) } else { table(privilege) })
        .collect();
    let why = format!("{} has {} on it, which no policy holds back.", arena.actor.role.name, held.join(", "));
    let script = arena.script([], &arena.guise, &lines, "true: the right is there");
    found.add(Finding::shown(Class::GrantIgnoresRls, relation.name.to_string(), why, script));
}
