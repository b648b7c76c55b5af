//! Arguments for a function that nobody here has seen: B's ids and texts, what breaks out of quotes, what is nobody's.

use std::collections::BTreeSet;

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::identity::{Side, base};
use crate::attack::probes::code::made_of;
use crate::attack::seed::Seeded;
use crate::catalog::{Column, Function, Relation};
use crate::name::{ident, literal};

/// Calls of one function.
const CALLS: usize = 120;
/// Values of one argument.
const VALUES: usize = 30;
/// Values of one argument where the others are left out.
const ALONE: usize = 24;
/// Values of rows of one table.
const OF_ROWS: usize = 12;

/// The cursor that a function is told to open.
pub(in crate::attack) const CURSOR: &str = "tenantry_cursor";

/// Breaks out of the quotes, brackets and patterns that values are pasted into.
pub(in crate::attack) const BREAKERS: &[&str] = &[
    "' or true --",
    "%' or true --",
    "') or true --",
    "%') or true --",
    "')) or true --",
    "x' or 'x' = 'x",
    "true",
    "1 = 1 --",
    "false or true",
];

/// The lists of arguments to call a function with, each as SQL.
pub(in crate::attack) fn calls(arena: &Arena<'_, '_>, function: &Function) -> Vec<Vec<String>> {
    let runs_by = made_of(arena, function).unwrap_or(function);
    let read = mentioned(arena, runs_by);
    let body = runs_by.body();
    let runs = harvest::mentions(&runs_by.source.to_ascii_lowercase(), "execute");
    let columns: Vec<Vec<String>> = function
        .argument_types
        .iter()
        .enumerate()
        .map(|(at, type_name)| {
            let name = function.argument_names.get(at).map(String::as_str).unwrap_or_default();
            values(arena, type_name, name, body, &read, runs)
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut found = of_whole_rows(arena, function, &read, &columns);
    found.extend(with_defaults(function, &columns));
    found.extend(combined(&columns));
    found.retain(|call| seen.insert(call.clone()));
    found.truncate(CALLS);
    found
}

/// The columns of a table that a function's arguments are called like.
fn called_like<'r>(arena: &Arena<'_, '_>, function: &Function, table: &'r Relation) -> Vec<Option<&'r Column>> {
    let of_argument = |at: usize| -> Option<&'r Column> {
        let wanted = stripped(function.argument_names.get(at)?);
        let plain = arena.plan.facts.base(&function.argument_types[at]);
        let fits = table.columns.iter().filter(|column| is_of(arena, column, plain));
        fits.filter(|column| likeness(table, column, wanted) > 0).max_by_key(|column| likeness(table, column, wanted))
    };
    (0..function.argument_types.len()).map(of_argument).collect()
}

/// The columns of a table that say what a function is asked about: those that its arguments are called like, and where
/// one is called like nothing, what names a row.
fn asked_about<'r>(arena: &Arena<'_, '_>, function: &Function, table: &'r Relation) -> Vec<Option<&'r Column>> {
    let naming = |at: usize| {
        let plain = arena.plan.facts.base(&function.argument_types[at]);
        let fits = |column: &&Column| is_of(arena, column, plain);
        table.column("id").filter(|id| fits(id)).or_else(|| table.columns.iter().find(fits))
    };
    let called = called_like(arena, function, table).into_iter().enumerate();
    called.map(|(at, column)| column.or_else(|| naming(at))).collect()
}

/// The lists of arguments that rows of one side give, by the names of their columns.
pub(in crate::attack) fn of_rows_of(
    arena: &Arena<'_, '_>,
    function: &Function,
    read: &[&Relation],
    side: Side,
) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for table in read {
        let from = asked_about(arena, function, table);
        let of_row = |row: &Seeded| {
            let value = |(at, column): (usize, &Option<&Column>)| {
                let value = row.values.get(&(*column)?.name)?.as_deref()?;
                Some(typed(value, &function.argument_types[at]))
            };
            from.iter().enumerate().map(value).collect::<Option<Vec<_>>>()
        };
        found.extend(arena.seeder.unlike_first(table.oid, side).into_iter().filter_map(of_row).take(2));
    }
    found
}

