//! What happens beside a write of A's: triggers and rules that reach other tenants' rows.

use crate::attack::arena::Arena;
use crate::attack::both::{Question, ask, ask_without_b};
use crate::attack::identity::{Side, base};
use crate::attack::judge::Found;
use crate::attack::outcome::Outcome;
use crate::attack::probes::through::through_view;
use crate::attack::probes::write::{insert_of, insert_with};
use crate::attack::seed::Seeded;
use crate::catalog::{Column, Function, Relation, RelationKind, Trigger};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Columns whose values are tried as B's.
pub(super) const COLUMNS: usize = 8;
/// States of one column that are tried.
const STATES: usize = 4;
/// Constraint triggers may wait for the end, which never comes.
const AT_ONCE: &str = "set constraints all immediate";
/// Tables whose values are tried.
const TABLES: usize = 4;

/// Writes into every table with triggers or rules, and looks at all tables.
pub(in crate::attack) async fn triggers<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let tables: Vec<&'w Relation> = world
        .exposed()
        .filter(|relation| {
            relation.is_table() && (trigger(arena, relation).is_some() || rule(arena, relation).is_some())
        })
        .collect();
    // Where B's rows themselves are not as they should be at the end, nothing is asked for before it.
    let settles = arena.session.guarded(AT_ONCE).await.is_done();
    let first: &[String] = if settles { &[AT_ONCE.to_owned()] } else { &[] };
    for relation in tables {
        writes(arena, relation, first, found).await;
        values(arena, relation, first, found).await;
        notifies(arena, relation, found).await;
        leaves(arena, relation, found).await;
    }
    let views: Vec<&'w Relation> = world.exposed().filter(|relation| relation.kind == RelationKind::View).collect();
    for view in views {
        through_view(arena, view, found).await;
    }
}

pub(super) fn trigger<'w>(arena: &Arena<'w, '_>, relation: &Relation) -> Option<&'w Trigger> {
    let world = arena.plan.world;
    let mut enabled: Vec<&Trigger> = world
        .catalog
        .triggers
        .iter()
        .filter(|trigger| trigger.relation == relation.oid && trigger.is_enabled)
        .collect();
    enabled.sort_by_key(|trigger| !world.function(trigger.function).is_some_and(|function| function.is_definer));
    enabled.first().copied()
}

pub(super) fn rule(arena: &Arena<'_, '_>, relation: &Relation) -> Option<String> {
    arena.plan.world.catalog.rules.iter().find(|rule| rule.relation == relation.oid).map(|rule| rule.name.clone())
}

/// Every table but the one that is written: what happens there is its policies' matter.
fn elsewhere<'w>(arena: &Arena<'w, '_>, relation: &Relation) -> Vec<&'w Relation> {
    arena.seeded().into_iter().filter(|other| other.oid != relation.oid).collect()
}

async fn writes<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, first: &[String], found: &mut Found) {
    let (beside, all) = (arena.digests(&elsewhere(arena, relation)), arena.digests(&arena.seeded()));
    let one = statements(arena, relation).await.into_iter().map(|sql| (Vec::new(), sql));
    let two = changes(arena, relation).into_iter().chain(undone(arena, relation).await);
    let two = two.map(|(first, then)| (vec![first], then));
    for (mut own, sql) in one.chain(two).collect::<Vec<_>>() {
        own.splice(0..0, first.iter().cloned());
        // A row more of A's changes none of B's, also in its own table.
        let look = if sql.starts_with("insert") { all.clone() } else { beside.clone() };
        let before = arena.session.guarded(&look).await;
        let guise = arena.guise.clone();
        let (outcome, after) = arena.after(&[], &guise, &own, &sql, Some(&look)).await;
        let sight = arena.sight(&sql, &outcome).filter(|_| !sql.starts_with("select"));
        let changed = outcome.is_done() && !after.rows.is_empty() && after.rows != before.rows;
        let seen = match sight {
            // A key's refusal is the key's matter.
            Some(_) if is_of_key(arena, &outcome) => continue,
            Some(sight) => format!("{} is tenant B's", sight.text),
            None if changed => "rows of tenant B are no longer what they were".to_owned(),
            None => continue,
        };
        let lines: Vec<String> = own.into_iter().chain([sql]).collect();
        tell(arena, relation, &lines, &seen, found);
        return;
    }
}

