//! From PostgreSQL's parse tree to the prover's own expressions: every name resolved, every function looked through.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExprType, BoolTestType, Node, NullTestType, ParseResult, SelectStmt, SqlValueFunctionOp,
    SubLinkType, a_const::Val,
};

use super::context::Meanings;
use super::expr::{Arm, Column, Condition, Keeps, Op, Query, Truths, Value};
use super::operators::{all_of, cast_to, compared, element_at, same, with_op};
use crate::parser;
use crate::verify::World;

/// Deeper than this nothing is followed: what comes is not known then.
const MAX_DEPTH: usize = 120;
/// So many queries are followed: names of `with` in others double them.
const MAX_QUERIES: usize = 2_000;
/// So many functions inside functions are looked through.
pub(super) const MAX_CALLS: usize = 12;

/// Parse trees by their text, so that each is parsed once.
#[derive(Debug, Default)]
pub(super) struct Parses {
    trees: RefCell<HashMap<String, Option<Rc<ParseResult>>>>,
    bodies: RefCell<HashMap<u32, Option<Rc<serde_json::Value>>>>,
}

impl Parses {
    /// A statement's tree; none where it cannot be parsed.
    pub(super) fn of(&self, sql: &str) -> Option<Rc<ParseResult>> {
        if let Some(known) = self.trees.borrow().get(sql) {
            return known.clone();
        }
        let tree = parser::sql(sql).map(Rc::new);
        self.trees.borrow_mut().insert(sql.to_owned(), tree.clone());
        tree
    }

    /// A plpgsql function's tree, by the function's oid.
    pub(super) fn plpgsql(&self, oid: u32, create: impl FnOnce() -> String) -> Option<Rc<serde_json::Value>> {
        if let Some(known) = self.bodies.borrow().get(&oid) {
            return known.clone();
        }
        let tree = parser::plpgsql(&create()).map(Rc::new);
        self.bodies.borrow_mut().insert(oid, tree.clone());
        tree
    }
}

/// A row that a condition speaks of.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Its relation, where that is known.
    pub relation: Option<u32>,
    /// Whom a definer function reads it as; none is whoever asks.
    pub reader: Option<u32>,
}

/// Where names are looked up, from the innermost query outwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame<'f> {
    pub sources: Vec<(String, Source)>,
    pub outer: Option<&'f Frame<'f>>,
    /// Arguments and variables of the function that is looked through.
    pub args: HashMap<String, Value>,
    pub positional: Vec<Value>,
    /// Schemas of unqualified names.
    pub path: Vec<String>,
    /// As whom relations are read; none is whoever asks.
    pub reader: Option<u32>,
    /// As whom functions run; none is whoever asks.
    pub user: Option<u32>,
    /// The name in `from` of the row that is judged, where a query of its own is.
    pub judged: Option<String>,
    /// The function that is looked through.
    pub function: Option<u32>,
    pub ctes: Vec<(String, Rc<Cte>)>,
}

/// A query of `with`; each name of it in a `from` has rows of its own.
#[derive(Debug)]
pub(super) struct Cte {
    /// None where it is recursive, or no query.
    pub select: Option<SelectStmt>,
    pub columns: Vec<Node>,
}

/// What a name in `from` stands for.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A row of a relation.
    Row(usize),
    /// The columns of a sub-select.
    Columns(Vec<(String, Value)>),
    /// Anything.
    Unknown,
}

/// One lowering: the rows that came up, and what was read and called.
#[derive(Debug)]
pub(super) struct Lowering<'p, 'a> {
    pub world: &'p World<'a>,
    pub meanings: &'p Meanings,
    pub parses: &'p Parses,
    pub scopes: Vec<Scope>,
    pub calls: BTreeSet<u32>,
    /// Functions that are computed when a statement is planned, and depend on who asks.
    pub frozen: BTreeSet<u32>,
    pub reads: BTreeSet<u32>,
    pub unqualified: std::collections::BTreeMap<u32, String>,
    pub depth: usize,
    queries: usize,
    pub call_depth: usize,
    /// The conditions of queries whose aggregates are being lowered, and whether one was met.
    pub over: Vec<(Condition, bool)>,
    /// The owners of definer functions that asked for `current_user`.
    pub owners: BTreeSet<u32>,
}

