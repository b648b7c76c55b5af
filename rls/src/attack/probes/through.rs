//! Writes through views: with their owners' rights, by rules, by triggers in their place.

use crate::attack::arena::Arena;
use crate::attack::both::{Question, ask, ask_without_b};
use crate::attack::identity::Side;
use crate::attack::judge::Found;
use crate::attack::probes::triggers::{COLUMNS, referring, rule, trigger};
use crate::attack::probes::write::{insert_of, insert_with};
use crate::catalog::Relation;
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Writes through a view, which are its owner's.
pub(in crate::attack) async fn through_view<'w>(arena: &mut Arena<'w, '_>, view: &'w Relation, found: &mut Found) {
    let name = view.name.to_string();
    let is_plain = rule(arena, view).is_none() && trigger(arena, view).is_none();
    if found.has(Class::ViewDefiner, &name) || (view.has_option("security_invoker") && is_plain) {
        return;
    }
    let tables = crate::attack::probes::front::reads(arena, view);
    let look = arena.digests(&tables);
    let before = arena.session.guarded(&look).await;
    let mut statements = Vec::new();
    // A row that is not there yet, or its key would refuse what the view lets through.
    if let Some(table) = tables.first() {
        arena.seeder.spare(arena.session, table, Side::B).await;
    }
    if let Some(column) = arena.actor.columns(view, "UPDATE").first() {
        statements.push(format!("update {} set {1} = {1}", view.name.quoted(), ident(column)));
    }
    if view.grants(&arena.actor.inherited, "DELETE") {
        statements.push(format!("delete from {}", view.name.quoted()));
    }
    // As another row than it is: whoever writes in the place of the view may go by what the new one says.
    for (name, value) in tables.first().map(|table| ids_of_b(arena, table)).unwrap_or_default() {
        if arena.actor.columns(view, "UPDATE").contains(&name.as_str()) {
            statements.push(format!("update {} set {} = {value}", view.name.quoted(), ident(&name)));
        }
    }
    statements.extend(insert_through(arena, view, &tables));
    statements.extend(insert_again(arena, view, &tables));
    statements.extend(insert_as_seen(arena, view).await);
    keys_of_view(arena, view, &tables, found).await;
    let namesake = namesake(arena, &tables).await;
    let alone = statements.iter().map(|sql| vec![sql.clone()]);
    let beside = namesake.iter().flat_map(|first| statements.iter().map(move |sql| vec![first.clone(), sql.clone()]));
    for lines in alone.chain(beside).collect::<Vec<_>>() {
        let Some((sql, own)) = lines.split_last() else { continue };
        let guise = arena.guise.clone();
        let (outcome, after) = arena.after(&[], &guise, own, sql, Some(&look)).await;
        if !outcome.is_done() || after.rows.is_empty() || after.rows == before.rows {
            continue;
        }
        let seen = "tenant B's rows are no longer what they were";
        let script = arena.script(tables.iter().map(|table| table.oid), &arena.guise, &lines, seen);
        let (class, what) = match (rule(arena, view), trigger(arena, view)) {
            (Some(rule), _) => (Class::RuleBypass, format!("Its rule {rule} writes as its owner")),
            (None, Some(trigger)) => {
                (Class::TriggerLeaks, format!("Its trigger {} writes past the policies", trigger.name))
            }
            (None, None) => (Class::ViewDefiner, "What is written through it is written as its owner".to_owned()),
        };
        found.add(Finding::shown(class, name, format!("{what}: {seen}."), script));
        return;
    }
}

/// What names B's row, besides its tenant.
fn ids_of_b(arena: &Arena<'_, '_>, table: &Relation) -> Vec<(String, String)> {
    let tenant = arena.plan.world.settings.tenant_column(&table.name);
    let Some(values) = arena.values(table.oid, Side::B) else { return Vec::new() };
    let keys = arena.plan.keys(table).iter().filter(|key| key.is_plain && !key.is_exclusion);
    let columns: std::collections::BTreeSet<&String> = keys.flat_map(|key| &key.columns).collect();
    let value = |name: &&String| Some(((*name).clone(), literal(values.get(*name)?.as_deref()?)));
    columns.iter().filter(|name| **name != tenant).filter_map(value).take(COLUMNS).collect()
}