/// Whether a key refuses, and not code that says so.
fn is_of_key(arena: &Arena<'_, '_>, outcome: &Outcome) -> bool {
    let catalog = arena.plan.world.catalog;
    let is_known = |name: &String| {
        catalog.indexes.iter().any(|index| index.name == *name) || catalog.constraints.iter().any(|it| it.name == *name)
    };
    let named = outcome.refusal.as_ref().and_then(|refusal| refusal.constraint.as_ref());
    named.is_some_and(is_known) && matches!(outcome.code(), "23505" | "23P01" | "23503")
}

/// Ways for A to set a table's triggers off.
async fn statements<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation) -> Vec<String> {
    let table = relation.name.quoted();
    let mut found = Vec::new();
    let plain = insert_of(arena, relation, Side::A, &[]).await;
    found.extend(plain.iter().map(|sql| format!("{sql} returning *")));
    found.extend(plain);
    // With B's natural keys, which a trigger may go by.
    let theirs = theirs(arena, relation, arena.seeder.first(relation.oid, Side::B)).unwrap_or_default();
    let alone = theirs_of_last(arena, relation);
    for value in theirs.iter().take(COLUMNS).chain(alone.iter().take(COLUMNS)) {
        let sql = insert_of(arena, relation, Side::A, std::slice::from_ref(value)).await;
        found.extend(sql.iter().map(|sql| format!("{sql} returning *")));
    }
    for value in theirs.iter().take(COLUMNS) {
        let bare = bare(arena, relation, value);
        let sql = insert_of(arena, relation, Side::A, &bare).await;
        found.extend(sql.map(|sql| format!("{sql} returning *")));
    }
    found.extend(insert_of(arena, relation, Side::A, &theirs).await);
    let like_theirs = like_theirs(arena, relation);
    found.extend(insert_of(arena, relation, Side::A, &like_theirs).await);
    for others in namesakes(arena, relation) {
        let sql = insert_of(arena, relation, Side::A, &others).await;
        found.extend(sql.iter().map(|sql| format!("{sql} returning *")));
        found.extend(sql);
    }
    for value in mentioning(arena, relation) {
        found.extend(insert_of(arena, relation, Side::A, std::slice::from_ref(&value)).await);
    }
    let may = arena.actor.columns(relation, "UPDATE");
    for value in referring(arena, relation) {
        found.extend(insert_of(arena, relation, Side::A, std::slice::from_ref(&value)).await);
        if may.contains(&value.0.as_str()) {
            found.push(format!("update {table} set {} = {}", ident(&value.0), value.1));
        }
    }
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    for column in relation
        .columns
        .iter()
        .filter(|column| may.contains(&column.name.as_str()) && column.name != tenant && column.generated.is_empty())
        .take(COLUMNS)
    {
        found.push(format!("update {table} set {0} = {0}", ident(&column.name)));
    }
    if relation.grants(&arena.actor.inherited, "DELETE") {
        found.push(format!("delete from {table}"));
    }
    found
}