impl<'p, 'a> Lowering<'p, 'a> {
    /// For the rows of a relation, which is scope 0.
    pub(super) fn new(world: &'p World<'a>, meanings: &'p Meanings, parses: &'p Parses, relation: Option<u32>) -> Self {
        let scopes = vec![Scope { relation, reader: None }];
        let (calls, frozen, reads, unqualified, owners) = <_>::default();
        let (depth, queries, call_depth, over) = (0, 0, 0, Vec::new());
        Self {
            world,
            meanings,
            parses,
            scopes,
            calls,
            frozen,
            reads,
            unqualified,
            depth,
            queries,
            call_depth,
            over,
            owners,
        }
    }

    /// An expression of the catalogue over the rows of scope 0.
    pub(super) fn expression(&mut self, text: &str) -> Condition {
        let Some(tree) = self.parses.of(&format!("select {text}")) else {
            return Value::unknown("an expression that cannot be parsed").holds();
        };
        let name = self.scopes[0].relation.and_then(|oid| self.world.relation(oid)).map(|relation| &relation.name);
        let alias = name.map_or_else(String::new, |name| name.name.clone());
        let frame = Frame { sources: vec![(alias, Source::Row(0))], ..Frame::default() };
        match sole_target(&tree) {
            Some(node) => self.condition(node, &frame),
            None => Value::unknown("an expression that cannot be parsed").holds(),
        }
    }

    pub(super) fn scope(&mut self, relation: Option<u32>, reader: Option<u32>) -> usize {
        self.reads.extend(relation);
        self.scopes.push(Scope { relation, reader });
        self.scopes.len() - 1
    }

    /// A node as a condition.
    pub(super) fn condition(&mut self, node: &Node, frame: &Frame<'_>) -> Condition {
        if self.depth >= MAX_DEPTH {
            return Value::unknown("an expression that is too deep").holds();
        }
        self.depth += 1;
        let condition = self.condition_inside(node, frame);
        self.depth -= 1;
        condition
    }

    fn condition_inside(&mut self, node: &Node, frame: &Frame<'_>) -> Condition {
        match &node.node {
            Some(NodeEnum::BoolExpr(expr)) => {
                let mut list: Vec<Condition> = expr.args.iter().map(|arg| self.condition(arg, frame)).collect();
                match expr.boolop() {
                    BoolExprType::AndExpr => Condition::And(list),
                    BoolExprType::OrExpr => Condition::Or(list),
                    _ => list.pop().map_or(Condition::Const(None), Condition::not),
                }
            }
            Some(NodeEnum::NullTest(test)) => {
                let null = self.null_test(test.arg.as_deref(), frame);
                if test.nulltesttype() == NullTestType::IsNotNull { null.not() } else { null }
            }
            Some(NodeEnum::BooleanTest(test)) => {
                let inner = self.opt_condition(test.arg.as_deref(), frame);
                Condition::Is(Box::new(inner), tested(test.booltesttype()))
            }
            Some(NodeEnum::AExpr(expr)) if compares(expr) => self.operator(expr, frame),
            Some(NodeEnum::SubLink(link)) => self.sub_link(link, frame),
            _ => self.value(node, frame).holds(),
        }
    }

    fn null_test(&mut self, arg: Option<&Node>, frame: &Frame<'_>) -> Condition {
        match self.opt_value(arg, frame) {
            Value::Row(list) => Condition::And(list.into_iter().map(Condition::Null).collect()),
            // A position in an array is NULL where it is not in there.
            Value::Call { name, mut args, .. } if name == "array_position" && args.len() == 2 => {
                let (value, list) = (args.remove(1), args.remove(0));
                Condition::Is(Box::new(Self::in_list(&Op::Eq, value, list)), Truths::NOT_TRUE)
            }
            value => Condition::Null(value),
        }
    }

    fn opt_condition(&mut self, node: Option<&Node>, frame: &Frame<'_>) -> Condition {
        node.map_or(Condition::Const(None), |node| self.condition(node, frame))
    }