/// The same of a row that is about to be written.
pub(in crate::attack) fn of_given(
    arena: &Arena<'_, '_>,
    function: &Function,
    table: &Relation,
    given: &[(String, String)],
) -> Option<Vec<String>> {
    let value = |(at, column): (usize, Option<&Column>)| {
        let name = &column?.name;
        let (_, value) = given.iter().find(|(known, _)| known == name)?;
        Some(format!("{value}::{}", function.argument_types[at]))
    };
    asked_about(arena, function, table).into_iter().enumerate().map(value).collect()
}

/// What belongs together: each argument from one row, where a column is called like it. B's rows, or rows of A's with
/// B's tenant beside them.
fn of_whole_rows(
    arena: &Arena<'_, '_>,
    function: &Function,
    read: &[&Relation],
    columns: &[Vec<String>],
) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let names_b = |at: &usize| function.argument_names.get(*at).is_some_and(|name| names_tenant(name));
    for table in read.iter().filter(|_| columns.len() > 1) {
        let from = called_like(arena, function, table);
        let with = |row: &Seeded, of_b: &dyn Fn(usize) -> bool| -> Vec<String> {
            let value = |(at, column): (usize, &Option<&Column>)| {
                let known = column.filter(|column| row.side == Side::A || !column.is_secret());
                let value = known.and_then(|column| row.values.get(&column.name).cloned().flatten());
                let value = if of_b(at) { Some(arena.pair().b.tenant.clone()) } else { value };
                value.map_or_else(|| columns[at][0].clone(), |value| typed(&value, &function.argument_types[at]))
            };
            from.iter().enumerate().map(value).collect()
        };
        if from.iter().flatten().count() > 1 {
            let rows = arena.seeder.unlike_first(table.oid, Side::B).into_iter().take(OF_ROWS);
            found.extend(rows.map(|row| with(row, &|_| false)));
        }
        let is_mixed = (0..columns.len()).any(|at| names_b(&at))
            && from.iter().enumerate().any(|(at, column)| column.is_some() && !names_b(&at));
        if is_mixed {
            let rows = arena.seeder.unlike_first(table.oid, Side::A).into_iter().take(OF_ROWS);
            found.extend(rows.map(|row| with(row, &|at| names_b(&at))));
        }
    }
    found
}

/// One argument of those that may be left out, by its name, and none of the others, as they would be called.
fn with_defaults(function: &Function, columns: &[Vec<String>]) -> Vec<Vec<String>> {
    let needed = columns.len().saturating_sub(function.defaults);
    let first: Vec<String> = columns[..needed].iter().map(|values| values[0].clone()).collect();
    let named = function.argument_names.iter().zip(columns).skip(needed).filter(|(name, _)| !name.is_empty());
    let one = |(name, values): (&String, &Vec<String>)| {
        let values = values.iter().take(ALONE).map(|value| format!("{} => {value}", ident(name))).collect::<Vec<_>>();
        values.into_iter().map(|value| first.iter().cloned().chain([value]).collect())
    };
    // A single argument is by itself anyway.
    if columns.len() < 2 { Vec::new() } else { named.flat_map(one).collect() }
}

/// A value of a type. Without a length, `character` is one letter.
fn typed(value: &str, type_name: &str) -> String {
    let type_name = if type_name == "character" { "bpchar" } else { type_name };
    format!("{}::{type_name}", literal(value))
}

/// All as they are first, then side by side, then each by itself against the first of the others.
fn combined(columns: &[Vec<String>]) -> Vec<Vec<String>> {
    if columns.is_empty() {
        return vec![Vec::new()];
    }
    let longest = columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        for value in column {
            let first =
                |(other, values): (usize, &Vec<String>)| if other == at { value.clone() } else { values[0].clone() };
            found.push(columns.iter().enumerate().map(first).collect());
        }
    }
    for turn in 0..longest {
        found.push(columns.iter().map(|column| column[turn % column.len()].clone()).collect());
    }
    if let [one, other] = columns {
        found.extend(one.iter().flat_map(|left| other.iter().map(move |right| vec![left.clone(), right.clone()])));
    }
    found
}