/// B's texts, and the ids of what its rows refer to.
fn theirs(arena: &Arena<'_, '_>, relation: &Relation, row: Option<&Seeded>) -> Option<Vec<(String, String)>> {
    let values = &row?.values;
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let texts = relation.columns.iter().filter(|column| {
        column.name != tenant
            && column.generated.is_empty()
            && matches!(base(&column.type_name), "text" | "character varying" | "citext" | "public.citext")
    });
    let found: Vec<_> = texts
        .filter_map(|column| Some((column.name.clone(), literal(values.get(&column.name)?.as_deref()?))))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// What a table's triggers and rules do, as text.
fn trigger_text(arena: &Arena<'_, '_>, relation: &Relation) -> String {
    let world = arena.plan.world;
    let triggers =
        world.catalog.triggers.iter().filter(|trigger| trigger.relation == relation.oid && trigger.is_enabled);
    let bodies = triggers.filter_map(|trigger| world.function(trigger.function)).map(|function| &function.source);
    let rules = world.catalog.rules.iter().filter(|rule| rule.relation == relation.oid).map(|rule| &rule.definition);
    bodies.chain(rules).flat_map(|text| [text.as_str(), "\n"]).collect()
}

/// Texts that name somebody of B's, as one does in a comment, where a trigger looks for that.
fn mentioning(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    let text = trigger_text(arena, relation);
    if !text.contains("'@") && !text.contains("regexp_") {
        return Vec::new();
    }
    let others = elsewhere(arena, relation);
    let read = others.iter().filter(|table| crate::attack::harvest::mentions(&text, &table.name.name)).take(TABLES);
    let names: Vec<String> = read
        .filter_map(|table| arena.values(table.oid, Side::B).map(|values| (table, values)))
        .flat_map(|(table, values)| {
            let texts = table.columns.iter().filter(|column| column.plain_type() == "text");
            texts.filter_map(|column| values.get(&column.name).cloned().flatten()).take(2)
        })
        .collect();
    let texts = relation.columns.iter().filter(|column| column.plain_type() == "text").take(2);
    texts.flat_map(|column| names.iter().map(|name| (column.name.clone(), literal(&format!("@{name} x"))))).collect()
}

/// All that B's row holds besides whose it is, which it is, and what it belongs to: the same room at the same time.
fn like_theirs(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let Some(values) = arena.values(relation.oid, Side::B) else { return Vec::new() };
    let is_id =
        |name: &String| arena.plan.keys(relation).iter().any(|key| key.is_primary && key.columns.contains(name));
    let of_tenant = |name: &String| {
        let keys = arena.plan.foreign_keys(relation.oid).iter();
        keys.filter(|key| key.columns.iter().any(|column| column == tenant)).any(|key| key.columns.contains(name))
    };
    let columns = relation.columns.iter().filter(|column| {
        column.name != tenant && column.generated.is_empty() && !is_id(&column.name) && !of_tenant(&column.name)
    });
    columns.filter_map(|column| Some((column.name.clone(), literal(values.get(&column.name)?.as_deref()?)))).collect()
}

/// Ids of what B's row belongs to, which no key holds to its tenant.
pub(in crate::attack) fn referring(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let keys = arena.plan.keys(relation);
    // Ids that are one tenant's by themselves; those that are counted tenant by tenant may be B's as well.
    let is_whole = |columns: &[String]| !columns.iter().any(|name| name == tenant);
    let is_key =
        |name: &String| keys.iter().any(|key| key.is_primary && is_whole(&key.columns) && key.columns.contains(name));
    let is_id = |column: &Column| column.name.ends_with("_id") || column.plain_type() == "uuid";
    let of_b = |column: &Column| {
        let value = arena.values(relation.oid, Side::B)?.get(&column.name)?.as_deref()?;
        Some((column.name.clone(), literal(value)))
    };
    let columns = relation.columns.iter().filter(|column| {
        column.name != tenant && column.generated.is_empty() && is_id(column) && !is_key(&column.name)
    });
    columns.filter_map(of_b).take(COLUMNS).collect()
}

/// A row that refers to what is B's, and what undoes it: a trigger may go by what is gone.
async fn undone<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let may_delete = relation.grants(&arena.actor.inherited, "DELETE");
    for value in referring(arena, relation).into_iter().filter(|_| may_delete) {
        let first = insert_of(arena, relation, Side::A, std::slice::from_ref(&value)).await;
        found.extend(first.map(|first| (first, format!("delete from {}", relation.name.quoted()))));
    }
    found
}

