//! plpgsql, step by step: what is assigned, what is checked before it goes on, and what it runs.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{self, list, node, strings, text};
use super::built::{Built, Way};
use super::conditions::pair;
use super::routine::Ran;
use super::terms::{last_name, number};
use super::{Equal, Frame, Given, Reading, Term};

/// From here on `raise` ends the function.
pub(super) const ERROR: i64 = 21;
const DISTINCT: i64 = 4;
const OP: i64 = 1;
const AND: i64 = 1;
const OR: i64 = 2;
const NOT: i64 = 3;
const IS_NULL: i64 = 1;

/// One way out of a function.
pub(super) struct Returned {
    pub value: Option<Value>,
    pub given: Given,
    pub frame: Rc<Frame>,
    pub has_rows: bool,
}

impl Returned {
    /// Whether it says no, or nothing.
    pub(super) fn is_no(&self) -> bool {
        let Some(value) = &self.value else { return false };
        match node(value) {
            Some(("AConst", constant)) => {
                constant.get("isnull").and_then(Value::as_bool).unwrap_or_default()
                    || constant.get("val").is_some_and(|val| {
                        val.get("Boolval").is_some_and(|it| it.get("boolval") != Some(&Value::Bool(true)))
                    })
            }
            _ => false,
        }
    }
}

/// Where a function is.
#[derive(Clone, Default)]
pub(super) struct State {
    pub equal: Vec<Equal>,
    /// What holds where the last statement found a row, and the variables that it filled.
    last: (Vec<Equal>, Vec<String>),
    /// Variables that hold statements.
    pub texts: HashMap<String, Built>,
    /// Variables that may be NULL though they hold the context.
    nullable: Vec<String>,
}

impl State {
    /// What all of them come to.
    fn either(all: Vec<Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut state, other| {
            state.equal.retain(|pair| other.equal.contains(pair));
            for (name, built) in other.texts {
                match state.texts.get_mut(&name) {
                    Some(known) => known.merge(&built),
                    None => drop(state.texts.insert(name, built)),
                }
            }
            state.nullable.extend(other.nullable);
            if state.last != other.last {
                state.last = Default::default();
            }
            state
        })
    }

    /// Of a variable and its fields nothing is known any more.
    fn forget(&mut self, name: &str) {
        self.unequal(name);
        self.texts.retain(|known, _| !is_within(known, name));
    }

    /// Neither it nor its fields are known to equal anything.
    fn unequal(&mut self, name: &str) {
        let speaks = |term: &Term| matches!(term, Term::Arg(known) if is_within(known, name));
        self.equal.retain(|(left, right)| !speaks(left) && !speaks(right));
    }
}