/// The tables of tenants that a body speaks of; all of them where it names none.
pub(in crate::attack) fn mentioned<'w>(arena: &Arena<'w, '_>, function: &Function) -> Vec<&'w Relation> {
    let body = function.body();
    let tables = arena
        .plan
        .world
        .catalog
        .relations
        .iter()
        .filter(|relation| relation.is_table() && arena.seeder.first(relation.oid, Side::B).is_some());
    let tables: Vec<&Relation> = tables.collect();
    let named: Vec<&Relation> =
        tables.iter().copied().filter(|relation| harvest::mentions(body, &relation.name.name)).collect();
    if named.is_empty() { tables.into_iter().take(6).collect() } else { named }
}

fn values(
    arena: &Arena<'_, '_>,
    type_name: &str,
    name: &str,
    body: &str,
    read: &[&Relation],
    runs: bool,
) -> Vec<String> {
    let plain = arena.plan.facts.base(type_name);
    if plain == "refcursor" {
        return vec![format!("{}::refcursor", literal(CURSOR))];
    }
    if plain == "anyelement" {
        return rows(arena, read);
    }
    if is_composite(arena, plain) {
        return records(arena, type_name, name, body, read);
    }
    let mut found: Vec<String> = match base(plain) {
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        "text" | "character varying" | "character" | "name" | "citext" | "public.citext" | "regclass" | "unknown" => {
            texts(arena, plain, name, read, runs)
        }
        "json" | "jsonb" => documents(arena, body, read),
        other if other.starts_with("timestamp") || other == "date" => {
            vec!["-infinity".to_owned(), "infinity".to_owned(), "2026-01-15".to_owned()]
        }
        "interval" => vec!["0".to_owned(), "1000 years".to_owned()],
        other => of_rows(arena, type_name, other, name, read),
    };
    let mut seen = BTreeSet::new();
    found.retain(|value| seen.insert(value.clone()));
    found.truncate(VALUES);
    let mut all: Vec<String> = found.iter().map(|value| typed(value, type_name)).collect();
    all.push(format!("null::{type_name}"));
    all
}

/// B's rows as they are, for a function that takes any.
fn rows(arena: &Arena<'_, '_>, read: &[&Relation]) -> Vec<String> {
    let of_table = |table: &&Relation| {
        let document = serde_json::Value::Object(object_of(arena.values(table.oid, Side::B)?.iter())).to_string();
        Some(format!("pg_catalog.jsonb_populate_record(null::{}, {})", table.name.quoted(), literal(&document)))
    };
    let found: Vec<String> = read.iter().filter_map(of_table).collect();
    if found.is_empty() { vec!["null::text".to_owned()] } else { found }
}

/// What B's rows hold under the argument's name, or of its type.
fn of_rows(arena: &Arena<'_, '_>, type_name: &str, plain: &str, name: &str, read: &[&Relation]) -> Vec<String> {
    let is_tenant = plain == base(&arena.plan.world.settings.tenant_type);
    let pair = arena.pair();
    let people = plain == base(&arena.plan.user_type);
    let about_person = ["user", "member", "person", "owner", "author"].iter().any(|word| name.contains(word));
    let mut found = named(arena, name, plain, read);
    let mut owners =
        [(is_tenant, &pair.b.tenant), (people, &pair.b.user), (is_tenant, &pair.a.tenant), (people, &pair.a.user)];
    if about_person {
        owners.swap(0, 1);
        owners.swap(2, 3);
    }
    if names_tenant(name) {
        found.splice(0..0, is_tenant.then(|| pair.b.tenant.clone()));
    }
    found.extend(of_type(arena, plain, read, Side::B).into_iter().take(OF_ROWS));
    found.extend(owners.iter().filter(|(fits, _)| *fits).map(|(_, value)| (*value).clone()));
    match plain {
        "uuid" => found.push("dead0000-0000-4000-8000-00000000dead".to_owned()),
        "integer" | "bigint" | "smallint" | "numeric" | "double precision" | "real" => {
            found.extend(["1000", "0", "-1"].map(str::to_owned));
        }
        _ if type_name.ends_with("[]") => found.extend(arrays(arena, type_name, name, read)),
        _ => {}
    }
    let labels = arena.plan.facts.of_type(plain).map(|fact| fact.labels.clone()).unwrap_or_default();
    found.extend(labels);
    found
}