/// What B has elsewhere in columns of the same name, which a trigger or rule may go by: table by table, those first
/// that its text speaks of.
fn namesakes(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<Vec<(String, String)>> {
    let world = arena.plan.world;
    let tenant = world.settings.tenant_column(&relation.name);
    let refers = |column: &str| {
        arena.plan.foreign_keys(relation.oid).iter().any(|key| key.columns.iter().any(|name| name == column))
    };
    let columns: Vec<_> = relation
        .columns
        .iter()
        .filter(|column| column.name != tenant && column.name != "id" && !refers(&column.name))
        .collect();
    let text = trigger_text(arena, relation);
    let mut others = elsewhere(arena, relation);
    others.sort_by_key(|table| !crate::attack::harvest::mentions(&text, &table.name.name));
    let of = |table: &&Relation| {
        let like = columns
            .iter()
            .filter(|column| table.column(&column.name).is_some_and(|other| other.type_name == column.type_name));
        let like: Vec<_> = like.collect();
        // The last one's natural keys are nobody else's.
        let rows = [arena.seeder.first(table.oid, Side::B), arena.seeder.last(table.oid, Side::B)];
        let of_row = |row: &Seeded| {
            let value = |name: &String| Some((name.clone(), literal(row.values.get(name)?.as_deref()?)));
            like.iter().filter_map(|column| value(&column.name)).collect::<Vec<_>>()
        };
        rows.into_iter().flatten().map(of_row).collect::<Vec<_>>()
    };
    let whole: Vec<Vec<(String, String)>> =
        others.iter().flat_map(of).filter(|values| !values.is_empty()).take(2 * TABLES).collect();
    // Each by itself, too: what is the same in all of them changes nothing.
    let texts = |(name, _): &&(String, String)| {
        relation.column(name).is_some_and(|column| {
            !matches!(base(arena.plan.facts.base(&column.type_name)), "boolean" | "integer" | "numeric")
        })
    };
    // And with other numbers beside it: what is the same already is not changed.
    let is_number = |column: &&&Column| {
        let is_key = arena.plan.keys(relation).iter().any(|key| key.columns.contains(&column.name));
        !is_key
            && matches!(base(arena.plan.facts.base(&column.type_name)), "integer" | "bigint" | "numeric" | "smallint")
    };
    let numbers: Vec<(String, String)> =
        columns.iter().filter(is_number).map(|column| (column.name.clone(), "7".to_owned())).collect();
    let alone = whole.iter().take(2).flat_map(|values| {
        values
            .iter()
            .filter(texts)
            .take(COLUMNS)
            .cloned()
            .map(|value| std::iter::once(value).chain(numbers.iter().cloned()).collect())
    });
    let alone: Vec<Vec<(String, String)>> = alone.collect();
    whole.into_iter().chain(alone).collect()
}

/// The same value, and nothing in the columns that may be empty: a trigger may fill them.
fn bare(arena: &Arena<'_, '_>, relation: &Relation, value: &(String, String)) -> Vec<(String, String)> {
    let tenant = arena.plan.world.settings.tenant_column(&relation.name);
    let refers = |name: &str| {
        arena.plan.foreign_keys(relation.oid).iter().any(|key| key.columns.iter().any(|column| column == name))
    };
    let free = relation.columns.iter().filter(|column| {
        !column.is_not_null
            && column.generated.is_empty()
            && column.name != value.0
            && column.name != tenant
            && !refers(&column.name)
    });
    let empty = free.map(|column| (column.name.clone(), "null".to_owned()));
    std::iter::once(value.clone()).chain(empty).collect()
}

/// From one state to another, as a trigger may wait for: what A's rows are made first, and the change that follows.
fn changes(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    let world = arena.plan.world;
    let tenant = world.settings.tenant_column(&relation.name);
    let text = trigger_text(arena, relation);
    let may = arena.actor.columns(relation, "UPDATE");
    let table = relation.name.quoted();
    let theirs: Vec<Vec<(String, String)>> = namesakes(arena, relation).into_iter().take(2).collect();
    let mut found = Vec::new();
    let free = relation.columns.iter().filter(|column| may.contains(&column.name.as_str()) && column.name != tenant);
    for column in free.take(COLUMNS) {
        let values = crate::attack::harvest::compared(&text, &column.name);
        let values: std::collections::BTreeSet<String> = values.into_iter().take(STATES).collect();
        let set = |value: &String| format!("update {table} set {} = {}", ident(&column.name), literal(value));
        // What the trigger goes by may have to be B's first.
        let like_theirs = theirs.iter().map(|values| {
            let free = values.iter().filter(|(name, _)| *name != column.name && may.contains(&name.as_str()));
            free.map(|(name, value)| format!(", {} = {value}", ident(name))).collect::<String>()
        });
        let more: Vec<String> = std::iter::once(String::new()).chain(like_theirs).collect();
        // From whatever it is, once what is gone by is B's.
        let alike = more.iter().filter_map(|more| more.strip_prefix(", "));
        let alike: Vec<String> = alike.map(|sets| format!("update {table} set {sets}")).collect();
        found.extend(values.iter().flat_map(|to| alike.iter().map(|first| (first.clone(), set(to)))));
        for (from, to) in values.iter().flat_map(|from| values.iter().map(move |to| (from, to))) {
            if from != to {
                found.extend(more.iter().map(|more| (set(from) + more, set(to))));
            }
        }
    }
    found
}

/// The same of the row whose keys B alone has.
fn theirs_of_last(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    theirs(arena, relation, arena.seeder.last(relation.oid, Side::B)).unwrap_or_default()
}

/// A row with one value in place of its own.
fn with_value(row: &[(String, String)], value: &(String, String)) -> Vec<(String, String)> {
    row.iter().filter(|(name, _)| *name != value.0).chain([value]).cloned().collect()
}

/// Whether a trigger tells that B has a value.
async fn values<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, first: &[String], found: &mut Found) {
    let Some(trigger) = trigger(arena, relation) else { return };
    if found.has(Class::TriggerLeaks, &relation.name.to_string()) {
        return;
    }
    let Some(given) = arena.seeder.spare(arena.session, relation, Side::A).await else { return };
    let mut questions = Vec::new();
    let rows = [arena.seeder.first(relation.oid, Side::B), arena.seeder.last(relation.oid, Side::B)];
    let values = rows.into_iter().flat_map(|row| theirs(arena, relation, row).unwrap_or_default());
    for value in values.take(2 * COLUMNS) {
        let Some(sql) = insert_with(arena, relation, &given, &[value]) else { continue };
        questions.push(Question::new(&arena.guise, sql));
    }
    // In each state that its conditions speak of.
    let known: Vec<(String, String)> =
        theirs(arena, relation, rows[0]).unwrap_or_default().into_iter().take(2).collect();
    for row in arena.plan.combined(relation, &arena.pair().a.tenant.clone()) {
        let row: Vec<(String, String)> = row.iter().map(|(name, value)| (name.clone(), value.sql())).collect();
        // By itself, and with what B's rows go by.
        let with = std::iter::once(row.clone()).chain(known.iter().map(|value| with_value(&row, value)));
        for row in with {
            let Some(sql) = insert_with(arena, relation, &given, &row) else { continue };
            questions.push(Question::new(&arena.guise, sql));
        }
    }
    for question in &mut questions {
        question.own.extend(first.iter().cloned());
    }
    let with = ask(arena, &questions).await;
    let without = ask_without_b(arena, &questions).await;
    let again = ask(arena, &questions).await;
    for (at, question) in questions.iter().enumerate() {
        let is_refused = !with[at].outcome.is_done() && with[at].outcome.seen() == again[at].outcome.seen();
        let differs = with[at].outcome.seen() != without[at].outcome.seen()
            && (with[at].outcome.code() != without[at].outcome.code() || is_refused);
        if differs && !is_of_key(arena, &with[at].outcome) && !is_of_key(arena, &without[at].outcome) {
            let seen =
                format!("{}, and {} where tenant B has no rows", with[at].outcome.told(), without[at].outcome.told());
            let _ = trigger;
            let lines: Vec<String> = question.own.iter().chain([&question.sql]).cloned().collect();
            tell(arena, relation, &lines, &seen, found);
            return;
        }
    }
}