/// Whether it is this variable, or a field of it.
fn is_within(known: &str, name: &str) -> bool {
    known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The function that is read.
struct Body {
    frame: Rc<Frame>,
    variables: Vec<String>,
    returned: Vec<Returned>,
}

impl Reading<'_, '_, '_> {
    pub(super) fn run_steps(&mut self, tree: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Ran {
        let mut returned = Vec::new();
        let mut after = Vec::new();
        for function in tree.as_array().into_iter().flatten() {
            let Some(function) = function.get("PLpgSQL_function") else { continue };
            let variables = list(function, "datums").iter().map(variable_name).collect();
            let mut body = Body { frame: Rc::clone(frame), variables, returned: Vec::new() };
            let mut state = State { equal: equal.to_vec(), ..State::default() };
            state.texts.extend(self.listed(function, &body.variables));
            for datum in list(function, "datums") {
                self.declared(datum, &mut body, &mut state);
            }
            if let Some(action) = function.get("action") {
                self.step(action, &mut body, &mut state);
            }
            returned.append(&mut body.returned);
            after = state.equal;
        }
        Ran { returned, after }
    }

    fn declared(&mut self, datum: &Value, body: &mut Body, state: &mut State) {
        let Some(variable) = datum.get("PLpgSQL_var").or_else(|| datum.get("PLpgSQL_rec")) else { return };
        let (name, default) = (text(variable, "refname"), variable.get("default_val").and_then(query_of));
        if let Some(default) = default.map(str::to_owned).or_else(|| self.record_default(name)) {
            self.assign(name, &default, body, state);
        }
        if let Some(cursor) = variable.get("cursor_explicit_expr").and_then(query_of) {
            self.sql(cursor, body, state);
        }
    }

    /// The steps in order; whether it never gets past them.
    fn steps(&mut self, steps: &[Value], body: &mut Body, state: &mut State) -> bool {
        steps.iter().any(|step| self.step(step, body, state))
    }

    fn step(&mut self, step: &Value, body: &mut Body, state: &mut State) -> bool {
        let Some((kind, content)) = step.as_object().and_then(|fields| fields.iter().next()) else { return false };
        match kind.as_str() {
            "PLpgSQL_stmt_block" => return self.block(content, body, state),
            "PLpgSQL_stmt_if" => return self.branches(content, body, state),
            "PLpgSQL_stmt_raise" => {
                self.others(content, body, state);
                return content.get("elog_level").and_then(Value::as_i64).unwrap_or(ERROR) >= ERROR;
            }
            "PLpgSQL_stmt_assign" => {
                let target = content.get("varno").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
                let name = target.and_then(|at| body.variables.get(at).cloned()).unwrap_or_default();
                if let Some(written) = content.get("expr").and_then(query_of) {
                    let (left, right) = split_assignment(written);
                    let name = if name.is_empty() || left.contains('.') { left.to_ascii_lowercase() } else { name };
                    self.assign(&name, right, body, state);
                }
            }
            "PLpgSQL_stmt_execsql" => self.sql_into(content, "sqlstmt", body, state),
            "PLpgSQL_stmt_perform" => self.perform(content, body, state),
            "PLpgSQL_stmt_return" | "PLpgSQL_stmt_return_next" => {
                self.returns(content, body, state);
                return kind == "PLpgSQL_stmt_return";
            }
            "PLpgSQL_stmt_return_query" => self.returns_query(content, body, state),
            "PLpgSQL_stmt_dynexecute" | "PLpgSQL_stmt_dynfors" => {
                self.dynamic(content, "query", body, state);
                self.inner(content, body, state);
            }
            "PLpgSQL_stmt_open" if content.get("dynquery").is_some() => self.dynamic(content, "dynquery", body, state),
            "PLpgSQL_stmt_open" | "PLpgSQL_stmt_call" => {
                if let Some(sql) = content.get("query").or_else(|| content.get("expr")).and_then(query_of) {
                    self.sql(sql, body, state);
                }
            }
            "PLpgSQL_stmt_fors" => {
                self.sql_into(content, "query", body, state);
                self.inner(content, body, state);
            }
            _ => {
                self.others(content, body, state);
                self.inner(content, body, state);
            }
        }
        false
    }

    fn block(&mut self, block: &Value, body: &mut Body, state: &mut State) -> bool {
        let before = state.clone();
        let ends = self.steps(list(block, "body"), body, state);
        let handlers = block.get("exceptions").and_then(|it| it.get("PLpgSQL_exception_block"));
        for handler in handlers.map(|it| list(it, "exc_list")).into_iter().flatten() {
            let Some(handler) = handler.get("PLpgSQL_exception") else { continue };
            let mut other = before.clone();
            if !self.steps(list(handler, "action"), body, &mut other) {
                // What was checked before an error holds no longer for what comes after the block.
                state.equal.retain(|pair| before.equal.contains(pair));
                return false;
            }
        }
        ends
    }

    /// `if`: each branch with its condition; what comes after is what all that go on come to, with the contrary of those
    /// that end.
    fn branches(&mut self, content: &Value, body: &mut Body, state: &mut State) -> bool {
        let mut arms: Vec<(Option<&Value>, &[Value])> = vec![(content.get("cond"), list(content, "then_body"))];
        for elsif in list(content, "elsif_list") {
            let Some(elsif) = elsif.get("PLpgSQL_if_elsif") else { continue };
            arms.push((elsif.get("cond"), list(elsif, "stmts")));
        }
        let mut going_on = Vec::new();
        for (condition, steps) in arms {
            let tree = condition.and_then(query_of).and_then(|it| self.expression(it));
            let mut own = state.clone();
            if let Some(tree) = &tree {
                self.walk(tree, &body.frame, &own.equal);
                self.conjuncts(tree, &body.frame, &mut own.equal);
            }
            match (self.steps(steps, body, &mut own), tree) {
                (true, Some(tree)) => self.contrary(&tree, &body.frame, state),
                (true, None) => {}
                (false, _) => going_on.push(own),
            }
        }
        if !self.steps(list(content, "else_body"), body, state) {
            going_on.push(std::mem::take(state));
        }
        let ends = going_on.is_empty();
        *state = State::either(going_on);
        ends
    }

    /// What holds where a condition is not true, though it may be NULL.
    fn contrary(&mut self, condition: &Value, frame: &Rc<Frame>, state: &mut State) {
        let Some((kind, content)) = node(condition) else { return };
        match kind {
            "BoolExpr" if number(content, "boolop") == NOT => {
                let Some(inner) = list(content, "args").first() else { return };
                if is_found(inner) {
                    let last = state.last.0.clone();
                    state.equal.extend(last);
                } else {
                    self.conjuncts(inner, frame, &mut state.equal);
                }
            }
            "BoolExpr" if number(content, "boolop") == OR => {
                let args = list(content, "args");
                let checks_null = args.iter().any(is_null_test);
                for arg in args {
                    if checks_null { self.differs(arg, frame, state, true) } else { self.contrary(arg, frame, state) }
                }
            }
            "BoolExpr" if number(content, "boolop") == AND => {}
            "NullTest" if number(content, "nulltesttype") == IS_NULL => {
                let names = content.get("arg").map(strings).unwrap_or_default();
                if state.last.1.contains(&names.join(".")) {
                    let last = state.last.0.clone();
                    state.equal.extend(last);
                }
            }
            "AExpr" => self.differs(condition, frame, state, false),
            _ => {}
        }
    }

    /// `a is distinct from b` is not true: they are the same. Of `a <> b` that is so where neither is NULL.
    fn differs(&mut self, condition: &Value, frame: &Rc<Frame>, state: &mut State, null_is_checked: bool) {
        let Some((kind, expr)) = node(condition) else { return };
        if kind != "AExpr" {
            return self.contrary(condition, frame, state);
        }
        let operator = last_name(expr, "name");
        let is_distinct = number(expr, "kind") == DISTINCT;
        let is_unequal = number(expr, "kind") == OP && matches!(operator.as_str(), "<>" | "!=");
        let (Some(left), Some(right)) = (expr.get("lexpr"), expr.get("rexpr")) else { return };
        let is_sure =
            null_is_checked || !(self.may_be_null(left, frame, state) || self.may_be_null(right, frame, state));
        if is_distinct || (is_unequal && is_sure) {
            let left = self.terms(left, frame, &mut state.equal);
            let right = self.terms(right, frame, &mut state.equal);
            pair(&left, &right, &mut state.equal);
        }
    }

    /// Whether the context, read like this, is NULL where none is set. An argument may be NULL, but is then nobody's.
    fn may_be_null(&mut self, value: &Value, frame: &Rc<Frame>, state: &State) -> bool {
        let Some((kind, content)) = node(value) else { return false };
        match kind {
            "TypeCast" => content.get("arg").is_some_and(|arg| self.may_be_null(arg, frame, state)),
            "AExpr" | "CoalesceExpr" | "SubLink" => true,
            "ColumnRef" => state.nullable.contains(&strings(content).join(".")),
            "FuncCall" => {
                let names = strings(content.get("funcname").unwrap_or(&Value::Null));
                let args = list(content, "args");
                if names.last().is_some_and(|name| name == "current_setting") {
                    return args.len() > 1;
                }
                let function = self.called(&names, args.len(), frame);
                function.is_none_or(|function| {
                    let body = function.body().to_ascii_lowercase();
                    ["nullif", "true)", "->", "from "].iter().any(|word| body.contains(word))
                })
            }
            _ => false,
        }
    }

    fn assign(&mut self, name: &str, written: &str, body: &Body, state: &mut State) {
        if self.copies_row(name, written, body, state) {
            return;
        }
        let Some(tree) = self.expression(written) else { return };
        self.walk(&tree, &body.frame, &state.equal);
        let of_either = self.tenant_of_either(&tree, &body.frame, &state.equal);
        let terms = self.terms(&tree, &body.frame, &mut state.equal);
        let built = self.fold(&tree, state);
        if built.is_tainted || self.mentions_tainted(&tree) {
            self.tainted.insert(name.to_owned());
        }
        state.forget(name);
        state.equal.extend(of_either.map(|tenant| (Term::Arg(format!("{name}.{tenant}")), Term::Tenant)));
        state.texts.insert(name.to_owned(), built);
        state.nullable.retain(|known| known != name);
        if self.may_be_null(&tree, &body.frame, state) {
            state.nullable.push(name.to_owned());
        }
        let target = self.variable(name, &body.frame);
        state.equal.retain(|(left, right)| !target.contains(left) && !target.contains(right));
        let terms: Vec<Term> = terms.into_iter().filter(|term| !target.contains(term)).collect();
        pair(&target, &terms, &mut state.equal);
    }

    /// `row := new`: its fields are what the trigger's row holds.
    fn copies_row(&mut self, name: &str, written: &str, body: &Body, state: &mut State) -> bool {
        let written = written.trim().to_ascii_lowercase();
        let row =
            body.frame.rows.iter().find(|(alias, _)| *alias == written && matches!(alias.as_str(), "new" | "old"));
        let Some(relation) = row.and_then(|(_, row)| self.relation_of(*row).map(|relation| (*row, relation))) else {
            return false;
        };
        let (row, columns) = (relation.0, &relation.1.columns);
        let held = state.equal.clone();
        state.forget(name);
        for column in columns {
            let field = Term::Arg(format!("{name}.{}", column.name));
            let there = Term::Column(row, column.name.clone());
            let known = held.iter().filter(|(left, _)| *left == there).map(|(_, right)| right.clone());
            state.equal.extend(known.chain([there.clone()]).map(|term| (field.clone(), term)));
        }
        if self.is_tainted(&written) {
            self.tainted.insert(name.to_owned());
        }
        true
    }

    /// A variable, or a field of a trigger's row.
    fn variable(&mut self, name: &str, frame: &Rc<Frame>) -> Vec<Term> {
        if let Some((row, field)) = name.split_once('.')
            && let Some((_, row)) = frame.rows.iter().find(|(alias, _)| alias == row)
        {
            return self.column_in(*row, field);
        }
        frame.names.get(name).cloned().unwrap_or_else(|| vec![Term::Arg(name.to_owned())])
    }

    fn sql(&mut self, sql: &str, body: &Body, state: &mut State) -> Given {
        let Some(tree) = tree::parse(sql) else {
            self.found.unread.push(sql.to_owned());
            return Given::default();
        };
        let given = self.statement(&tree, &body.frame, &state.equal);
        state.last = (given.equal.clone(), Vec::new());
        given
    }

    fn sql_into(&mut self, content: &Value, field: &str, body: &Body, state: &mut State) {
        let Some(sql) = content.get(field).and_then(query_of) else { return };
        let given = self.sql(sql, body, state);
        let is_given = tree::parse(sql).is_some_and(|tree| self.mentions_tainted(&tree));
        self.into(content, given, is_given, state);
    }

    /// `into`: the variables are what the columns are.
    fn into(&mut self, content: &Value, given: Given, is_given: bool, state: &mut State) {
        let Some(target) = content.get("target").or_else(|| content.get("var")) else { return };
        let named = target.get("PLpgSQL_rec").map(|record| text(record, "refname").to_owned());
        let fields: Vec<String> = match (&named, target.get("PLpgSQL_row")) {
            (Some(record), _) => given.columns.iter().map(|(column, _)| format!("{record}.{column}")).collect(),
            (None, Some(row)) => list(row, "fields").iter().map(|field| text(field, "name").to_owned()).collect(),
            (None, None) => target.get("PLpgSQL_var").map(|it| text(it, "refname").to_owned()).into_iter().collect(),
        };
        fields.iter().chain(&named).for_each(|name| state.forget(name));
        for (field, (_, terms)) in fields.iter().zip(&given.columns) {
            let variable = Term::Arg(field.clone());
            let known = self.known(terms, &given.equal);
            pair(std::slice::from_ref(&variable), &known, &mut state.equal);
        }
        let told = given.columns.len();
        self.tainted.extend(fields.iter().take(told).cloned());
        if is_given {
            // A function's columns, which nothing tells, made of what the caller gives.
            self.tainted.extend(fields.iter().skip(told).cloned());
            self.tainted.extend(named.filter(|_| told == 0));
        }
        state.last = (given.equal, fields);
    }

    fn perform(&mut self, content: &Value, body: &Body, state: &mut State) {
        let Some(sql) = content.get("expr").and_then(query_of) else { return };
        self.sql(sql, body, state);
        let Some(tree) = tree::parse(sql) else { return };
        let target = tree::find(&tree, "SelectStmt").and_then(super::terms::sole_target);
        let Some(("FuncCall", call)) = target.and_then(node) else { return };
        let names = strings(call.get("funcname").unwrap_or(&Value::Null));
        let args = list(call, "args");
        let Some(function) = self.called(&names, args.len(), &body.frame) else { return };
        let given: Vec<Vec<Term>> = args.iter().map(|arg| self.terms(arg, &body.frame, &mut state.equal)).collect();
        let touches = self.found.touches.len();
        let after = self.run(function, Some(&given), &body.frame, &[]).after;
        self.found.touches.truncate(touches);
        state.equal.extend(after);
    }

    fn returns(&mut self, content: &Value, body: &mut Body, state: &State) {
        let tree = content.get("expr").and_then(query_of).and_then(|it| self.expression(it));
        if let Some(tree) = tree {
            self.walk(&tree, &body.frame, &state.equal);
            let given = Given { equal: state.equal.clone(), ..Given::default() };
            body.returned.push(Returned { value: Some(tree), given, frame: Rc::clone(&body.frame), has_rows: false });
        }
    }

    fn returns_query(&mut self, content: &Value, body: &mut Body, state: &mut State) {
        if content.get("dynquery").is_some() {
            return self.dynamic(content, "dynquery", body, state);
        }
        if let Some(sql) = content.get("query").and_then(query_of) {
            let given = self.sql(sql, body, state);
            body.returned.push(Returned { value: None, given, frame: Rc::clone(&body.frame), has_rows: true });
        }
    }

    /// A statement that is put together: read where it is known, told where its caller writes a part of it.
    fn dynamic(&mut self, content: &Value, field: &str, body: &Body, state: &mut State) {
        let Some(tree) = content.get(field).and_then(query_of).and_then(|it| self.expression(it)) else { return };
        self.walk(&tree, &body.frame, &state.equal);
        let built = self.fold(&tree, state);
        if built.is_tainted {
            self.found.built.push(built.shown());
            return;
        }
        if built.is_cut {
            self.found.unread.push(format!("a statement that comes together in many ways: {}", built.shown()));
        }
        let mut using = Vec::new();
        for value in list(content, "params") {
            let terms = query_of(value)
                .and_then(|it| self.expression(it))
                .map(|it| self.terms(&it, &body.frame, &mut state.equal));
            using.push(terms.unwrap_or_default());
        }
        let mut all: Vec<Given> = built.ways.iter().filter_map(|way| self.run_way(way, &using, body, state)).collect();
        // What comes of one of several is known of none.
        let given = all.pop().filter(|_| all.is_empty()).unwrap_or_default();
        let is_given = !using.is_empty() || built.ways.iter().any(|way| !way.values.is_empty());
        self.into(content, given, is_given, state);
    }

    /// One of the statements; none where it is not understood.
    fn run_way(&mut self, way: &Way, using: &[Vec<Term>], body: &Body, state: &mut State) -> Option<Given> {
        let mut positional = using.to_vec();
        for value in &way.values {
            positional.push(self.terms(value, &body.frame, &mut state.equal));
        }
        if way.text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("notify")) {
            way.values.iter().for_each(|value| self.notified(Some(value), &body.frame));
        }
        let sql = way.numbered(using.len());
        let Some(tree) = tree::parse(&sql) else {
            self.found.unread.push(sql);
            return None;
        };
        let frame = Frame { positional: Rc::new(positional), ..(*body.frame).clone() };
        Some(self.statement(&tree, &Rc::new(frame), &state.equal))
    }

    /// Expressions of a step, and the steps in it: a loop may have been around before.
    fn others(&mut self, content: &Value, body: &Body, state: &State) {
        for (key, value) in content.as_object().into_iter().flatten() {
            if matches!(key.as_str(), "body" | "case_when_list" | "else_stmts") {
                continue;
            }
            for written in expressions(value) {
                if let Some(tree) = self.expression(written) {
                    self.walk(&tree, &body.frame, &state.equal);
                }
            }
        }
    }

    /// An expression's tree.
    pub(super) fn expression(&mut self, written: &str) -> Option<Value> {
        let sql = if written.trim_start().get(..6).is_some_and(|it| it.eq_ignore_ascii_case("select")) {
            written.to_owned()
        } else {
            format!("select {written}")
        };
        let tree = tree::parse(&sql)?;
        self.enter(&tree);
        tree::find(&tree, "SelectStmt").and_then(super::terms::sole_target).cloned()
    }

    fn inner(&mut self, content: &Value, body: &mut Body, state: &mut State) {
        let mut groups: Vec<&[Value]> = vec![list(content, "body"), list(content, "else_stmts")];
        for when in list(content, "case_when_list") {
            groups.extend(when.get("PLpgSQL_case_when").map(|when| list(when, "stmts")));
        }
        for steps in groups.into_iter().filter(|steps| !steps.is_empty()) {
            let mut own = state.clone();
            assigned(steps, &body.variables).iter().for_each(|name| own.unequal(name));
            self.steps(steps, body, &mut own);
            forget(&own, state);
        }
    }
}

