//! Keys that reach over tenants: what a refusal tells, or does not refuse.

use crate::attack::arena::Arena;
use crate::attack::identity::{Side, base};
use crate::attack::judge::Found;
use crate::attack::outcome::Outcome;
use crate::attack::plan::{ForeignKey, Key};
use crate::attack::probes::write::{insert_of, insert_with};
use crate::attack::seed::{Seeded, is_surrogate};
use crate::catalog::{Column, Relation};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Rows of B's that are tried at a key which holds some rows only.
const ROWS_MOST: usize = 8;

/// Tries every key of a table.
pub(in crate::attack) async fn keys<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    for key in arena.plan.keys(relation) {
        if tells(arena, relation, key) {
            duplicate(arena, relation, key, found).await;
        }
    }
    let references: Vec<ForeignKey> = arena.plan.foreign_keys(relation.oid).to_vec();
    // Rows that nothing guards have a hole already, which a key with the tenant in it would not close.
    let guarded = super::read::is_held(arena, relation) || arena.plan.tenant_column(relation).is_some();
    for key in references.iter().filter(|_| arena.plan.is_of_tenants(relation)) {
        cascades(arena, relation, key, found).await;
    }
    for key in references.iter().filter(|_| guarded) {
        if crosses(arena, relation, key) {
            refer(arena, relation, key, found).await;
        }
    }
}

/// Deletes what B's row refers to in a table of everybody.
async fn cascades<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, key: &ForeignKey, found: &mut Found) {
    let Some(target) = arena.plan.world.relation(key.target) else { return };
    let is_shared = arena.plan.world.settings.is_global(&target.name) && !target.has_rls;
    let Some(values) = arena.values(relation.oid, Side::B).filter(|_| is_shared) else { return };
    let pairs = key.columns.iter().zip(&key.targets);
    let of_pair = |(column, there): (&String, &String)| {
        Some(format!("{} = {}", ident(there), literal(values.get(column)?.as_deref()?)))
    };
    let Some(which) = pairs.map(of_pair).collect::<Option<Vec<_>>>() else { return };
    if !target.grants(&arena.actor.inherited, "DELETE") {
        return;
    }
    let sql = format!("delete from {} where {}", target.name.quoted(), which.join(" and "));
    let Some(look) = arena.digest(relation) else { return };
    let before = arena.session.guarded(&look).await;
    let (outcome, after) = arena.as_a_then(&sql, &look).await;
    if !outcome.is_done() || after.rows.is_empty() || after.rows == before.rows {
        return;
    }
    let why = format!(
        "{} is everybody's, and what is deleted there takes other tenants' rows along, or changes them: {}.",
        target.name, key.name
    );
    let lines = [sql, "reset session authorization".to_owned(), "reset role".to_owned(), look];
    let script = arena.script([relation.oid], &arena.guise, &lines, "Tenant B's rows are no longer what they were.");
    found.add(Finding::shown(Class::ForeignKeyOracle, relation.name.to_string(), why, script).about(key.name.clone()));
}

/// Whether knowing that a value is taken tells something: not of ids that nobody chooses or guesses.
fn tells(arena: &Arena<'_, '_>, relation: &Relation, key: &Key) -> bool {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let columns: Vec<&Column> = key.columns.iter().filter_map(|name| relation.column(name)).collect();
    let of_tenant = columns.iter().any(|column| column.name == tenant);
    let guessable = !columns.iter().any(|column| arena.plan.facts.base(&column.type_name) == "uuid");
    let refers =
        |column: &Column| arena.plan.foreign_keys(relation.oid).iter().any(|key| key.columns.contains(&column.name));
    let number = |column: &Column| matches!(base(&column.type_name), "integer" | "bigint" | "smallint");
    let chosen = columns.iter().any(|column| {
        !(is_surrogate(column) || refers(column) || key.is_primary && columns.len() == 1 && number(column))
    });
    !of_tenant && (key.is_exclusion || guessable && chosen)
}

