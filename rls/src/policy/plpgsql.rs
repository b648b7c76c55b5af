//! Bodies in PL/pgSQL: straight lines and branches become one value, anything that loops or runs a built text is unknown.

use std::collections::HashMap;

use pg_query::NodeEnum;
use serde_json::Value as Json;

use super::calls::last_statement;
use super::expr::{Condition, Query, Value};
use super::lower::{Frame, Lowering};
use crate::catalog::Function;
use crate::name::ident;

/// `raise exception` and above.
const ERROR: i64 = 21;
/// So many statements are followed, over all branches.
const MAX_STEPS: usize = 400;

type Vars = HashMap<String, Value>;

/// What a function gives; none where its body is not understood.
pub(super) fn body(lowering: &mut Lowering<'_, '_>, function: &Function, frame: &Frame<'_>) -> Option<Value> {
    let tree = lowering.parses.plpgsql(function.oid, || create(function))?;
    let root = tree.get(0)?.get("PLpgSQL_function")?;
    let mut run = Run { lowering, frame, steps: 0 };
    let mut vars = frame.args.clone();
    for datum in root.get("datums").and_then(Json::as_array).into_iter().flatten() {
        let Some(var) = datum.get("PLpgSQL_var") else { continue };
        let name = var.get("refname").and_then(Json::as_str).unwrap_or_default().to_owned();
        let given = var.get("default_val").map(|default| run.value(default, &vars));
        vars.entry(name).or_insert_with(|| given.unwrap_or(Value::Null));
    }
    let action = root.get("action")?;
    Some(run.statements(&[action], &vars))
}

/// The function once more, as the parser wants to see it.
fn create(function: &Function) -> String {
    let args = function.argument_types.iter().enumerate().map(|(at, kind)| {
        let name = function.argument_names.get(at).filter(|name| !name.is_empty()).map(|name| ident(name));
        format!("{} {kind}", name.unwrap_or_default())
    });
    let args: Vec<String> = args.collect();
    let returns = if function.returns_set { "returns setof text" } else { "returns text" };
    let quote = "$tenantry_body$";
    format!(
        "create function f({}) {returns} language plpgsql as {quote}{}{quote}",
        args.join(", "),
        bracketed(&function.source)
    )
}

/// `return name;` as `return (name);`: of a lone variable the parser's tree has no name.
fn bracketed(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = source;
    while let Some(at) = rest.to_ascii_lowercase().find("return") {
        let (before, from) = rest.split_at(at);
        let after = &from["return".len()..];
        out.push_str(before);
        out.push_str("return");
        let name = after.split(';').next().unwrap_or_default();
        let is_word = after.starts_with(char::is_whitespace) && is_name(name.trim());
        let starts_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_word && starts_word && after.len() > name.len() {
            out.push_str(&format!(" ({})", name.trim()));
            rest = &after[name.len()..];
        } else {
            rest = after;
        }
    }
    out + rest
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | '.' | '$'))
}

struct Run<'r, 'p, 'a, 'f> {
    lowering: &'r mut Lowering<'p, 'a>,
    frame: &'r Frame<'f>,
    steps: usize,
}

