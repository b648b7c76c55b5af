//! What policies compare with what: read with PostgreSQL's own parser, through functions that they call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalog::{Catalog, Function, Relation};
use crate::config::CLAIMS;
use crate::parser;

/// Functions that call functions are followed that far.
const DEEPEST: usize = 5;

/// Where a value comes from that a policy compares with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A setting; with the path in it where it holds JSON.
    Setting { name: String, path: Vec<String> },
    /// `current_user` and the like.
    Role,
    /// A sub-query of this relation.
    Query(u32),
}

/// A column that is compared with a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Comparison {
    /// The table of the policy.
    pub(super) policy_of: u32,
    /// The table of the column: the same, or one of a sub-query.
    pub(super) relation: u32,
    pub(super) column: String,
    pub(super) source: Source,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) comparisons: BTreeSet<Comparison>,
    /// Settings that are read, compared or not.
    pub(super) settings: BTreeSet<Source>,
}

/// Reads the policies of these schemas.
pub(super) fn gather(catalog: &Catalog, schemas: &[String]) -> Evidence {
    let mut reader = Reader { catalog, found: Evidence::default(), policy_of: 0, depth: 0 };
    for policy in &catalog.policies {
        let table = catalog.relation(policy.relation).filter(|table| schemas.contains(&table.name.schema));
        let Some(table) = table else { continue };
        reader.policy_of = table.oid;
        for text in [&policy.using, &policy.check].into_iter().flatten() {
            if let Some(tree) = parse(&format!("select ({text})")) {
                reader.walk(&tree, &Scope::of(table));
            }
        }
    }
    reader.found
}

fn parse(sql: &str) -> Option<Value> {
    serde_json::to_value(parser::sql(sql)?).ok()
}

/// The relations whose columns may be named, by alias; the innermost query last.
#[derive(Clone, Default)]
struct Scope<'a> {
    relations: Vec<(String, &'a Relation)>,
}

impl<'a> Scope<'a> {
    fn of(table: &'a Relation) -> Self {
        Self { relations: vec![(table.name.name.clone(), table)] }
    }

    /// The relation of a column by its written name, innermost first.
    fn owner(&self, written: &[String]) -> Option<&'a Relation> {
        let (column, alias) = (written.last()?, written.len().checked_sub(2).and_then(|at| written.get(at)));
        let is_it = |(name, relation): &&(String, &'a Relation)| {
            alias.is_none_or(|alias| alias == name) && relation.column(column).is_some()
        };
        self.relations.iter().rev().find(is_it).map(|(_, relation)| *relation)
    }
}