/// What B's ordinary writes leave where A may read it.
async fn leaves<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let world = arena.plan.world;
    let table = relation.name.to_string();
    if [Class::TriggerLeaks, Class::RuleBypass].iter().any(|class| found.has(*class, &table)) || found.is_open(&table) {
        return;
    }
    let others = world.exposed().filter(|other| {
        other.is_table()
            && other.oid != relation.oid
            && !arena.plan.is_of_tenants(other)
            && !world.settings.is_global(&other.name)
    });
    let reading: Vec<String> = others.filter_map(|other| super::read::select(arena, other)).take(COLUMNS).collect();
    if reading.is_empty() {
        return;
    }
    let as_b = arena.guise_of_b();
    for write in setting_off(arena, relation).await {
        let mut admin = as_b.statements();
        admin.extend([write, "reset session authorization".to_owned(), "reset role".to_owned()]);
        for sql in &reading {
            let guise = arena.guise.clone();
            let (with, _) = arena.after(&admin, &guise, &[], sql, None).await;
            let without = arena.as_a(sql).await;
            if with.is_done() && without.is_done() && with.seen() != without.seen() {
                let seen = format!("{} before tenant B's write, and {} after it", without.told(), with.told());
                let lines: Vec<String> = admin.iter().chain(&guise.statements()).chain([sql]).cloned().collect();
                tell(arena, relation, &lines, &seen, found);
                return;
            }
        }
    }
}

