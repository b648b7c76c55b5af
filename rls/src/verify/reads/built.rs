//! Statements that a function puts together: what of them is known, and what its caller writes.

use std::collections::HashSet;

use serde_json::Value;

use super::super::tree::{list, node, strings};
use super::Reading;
use super::steps::{ERROR, State, query_of};
use super::terms::{constant, last_name};
use crate::name::ident;

/// Stands for a quoted value until it is numbered; it is no character of SQL.
const VALUE: char = '\u{1}';
/// Stands for a name that is not known before the function runs.
const SOME_NAME: &str = "\"a name that is not known\"";

/// A text that comes together in more ways than these is not followed in all of them, and told.
const WAYS_MOST: usize = 32;

/// A text that is put together, where one of several comes out.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// What may come out; never nothing.
    pub ways: Vec<Way>,
    /// Whether the caller writes a part of it.
    pub is_tainted: bool,
    /// Whether there are ways that are not among them.
    pub is_cut: bool,
}

/// One of the texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Way {
    /// The text, with marks for values.
    pub text: String,
    /// The values, in order.
    pub values: Vec<Value>,
}

impl Default for Built {
    fn default() -> Self {
        Self::of("")
    }
}

impl Built {
    fn of(text: impl Into<String>) -> Self {
        let way = Way { text: text.into(), values: Vec::new() };
        Self { ways: vec![way], is_tainted: false, is_cut: false }
    }

    fn value(value: &Value) -> Self {
        let way = Way { text: VALUE.to_string(), values: vec![value.clone()] };
        Self { ways: vec![way], ..Self::default() }
    }

    fn either(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut built, other| {
            built.merge(&other);
            built
        })
    }

    fn push(&mut self, other: &Self) {
        let count = self.ways.len() * other.ways.len();
        let all = self.ways.iter().flat_map(|before| other.ways.iter().map(|after| before.then(after)));
        self.ways = all.take(WAYS_MOST).collect();
        self.is_tainted |= other.is_tainted;
        self.is_cut |= other.is_cut || count > WAYS_MOST;
    }

    fn push_str(&mut self, text: &str) {
        self.ways.iter_mut().for_each(|way| way.text += text);
    }

    /// Either of them.
    pub(super) fn merge(&mut self, other: &Self) {
        for way in &other.ways {
            if !self.ways.contains(way) {
                self.ways.push(way.clone());
            }
        }
        self.is_tainted |= other.is_tainted;
        self.is_cut |= other.is_cut || self.ways.len() > WAYS_MOST;
        self.ways.truncate(WAYS_MOST);
    }

    /// Whether all that may come out is known, and nobody's but the function's.
    fn is_plain(&self) -> bool {
        !self.is_tainted && !self.is_cut && self.ways.iter().all(|way| way.values.is_empty() && !way.text.is_empty())
    }

    /// The same as names.
    fn quoted(&self) -> Self {
        let ways = self.ways.iter().map(|way| Way { text: ident(&way.text), values: Vec::new() });
        Self { ways: ways.collect(), ..self.clone() }
    }

    fn is_empty(&self) -> bool {
        self.ways.iter().all(|way| way.text.is_empty())
    }

    /// One of its texts, for whoever is told.
    pub(super) fn shown(&self) -> String {
        self.ways.first().map(|way| way.text.clone()).unwrap_or_default()
    }
}

impl Way {
    fn then(&self, after: &Self) -> Self {
        let values = self.values.iter().chain(&after.values).cloned().collect();
        Self { text: format!("{}{}", self.text, after.text), values }
    }

    /// The text with its values as arguments after the first `given`.
    pub(super) fn numbered(&self, given: usize) -> String {
        let mut number = given;
        self.text.chars().fold(String::new(), |mut text, c| {
            if c == VALUE {
                number += 1;
                text += &format!("${number}");
            } else {
                text.push(c);
            }
            text
        })
    }
}

/// The name of which a condition says that it is none of these words.
fn words_of(condition: &Value) -> Option<(String, Built)> {
    const IN: i64 = 7;
    let ("AExpr", content) = node(condition)? else { return None };
    if super::terms::number(content, "kind") != IN || last_name(content, "name") == "=" {
        return None;
    }
    let ("ColumnRef", column) = node(content.get("lexpr")?)? else { return None };
    let (_, words) = node(content.get("rexpr")?)?;
    let words: Option<Vec<Built>> =
        list(words, "items").iter().map(|word| constant(word).map(|text| Built::of(text.replace(VALUE, "")))).collect();
    let words = words.filter(|words| !words.is_empty())?;
    Some((strings(column).join("."), Built::either(words)))
}

/// The same of any part of an OR.
fn any_words_of(condition: &Value, found: &mut Vec<(String, Built)>) {
    const OR: i64 = 2;
    match node(condition) {
        Some(("BoolExpr", content)) if super::terms::number(content, "boolop") == OR => {
            list(content, "args").iter().for_each(|arg| any_words_of(arg, found));
        }
        _ => found.extend(words_of(condition)),
    }
}

