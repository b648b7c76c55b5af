//! Function calls: PostgreSQL's own by what they do, the schema's by their body.

use std::collections::HashMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, ParseResult};

use super::expr::{Arm, Condition, Keeps, Op, Query, Value};
use super::lower::{Frame, Lowering, MAX_CALLS, field_name, unknown_query};
use super::plpgsql;
use crate::catalog::Function;
use crate::name::Name;

impl Lowering<'_, '_> {
    /// A call.
    pub(super) fn call(&mut self, call: &FuncCall, frame: &Frame<'_>) -> Value {
        let names: Vec<&str> = call.funcname.iter().filter_map(field_name).collect();
        let (schema, name) = match names.as_slice() {
            [name] => (None, *name),
            [.., "pg_catalog", name] => (None, *name),
            [.., schema, name] => (Some(*schema), *name),
            [] => return Value::unknown("a call without a name"),
        };
        if schema.is_none()
            && call.over.is_none()
            && let Some(value) = self.aggregate(name, call, frame)
        {
            return value;
        }
        let args = self.arguments(call, frame);
        match self.find_function(schema, name, args.len(), &frame.path) {
            Some(function) => {
                let is_planned = function.volatility == "i" && args.iter().all(|(_, value)| value.is_constant());
                let value = self.look_through(function, args, frame.user);
                if is_planned && value.asks(self.meanings, self.is_within_plpgsql(frame)) {
                    self.frozen.insert(function.oid);
                }
                value
            }
            None if schema.is_none() => self.built_in(name, args, frame),
            None => Value::call(names.join("."), args.into_iter().map(|(_, value)| value).collect(), Keeps::Unknown),
        }
    }

    fn arguments(&mut self, call: &FuncCall, frame: &Frame<'_>) -> Vec<(Option<String>, Value)> {
        let mut args = Vec::new();
        for node in &call.args {
            match &node.node {
                Some(NodeEnum::NamedArgExpr(named)) => {
                    args.push((Some(named.name.clone()), self.opt_value(named.arg.as_deref(), frame)));
                }
                _ => args.push((None, self.value(node, frame))),
            }
        }
        args
    }

    fn aggregate(&mut self, name: &str, call: &FuncCall, frame: &Frame<'_>) -> Option<Value> {
        const NAMES: &[&str] = &[
            "count",
            "max",
            "min",
            "any_value",
            "array_agg",
            "bool_or",
            "bool_and",
            "every",
            "string_agg",
            "json_agg",
            "jsonb_agg",
            "sum",
            "avg",
        ];
        if !NAMES.contains(&name) || self.over.is_empty() {
            return None;
        }
        let arg = call.args.first().map_or(Value::Null, |node| self.value(node, frame));
        let filter = call.agg_filter.as_deref().map(|node| self.condition(node, frame));
        let (over, met) = self.over.last_mut()?;
        *met = true;
        let mut conditions = vec![over.clone()];
        conditions.extend(filter);
        let over = |extra: Option<Condition>, target: Value| {
            let condition = Condition::And(conditions.iter().cloned().chain(extra).collect());
            Box::new(Query { arms: vec![Arm { condition, targets: vec![(String::new(), target)] }] })
        };
        Some(match name {
            "count" => Value::Count(over(None, arg)),
            "max" | "min" | "any_value" => Value::Query(over(None, arg)),
            "array_agg" | "json_agg" | "jsonb_agg" => Value::ListOf(over(None, arg)),
            "bool_or" => Condition::Exists(over(Some(arg.holds()), Value::Null)).value(),
            other => Value::call(other, vec![Value::ListOf(over(None, arg))], Keeps::Some),
        })
    }

    /// Whether the caller is a PL/pgSQL function, which keeps the plans of its expressions whatever the role.
    fn is_within_plpgsql(&self, frame: &Frame<'_>) -> bool {
        let caller = frame.function.and_then(|oid| self.world.function(oid));
        caller.is_some_and(|caller| caller.language == "plpgsql")
    }

