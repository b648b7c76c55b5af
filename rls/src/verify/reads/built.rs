//! Statements that a function puts together: what of them is known, and what its caller writes.

use serde_json::Value;

use super::super::tree::{list, node, strings};
use super::Reading;
use super::steps::State;
use super::terms::{constant, last_name};
use crate::name::ident;

/// Stands for a quoted value until it is numbered; it is no character of SQL.
const VALUE: char = '\u{1}';
/// Stands for a name that is not known before the function runs.
const SOME_NAME: &str = "\"a name that is not known\"";

/// A text that is put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Built {
    /// The text, with marks for values.
    pub text: String,
    /// The values, in order.
    pub values: Vec<Value>,
    /// Whether the caller writes a part of it.
    pub is_tainted: bool,
}

impl Built {
    fn push(&mut self, other: &Self) {
        self.text += &other.text;
        self.values.extend(other.values.iter().cloned());
        self.is_tainted |= other.is_tainted;
    }

    /// Either of them.
    pub(super) fn merge(&mut self, other: &Self) {
        self.is_tainted |= other.is_tainted;
        if other.text.len() > self.text.len() {
            self.text.clone_from(&other.text);
            self.values.clone_from(&other.values);
        }
    }

    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
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
            "CoalesceExpr" => {
                let mut built = Built::default();
                for arg in list(content, "args") {
                    built.merge(&self.fold(arg, state));
                }
                built
            }
            "CaseExpr" => {
                let mut built = Built::default();
                for choice in choices(value).into_iter().flatten() {
                    built.merge(&self.fold(choice, state));
                }
                built
            }
            "ColumnRef" => {
                let name = strings(content).join(".");
                match state.texts.get(&name) {
                    Some(known) if !self.is_tainted(&name) || known.is_tainted || !known.text.is_empty() => {
                        known.clone()
                    }
                    _ => Built { text: format!(" {name} "), is_tainted: self.is_tainted(&name), ..Built::default() },
                }
            }
            "FuncCall" => self.fold_call(content, state),
            _ => self.opaque(value),
        }
    }

    fn opaque(&self, value: &Value) -> Built {
        Built { text: SOME_NAME.to_owned(), is_tainted: self.mentions_tainted(value), ..Built::default() }
    }

    fn fold_call(&mut self, call: &Value, state: &State) -> Built {
        let args = list(call, "args");
        match (last_name(call, "funcname").as_str(), args) {
            ("quote_literal" | "quote_nullable", [value]) => {
                Built { text: VALUE.to_string(), values: vec![value.clone()], is_tainted: false }
            }
            ("quote_ident", [value]) => self.fold_name(value),
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
                Built { text: SOME_NAME.to_owned(), is_tainted, ..Built::default() }
            }
        }
    }

    /// A quoted name: whose table it is, the caller says where it gives the name. Choosing among names gives none.
    fn fold_name(&self, value: &Value) -> Built {
        if let Some(choices) = choices(value) {
            let mut built = Built::default();
            choices.into_iter().for_each(|choice| built.merge(&self.fold_name(choice)));
            return built;
        }
        match constant(value) {
            Some(name) => Built::of(ident(name)),
            None => Built { text: SOME_NAME.to_owned(), is_tainted: self.mentions_tainted(value), ..Built::default() },
        }
    }

    fn fold_format(&mut self, pattern: &str, args: &[Value], state: &State) -> Built {
        let (mut built, mut next) = (Built::default(), 0);
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            built.text += &rest[..at];
            rest = &rest[at + 1..];
            let (position, after) = position(rest);
            let Some(kind) = after.chars().next() else { break };
            rest = &after[kind.len_utf8()..];
            if kind == '%' {
                built.text.push('%');
                continue;
            }
            let at = position.map_or(next, |position| position.saturating_sub(1));
            next = at + 1;
            let Some(arg) = args.get(at) else { continue };
            let piece = match kind {
                'L' => Built { text: VALUE.to_string(), values: vec![arg.clone()], is_tainted: false },
                'I' if orders(&built.text) => Built { is_tainted: false, ..self.fold_name(arg) },
                'I' => self.fold_name(arg),
                _ => self.fold(arg, state),
            };
            built.push(&piece);
        }
        built.text += rest;
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

/// Whether what comes next in a statement is what its rows are ordered by: a quoted name there chooses among columns.
fn orders(text: &str) -> bool {
    const CLAUSES: [&str; 9] =
        ["order by ", "select ", "from ", "join ", "where ", "into ", "update ", "group by ", "having "];
    let text = text.to_ascii_lowercase();
    let last = CLAUSES.iter().filter_map(|clause| Some((text.rfind(clause)?, *clause))).max();
    last.is_some_and(|(_, clause)| clause == "order by ")
}

/// What a CASE may come to.
fn choices(value: &Value) -> Option<Vec<&Value>> {
    let ("CaseExpr", case) = node(value)? else { return None };
    let arms = list(case, "args").iter().filter_map(|arm| node(arm)?.1.get("result"));
    Some(arms.chain(case.get("defresult")).collect())
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