/// What a trigger tells listeners goes out at commit, which is never ours: that it runs, and with B's row, is seen.
async fn notifies<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let world = arena.plan.world;
    let table = relation.name.to_string();
    if found.hint(&table, &[Class::NotifyLeaks]).is_none() {
        return;
    }
    let enabled =
        world.catalog.triggers.iter().filter(|trigger| trigger.relation == relation.oid && trigger.is_enabled);
    let telling = enabled.filter_map(|trigger| Some((trigger, world.function(trigger.function)?))).filter(|(_, it)| {
        let source = it.source.to_ascii_lowercase();
        source.contains("pg_notify") || source.contains("notify ") || source.contains("change_notification")
    });
    let as_b = arena.guise_of_b();
    for (trigger, function) in telling.collect::<Vec<_>>() {
        let count = "set local track_functions = 'all'".to_owned();
        let look = format!("select pg_catalog.pg_stat_get_xact_function_calls({})", function.oid);
        for sql in setting_off(arena, relation).await {
            let (outcome, seen) = arena.after(std::slice::from_ref(&count), &as_b, &[], &sql, Some(&look)).await;
            if !outcome.is_done() || seen.value().and_then(|calls| calls.parse::<i64>().ok()).unwrap_or_default() < 1 {
                continue;
            }
            let channel = channels(&function.source).into_iter().next().unwrap_or_else(|| "its_channel".to_owned());
            let said = as_b.statements().join(";\n");
            let script = format!(
                "-- In one psql, as the app, for any tenant. What is listened for needs no right.\nset role {};\nlisten {};\n\
                 -- In another, as the app, for tenant B:\nbegin;\n{said};\n{sql};\ncommit;\n\
                 -- In the first, with its next statement: an asynchronous notification with tenant B's row in it.",
                ident(&arena.actor.role.name),
                ident(&channel),
            );
            let why = format!(
                "Its trigger {} notifies of every tenant's rows, and whoever may connect can listen. It was seen to run; what it \
                 tells goes out at commit.",
                trigger.name
            );
            for object in [table.clone(), crate::attack::probes::code::signature(function)] {
                let finding = Finding::shown(Class::NotifyLeaks, object, why.clone(), script.clone());
                found.add(finding.about(trigger.name.clone()));
            }
            return;
        }
    }
}

/// What B does in the ordinary course.
async fn setting_off<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation) -> Vec<String> {
    let mut found: Vec<String> = insert_of(arena, relation, Side::B, &[]).await.into_iter().collect();
    let table = relation.name.quoted();
    let updates = arena.actor.columns(relation, "UPDATE");
    found.extend(updates.first().map(|column| format!("update {table} set {0} = {0}", ident(column))));
    if relation.grants(&arena.actor.inherited, "DELETE") {
        found.push(format!("delete from {table}"));
    }
    found
}

/// The channels that a body names: `pg_notify('orders', …)`, `notify orders`.
fn channels(source: &str) -> Vec<String> {
    let called = source.split("pg_notify(").skip(1);
    called.filter_map(|rest| rest.trim_start().strip_prefix('\'')?.split('\'').next()).map(str::to_owned).collect()
}

fn tell(arena: &Arena<'_, '_>, relation: &Relation, lines: &[String], seen: &str, found: &mut Found) {
    let (class, name, what) = match (trigger(arena, relation), rule(arena, relation)) {
        (Some(trigger), None) => (Class::TriggerLeaks, trigger.name.clone(), "trigger"),
        (_, Some(rule)) => (Class::RuleBypass, rule, "rule"),
        (None, None) => return,
    };
    let tables: Vec<u32> = arena.seeded().iter().map(|table| table.oid).collect();
    let near = if tables.len() > 6 { vec![relation.oid] } else { tables };
    let script = arena.script(near, &arena.guise, lines, seen);
    let why = format!("Its {what} {name} reaches other tenants' rows: {seen}.");
    // What has to change is in the function, and whoever owns it looks for its name.
    let run_by = trigger(arena, relation).filter(|_| class == Class::TriggerLeaks);
    let function = run_by.and_then(|trigger| arena.plan.world.function(trigger.function));
    for object in [relation.name.to_string()].into_iter().chain(function.map(Function::signature)) {
        found.add(Finding::shown(class, object, why.clone(), script.clone()).about(name.clone()));
    }
}