    pub(super) fn opt_value(&mut self, node: Option<&Node>, frame: &Frame<'_>) -> Value {
        node.map_or(Value::Null, |node| self.value(node, frame))
    }

    fn operator(&mut self, expr: &AExpr, frame: &Frame<'_>) -> Condition {
        let name = operator_name(self.world, &expr.name);
        let left = self.opt_value(expr.lexpr.as_deref(), frame);
        match expr.kind() {
            AExprKind::AexprOp => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                self.operation(&name, left, right)
            }
            AExprKind::AexprOpAny => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                with_op(&name, |op| Self::in_list(op, left.clone(), right.clone()))
            }
            AExprKind::AexprOpAll => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                all_of(&name, left, right)
            }
            AExprKind::AexprIn => {
                let list = self.list(expr.rexpr.as_deref(), frame);
                let any = Condition::Or(list.into_iter().map(|one| compared(Op::Eq, left.clone(), one)).collect());
                if name == "<>" { any.not() } else { any }
            }
            AExprKind::AexprDistinct => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                same(left, right).not()
            }
            AExprKind::AexprNotDistinct => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                same(left, right)
            }
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym => self.between(expr, left, frame),
            AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym => self.between(expr, left, frame).not(),
            _ => {
                let right = self.opt_value(expr.rexpr.as_deref(), frame);
                self.operation(&name, left, right)
            }
        }
    }

    fn between(&mut self, expr: &AExpr, value: Value, frame: &Frame<'_>) -> Condition {
        let mut ends = self.list(expr.rexpr.as_deref(), frame);
        let (Some(high), Some(low)) = (ends.pop(), ends.pop()) else { return Condition::Const(None) };
        Condition::And(vec![compared(Op::Le, low, value.clone()), compared(Op::Le, value, high)])
    }

    fn list(&mut self, node: Option<&Node>, frame: &Frame<'_>) -> Vec<Value> {
        match node.and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::List(list)) => list.items.iter().map(|item| self.value(item, frame)).collect(),
            _ => node.map(|node| self.value(node, frame)).into_iter().collect(),
        }
    }

    fn sub_link(&mut self, link: &pg_query::protobuf::SubLink, frame: &Frame<'_>) -> Condition {
        let Some(NodeEnum::SelectStmt(select)) = link.subselect.as_ref().and_then(|node| node.node.as_ref()) else {
            return Value::unknown("a sub-query of another kind").holds();
        };
        match link.sub_link_type() {
            SubLinkType::ExistsSublink => {
                let query = self.select(select, frame);
                Condition::Exists(Box::new(query))
            }
            SubLinkType::AnySublink => {
                let value = self.opt_value(link.testexpr.as_deref(), frame);
                let query = self.select(select, frame);
                let name =
                    if link.oper_name.is_empty() { "=".to_owned() } else { operator_name(self.world, &link.oper_name) };
                with_op(&name, |op| query.contains(&value, op))
            }
            SubLinkType::AllSublink => {
                let value = self.opt_value(link.testexpr.as_deref(), frame);
                let query = self.select(select, frame);
                all_of(&operator_name(self.world, &link.oper_name), value, Value::ListOf(Box::new(query)))
            }
            _ => self.sub_value(link, frame).holds(),
        }
    }

    fn sub_value(&mut self, link: &pg_query::protobuf::SubLink, frame: &Frame<'_>) -> Value {
        let Some(NodeEnum::SelectStmt(select)) = link.subselect.as_ref().and_then(|node| node.node.as_ref()) else {
            return Value::unknown("a sub-query of another kind");
        };
        match link.sub_link_type() {
            SubLinkType::ExprSublink => {
                let query = self.select(select, frame);
                single(query)
            }
            SubLinkType::ArraySublink => Value::ListOf(Box::new(self.select(select, frame))),
            _ => self.sub_link(link, frame).value(),
        }
    }

    /// A node as a value.
    pub(super) fn value(&mut self, node: &Node, frame: &Frame<'_>) -> Value {
        if self.depth >= MAX_DEPTH {
            return Value::unknown("an expression that is too deep");
        }
        self.depth += 1;
        let value = self.value_inside(node, frame);
        self.depth -= 1;
        value
    }

    fn value_inside(&mut self, node: &Node, frame: &Frame<'_>) -> Value {
        match &node.node {
            Some(NodeEnum::AConst(constant)) => literal(constant),
            Some(NodeEnum::ColumnRef(reference)) => self.column(&reference.fields, frame),
            Some(NodeEnum::ParamRef(param)) => parameter(param.number, frame),
            Some(NodeEnum::TypeCast(cast)) => {
                let inner = self.opt_value(cast.arg.as_deref(), frame);
                cast_to(inner, &type_name(cast.type_name.as_ref()))
            }
            Some(NodeEnum::CollateClause(collate)) => {
                let inner = self.opt_value(collate.arg.as_deref(), frame);
                Value::Collate(Box::new(inner), dotted(&collate.collname))
            }
            Some(NodeEnum::CoalesceExpr(expr)) => {
                Value::coalesce(expr.args.iter().map(|arg| self.value(arg, frame)).collect())
            }
            Some(NodeEnum::MinMaxExpr(expr)) => {
                Value::Pick(expr.args.iter().map(|arg| self.value(arg, frame)).collect())
            }
            Some(NodeEnum::CaseExpr(expr)) => self.case(expr, frame),
            Some(NodeEnum::RowExpr(row)) => Value::Row(row.args.iter().map(|arg| self.value(arg, frame)).collect()),
            Some(NodeEnum::AArrayExpr(array)) => {
                Value::List(array.elements.iter().map(|one| self.value(one, frame)).collect())
            }
            Some(NodeEnum::SqlvalueFunction(function)) => self.current(function.op(), frame),
            Some(NodeEnum::FuncCall(call)) => self.call(call, frame),
            Some(NodeEnum::SubLink(link)) => self.sub_value(link, frame),
            Some(NodeEnum::AExpr(expr)) => self.expression_value(expr, frame),
            Some(NodeEnum::AIndirection(indirection)) => self.indirection(indirection, frame),
            Some(NodeEnum::BoolExpr(_) | NodeEnum::NullTest(_) | NodeEnum::BooleanTest(_)) => {
                self.condition(node, frame).value()
            }
            _ => Value::unknown("an expression of another kind"),
        }
    }

    fn expression_value(&mut self, expr: &AExpr, frame: &Frame<'_>) -> Value {
        if expr.kind() == AExprKind::AexprNullif {
            let left = self.opt_value(expr.lexpr.as_deref(), frame);
            let right = self.opt_value(expr.rexpr.as_deref(), frame);
            return left.nullif(right);
        }
        if compares(expr) {
            return self.operator(expr, frame).value();
        }
        let left = self.opt_value(expr.lexpr.as_deref(), frame);
        let right = self.opt_value(expr.rexpr.as_deref(), frame);
        self.computed(&operator_name(self.world, &expr.name), left, right)
    }

    fn case(&mut self, expr: &pg_query::protobuf::CaseExpr, frame: &Frame<'_>) -> Value {
        let subject = expr.arg.as_deref().map(|arg| self.value(arg, frame));
        let mut branches = Vec::new();
        for arm in &expr.args {
            let Some(NodeEnum::CaseWhen(when)) = &arm.node else { continue };
            let condition = match &subject {
                Some(subject) => compared(Op::Eq, subject.clone(), self.opt_value(when.expr.as_deref(), frame)),
                None => self.opt_condition(when.expr.as_deref(), frame),
            };
            branches.push((condition, self.opt_value(when.result.as_deref(), frame)));
        }
        Value::Case(branches, Box::new(self.opt_value(expr.defresult.as_deref(), frame)))
    }

    fn indirection(&mut self, indirection: &pg_query::protobuf::AIndirection, frame: &Frame<'_>) -> Value {
        let whole = self.opt_value(indirection.arg.as_deref(), frame);
        let Some(first) = indirection.indirection.first() else { return whole };
        match &first.node {
            Some(NodeEnum::AIndices(indices)) if !indices.is_slice => {
                let at = self.opt_value(indices.uidx.as_deref(), frame);
                element_at(whole, at)
            }
            Some(NodeEnum::String(field)) => Value::call(format!(".{}", field.sval), vec![whole], Keeps::Some),
            _ => Value::call("a slice", vec![whole], Keeps::Some),
        }
    }

    /// `current_user` and its kin.
    fn current(&mut self, op: SqlValueFunctionOp, frame: &Frame<'_>) -> Value {
        use SqlValueFunctionOp as F;
        match op {
            F::SvfopCurrentRole | F::SvfopCurrentUser | F::SvfopUser => self.current_user(frame),
            F::SvfopSessionUser => Value::Login,
            _ => Value::call("the time", Vec::new(), Keeps::Some),
        }
    }

    /// Whoever asks; inside a definer function its owner.
    pub(super) fn current_user(&mut self, frame: &Frame<'_>) -> Value {
        let Some(owner) = frame.user else { return Value::Me };
        self.owners.insert(owner);
        Value::Const(self.world.role_name(owner).to_owned())
    }

    /// A column, by the innermost query that has it; else an argument or variable of the function.
    fn column(&mut self, fields: &[Node], frame: &Frame<'_>) -> Value {
        let names: Vec<&str> = fields.iter().filter_map(field_name).collect();
        if names.len() != fields.len() {
            return Value::unknown("a whole row");
        }
        let mut at = Some(frame);
        while let Some(frame) = at {
            if let Some(value) = self.column_in(&names, frame) {
                return value;
            }
            at = frame.outer;
        }
        argument(&names, frame).unwrap_or_else(|| Value::unknown(format!("the name {}", names.join("."))))
    }

    fn column_in(&self, names: &[&str], frame: &Frame<'_>) -> Option<Value> {
        let (alias, name) = match names {
            [name] => (None, *name),
            [.., alias, name] => (Some(*alias), *name),
            [] => return None,
        };
        let mut found = frame.sources.iter().filter(|(known, _)| alias.is_none_or(|alias| alias == known));
        found.find_map(|(_, source)| self.column_of(source, name, alias.is_some()))
    }

    fn column_of(&self, source: &Source, name: &str, is_certain: bool) -> Option<Value> {
        match source {
            Source::Row(scope) => {
                let relation = self.scopes[*scope].relation.and_then(|oid| self.world.relation(oid));
                let has = relation.map_or(is_certain, |relation| relation.column(name).is_some());
                has.then(|| Value::Column(Column { scope: *scope, name: name.to_owned() }))
            }
            Source::Columns(columns) => columns.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            Source::Unknown => is_certain.then(|| Value::unknown(format!("the column {name}"))),
        }
    }

    /// A query.
    pub(super) fn select(&mut self, select: &SelectStmt, frame: &Frame<'_>) -> Query {
        if self.depth >= MAX_DEPTH || self.queries >= MAX_QUERIES {
            return unknown_query("a query that is too deep");
        }
        self.queries += 1;
        self.depth += 1;
        let query = super::query::lower(self, select, frame);
        self.depth -= 1;
        query
    }
}