/// What B's rows have in the key's columns, and what lets them be in it, as SQL. Of a key that holds all rows, one is
/// enough.
fn of_b(arena: &Arena<'_, '_>, relation: &Relation, key: &Key) -> Vec<Vec<(String, String)>> {
    let of_row = |row: &Seeded| {
        let value = |name: &String| row.values.get(name).and_then(Option::as_deref).map(literal);
        let columns = key.columns.iter().map(|name| Some((name.clone(), value(name)?)));
        let beside =
            key.beside.iter().map(|name| Some((name.clone(), value(name).unwrap_or_else(|| "null".to_owned()))));
        columns.chain(beside).collect::<Option<Vec<_>>>()
    };
    let most = if key.beside.is_empty() { 1 } else { ROWS_MOST };
    arena.seeder.rows_of(relation.oid, Side::B).filter_map(of_row).take(most).collect()
}

async fn duplicate<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, key: &Key, found: &mut Found) {
    for theirs in of_b(arena, relation, key) {
        if let Some(finding) = taken(arena, relation, key, &theirs).await {
            return found.add(finding);
        }
    }
}

/// What it tells A that one of B's rows has this already.
async fn taken<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    key: &Key,
    theirs: &[(String, String)],
) -> Option<Finding> {
    let with_theirs = match insert_of(arena, relation, Side::A, theirs).await {
        Some(sql) => sql,
        None => set_one(arena, relation, theirs)?,
    };
    let control = control(arena, relation, &with_theirs, theirs).await;
    let outcome = arena.as_a(&with_theirs).await;
    let named = outcome.refusal.as_ref().and_then(|refusal| refusal.constraint.clone());
    let same = named.as_deref() == Some(key.name.as_str()) || is_part(arena, named.as_deref(), key);
    if !matches!(outcome.code(), "23505" | "23P01") || !same || control.code() == outcome.code() {
        return None;
    }
    let (class, what) =
        if key.is_exclusion { (Class::ExclusionOracle, "excludes") } else { (Class::UniqueOracle, "is one for") };
    let why = format!(
        "{} {what} all tenants: {} tells tenant A that another tenant has the value, and a value that nobody has is taken.",
        key.name,
        outcome.told()
    );
    let script = arena.script([relation.oid], &arena.guise, &[with_theirs], &outcome.told());
    Some(Finding::shown(class, relation.name.to_string(), why, script).about(key.name.clone()))
}

/// A partition's index has a name of its own.
fn is_part(arena: &Arena<'_, '_>, name: Option<&str>, key: &Key) -> bool {
    let Some(name) = name else { return false };
    let part = arena.plan.world.catalog.indexes.iter().find(|index| index.name == name);
    part.is_some_and(|index| {
        index.keys.iter().all(|text| key.columns.iter().any(|column| text.contains(column.as_str())))
            && arena.plan.world.relation(index.relation).is_some_and(|relation| relation.is_partition)
    })
}

/// The same statement with values that nobody has.
async fn control<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    sql: &str,
    theirs: &[(String, String)],
) -> Outcome {
    let own = if sql.starts_with("insert") {
        insert_of(arena, relation, Side::A, &[]).await
    } else {
        let own = arena.seeder.spare(arena.session, relation, Side::A).await.unwrap_or_default();
        let own: Vec<_> = own.into_iter().filter(|(name, _)| theirs.iter().any(|(known, _)| known == name)).collect();
        set_one(arena, relation, &own)
    };
    match own {
        Some(sql) => arena.as_a(&sql).await,
        None => Outcome::default(),
    }
}

/// Sets columns of A's first row.
fn set_one(arena: &Arena<'_, '_>, relation: &Relation, values: &[(String, String)]) -> Option<String> {
    let may = arena.actor.columns(relation, "UPDATE");
    let own = arena.seeder.only(arena.seeder.first(relation.oid, Side::A)?)?;
    if values.is_empty() || !values.iter().all(|(name, _)| may.contains(&name.as_str())) {
        return None;
    }
    let sets: Vec<String> = values.iter().map(|(name, value)| format!("{} = {value}", ident(name))).collect();
    Some(format!("update {} set {} where {own}", relation.name.quoted(), sets.join(", ")))
}

/// Whether a key refers to a tenant's rows without saying whose.
fn crosses(arena: &Arena<'_, '_>, relation: &Relation, key: &ForeignKey) -> bool {
    let Some(target) = arena.plan.world.relation(key.target) else { return false };
    let Some(theirs) = arena.plan.tenant_column(target) else { return false };
    let own = arena.plan.tenant_column(relation).map(|column| column.name.as_str());
    let with_tenant = key
        .columns
        .iter()
        .zip(&key.targets)
        .any(|(column, there)| *there == theirs.name && Some(column.as_str()) == own);
    !with_tenant
}

