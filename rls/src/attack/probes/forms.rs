//! The other forms of a statement, where a plain one shows nothing: locking, cursors, `copy`, `on conflict`, and plans that
//! were made for somebody else.

use crate::attack::arena::Arena;
use crate::attack::identity::{Side, context, setting};
use crate::attack::judge::Found;
use crate::attack::probes::code::signature;
use crate::attack::probes::read::{is_held, select, whose};
use crate::catalog::{Function, Relation, RelationKind};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::ident;

/// The name of what is prepared.
const KEPT: &str = "tenantry_kept";

/// Functions of which it is asked whether it is them.
const FUNCTIONS: usize = 40;

/// Tries each form, where policies hold A and a plain statement shows nothing.
pub(in crate::attack) async fn forms<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let Some(sql) = select(arena, relation).filter(|_| is_held(arena, relation)) else { return };
    let plain = arena.as_a(&sql).await;
    if whose(arena, relation, &sql, &plain).theirs > 0 {
        return;
    }
    readings(arena, relation, &sql, found).await;
    copies(arena, relation, &sql, found).await;
    plans(arena, relation, &sql, found).await;
}

/// What gives rows beside `select`: statements of A's, and the one that gives the rows.
async fn readings<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, sql: &str, found: &mut Found) {
    let table = relation.name.quoted();
    let mut forms: Vec<(Vec<String>, String)> = Vec::new();
    if !arena.actor.columns(relation, "UPDATE").is_empty() {
        let locks = ["update", "no key update", "share", "key share"];
        forms.extend(locks.map(|lock| (Vec::new(), format!("{sql} for {lock}"))));
    }
    let cursor = format!("declare tenantry_cursor scroll cursor for {sql}");
    forms.push((vec![cursor], "fetch all from tenantry_cursor".to_owned()));
    forms.push((Vec::new(), format!("with q as materialized ({sql}) select * from q")));
    let into = format!("create temporary table tenantry_rows on commit drop as {sql}");
    forms.push((vec![into], "select * from pg_temp.tenantry_rows".to_owned()));
    forms.push((
        Vec::new(),
        sql.replacen(&format!(" from {table}"), &format!(" from {table} tablesample system (100)"), 1),
    ));
    for (own, sql) in forms {
        let guise = arena.guise.clone();
        let (outcome, _) = arena.after(&[], &guise, &own, &sql, None).await;
        let reading = whose(arena, relation, &sql, &outcome);
        if reading.theirs > 0 {
            let seen = format!("{} rows are not tenant A's, as {}", reading.theirs, reading.seen);
            let lines: Vec<String> = own.into_iter().chain([sql]).collect();
            tell(arena, relation, &lines, &seen, found);
            return;
        }
    }
}

/// `copy … to stdout`, of the rows and of the table.
async fn copies<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, sql: &str, found: &mut Found) {
    let names = arena.actor.columns(relation, "SELECT");
    let columns: Vec<String> = names.iter().map(|name| ident(name)).collect();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let whole = format!("copy {} ({}) to stdout", relation.name.quoted(), columns.join(", "));
    for sql in [whole, format!("copy ({sql}) to stdout")] {
        let guise = arena.guise.clone();
        let mut outcome = arena.session.copied(&guise.statements(), &sql).await;
        outcome.columns.clone_from(&names);
        let reading = whose(arena, relation, &sql, &outcome);
        if reading.theirs > 0 {
            tell(arena, relation, &[sql], &format!("{} is tenant B's", reading.seen), found);
            return;
        }
    }
}

fn tell(arena: &Arena<'_, '_>, relation: &Relation, lines: &[String], seen: &str, found: &mut Found) {
    let script = arena.script([relation.oid], &arena.guise, lines, seen);
    let why = format!("Its policies hold a plain statement, and not this form of it: {seen}.");
    found.add(Finding::shown(Class::PolicyOpen, relation.name.to_string(), why, script));
}

/// A statement that was prepared and run as B, run again as A: what was computed when it was planned is still B's.
async fn plans<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, sql: &str, found: &mut Found) {
    let Some(own) = turns(arena, sql) else { return };
    let (guise, execute) = (arena.guise.clone(), format!("execute {KEPT}"));
    arena.session.forget(KEPT).await;
    let (outcome, _) = arena.after(&[], &guise, &own, &execute, None).await;
    arena.session.forget(KEPT).await;
    let reading = whose(arena, relation, &execute, &outcome);
    if reading.theirs == 0 {
        return;
    }
    let mut culprits = Vec::new();
    for function in immutable(arena) {
        let mended = [format!("alter function {}({}) stable", function.name.quoted(), function.identity_arguments)];
        let (outcome, _) = arena.after(&mended, &guise, &own, &execute, None).await;
        arena.session.forget(KEPT).await;
        if outcome.is_done() && whose(arena, relation, &execute, &outcome).theirs == 0 {
            culprits.push(function);
        }
    }
    let seen = format!("{} rows are not tenant A's, as {}", reading.theirs, reading.seen);
    let lines: Vec<String> = own.into_iter().chain([execute]).collect();
    let script = arena.script([relation.oid], &guise, &lines, &seen);
    let because = match culprits.as_slice() {
        [] => String::new(),
        [first, ..] => format!(" {} is declared IMMUTABLE and is not.", signature(first)),
    };
    let why = format!("A statement that was planned for tenant B shows its rows to tenant A, too.{because}");
    for object in std::iter::once(relation.name.to_string()).chain(culprits.into_iter().map(signature)) {
        found.add(Finding::shown(Class::ContextOutlives, object, why.clone(), script.clone()).about("prepared"));
    }
}

/// What says of itself that it is always the same.
fn immutable<'w>(arena: &Arena<'w, '_>) -> Vec<&'w Function> {
    let says = |function: &&Function| {
        function.volatility == "i"
            && function.extension.is_none()
            && function.kind == "f"
            && matches!(function.language.as_str(), "sql" | "plpgsql")
    };
    arena.plan.world.catalog.functions.iter().filter(says).take(FUNCTIONS).collect()
}

/// The same of views, whose conditions ask functions of their own.
pub(in crate::attack) async fn plans_of_views<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if immutable(arena).is_empty() {
        return;
    }
    let views = arena.plan.world.exposed().filter(|view| view.kind == RelationKind::View);
    for view in views.collect::<Vec<_>>() {
        let Some(sql) = select(arena, view) else { continue };
        let outcome = arena.as_a(&sql).await;
        if outcome.is_done() && whose(arena, view, &sql, &outcome).theirs == 0 {
            plans(arena, view, &sql, found).await;
        }
    }
}

/// On one connection: B's session, in which the statement is prepared and run, and A's again.
fn turns(arena: &Arena<'_, '_>, sql: &str) -> Option<Vec<String>> {
    let b = arena.pair().of(Side::B).clone();
    let theirs = context(arena.plan.world.settings, &arena.actor.role.name, &b);
    let ours = arena.guise.settings.iter().filter(|(name, _)| name != "search_path");
    let said = |settings: &[(String, String)]| -> Vec<String> {
        settings.iter().map(|(name, value)| setting(name, value)).collect()
    };
    let ours: Vec<(String, String)> = ours.cloned().collect();
    if ours == theirs {
        return None;
    }
    let mut lines = said(&theirs);
    lines.first_mut()?.insert_str(0, "-- Tenant B comes first on this connection:\n");
    lines.extend([format!("prepare {KEPT} as {sql}"), format!("execute {KEPT}")]);
    let back = lines.len();
    lines.extend(said(&ours));
    lines.get_mut(back)?.insert_str(0, "-- Then tenant A:\n");
    Some(lines)
}