/// Whether an operator's result is boolean; others compute a value.
fn compares(expr: &AExpr) -> bool {
    const VALUES: &[&str] = &[
        "->", "->>", "#>", "#>>", "||", "+", "-", "*", "/", "%", "^", "|", "&", "#", "#-", "<<", ">>", "@", "|/", "~",
    ];
    match expr.kind() {
        AExprKind::AexprNullif => false,
        AExprKind::AexprOp => {
            let name = expr.name.iter().filter_map(field_name).next_back().unwrap_or_default();
            !VALUES.contains(&name) || name == "~" && expr.lexpr.is_some()
        }
        _ => true,
    }
}

/// A scalar sub-select: without rows of its own it is what it gives.
fn single(query: Query) -> Value {
    match query.arms.as_slice() {
        [Arm { condition: Condition::And(list), targets }] if list.is_empty() && targets.len() == 1 => {
            targets[0].1.clone()
        }
        _ => Value::Query(Box::new(query)),
    }
}

/// A query of which nothing is known.
pub(super) fn unknown_query(what: &str) -> Query {
    let condition = Value::unknown(what).holds();
    Query { arms: vec![Arm { condition, targets: vec![(String::new(), Value::unknown(what))] }] }
}

fn sole_target(tree: &ParseResult) -> Option<&Node> {
    let NodeEnum::SelectStmt(select) = tree.stmts.first()?.stmt.as_ref()?.node.as_ref()? else { return None };
    let NodeEnum::ResTarget(target) = select.target_list.first()?.node.as_ref()? else { return None };
    target.val.as_deref()
}