/// Whether a key stands anywhere in a tree.
fn has(tree: &Value, keys: &[&str]) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(|item| has(item, keys)),
        Value::Object(fields) => fields.iter().any(|(key, value)| keys.contains(&key.as_str()) || has(value, keys)),
        _ => false,
    }
}

/// The variables that anything in a tree writes to.
fn written(tree: &Value, variables: &[String], found: &mut HashSet<String>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| written(item, variables, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let number = value.as_u64().and_then(|at| usize::try_from(at).ok());
                // Where it is named, the name counts.
                if matches!(key.as_str(), "varno" | "target" | "curvar") && !fields.contains_key("name") {
                    found.extend(number.and_then(|at| variables.get(at).cloned()));
                }
                // The first variable's number is left out.
                let is_write = matches!(key.as_str(), "PLpgSQL_stmt_assign" | "PLpgSQL_stmt_foreach_a");
                if is_write && value.get("varno").is_none() {
                    found.extend(variables.first().cloned());
                }
                if matches!(key.as_str(), "name" | "refname") {
                    found.extend(value.as_str().map(str::to_owned));
                }
                written(value, variables, found);
            }
        }
        _ => {}
    }
}

impl Reading<'_, '_, '_> {
    /// Arguments that can be one of a few words alone: the function ends before anything else where they are not, and
    /// nothing in it writes to them.
    pub(super) fn listed(&mut self, function: &Value, variables: &[String]) -> Vec<(String, Built)> {
        const RUNS: &[&str] = &["PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"];
        let body = function.get("action").and_then(|action| action.get("PLpgSQL_stmt_block"));
        let Some(body) = body.filter(|body| !has(body, &["exceptions", "exc_list"])) else { return Vec::new() };
        let mut taken = HashSet::new();
        written(body, variables, &mut taken);
        let mut found = Vec::new();
        // The parser may put a block around the block that is written.
        let mut inner = body;
        while let Some(block) = list(inner, "body").first().and_then(|first| first.get("PLpgSQL_stmt_block")) {
            inner = block;
        }
        for step in list(inner, "body").iter().take_while(|step| !has(step, RUNS)) {
            let Some(check) = step.get("PLpgSQL_stmt_if") else { continue };
            let ends = list(check, "then_body").first().is_some_and(|first| {
                let raise = first.get("PLpgSQL_stmt_raise");
                raise.is_some_and(|raise| raise.get("elog_level").and_then(Value::as_i64).unwrap_or(ERROR) >= ERROR)
            });
            let tree = check.get("cond").and_then(query_of).and_then(|text| self.expression(text));
            if let Some(tree) = tree.filter(|_| ends) {
                any_words_of(&tree, &mut found);
            }
        }
        found.retain(|(name, _)| !taken.contains(name));
        found
    }
}