    /// What a function gives for these arguments, by its body.
    fn look_through(&mut self, function: &Function, args: Vec<(Option<String>, Value)>, user: Option<u32>) -> Value {
        self.calls.insert(function.oid);
        let plain = || args.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        if let Some(value) = known(function, &plain()) {
            return value;
        }
        if self.call_depth >= MAX_CALLS {
            return Value::call(function.signature(), plain(), Keeps::Unknown);
        }
        let frame = function_frame(function, &args, user);
        self.call_depth += 1;
        let over = std::mem::take(&mut self.over);
        let value = match function.language.as_str() {
            "sql" => self.sql_body(function, &frame),
            "plpgsql" => plpgsql::body(self, function, &frame),
            _ => None,
        };
        self.over = over;
        self.call_depth -= 1;
        value.unwrap_or_else(|| Value::call(function.signature(), plain(), Keeps::Unknown))
    }

    fn sql_body(&mut self, function: &Function, frame: &Frame<'_>) -> Option<Value> {
        let tree = self.parses.of(&body_text(function))?;
        let NodeEnum::SelectStmt(select) = last_statement(&tree)? else { return None };
        let query = self.select(select, frame);
        if function.returns_set || function.returns.starts_with("TABLE") {
            return Some(Value::Element(Box::new(Value::ListOf(Box::new(query)))));
        }
        Some(match query.arms.as_slice() {
            [Arm { condition: Condition::And(list), targets }] if list.is_empty() && targets.len() == 1 => {
                targets[0].1.clone()
            }
            _ => Value::Query(Box::new(query)),
        })
    }

    fn built_in(&mut self, name: &str, args: Vec<(Option<String>, Value)>, frame: &Frame<'_>) -> Value {
        let mut args: Vec<Value> = args.into_iter().map(|(_, value)| value).collect();
        match (name, args.len()) {
            ("current_setting", 1 | 2) => self.setting(args),
            (
                "json_extract_path_text" | "jsonb_extract_path_text" | "json_extract_path" | "jsonb_extract_path",
                2..,
            ) => {
                let whole = args.remove(0);
                // `variadic array[…]` is one argument.
                let keys = args.into_iter().flat_map(|arg| match arg {
                    Value::List(keys) => keys,
                    key => vec![key],
                });
                self.part(whole, &keys.collect::<Vec<_>>())
            }
            ("string_to_array" | "regexp_split_to_array", 2) => Value::Split(Box::new(args.swap_remove(0))),
            ("regexp_split_to_table" | "string_to_table", 2) => {
                Value::Element(Box::new(Value::Split(Box::new(args.swap_remove(0)))))
            }
            ("split_part", 3) if args[2] == Value::Const("1".to_owned()) => {
                Value::call("first part", vec![args.swap_remove(0)], Keeps::Some)
            }
            ("unnest" | "jsonb_array_elements_text" | "json_array_elements_text" | "jsonb_array_elements", 1)
            | ("json_array_elements" | "jsonb_object_keys" | "json_object_keys", 1) => {
                Value::Element(Box::new(args.swap_remove(0)))
            }
            ("concat", 1..) => concat(args),
            (
                "quote_literal" | "quote_ident" | "to_jsonb" | "to_json" | "reverse" | "sha256" | "sha512" | "encode",
                1..,
            )
            | ("decode" | "convert_to" | "convert_from" | "uuid_send" | "textsend" | "jsonb_build_array", 1..) => {
                let value = args.swap_remove(0);
                Value::call(name, vec![value], Keeps::All)
            }
            ("texteq" | "uuid_eq" | "int4eq" | "int8eq" | "bpchareq" | "nameeq", 2) => {
                let (right, left) = (args.pop(), args.pop());
                let (left, right) = (left.unwrap_or(Value::Null), right.unwrap_or(Value::Null));
                Condition::Compare(Op::Eq, left, right).value()
            }
            ("array_append" | "array_cat" | "array_remove", 2) => args.swap_remove(0),
            ("current_user" | "current_role" | "getpgusername", 0) => self.current_user(frame),
            ("session_user", 0) => Value::Login,
            _ => Value::call(name, args, Keeps::Some),
        }
    }

    /// `current_setting('name'[, missing_ok])`: without the second it is never NULL.
    fn setting(&self, mut args: Vec<Value>) -> Value {
        let quiet = args.len() == 2 && args[1] == Value::boolean(true);
        let Value::Const(name) = args.swap_remove(0) else { return Value::unknown("a setting whose name is computed") };
        let value = self.meanings.value(&name, &[]);
        if quiet { value } else { Value::Sure(Box::new(value)) }
    }
}