/// What a branch changed is known no longer.
fn forget(branch: &State, after: &mut State) {
    after.equal.retain(|pair| branch.equal.contains(pair));
    for (name, built) in &branch.texts {
        match after.texts.get_mut(name) {
            Some(known) => known.merge(built),
            None => {
                after.texts.insert(name.clone(), built.clone());
            }
        }
    }
    after.nullable.extend(branch.nullable.iter().cloned());
}

fn assigned(steps: &[Value], variables: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    fn gather(tree: &Value, variables: &[String], found: &mut Vec<String>) {
        match tree {
            Value::Array(items) => items.iter().for_each(|item| gather(item, variables, found)),
            Value::Object(fields) => {
                if let Some(at) = fields.get("varno").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok()) {
                    found.extend(variables.get(at).cloned());
                }
                // What a query is read into: among the steps, variables stand there alone.
                found.extend(fields.get("refname").and_then(Value::as_str).map(str::to_owned));
                let into = fields.get("PLpgSQL_row").map(|row| list(row, "fields")).unwrap_or_default();
                found.extend(into.iter().map(|field| text(field, "name").to_owned()));
                fields.values().for_each(|value| gather(value, variables, found));
            }
            _ => {}
        }
    }
    steps.iter().for_each(|step| gather(step, variables, &mut found));
    found
}

fn variable_name(datum: &Value) -> String {
    let content = datum.as_object().and_then(|fields| fields.values().next());
    content.map(|content| text(content, "refname").to_owned()).unwrap_or_default()
}

/// The text of an expression or a statement.
pub(super) fn query_of(value: &Value) -> Option<&str> {
    value.get("PLpgSQL_expr")?.get("query")?.as_str()
}

fn expressions(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        Value::Object(fields) => match query_of(value) {
            Some(query) => vec![query],
            None => fields.values().flat_map(expressions).collect(),
        },
        _ => Vec::new(),
    }
}

/// `variable := value`.
fn split_assignment(written: &str) -> (&str, &str) {
    let at = written.find(":=").map(|at| (at, at + 2)).or_else(|| written.find('=').map(|at| (at, at + 1)));
    at.map_or(("", written), |(end, start)| (written[..end].trim(), &written[start..]))
}

fn is_found(value: &Value) -> bool {
    matches!(node(value), Some(("ColumnRef", column)) if strings(column) == ["found"])
}

fn is_null_test(value: &Value) -> bool {
    matches!(node(value), Some(("NullTest", test)) if number(test, "nulltesttype") == IS_NULL)
}