impl Run<'_, '_, '_, '_> {
    /// What these statements return, one after the other.
    fn statements(&mut self, list: &[&Json], vars: &Vars) -> Value {
        self.steps += 1;
        let Some((first, rest)) = list.split_first() else { return Value::Null };
        if self.steps > MAX_STEPS {
            return Value::unknown("a function with too many branches");
        }
        let Some((kind, statement)) = first.as_object().and_then(|object| object.iter().next()) else {
            return self.statements(rest, vars);
        };
        match kind.as_str() {
            "PLpgSQL_stmt_block" => self.block(statement, rest, vars),
            "PLpgSQL_stmt_assign" => self.assign(statement, rest, vars),
            "PLpgSQL_stmt_execsql" => self.select_into(statement, rest, vars),
            "PLpgSQL_stmt_dynexecute" => self.execute_into(statement, rest, vars),
            "PLpgSQL_stmt_if" => self.branch(statement, rest, vars),
            "PLpgSQL_stmt_return" => match statement.get("expr") {
                Some(expr) => self.value(expr, vars),
                None => Value::unknown("a return that cannot be read"),
            },
            "PLpgSQL_stmt_return_query" => match statement.get("query").and_then(|expr| self.query(expr, vars)) {
                Some(query) => Value::Element(Box::new(Value::ListOf(Box::new(query)))),
                None => Value::unknown("return query"),
            },
            "PLpgSQL_stmt_raise" if statement.get("elog_level").and_then(Json::as_i64).unwrap_or(ERROR) >= ERROR => {
                Value::Raise
            }
            "PLpgSQL_stmt_perform" => self.perform(statement, rest, vars),
            "PLpgSQL_stmt_raise" | "PLpgSQL_stmt_getdiag" | "PLpgSQL_stmt_assert" => self.statements(rest, vars),
            other => Value::unknown(format!("a function with {}", other.trim_start_matches("PLpgSQL_stmt_"))),
        }
    }

    /// With an exception handler it is what the body gives, or what a handler gives.
    fn block(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        let body = followed(statement.get("body"), rest);
        let value = self.statements(&body, vars);
        let handlers = statement.pointer("/exceptions/PLpgSQL_exception_block/exc_list").and_then(Json::as_array);
        let Some(handlers) = handlers else { return value };
        let mut values = vec![value];
        for handler in handlers {
            let action = followed(handler.pointer("/PLpgSQL_exception/action"), rest);
            values.push(self.statements(&action, vars));
        }
        Value::Pick(values)
    }

    fn assign(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        let text = text_of(statement.get("expr"));
        let Some((name, expr)) = text.split_once(":=").or_else(|| text.split_once('=')) else {
            return Value::unknown("an assignment that cannot be read");
        };
        let value = self.parsed(expr, vars);
        self.statements(rest, &with(vars, name.trim().trim_matches('"'), value))
    }

    fn select_into(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        if statement.get("into").and_then(Json::as_bool) != Some(true) {
            return self.statements(rest, vars);
        }
        let Some(query) = statement.get("sqlstmt").and_then(|expr| self.query(expr, vars)) else {
            return Value::unknown("a statement that gives values and is no select");
        };
        self.given_to(statement, &query, rest, vars)
    }

    /// A constant text, with its values beside it: nothing of the function is known inside but `$1`, `$2`, …
    fn execute_into(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        let text = statement.get("query").map(|expr| self.value(expr, vars));
        let (Some(Value::Const(sql)), Some(true)) = (text, statement.get("into").and_then(Json::as_bool)) else {
            return Value::unknown("a function with dynexecute");
        };
        let params = statement.get("params").and_then(Json::as_array).into_iter().flatten();
        let positional: Vec<Value> = params.map(|expr| self.value(expr, vars)).collect();
        let frame = Frame { args: Vars::new(), positional, ..self.frame.clone() };
        match self.query_in(&sql, &frame) {
            Some(query) => self.given_to(statement, &query, rest, vars),
            None => Value::unknown("a statement that gives values and is no select"),
        }
    }

    /// What follows where `into` has taken a query's values.
    fn given_to(&mut self, statement: &Json, query: &Query, rest: &[&Json], vars: &Vars) -> Value {
        let mut vars = with(vars, "found", Condition::Exists(Box::new(query.clone())).value());
        for (name, at) in targets(statement.get("target"), query) {
            vars.insert(name, given(query, at));
        }
        self.statements(rest, &vars)
    }

    fn perform(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        let found = match statement.get("expr").and_then(|expr| self.query(expr, vars)) {
            Some(query) => Condition::Exists(Box::new(query)).value(),
            None => Value::unknown("perform"),
        };
        self.statements(rest, &with(vars, "found", found))
    }

