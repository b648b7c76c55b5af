//! Temporary tables of A's own that take the place of real ones, in functions that name them without a schema.

use crate::attack::arena::Arena;
use crate::attack::identity::Side;
use crate::attack::judge::Found;
use crate::attack::probes::arguments::calls;
use crate::attack::probes::code::{call, callable, helpers, signature};
use crate::attack::probes::read::leaking_tables;
use crate::catalog::{Function, Relation};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Calls of one function, before and after.
const CALLS: usize = 8;

/// Shadows what each function reads, and looks for what is different then.
pub(in crate::attack) async fn shadow<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let guise = arena.guise.clone();
    let may = arena.as_guise(&guise, "create temporary table tenantry_was_here ()").await;
    if !may.is_done() {
        return;
    }
    let helpers = helpers(arena);
    let called = callable(arena);
    for function in called.iter().copied().filter(|function| function.is_definer && is_open(function)) {
        for table in unqualified(arena, function) {
            in_call(arena, function, table, found).await;
        }
    }
    for function in helpers.into_iter().filter(|function| is_open(function)) {
        for table in unqualified(arena, function) {
            in_policies(arena, function, table, found).await;
        }
    }
}

/// Whether names in it are looked for among temporary tables first: unless its path names those last.
fn is_open(function: &Function) -> bool {
    let text = function.sql_body.is_none() && matches!(function.language.as_str(), "sql" | "plpgsql");
    let path = function.settings.iter().find_map(|setting| setting.strip_prefix("search_path="));
    text && !path.is_some_and(|path| path.contains("pg_temp"))
}

/// The tables that it names without a schema.
fn unqualified<'w>(arena: &Arena<'w, '_>, function: &Function) -> Vec<&'w Relation> {
    let source = function.source.to_ascii_lowercase();
    let words: Vec<&str> = source
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';'))
        .filter(|word| !word.is_empty())
        .collect();
    let after = |pair: &[&str]| matches!(pair[0], "from" | "join" | "into" | "update" | "only" | "using");
    let named: std::collections::BTreeSet<String> =
        words.windows(2).filter(|pair| after(pair)).map(|pair| pair[1].trim_matches('"').to_owned()).collect();
    let world = arena.plan.world;
    let tables =
        world.catalog.relations.iter().filter(|relation| {
            relation.extension.is_none() && named.contains(&relation.name.name.to_ascii_lowercase())
        });
    tables.filter(|relation| relation.kind != crate::catalog::RelationKind::Sequence).take(3).collect()
}

/// Statements of A's that put a table of its own there: B's row, but with A's person in it.
fn shadowing(arena: &Arena<'_, '_>, table: &Relation) -> Vec<String> {
    let name = ident(&table.name.name);
    let mut statements = vec![
        format!("create temporary table {name} as select * from {} with no data", table.name.quoted()),
        format!("grant all on pg_temp.{name} to public"),
    ];
    if !arena.actor.columns(table, "SELECT").len().eq(&table.columns.len()) {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", ident(&column.name), column.type_name)).collect();
        statements[0] = format!("create temporary table {name} ({})", columns.join(", "));
    }
    let Some(values) = arena.values(table.oid, Side::B) else { return statements };
    let row: Vec<(String, String)> = table
        .columns
        .iter()
        .filter_map(|column| {
            let person = arena.plan.is_person(table, column);
            let value =
                if person { Some(arena.pair().a.user.clone()) } else { values.get(&column.name).cloned().flatten() };
            Some((ident(&column.name), literal(&value?)))
        })
        .collect();
    let (columns, texts): (Vec<String>, Vec<String>) = row.into_iter().unzip();
    statements.push(format!("insert into pg_temp.{name} ({}) values ({})", columns.join(", "), texts.join(", ")));
    statements
}

async fn in_call<'w>(arena: &mut Arena<'w, '_>, function: &'w Function, table: &'w Relation, found: &mut Found) {
    if found.has_function(&signature(function)) {
        return;
    }
    let own = shadowing(arena, table);
    let guise = arena.guise.clone();
    let look =
        format!("select pg_catalog.count(*), pg_catalog.min(t::text) from pg_temp.{} t", ident(&table.name.name));
    for arguments in calls(arena, function).into_iter().take(CALLS) {
        let sql = call(function, &arguments);
        let before = arena.as_a(&sql).await;
        let (after, mine) = arena.after(&[], &guise, &own, &sql, Some(&look)).await;
        let again = arena.as_a(&sql).await;
        let taken = after.is_done() && !mine.rows.is_empty() && mine.value() != Some("1") && own.len() == 3;
        let differs = before.seen() != after.seen() && before.seen() == again.seen() && after.is_done();
        if differs || taken {
            let what = if taken {
                "it wrote into tenant A's table".to_owned()
            } else {
                format!("it came to {}, and before to {}", after.told(), before.told())
            };
            let has_path = function.settings.iter().any(|setting| setting.starts_with("search_path="));
            let class = if has_path { Class::TempShadowing } else { Class::FunctionSearchPath };
            let lines: Vec<String> = own.into_iter().chain([sql]).collect();
            let script = arena.script([table.oid], &guise, &lines, &what);
            let why = format!(
                "It names {} without a schema, and takes a temporary table of tenant A's for it: {what}.",
                table.name.name
            );
            found.add(Finding::shown(class, signature(function), why, script));
            return;
        }
    }
}

async fn in_policies<'w>(arena: &mut Arena<'w, '_>, function: &'w Function, table: &'w Relation, found: &mut Found) {
    let guise = arena.guise.clone();
    let before: Vec<u32> = leaking_tables(arena, &guise, &[]).await.iter().map(|(table, ..)| table.oid).collect();
    let own = shadowing(arena, table);
    let after = leaking_tables(arena, &guise, &own).await;
    let Some((shown, sql, reading)) = after.into_iter().find(|(shown, ..)| !before.contains(&shown.oid)) else {
        return;
    };
    let seen = format!("{} rows of {} are not tenant A's, as {}", reading.theirs, shown.name, reading.seen);
    let lines: Vec<String> = own.into_iter().chain([sql]).collect();
    let script = arena.script([table.oid, shown.oid], &guise, &lines, &seen);
    let why =
        format!("Policies call it, and it takes a temporary table of tenant A's for {}: {seen}.", table.name.name);
    let has_path = function.settings.iter().any(|setting| setting.starts_with("search_path="));
    let class = if has_path || !function.is_definer { Class::TempShadowing } else { Class::FunctionSearchPath };
    found.add(Finding::shown(class, signature(function), why, script));
}