impl<'w> Lowering<'_, 'w> {
    /// A function by its name, how many arguments it is given, and where to look.
    fn find_function(&self, schema: Option<&str>, name: &str, args: usize, path: &[String]) -> Option<&'w Function> {
        let fits = |function: &&&'w Function| function.argument_types.len() >= args && function.kind == "f";
        let exact = |function: &&&'w Function| function.argument_types.len() == args && function.kind == "f";
        let within = |schema: &str| {
            let named = self.world.functions_named(&Name::new(schema, name));
            named.iter().find(exact).or_else(|| named.iter().find(fits)).copied()
        };
        match schema {
            Some(schema) => within(schema),
            None if path.is_empty() => None,
            None => path.iter().find_map(|schema| within(schema)),
        }
    }
}

/// Functions whose meaning is known better than their body tells.
fn known(function: &Function, args: &[Value]) -> Option<Value> {
    match (function.name.schema.as_str(), function.name.name.as_str(), args) {
        ("storage", "foldername", [name]) => Some(Value::Split(Box::new(name.clone()))),
        ("storage", "filename" | "extension", [name]) => {
            Some(Value::call(function.name.name.as_str(), vec![name.clone()], Keeps::Some))
        }
        _ if function.extension.is_some() => Some(Value::call(function.name.name.as_str(), args.to_vec(), Keeps::Some)),
        _ => None,
    }
}

/// Where a function's names are looked up: its arguments, and its own search_path. It runs as `user`, or as its owner.
fn function_frame<'f>(function: &Function, args: &[(Option<String>, Value)], user: Option<u32>) -> Frame<'f> {
    let mut named = HashMap::new();
    let mut positional = vec![Value::unknown("a default of an argument"); function.argument_types.len()];
    for (at, (name, value)) in args.iter().enumerate() {
        let place = match name {
            Some(name) => function.argument_names.iter().position(|known| known == name),
            None => Some(at),
        };
        let Some(place) = place else { continue };
        if let Some(slot) = positional.get_mut(place) {
            *slot = value.clone();
        }
    }
    for (name, value) in function.argument_names.iter().zip(&positional) {
        if !name.is_empty() {
            named.insert(name.clone(), value.clone());
        }
    }
    let user = if function.is_definer { Some(function.owner) } else { user };
    Frame {
        args: named,
        positional,
        path: search_path(function),
        reader: user,
        user,
        function: Some(function.oid),
        ..Frame::default()
    }
}

/// The schemas that a function looks into: those it sets, else its own, which comes nearest to what callers have.
pub(super) fn search_path(function: &Function) -> Vec<String> {
    let set = function.settings.iter().find_map(|setting| setting.strip_prefix("search_path="));
    let mut path: Vec<String> = set
        .map(|list| list.split(',').map(|schema| schema.trim().trim_matches('"').to_owned()).collect())
        .unwrap_or_default();
    path.retain(|schema| !schema.is_empty() && schema != "pg_catalog" && schema != "pg_temp" && schema != "$user");
    path.push(function.name.schema.clone());
    path.push("public".to_owned());
    path
}

/// The statements of a body in SQL, also of `begin atomic` and `return`.
pub(super) fn body_text(function: &Function) -> String {
    let Some(body) = function.sql_body.as_deref() else { return function.source.clone() };
    let body = body.trim();
    let inside = body.strip_prefix("BEGIN ATOMIC").and_then(|rest| rest.strip_suffix("END"));
    match (inside, body.strip_prefix("RETURN ")) {
        (Some(inside), _) => inside.to_owned(),
        (None, Some(value)) => format!("select {value}"),
        _ => body.to_owned(),
    }
}

/// A query by its text, over nothing.
pub(super) fn parsed_select(lowering: &mut Lowering<'_, '_>, sql: &str, frame: &Frame<'_>) -> Query {
    let Some(tree) = lowering.parses.of(sql) else { return unknown_query("a view that cannot be parsed") };
    match last_statement(&tree) {
        Some(NodeEnum::SelectStmt(select)) => lowering.select(select, frame),
        _ => unknown_query("a view that is no select"),
    }
}

pub(super) fn last_statement(tree: &ParseResult) -> Option<&NodeEnum> {
    tree.stmts.last()?.stmt.as_ref().and_then(|node| node.node.as_ref())
}

fn concat(mut args: Vec<Value>) -> Value {
    if args.len() == 1 {
        return args.swap_remove(0);
    }
    let varies = args.iter().filter(|arg| !matches!(arg, Value::Const(_))).count();
    Value::call("concat", args, if varies <= 1 { Keeps::All } else { Keeps::Some })
}