    fn branch(&mut self, statement: &Json, rest: &[&Json], vars: &Vars) -> Value {
        let chain = |list: Option<&Json>| -> Vec<Json> {
            let own = list.and_then(Json::as_array).cloned().unwrap_or_default();
            own.into_iter().chain(rest.iter().map(|one| (*one).clone())).collect()
        };
        let mut branches = vec![(statement.get("cond").cloned(), chain(statement.get("then_body")))];
        for elsif in statement.get("elsif_list").and_then(Json::as_array).into_iter().flatten() {
            let elsif = elsif.get("PLpgSQL_if_elsif").unwrap_or(elsif);
            branches.push((elsif.get("cond").cloned(), chain(elsif.get("stmts"))));
        }
        let mut cases = Vec::new();
        for (when, then) in branches {
            let when = when.map_or(Condition::Const(None), |expr| self.value(&expr, vars).holds());
            let then: Vec<&Json> = then.iter().collect();
            cases.push((when, self.statements(&then, vars)));
        }
        let last = chain(statement.get("else_body"));
        let last: Vec<&Json> = last.iter().collect();
        let last = self.statements(&last, vars);
        Value::Case(cases, Box::new(last))
    }

    fn value(&mut self, expr: &Json, vars: &Vars) -> Value {
        let text = text_of(Some(expr));
        self.parsed(&text, vars)
    }

    fn parsed(&mut self, text: &str, vars: &Vars) -> Value {
        match self.query_of(&format!("select {text}"), vars) {
            Some(query) => given(&query, 0),
            None => Value::unknown("an expression that cannot be parsed"),
        }
    }

    fn query(&mut self, expr: &Json, vars: &Vars) -> Option<Query> {
        self.query_of(&text_of(Some(expr)), vars)
    }

    fn query_of(&mut self, sql: &str, vars: &Vars) -> Option<Query> {
        self.query_in(sql, &Frame { args: vars.clone(), ..self.frame.clone() })
    }

    fn query_in(&mut self, sql: &str, frame: &Frame<'_>) -> Option<Query> {
        let tree = self.lowering.parses.of(sql)?;
        let NodeEnum::SelectStmt(select) = last_statement(&tree)? else { return None };
        Some(self.lowering.select(select, frame))
    }
}

/// Statements, and those that come after their block.
fn followed<'j>(block: Option<&'j Json>, rest: &[&'j Json]) -> Vec<&'j Json> {
    block.and_then(Json::as_array).into_iter().flatten().chain(rest.iter().copied()).collect()
}

/// The column of a query as a value: the expression itself where there are no rows to choose from.
fn given(query: &Query, at: usize) -> Value {
    match query.arms.as_slice() {
        [arm] if arm.condition == Condition::And(Vec::new()) => {
            arm.targets.get(at).map_or(Value::Null, |(_, value)| value.clone())
        }
        _ => Value::Query(Box::new(query.column(at))),
    }
}

/// What `into` names, with the column that it takes.
fn targets(target: Option<&Json>, query: &Query) -> Vec<(String, usize)> {
    let Some(target) = target else { return Vec::new() };
    if let Some(fields) = target.pointer("/PLpgSQL_row/fields").and_then(Json::as_array) {
        let name = |field: &Json| field.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        return fields.iter().enumerate().map(|(at, field)| (name(field), at)).collect();
    }
    let record = target.pointer("/PLpgSQL_rec/refname").and_then(Json::as_str).unwrap_or_default();
    let columns = query.arms.first().map(|arm| arm.targets.as_slice()).unwrap_or_default();
    columns.iter().enumerate().map(|(at, (name, _))| (format!("{record}.{name}"), at)).collect()
}

fn with(vars: &Vars, name: &str, value: Value) -> Vars {
    let mut vars = vars.clone();
    vars.insert(name.to_owned(), value);
    vars
}

fn text_of(expr: Option<&Json>) -> String {
    let query = expr.and_then(|expr| expr.pointer("/PLpgSQL_expr/query")).and_then(Json::as_str);
    query.unwrap_or_default().to_owned()
}