fn arrays(arena: &Arena<'_, '_>, type_name: &str, name: &str, read: &[&Relation]) -> Vec<String> {
    let element = type_name.trim_end_matches("[]");
    let plain = arena.plan.facts.base(element);
    let items = if is_textual(plain) {
        texts(arena, plain, name, read, false)
    } else {
        of_rows(arena, element, base(plain), name, read)
    };
    let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let list = |items: &[String]| format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","));
    let kept: Vec<String> = items.iter().filter(|item| !BREAKERS.contains(&item.as_str())).cloned().collect();
    // Behind one of A's own, where only the first is looked at.
    let own: Vec<String> = of_type(arena, plain, read, Side::A).into_iter().take(3).collect();
    let behind =
        own.iter().map(|own| list(&std::iter::once(own.clone()).chain(kept.iter().cloned()).collect::<Vec<_>>()));
    let alone = items.iter().take(6).map(|item| list(std::slice::from_ref(item)));
    let few = list(&kept[..kept.len().min(10)]);
    let all = [list(&items), few].into_iter().chain(behind);
    // What a domain does not let in makes the whole of it none.
    if plain == element { all.chain(alone).collect() } else { alone.chain(all).collect() }
}

fn names_tenant(name: &str) -> bool {
    ["tenant", "org", "account", "workspace", "company", "customer", "team"].iter().any(|word| name.contains(word))
}

/// `p_email`, `_email`, `in_email` and `email_in` are all about `email`.
fn stripped(name: &str) -> &str {
    let lower = name.trim_start_matches('_');
    let lower = ["p_", "in_", "arg_", "v_", "the_", "target_", "new_", "search_"]
        .iter()
        .find_map(|start| lower.strip_prefix(start))
        .unwrap_or(lower);
    lower.trim_end_matches("_in").trim_end_matches("_arg").trim_end_matches('_')
}

/// How much a column is called like what is wanted: `p_docket` and `d_docket_no` are about `docket`.
fn likeness(table: &Relation, column: &Column, wanted: &str) -> usize {
    let (name, wanted) = (column.name.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    let singular = table.name.name.trim_end_matches('s');
    if name == wanted || (name == "id" && (wanted == "id" || wanted == format!("{singular}_id"))) {
        return 3;
    }
    let parts = |text: &str| -> BTreeSet<String> {
        text.split('_').filter(|part| part.len() > 1).map(|part| singular_of(part).to_owned()).collect()
    };
    let (of_name, of_wanted) = (parts(&name), parts(&wanted));
    let shared = of_name.intersection(&of_wanted).filter(|part| part.len() > 2 || wanted.len() < 4).count();
    match shared {
        0 => 0,
        _ if of_name.is_subset(&of_wanted) || of_wanted.is_subset(&of_name) => 2,
        _ => 1,
    }
}

/// `boxes` and `orders`, without what makes them many.
fn singular_of(word: &str) -> &str {
    let several = ["xes", "ses", "ches", "shes"].iter().any(|end| word.ends_with(end));
    if several { &word[..word.len() - 2] } else { word.trim_end_matches('s') }
}

fn is_textual(plain: &str) -> bool {
    matches!(base(plain), "text" | "character varying" | "character" | "name" | "citext" | "public.citext")
}

fn is_of(arena: &Arena<'_, '_>, column: &Column, plain: &str) -> bool {
    let own = arena.plan.facts.base(&column.type_name);
    base(own) == base(plain) || (is_textual(own) && is_textual(plain))
}

/// B's values in columns that are called like the argument, those most alike first.
fn named(arena: &Arena<'_, '_>, name: &str, plain: &str, read: &[&Relation]) -> Vec<String> {
    let wanted = stripped(name);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(usize, String)> = Vec::new();
    for table in read {
        for column in table.columns.iter().filter(|column| is_of(arena, column, plain)) {
            let alike = likeness(table, column, wanted);
            if alike > 0 {
                found.extend(of_column(arena, table, column, Side::B).into_iter().map(|value| (alike, value)));
            }
        }
    }
    found.sort_by_key(|(alike, _)| std::cmp::Reverse(*alike));
    found.into_iter().map(|(_, value)| value).collect()
}

/// What rows of a side hold in a column.
fn of_column(arena: &Arena<'_, '_>, table: &Relation, column: &Column, side: Side) -> Vec<String> {
    // Nobody knows another's token.
    let side = if column.is_secret() { Side::A } else { side };
    let values = arena
        .seeder
        .unlike_first(table.oid, side)
        .into_iter()
        .filter_map(|row| row.values.get(&column.name).cloned().flatten());
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).take(OF_ROWS).collect()
}