impl Reading<'_, '_, '_> {
    /// What is known of a text.
    pub(super) fn fold(&mut self, value: &Value, state: &State) -> Built {
        if let Some(text) = constant(value) {
            return Built::of(text.replace(VALUE, ""));
        }
        let Some((kind, content)) = node(value) else { return Built::default() };
        match kind {
            "TypeCast" => content.get("arg").map(|arg| self.fold(arg, state)).unwrap_or_default(),
            "AExpr" if last_name(content, "name") == "||" => {
                let mut built = Built::default();
                for side in ["lexpr", "rexpr"] {
                    if let Some(side) = content.get(side) {
                        built.push(&self.fold(side, state));
                    }
                }
                built
            }
            "CoalesceExpr" => Built::either(list(content, "args").iter().map(|arg| self.fold(arg, state))),
            "CaseExpr" => Built::either(choices(content).into_iter().map(|choice| self.fold(choice, state))),
            "ColumnRef" => {
                let name = strings(content).join(".");
                match state.texts.get(&name) {
                    Some(known) if !self.is_tainted(&name) || known.is_tainted || !known.is_empty() => known.clone(),
                    _ => Built { is_tainted: self.is_tainted(&name), ..Built::of(format!(" {name} ")) },
                }
            }
            "FuncCall" => self.fold_call(content, state),
            _ => self.opaque(value),
        }
    }

    fn opaque(&self, value: &Value) -> Built {
        Built { is_tainted: self.mentions_tainted(value), ..Built::of(SOME_NAME) }
    }

    fn fold_call(&mut self, call: &Value, state: &State) -> Built {
        let args = list(call, "args");
        match (last_name(call, "funcname").as_str(), args) {
            ("quote_literal" | "quote_nullable", [value]) => Built::value(value),
            ("quote_ident", [value]) => self.fold_name(value, state),
            ("format", [pattern, rest @ ..]) => match constant(pattern) {
                Some(pattern) => self.fold_format(pattern, rest, state),
                None => self.opaque(pattern),
            },
            ("concat", parts) => {
                let mut built = Built::default();
                for part in parts {
                    built.push(&self.fold(part, state));
                }
                built
            }
            (
                "lower" | "upper" | "trim" | "btrim" | "replace" | "left" | "right" | "substr" | "substring",
                [first, ..],
            ) => self.fold(first, state),
            (_, args) => {
                let is_tainted = args.iter().any(|arg| self.mentions_tainted(arg));
                Built { is_tainted, ..Built::of(SOME_NAME) }
            }
        }
    }

    /// A quoted name: whose table it is, the caller says where it gives the name, and not where it chooses among names.
    fn fold_name(&self, value: &Value, state: &State) -> Built {
        match (constant(value), node(value)) {
            (Some(name), _) => Built::of(ident(name)),
            (None, Some(("ColumnRef", column))) => match state.texts.get(&strings(column).join(".")) {
                Some(known) if known.is_plain() => known.quoted(),
                _ => self.opaque(value),
            },
            (None, Some(("CaseExpr", case))) => {
                Built::either(choices(case).into_iter().map(|choice| self.fold_name(choice, state)))
            }
            _ => self.opaque(value),
        }
    }

    fn fold_format(&mut self, pattern: &str, args: &[Value], state: &State) -> Built {
        let (mut built, mut next) = (Built::default(), 0);
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            built.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (position, after) = position(rest);
            let Some(kind) = after.chars().next() else { break };
            rest = &after[kind.len_utf8()..];
            if kind == '%' {
                built.push_str("%");
                continue;
            }
            let at = position.map_or(next, |position| position.saturating_sub(1));
            next = at + 1;
            let Some(arg) = args.get(at) else { continue };
            let piece = match kind {
                'L' => Built::value(arg),
                'I' if built.ways.iter().all(|way| orders(&way.text) || compares(&way.text, rest)) => {
                    Built { is_tainted: false, ..self.fold_name(arg, state) }
                }
                'I' => self.fold_name(arg, state),
                _ => self.fold(arg, state),
            };
            built.push(&piece);
        }
        built.push_str(rest);
        built
    }

    pub(super) fn is_tainted(&self, name: &str) -> bool {
        self.tainted.contains(name) || name.split('.').any(|part| self.tainted.contains(part))
    }

    /// Whether a value has something of the caller's in it.
    pub(super) fn mentions_tainted(&self, tree: &Value) -> bool {
        match tree {
            Value::Array(items) => items.iter().any(|item| self.mentions_tainted(item)),
            Value::Object(fields) => {
                if let Some(column) = fields.get("ColumnRef") {
                    return self.is_tainted(&strings(column).join("."));
                }
                if let Some(parameter) = fields.get("ParamRef") {
                    return self.is_tainted(&format!("${}", super::terms::number(parameter, "number")));
                }
                fields.values().any(|value| self.mentions_tainted(value))
            }
            _ => false,
        }
    }
}

/// Words after which names are not those of columns.
const ELSE: [&str; 20] = [
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "except",
    "intersect",
    "from",
    "into",
    "window",
    "using",
    "join",
    "on",
    "update",
    "table",
    "only",
    "set",
    "call",
    "select",
    "values",
];

/// Whether what comes next in a statement is what its rows are ordered by, a quoted name of which chooses among columns:
/// since `order by` there are names, and nothing that could begin something else.
fn orders(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    let text = format!(" {} ", words.join(" "));
    let Some((_, since)) = text.rsplit_once(" order by ") else { return false };
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | ',' | '.' | '_' | '"');
    let mut words = since.split(|c: char| !c.is_alphanumeric() && c != '_');
    since.chars().all(is_plain) && !words.any(|word| ELSE.contains(&word))
}

/// Whether what comes next is a column that a condition asks about: a quoted name is none of another table's there. Since the
/// word there are names alone, and what follows calls nothing.
fn compares(text: &str, after: &str) -> bool {
    const CONDITIONS: [&str; 3] = ["where", "and", "or"];
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ' ' | '\n');
    let since = text.rfind(|c| !is_part(c)).map_or(text, |at| &text[at..]);
    let words: Vec<String> =
        since.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_ascii_lowercase).collect();
    let last = words.iter().rev().find(|word| CONDITIONS.contains(&word.as_str()) || ELSE.contains(&word.as_str()));
    let is_sure = !text.contains("--") && !text.contains("/*") && !after.trim_start().starts_with(['(', '.', ',']);
    is_sure && last.is_some_and(|last| CONDITIONS.contains(&last.as_str()))
}

/// What a CASE may come to.
pub(super) fn choices(case: &Value) -> Vec<&Value> {
    let arms = list(case, "args").iter().filter_map(|arm| node(arm)?.1.get("result"));
    arms.chain(case.get("defresult").filter(|it| !it.is_null())).collect()
}

/// `2$` of `%2$L`, and widths, which say nothing.
fn position(rest: &str) -> (Option<usize>, &str) {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    match rest[digits..].strip_prefix('$') {
        Some(after) => {
            (rest[..digits].parse().ok(), after.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()))
        }
        None => (None, rest.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit())),
    }
}