/// A row of A's with the id of one of B's, where tenants number their rows each by themselves.
async fn namesake<'w>(arena: &mut Arena<'w, '_>, tables: &[&'w Relation]) -> Option<String> {
    let table = tables.first().copied()?;
    let ids = referring(arena, table);
    let keys = arena.plan.keys(table);
    let of_key: Vec<(String, String)> = ids
        .into_iter()
        .filter(|(name, _)| keys.iter().any(|key| key.is_primary && key.columns.contains(name)))
        .collect();
    if of_key.is_empty() { None } else { insert_of(arena, table, Side::A, &of_key).await }
}

/// A check option is asked after the keys: which of the two refuses a row of B's tells whether it is there.
async fn keys_of_view(arena: &mut Arena<'_, '_>, view: &Relation, tables: &[&Relation], found: &mut Found) {
    let Some(sql) = insert_again(arena, view, tables) else { return };
    let questions = [Question::new(&arena.guise, sql.clone())];
    let with = ask(arena, &questions).await;
    if !matches!(with[0].outcome.code(), "23505" | "23P01") {
        return;
    }
    // What nobody can guess, nobody asks for.
    let named = with[0].outcome.refusal.as_ref().and_then(|refusal| refusal.constraint.clone());
    let is_guessable = tables.iter().any(|table| {
        let mut keys = arena.plan.keys(table).iter().filter(|key| Some(&key.name) == named.as_ref());
        let tenant = arena.plan.world.settings.tenant_column(&table.name);
        let is_uuid = |name: &String| table.column(name).is_some_and(|column| column.plain_type() == "uuid");
        keys.any(|key| !key.columns.iter().any(|name| name != tenant && is_uuid(name)))
    });
    if !is_guessable {
        return;
    }
    let without = ask_without_b(arena, &questions).await;
    if without[0].outcome.code() != "44000" {
        return;
    }
    let seen = format!("{}, and {} where tenant B has no rows", with[0].outcome.told(), without[0].outcome.told());
    let script = arena.script(tables.iter().map(|table| table.oid), &arena.guise, &[sql], &seen);
    let why = format!("Its check option is asked after the keys of the table: {seen}.");
    found.add(Finding::shown(Class::UniqueOracle, view.name.to_string(), why, script));
}

/// The row that B has already: what is written there may take the place of it.
fn insert_again(arena: &Arena<'_, '_>, view: &Relation, tables: &[&Relation]) -> Option<String> {
    let mut given = arena.seeder.first(tables.first()?.oid, Side::B)?.given.clone();
    given.retain(|(name, _)| view.column(name).is_some());
    insert_with(arena, view, &given, &[])
}

/// What B sees there, written by A: the view's columns may be those of several tables.
async fn insert_as_seen(arena: &mut Arena<'_, '_>, view: &Relation) -> Option<String> {
    let guise = arena.guise_of_b();
    let seen = arena.as_guise(&guise, &format!("select * from {} limit 1", view.name.quoted())).await;
    let row = seen.rows.first().filter(|_| seen.is_done())?;
    let given =
        seen.columns.iter().zip(row).filter_map(|(name, value)| Some((name.clone(), literal(value.as_deref()?))));
    insert_with(arena, view, &given.collect::<Vec<_>>(), &[])
}

/// A row of B's, through a view that has the same columns as its table.
fn insert_through(arena: &Arena<'_, '_>, view: &Relation, tables: &[&Relation]) -> Option<String> {
    let table = tables.first()?;
    let mut given = arena.seeder.spares(table.oid, Side::B)?;
    given.retain(|(name, _)| view.column(name).is_some());
    insert_with(arena, view, &given, &[])
}