async fn refer<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, key: &ForeignKey, found: &mut Found) {
    if arena.plan.tenant_column(relation).is_none() && sees(arena, key).await {
        return;
    }
    let Some(there) = arena.values(key.target, Side::B).cloned() else { return };
    let pairs: Option<Vec<(String, String)>> = key
        .columns
        .iter()
        .zip(&key.targets)
        .map(|(column, target)| Some((column.clone(), literal(there.get(target)?.as_deref()?))))
        .collect();
    let Some(theirs) = pairs else { return };
    let nobodys: Vec<(String, String)> = key
        .columns
        .iter()
        .filter_map(|name| Some((name.clone(), nobodys_value(arena, relation.column(name)?))))
        .collect();
    let spare = arena.seeder.spare(arena.session, relation, Side::A).await;
    let Some(given) = spare.or_else(|| arena.seeder.spares(relation.oid, Side::A)) else { return };
    let statements =
        match (insert_with(arena, relation, &given, &theirs), insert_with(arena, relation, &given, &nobodys)) {
            (Some(theirs), Some(nobodys)) => Some((theirs, nobodys)),
            _ => set_one(arena, relation, &theirs).zip(set_one(arena, relation, &nobodys)),
        };
    let Some((mut sql, mut control)) = statements else { return };
    let mut seen = try_both(arena, &sql, &control).await;
    if seen.is_none() {
        // Where no row may be inserted, one may yet be changed.
        let Some((update, other)) = set_one(arena, relation, &theirs).zip(set_one(arena, relation, &nobodys)) else {
            return;
        };
        seen = try_both(arena, &update, &other).await;
        (sql, control) = (update, other);
    }
    let Some(seen) = seen else { return };
    let why = format!("The key {} does not have the tenant in it: {seen}.", key.name);
    let lines = [sql, "set constraints all immediate".to_owned(), format!("-- with an id that nobody has: {control}")];
    let script = arena.script([relation.oid, key.target], &arena.guise, &lines, &seen);
    found.add(Finding::shown(Class::ForeignKeyOracle, relation.name.to_string(), why, script).about(key.name.clone()));
}

/// Whether A sees B's row there anyway: then that is the hole, and the key adds nothing.
async fn sees(arena: &mut Arena<'_, '_>, key: &ForeignKey) -> bool {
    let Some(target) = arena.plan.world.relation(key.target) else { return false };
    let Some(only) = arena.seeder.first(key.target, Side::B).and_then(|row| arena.seeder.only(row)) else {
        return false;
    };
    let outcome = arena.as_a(&format!("select 1 from {} where {only}", target.name.quoted())).await;
    !outcome.rows.is_empty()
}

/// What tells B's id from one that nobody has; none when both come to the same.
async fn try_both(arena: &mut Arena<'_, '_>, sql: &str, control: &str) -> Option<String> {
    let now = ["set constraints all immediate".to_owned()];
    let guise = arena.guise.clone();
    let (with_theirs, _) = arena.after(&[], &guise, &now, sql, None).await;
    let (with_nobodys, _) = arena.after(&[], &guise, &now, control, None).await;
    if with_theirs.is_done() && with_theirs.affected > 0 {
        return Some("a row of tenant A may refer to tenant B's row".to_owned());
    }
    let told = |outcome: &Outcome| outcome.refusal.clone().map(|refusal| (refusal.code, refusal.constraint));
    let differ = with_theirs.is_done() == with_nobodys.is_done() && told(&with_theirs) != told(&with_nobodys);
    differ.then(|| {
        format!("{} for tenant B's id, and {} for one that nobody has", with_theirs.told(), with_nobodys.told())
    })
}

fn nobodys_value(arena: &Arena<'_, '_>, column: &Column) -> String {
    let text = match base(arena.plan.facts.base(&column.type_name)) {
        "uuid" => "dead0000-0000-4000-8000-00000000dead",
        "smallint" => "32001",
        "integer" => "2012345678",
        "bigint" | "numeric" => "9112345678",
        _ => "nobodys",
    };
    literal(text)
}
