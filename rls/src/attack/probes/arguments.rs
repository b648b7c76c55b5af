//! Arguments for a function that nobody here has seen: B's ids and texts, what breaks out of quotes, what is nobody's.

use std::collections::BTreeSet;

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::identity::{Side, base};
use crate::catalog::{Function, Relation};
use crate::name::literal;

/// Calls of one function.
const CALLS: usize = 40;
/// Values of one argument.
const VALUES: usize = 18;

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
    let read = mentioned(arena, function);
    let runs = harvest::mentions(&function.source.to_ascii_lowercase(), "execute");
    let columns: Vec<Vec<String>> = function
        .argument_types
        .iter()
        .enumerate()
        .map(|(at, type_name)| {
            let name = function.argument_names.get(at).map(String::as_str).unwrap_or_default();
            values(arena, type_name, name, &read, runs)
        })
        .collect();
    combined(&columns)
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
    let mut seen = BTreeSet::new();
    found.retain(|call| seen.insert(call.clone()));
    found.truncate(CALLS);
    found
}

/// The tables of tenants that a body speaks of; all of them where it names none.
pub(in crate::attack) fn mentioned<'w>(arena: &Arena<'w, '_>, function: &Function) -> Vec<&'w Relation> {
    let body = function.sql_body.as_deref().unwrap_or(&function.source);
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

fn values(arena: &Arena<'_, '_>, type_name: &str, name: &str, read: &[&Relation], runs: bool) -> Vec<String> {
    let plain = arena.plan.facts.base(type_name);
    let mut found: Vec<String> = match base(plain) {
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        "text" | "character varying" | "character" | "name" | "citext" | "public.citext" | "regclass" | "unknown" => {
            texts(arena, plain, name, read, runs)
        }
        "json" | "jsonb" => documents(arena, read),
        other if other.starts_with("timestamp") || other == "date" => {
            vec!["-infinity".to_owned(), "infinity".to_owned(), "2026-01-15".to_owned()]
        }
        "interval" => vec!["1000 years".to_owned(), "0".to_owned()],
        other => of_rows(arena, type_name, other, name, read),
    };
    let mut seen = BTreeSet::new();
    found.retain(|value| seen.insert(value.clone()));
    found.truncate(VALUES);
    let mut typed: Vec<String> = found.iter().map(|value| format!("{}::{type_name}", literal(value))).collect();
    typed.push(format!("null::{type_name}"));
    typed
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
    found.extend(of_type(arena, plain, read).into_iter().take(4));
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
    let items = match base(element) {
        "text" | "character varying" => texts(arena, element, name, read, false),
        plain => of_rows(arena, element, plain, name, read),
    };
    let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let all = items.iter().map(quoted).collect::<Vec<_>>().join(",");
    std::iter::once(format!("{{{all}}}"))
        .chain(items.iter().take(4).map(|item| format!("{{{}}}", quoted(item))))
        .collect()
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

/// B's values in columns that are called like the argument.
fn named(arena: &Arena<'_, '_>, name: &str, plain: &str, read: &[&Relation]) -> Vec<String> {
    let wanted = stripped(name);
    let mut found = Vec::new();
    for table in read {
        let singular = table.name.name.trim_end_matches('s');
        let fits = |column: &&crate::catalog::Column| {
            let like = !wanted.is_empty()
                && (column.name == wanted
                    || (column.name == "id" && (wanted == "id" || wanted == format!("{singular}_id"))));
            like && base(arena.plan.facts.base(&column.type_name)) == plain
        };
        let rows = [arena.seeder.first(table.oid, Side::B), arena.seeder.last(table.oid, Side::B)];
        for values in rows.into_iter().flatten().map(|row| &row.values) {
            let of_row = table.columns.iter().filter(fits).filter_map(|column| values.get(&column.name).cloned());
            found.extend(of_row.flatten());
        }
    }
    found
}

/// B's values of a type.
fn of_type(arena: &Arena<'_, '_>, plain: &str, read: &[&Relation]) -> Vec<String> {
    let mut found = Vec::new();
    for table in read {
        let Some(values) = arena.values(table.oid, Side::B) else { continue };
        let fits = table.columns.iter().filter(|column| base(arena.plan.facts.base(&column.type_name)) == plain);
        found.extend(fits.filter_map(|column| values.get(&column.name).cloned().flatten()));
    }
    found
}

fn texts(arena: &Arena<'_, '_>, plain: &str, name: &str, read: &[&Relation], runs: bool) -> Vec<String> {
    let tables = read.iter().flat_map(|table| [table.name.to_string(), table.name.name.clone(), table.name.quoted()]);
    if plain == "regclass" {
        return read.iter().map(|table| table.name.quoted()).collect();
    }
    let mut found: Vec<String> = named(arena, name, "text", read).into_iter().take(4).collect();
    found.extend(named(arena, name, "character varying", read).into_iter().take(2));
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
    }
    found.push("canary_b".to_owned());
    found.push("%".to_owned());
    found.extend(BREAKERS.iter().take(5).map(|text| (*text).to_owned()));
    found.push(String::new());
    found.extend(of_type(arena, "text", read).into_iter().take(2));
    found.extend(BREAKERS.iter().skip(5).map(|text| (*text).to_owned()));
    found.push(arena.pair().b.tenant.clone());
    found.extend(tables.take(3));
    found
}

fn documents(arena: &Arena<'_, '_>, read: &[&Relation]) -> Vec<String> {
    let b = &arena.pair().b;
    let mut object = serde_json::Map::new();
    for table in read {
        let values = arena.values(table.oid, Side::B).into_iter().flatten();
        object.extend(values.filter_map(|(name, value)| Some((name.clone(), value.clone()?.into()))));
    }
    for name in ["tenant_id", "tenant", "org_id"] {
        object.insert(name.to_owned(), b.tenant.clone().into());
    }
    object.insert("user_id".to_owned(), b.user.clone().into());
    let hostile = serde_json::json!({ "q": BREAKERS[0], "filter": "true", "where": "true", "search": "%" });
    vec![serde_json::Value::Object(object).to_string(), hostile.to_string(), "{}".to_owned(), "[]".to_owned()]
}
