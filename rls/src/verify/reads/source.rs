//! The text of views and functions, and their trees, each parsed once.

use std::rc::Rc;

use serde_json::Value;

use super::super::tree;
use super::Library;
use crate::catalog::{Function, Relation};
use crate::name::ident;
use crate::parser;

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
        self.routine(function, |function| attempts(function).into_iter().find_map(|text| parser::plpgsql(&text)))
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
    let words = Words::of(&function.source);
    let source = words.as_ref().map_or_else(|| function.source.clone(), |words| words.replaced(&words.returned()));
    let plain = told(function, &source);
    let mended = words.map(|words| {
        let mut cuts = words.returned();
        cuts.extend(words.declared());
        cuts.sort_by_key(|cut| cut.start);
        told(function, &words.replaced(&cuts))
    });
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

/// A part of a text, and what stands in its place.
struct Cut {
    start: usize,
    end: usize,
    with: String,
}

/// A function's source, word by word.
struct Words<'s> {
    source: &'s str,
    places: Vec<(usize, usize)>,
}

impl<'s> Words<'s> {
    fn of(source: &'s str) -> Option<Self> {
        let tokens = parser::tokens(source)?;
        let place = |token: &pg_query::protobuf::ScanToken| {
            let (start, end) = (usize::try_from(token.start).ok()?, usize::try_from(token.end).ok()?);
            source.get(start..end).map(|_| (start, end))
        };
        Some(Self { source, places: tokens.iter().map(place).collect::<Option<_>>()? })
    }

    fn at(&self, at: usize) -> &'s str {
        self.places.get(at).map_or("", |(start, end)| &self.source[*start..*end])
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.at(at).eq_ignore_ascii_case(word))
    }

    fn replaced(&self, cuts: &[Cut]) -> String {
        let mut text = self.source.to_owned();
        for cut in cuts.iter().rev() {
            text.replace_range(cut.start..cut.end, &cut.with);
        }
        text
    }

    /// `return x;` as `return (x);`: the parser tells nothing of a variable that is returned by itself.
    fn returned(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for at in 0..self.places.len() {
            if !self.is(at, &["return"]) {
                continue;
            }
            let from = if self.is(at + 1, &["next"]) { at + 2 } else { at + 1 };
            let mut to = from;
            while to < self.places.len() && self.at(to) != ";" {
                to += 1;
            }
            let is_name = (1..=3).contains(&(to - from)) && !self.is(from, &["query", "next", "null"]);
            if is_name && to < self.places.len() {
                let (start, end) = (self.places[from].0, self.places[to - 1].1);
                cuts.push(Cut { start, end, with: format!("({})", &self.source[start..end]) });
            }
        }
        cuts
    }

    /// Every declared type of a schema, and every array of one, as a record.
    fn declared(&self) -> Vec<Cut> {
        let (mut cuts, mut declares) = (Vec::new(), false);
        for at in 0..self.places.len() {
            declares = (declares || self.is(at, &["declare"])) && !self.is(at, &["begin"]);
            let starts = at > 0 && self.is(at - 1, &[";", "declare"]);
            if declares && starts {
                cuts.extend(self.declared_type(at));
            }
        }
        cuts
    }

    /// Of `NAME [constant] TYPE …`, up to `:=`, `default`, `not` or `;`.
    fn declared_type(&self, at: usize) -> Option<Cut> {
        let from = if self.is(at + 1, &["constant"]) { at + 2 } else { at + 1 };
        if self.is(from, &["cursor", "alias", "no", "scroll"]) {
            return None;
        }
        let mut to = from;
        while to < self.places.len() && !self.is(to, &[";", ":=", "=", "default", "not"]) {
            to += 1;
        }
        let (start, end) = (self.places.get(from)?.0, self.places.get(to.checked_sub(1)?)?.1);
        let written = self.source.get(start..end)?;
        let is_unknown = written.contains('.') || written.contains('[');
        is_unknown.then(|| Cut { start, end, with: "record".to_owned() })
    }
}