fn tested(test: BoolTestType) -> Truths {
    match test {
        BoolTestType::IsTrue => Truths::TRUE,
        BoolTestType::IsNotTrue => Truths::NOT_TRUE,
        BoolTestType::IsFalse => Truths::FALSE,
        BoolTestType::IsNotFalse => Truths::FALSE.others(),
        BoolTestType::IsUnknown => Truths::NULL,
        _ => Truths::NULL.others(),
    }
}

fn literal(constant: &pg_query::protobuf::AConst) -> Value {
    match &constant.val {
        _ if constant.isnull => Value::Null,
        Some(Val::Ival(number)) => Value::Const(number.ival.to_string()),
        Some(Val::Fval(number)) => Value::Const(number.fval.clone()),
        Some(Val::Boolval(value)) => Value::boolean(value.boolval),
        Some(Val::Sval(text)) => Value::Const(text.sval.clone()),
        Some(Val::Bsval(bits)) => Value::Const(bits.bsval.clone()),
        None => Value::Null,
    }
}

fn parameter(number: i32, frame: &Frame<'_>) -> Value {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let mut at = Some(frame);
    while let Some(frame) = at {
        if let Some(value) = place.and_then(|place| frame.positional.get(place)) {
            return value.clone();
        }
        at = frame.outer;
    }
    Value::unknown(format!("the parameter ${number}"))
}