/// A side's values of a type: of each column the first, then the others.
fn of_type(arena: &Arena<'_, '_>, plain: &str, read: &[&Relation], side: Side) -> Vec<String> {
    let columns = read.iter().flat_map(|table| {
        let fits = table.columns.iter().filter(|column| is_of(arena, column, plain));
        fits.map(|column| of_column(arena, table, column, side)).collect::<Vec<_>>()
    });
    let columns: Vec<Vec<String>> = columns.collect();
    let longest = columns.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest).flat_map(|at| columns.iter().filter_map(move |column| column.get(at).cloned())).collect()
}

/// Whether a type has fields: a row of a table, or a type made of several.
fn is_composite(arena: &Arena<'_, '_>, plain: &str) -> bool {
    arena.plan.facts.of_type(plain).is_some_and(|fact| fact.is_composite) || relation_of(arena, plain).is_some()
}

/// The table whose rows have this type.
fn relation_of<'w>(arena: &Arena<'w, '_>, plain: &str) -> Option<&'w Relation> {
    let relations = &arena.plan.world.catalog.relations;
    relations.iter().find(|relation| relation.name.quoted() == plain || relation.name.to_string() == plain)
}

/// Records with B's values in them, as a caller could put them together.
fn records(arena: &Arena<'_, '_>, type_name: &str, name: &str, body: &str, read: &[&Relation]) -> Vec<String> {
    let field = format!("{name}).");
    let fields: BTreeSet<String> = body
        .match_indices(field.as_str())
        .map(|(at, found)| body[at + found.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect();
    let own = relation_of(arena, arena.plan.facts.base(type_name));
    let tables: Vec<&Relation> = own.into_iter().chain(read.iter().copied()).collect();
    let mut found = Vec::new();
    for table in tables {
        for row in arena.seeder.unlike_first(table.oid, Side::B).into_iter().take(OF_ROWS) {
            let mut object = object_of(row.values.iter());
            for field in &fields {
                let alike = |column: &&Column| likeness(table, column, field) > 0;
                let column = table.columns.iter().filter(alike).max_by_key(|column| likeness(table, column, field));
                let value = column.and_then(|column| row.values.get(&column.name).cloned().flatten());
                object.insert(field.clone(), value.map_or_else(|| 3.into(), Into::into));
            }
            let document = literal(&serde_json::Value::Object(object).to_string());
            found.push(format!("pg_catalog.jsonb_populate_record(null::{type_name}, {document})"));
        }
    }
    found.truncate(VALUES);
    found.push(format!("null::{type_name}"));
    found
}

fn object_of<'v>(
    values: impl Iterator<Item = (&'v String, &'v Option<String>)>,
) -> serde_json::Map<String, serde_json::Value> {
    values.filter_map(|(name, value)| Some((name.clone(), value.clone()?.into()))).collect()
}

fn texts(arena: &Arena<'_, '_>, plain: &str, name: &str, read: &[&Relation], runs: bool) -> Vec<String> {
    let tables = read.iter().flat_map(|table| [table.name.to_string(), table.name.name.clone(), table.name.quoted()]);
    if plain == "regclass" {
        return read.iter().map(|table| table.name.quoted()).collect();
    }
    let mut found: Vec<String> = named(arena, name, "text", read).into_iter().take(OF_ROWS).collect();
    let about = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if about(&["table", "relation", "rel", "entity", "resource", "model"]) {
        found.extend(tables.clone().take(6));
    }
    if names_tenant(name) {
        found.push(arena.pair().b.tenant.clone());
    }
    if runs {
        let tables = read
            .iter()
            .take(2)
            .map(|table| format!("select pg_catalog.string_agg(t::text, ' ') from {} t", table.name.quoted()));
        found.extend(tables.map(|query| format!("do $do$ begin raise notice '%', ({query}); end $do$")));
        // Where rows are ordered by it: what cannot be a number is told by the error.
        found.extend(read.iter().take(2).filter_map(|table| {
            let column = table.columns.first()?;
            let all = format!("select pg_catalog.string_agg(t::text, ' ') from {} t", table.name.quoted());
            Some(format!("{}, (({all})::integer)", ident(&column.name)))
        }));
    }
    let theirs = of_type(arena, "text", read, Side::B);
    found.extend(theirs.iter().take(3).cloned());
    found.push("canary_b".to_owned());
    found.push("%".to_owned());
    found.extend(BREAKERS.iter().take(5).map(|text| (*text).to_owned()));
    found.push(String::new());
    found.extend(theirs.into_iter().skip(3).take(OF_ROWS));
    found.extend(BREAKERS.iter().skip(5).map(|text| (*text).to_owned()));
    found.push(arena.pair().b.tenant.clone());
    found.extend(tables.take(3));
    found
}

fn documents(arena: &Arena<'_, '_>, body: &str, read: &[&Relation]) -> Vec<String> {
    let b = &arena.pair().b;
    let mut object = serde_json::Map::new();
    for table in read {
        object.extend(arena.values(table.oid, Side::B).map(|values| object_of(values.iter())).unwrap_or_default());
    }
    for name in ["tenant_id", "tenant", "org_id"] {
        object.insert(name.to_owned(), b.tenant.clone().into());
    }
    object.insert("user_id".to_owned(), b.user.clone().into());
    let theirs = |key: &str| {
        let columns = read.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
        let alike = columns.filter(|(table, column)| likeness(table, column, key) > 0);
        let (table, column) = alike.max_by_key(|(table, column)| likeness(table, column, key))?;
        of_column(arena, table, column, Side::B).into_iter().next()
    };
    let asked = crate::attack::documents::asked([body], theirs);
    let hostile = serde_json::json!({ "q": BREAKERS[0], "filter": "true", "where": "true", "search": "%" });
    let whole = serde_json::Value::Object(object).to_string();
    let asked = asked.iter().map(serde_json::Value::to_string);
    let plain = [hostile.to_string(), "{}".to_owned(), "[]".to_owned()];
    std::iter::once(whole).chain(asked).chain(plain).chain(breaking(body, read)).collect()
}

/// Documents whose keys or values would go on as SQL where a body puts them into its own.
fn breaking(body: &str, read: &[&Relation]) -> Vec<String> {
    if !body.to_ascii_lowercase().contains("execute") {
        return Vec::new();
    }
    let texts = read.iter().flat_map(|table| table.columns.iter().filter(|column| column.plain_type() == "text"));
    let of_column = |column: &Column| {
        let name = ident(&column.name);
        let keys = [format!("{name} is null or true or {name}"), format!("{name} is null or true --")];
        let by_key = keys.map(|key| serde_json::json!({ key: "x" }).to_string());
        let by_value = serde_json::json!({ column.name.as_str(): BREAKERS[0] }).to_string();
        by_key.into_iter().chain([by_value])
    };
    texts.take(OF_ROWS / 2).flat_map(of_column).collect()
}