struct Reader<'a> {
    catalog: &'a Catalog,
    found: Evidence,
    policy_of: u32,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Notes every comparison below.
    fn walk(&mut self, tree: &Value, scope: &Scope<'a>) {
        match tree {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, scope)),
            Value::Object(fields) => {
                let inner = fields.get("from_clause").map(|from| self.entered(from, scope));
                let scope = inner.as_ref().unwrap_or(scope);
                for (kind, node) in fields {
                    self.look_at(kind, node, scope);
                    self.walk(node, scope);
                }
            }
            _ => {}
        }
    }

    fn look_at(&mut self, kind: &str, node: &Value, scope: &Scope<'a>) {
        match kind {
            "AExpr" if is_equality(node) => {
                let (left, right) = (&node["lexpr"], &node["rexpr"]);
                self.compare(left, right, scope);
                self.compare(right, left, scope);
            }
            "SubLink" => self.compare(&node["testexpr"], &node["subselect"], scope),
            "FuncCall" => {
                let sources = self.of_call(node, scope);
                self.found.settings.extend(sources);
            }
            _ => {}
        }
    }

    fn compare(&mut self, column: &Value, other: &Value, scope: &Scope<'a>) {
        let Some(written) = column_of(column) else { return };
        let (Some(relation), Some(name)) = (scope.owner(&written), written.last()) else { return };
        for source in self.sources(other, scope) {
            let (policy_of, relation, column) = (self.policy_of, relation.oid, name.clone());
            self.found.comparisons.insert(Comparison { policy_of, relation, column, source });
        }
    }

    /// A query's own relations, behind those around it.
    fn entered(&self, from: &Value, scope: &Scope<'a>) -> Scope<'a> {
        let mut inner = scope.clone();
        for range in all_of(from, "RangeVar") {
            let (schema, name) = (range["schemaname"].as_str().unwrap_or(""), range["relname"].as_str().unwrap_or(""));
            let alias = range["alias"]["aliasname"].as_str().unwrap_or(name);
            let is_it = |relation: &&Relation| {
                relation.name.name == name && (schema.is_empty() || relation.name.schema == schema)
            };
            if let Some(relation) = self.catalog.relations.iter().find(is_it) {
                inner.relations.push((alias.to_owned(), relation));
            }
        }
        inner
    }

    /// Where the values of an expression come from.
    fn sources(&mut self, tree: &Value, scope: &Scope<'a>) -> BTreeSet<Source> {
        match tree {
            Value::Array(items) => items.iter().flat_map(|item| self.sources(item, scope)).collect(),
            Value::Object(fields) => {
                fields.iter().flat_map(|(kind, node)| self.sources_of(kind, node, scope)).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    fn sources_of(&mut self, kind: &str, node: &Value, scope: &Scope<'a>) -> BTreeSet<Source> {
        match kind {
            "FuncCall" => self.of_call(node, scope),
            "SqlvalueFunction" if matches!(node["op"].as_i64(), Some(10..=13)) => BTreeSet::from([Source::Role]),
            "AExpr" if path_step(node).is_some() => {
                let step = path_step(node).unwrap_or_default();
                self.sources(&node["lexpr"], scope).into_iter().map(|source| deeper(source, &step)).collect()
            }
            "SelectStmt" => self.of_query(node, scope),
            _ => self.sources(node, scope),
        }
    }

    fn of_query(&mut self, node: &Value, scope: &Scope<'a>) -> BTreeSet<Source> {
        let from = all_of(&node["from_clause"], "RangeVar");
        if from.is_empty() {
            return self.sources(&node["target_list"], scope);
        }
        let inner = self.entered(&node["from_clause"], &Scope::default());
        inner.relations.iter().map(|(_, relation)| Source::Query(relation.oid)).collect()
    }

    /// `current_setting`, the functions of Supabase, and what others return.
    fn of_call(&mut self, node: &Value, scope: &Scope<'a>) -> BTreeSet<Source> {
        let name = strings(&node["funcname"]);
        let words: Vec<&str> = name.iter().map(String::as_str).collect();
        let claim = |path: &[&str]| BTreeSet::from([claim(path)]);
        match words.as_slice() {
            [.., "current_setting"] => constant(&node["args"][0]).map(|name| setting(&name)).into_iter().collect(),
            ["auth", "uid"] => claim(&["sub"]),
            ["auth", "jwt"] => claim(&[]),
            ["auth", "role"] => claim(&["role"]),
            ["auth", "email"] => claim(&["email"]),
            _ => {
                let mut found = self.sources(&node["args"], scope);
                found.extend(self.of_function(&words));
                found
            }
        }
    }

    fn of_function(&mut self, name: &[&str]) -> BTreeSet<Source> {
        let (schema, name) = match name {
            [name] => (None, *name),
            [.., schema, name] => (Some(*schema), *name),
            [] => return BTreeSet::new(),
        };
        let is_it = |function: &&Function| {
            function.name.name == name
                && schema.is_none_or(|schema| schema == function.name.schema)
                && function.extension.is_none()
        };
        let Some(function) = self.catalog.functions.iter().find(is_it) else { return BTreeSet::new() };
        if self.depth >= DEEPEST {
            return BTreeSet::new();
        }
        self.depth += 1;
        let mut found = BTreeSet::new();
        for tree in bodies(function) {
            self.walk(&tree, &Scope::default());
            found.extend(self.sources(&tree, &Scope::default()));
        }
        self.depth -= 1;
        found
    }
}

/// What a function runs, as trees: its statements, or the expressions of its PL/pgSQL.
fn bodies(function: &Function) -> Vec<Value> {
    if function.language != "plpgsql" {
        let body = function.body();
        return parse(body)
            .or_else(|| parse(&format!("select {}", body.trim_start_matches("RETURN "))))
            .into_iter()
            .collect();
    }
    let wrapped =
        format!("create function f() returns text language plpgsql as {}", crate::name::literal(&function.source));
    let Some(parsed) = parser::plpgsql(&wrapped) else { return Vec::new() };
    let queries = all_of(&parsed, "query").into_iter().filter_map(Value::as_str);
    queries.filter_map(|query| parse(query).or_else(|| parse(&format!("select {}", after_assignment(query))))).collect()
}

/// PL/pgSQL keeps `v := expression` whole.
fn after_assignment(query: &str) -> &str {
    query.split_once(":=").map_or(query, |(_, expression)| expression)
}

fn is_equality(node: &Value) -> bool {
    strings(&node["name"]).last().is_some_and(|operator| operator == "=")
}

/// The step of `->`, `->>`, `#>>` with a constant.
fn path_step(node: &Value) -> Option<Vec<String>> {
    let operator = strings(&node["name"]).pop()?;
    let step = constant(&node["rexpr"]);
    match operator.as_str() {
        "->" | "->>" => Some(vec![step?]),
        "#>" | "#>>" => {
            Some(step?.trim_matches(['{', '}']).split(',').map(|part| part.trim_matches('"').to_owned()).collect())
        }
        _ => None,
    }
}

fn deeper(source: Source, step: &[String]) -> Source {
    match source {
        Source::Setting { name, mut path } => {
            path.extend_from_slice(step);
            Source::Setting { name, path }
        }
        other => other,
    }
}

/// A setting; those of single claims are the claims of today.
fn setting(name: &str) -> Source {
    match name.strip_prefix("request.jwt.claim.") {
        Some(of) => claim(&[of]),
        None => Source::Setting { name: name.to_owned(), path: Vec::new() },
    }
}

fn claim(path: &[&str]) -> Source {
    Source::Setting { name: CLAIMS.to_owned(), path: path.iter().map(|step| (*step).to_owned()).collect() }
}

/// The written name of a column, also below casts.
fn column_of(tree: &Value) -> Option<Vec<String>> {
    let node = &tree["node"];
    if let Some(column) = node.get("ColumnRef") {
        return Some(strings(&column["fields"]));
    }
    node.get("TypeCast").and_then(|cast| column_of(&cast["arg"]))
}

/// A text constant, also below casts.
fn constant(tree: &Value) -> Option<String> {
    let node = &tree["node"];
    if let Some(value) = node.get("AConst") {
        return value["val"]["Sval"]["sval"].as_str().map(str::to_owned);
    }
    node.get("TypeCast").and_then(|cast| constant(&cast["arg"]))
}

/// Every value of this key below.
fn all_of<'t>(tree: &'t Value, key: &str) -> Vec<&'t Value> {
    match tree {
        Value::Array(items) => items.iter().flat_map(|item| all_of(item, key)).collect(),
        Value::Object(fields) => {
            let below = fields.values().flat_map(|value| all_of(value, key));
            fields.get(key).into_iter().chain(below).collect()
        }
        _ => Vec::new(),
    }
}

/// The texts of a name's parts.
fn strings(tree: &Value) -> Vec<String> {
    all_of(tree, "String").into_iter().filter_map(|node| node["sval"].as_str()).map(str::to_owned).collect()
}

impl Evidence {
    /// How many tables of policies compare a column of this name with anything, in themselves.
    pub(super) fn tables_by_column(&self) -> BTreeMap<&str, BTreeSet<u32>> {
        let mut found: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for comparison in self.comparisons.iter().filter(|one| one.relation == one.policy_of) {
            found.entry(&comparison.column).or_default().insert(comparison.relation);
        }
        found
    }
}