/// An argument or variable: by its name, by `function.name`, or a column of a record variable.
fn argument(names: &[&str], frame: &Frame<'_>) -> Option<Value> {
    let mut at = Some(frame);
    while let Some(frame) = at {
        // `function.argument`; outside a function, what is qualified is another row's.
        let by_last = || names.last().filter(|_| frame.function.is_some()).and_then(|name| frame.args.get(*name));
        if let Some(value) = frame.args.get(&names.join(".")).or_else(by_last) {
            return Some(value.clone());
        }
        at = frame.outer;
    }
    None
}

pub(super) fn field_name(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(text)) => Some(&text.sval),
        _ => None,
    }
}

/// `OPERATOR(schema.=)` of another schema keeps its schema.
fn operator_name(world: &World<'_>, nodes: &[Node]) -> String {
    let names: Vec<&str> = nodes.iter().filter_map(field_name).collect();
    let is_of_extension = |schema: &str, name: &str| {
        world.catalog.operators.iter().any(|it| it.schema == schema && it.name == name && it.is_of_extension)
    };
    match names.as_slice() {
        [name] | ["pg_catalog", name] => (*name).to_owned(),
        // An extension's type brings its own equality; the type says what that is worth. Anybody else's answers what it
        // likes.
        [schema, name @ ("=" | "<>")] if is_of_extension(schema, name) => (*name).to_owned(),
        names => names.join("."),
    }
}

pub(super) fn dotted(nodes: &[Node]) -> String {
    nodes.iter().filter_map(field_name).collect::<Vec<_>>().join(".")
}

/// `uuid`, `varchar(8)`, `int4[]`; of another schema with the schema.
pub(super) fn type_name(name: Option<&pg_query::protobuf::TypeName>) -> String {
    let Some(name) = name else { return String::new() };
    let full = dotted(&name.names);
    let plain = full.strip_prefix("pg_catalog.").unwrap_or(&full);
    let limit = name.typmods.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AConst(constant)) => match literal(constant) {
            Value::Const(text) => Some(text),
            _ => None,
        },
        _ => None,
    });
    let limits: Vec<String> = limit.collect();
    let limit = if limits.is_empty() { String::new() } else { format!("({})", limits.join(",")) };
    let array = if name.array_bounds.is_empty() { "" } else { "[]" };
    format!("{plain}{limit}{array}")
}
