//! The text of views and functions, and their trees, each parsed once.

use std::rc::Rc;

use serde_json::Value;

use super::super::tree;
use super::Library;
use crate::catalog::{Function, Relation};
use crate::name::ident;

/// What a trigger's function finds declared.
const TRIGGER_WORDS: &str = "new record; old record; tg_op text; tg_name text; tg_when text; tg_level text; tg_relid oid; \
     tg_relname text; tg_table_name text; tg_table_schema text; tg_nargs int; tg_argv text[]; tg_event text; tg_tag text;";

impl Library<'_, '_> {
    /// A view's query.
    pub(super) fn view(&self, view: &Relation) -> Option<Rc<Value>> {
        if let Some(known) = self.trees.borrow().get(&view.oid) {
            return known.clone();
        }
        let parsed = view.definition.as_deref().and_then(tree::parse).map(Rc::new);
        self.trees.borrow_mut().insert(view.oid, parsed.clone());
        parsed
    }

    /// The statements of a function in SQL.
    pub(super) fn sql(&self, function: &Function) -> Option<Rc<Value>> {
        self.routine(function, |function| tree::parse(&sql_text(function)))
    }

    /// The steps of a function in plpgsql.
    pub(super) fn plpgsql(&self, function: &Function) -> Option<Rc<Value>> {
        self.routine(function, |function| {
            attempts(function).into_iter().find_map(|text| pg_query::parse_plpgsql(&text).ok())
        })
    }

    fn routine(&self, function: &Function, parse: impl Fn(&Function) -> Option<Value>) -> Option<Rc<Value>> {
        if let Some(known) = self.routines.borrow().get(&function.oid) {
            return known.clone();
        }
        let parsed = parse(function).map(Rc::new);
        self.routines.borrow_mut().insert(function.oid, parsed.clone());
        parsed
    }
}

/// What a function in SQL runs: also of `begin atomic` and `return`.
fn sql_text(function: &Function) -> String {
    let Some(body) = function.sql_body.as_deref() else { return function.source.clone() };
    let body = body.trim();
    let upper = body.to_ascii_uppercase();
    if upper.starts_with("RETURN") {
        return format!("select {}", &body["RETURN".len()..]);
    }
    let inner = if upper.starts_with("BEGIN ATOMIC") { body["BEGIN ATOMIC".len()..].trim() } else { body };
    inner.strip_suffix("END").unwrap_or(inner).to_owned()
}

/// The parser knows few types, and no rows of triggers: so the function is told in types that it knows, and, where that
/// is not enough, with declarations that it can read.
fn attempts(function: &Function) -> Vec<String> {
    let plain = told(function, &function.source);
    let mended = mended(&function.source).map(|source| told(function, &source));
    plain.into_iter().chain(mended.into_iter().flatten()).collect()
}

fn told(function: &Function, source: &str) -> Vec<String> {
    let mut quote = "$body$".to_owned();
    while source.contains(&quote) {
        quote.insert(1, 'x');
    }
    let args: Vec<String> = function
        .argument_types
        .iter()
        .enumerate()
        .map(|(at, written)| {
            let name = function.argument_names.get(at).filter(|name| !name.is_empty()).map(|name| ident(name));
            format!("{} {}", name.unwrap_or_default(), known_type(written))
        })
        .collect();
    let outputs = function.outputs.iter().map(|name| format!("{} text; ", ident(name)));
    let (args, outputs) = (args.join(", "), outputs.collect::<String>());
    let is_trigger = matches!(function.returns.as_str(), "trigger" | "event_trigger");
    let declared = if is_trigger { format!("{outputs}{TRIGGER_WORDS}") } else { outputs };
    let (directives, block) = split_directives(source);
    let block = block.trim_end().trim_end_matches(';');
    let wrapped = format!("{directives}declare {declared} begin {block}\n; end");
    let returns = ["setof text", "text", "void"];
    let order: [usize; 3] = if function.returns_set { [0, 1, 2] } else { [1, 2, 0] };
    let body = |body: &str, returns: &str| {
        format!("create function f({args}) returns {returns} language plpgsql as {quote}{body}{quote}")
    };
    let mut texts: Vec<String> = order.iter().map(|at| body(&wrapped, returns[*at])).collect();
    if declared.is_empty() {
        texts.extend(order.iter().map(|at| body(source, returns[*at])));
    }
    texts
}

/// Types that the parser knows; `record` for what has fields is not taken as an argument, so text stands for it.
fn known_type(written: &str) -> &str {
    match written {
        "integer" | "bigint" | "smallint" | "boolean" | "uuid" | "numeric" | "jsonb" | "json" | "text[]" | "uuid[]" => {
            written
        }
        _ => "text",
    }
}

fn split_directives(source: &str) -> (String, &str) {
    let mut rest = source.trim_start();
    let mut directives = String::new();
    while rest.starts_with('#') {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        directives += &rest[..end];
        rest = rest[end..].trim_start();
    }
    (directives, rest)
}

/// The same with every declared type of a schema, and every array of one, as a record.
fn mended(source: &str) -> Option<String> {
    let tokens = pg_query::scan(source).ok()?.tokens;
    let word = |at: usize| -> Option<&str> {
        let token = tokens.get(at)?;
        source.get(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
    };
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut declares = false;
    for at in 0..tokens.len() {
        let Some(text) = word(at) else { continue };
        match text.to_ascii_lowercase().as_str() {
            "declare" => declares = true,
            "begin" => declares = false,
            _ => {}
        }
        let starts = matches!(at.checked_sub(1).and_then(&word), Some(";"))
            || at.checked_sub(1).and_then(&word).is_some_and(|it| it.eq_ignore_ascii_case("declare"));
        if !declares || !starts {
            continue;
        }
        // NAME [constant] TYPE … up to `:=`, `default`, `not` or `;`.
        let mut from = at + 1;
        if word(from).is_some_and(|it| it.eq_ignore_ascii_case("constant")) {
            from += 1;
        }
        let is_cursor = |at: usize| {
            word(at).is_some_and(|it| {
                it.eq_ignore_ascii_case("cursor")
                    || it.eq_ignore_ascii_case("alias")
                    || it.eq_ignore_ascii_case("no")
                    || it.eq_ignore_ascii_case("scroll")
            })
        };
        let ends = |at: usize| {
            word(at).is_none_or(|it| matches!(it.to_ascii_lowercase().as_str(), ";" | ":=" | "=" | "default" | "not"))
        };
        let mut to = from;
        while !ends(to) {
            to += 1;
        }
        if to > from && !is_cursor(from) {
            let start = usize::try_from(tokens[from].start).ok()?;
            let end = usize::try_from(tokens[to - 1].end).ok()?;
            let written = source.get(start..end)?;
            if written.contains('.') || written.contains('[') {
                cuts.push((start, end));
            }
        }
    }
    let mut text = source.to_owned();
    for (start, end) in cuts.iter().rev() {
        text.replace_range(*start..*end, "record");
    }
    Some(text)
}
