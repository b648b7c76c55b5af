//! Queries: what stands in `from`, what `where` demands, what comes out.

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{JoinExpr, JoinType, Node, RangeFunction, RangeVar, SelectStmt, SetOperation};

use super::calls;
use super::expr::{Arm, Column, Condition, Keeps, Query, Value};
use super::lower::{Cte, Frame, Lowering, Source, field_name, unknown_query};
use crate::catalog::Relation;
use crate::name::Name;

/// A `select` with its unions.
pub(super) fn lower(lowering: &mut Lowering<'_, '_>, select: &SelectStmt, frame: &Frame<'_>) -> Query {
    let with = with_ctes(select, frame);
    let frame = with.as_ref().unwrap_or(frame);
    match (select.op(), &select.larg, &select.rarg) {
        (SetOperation::SetopUnion, Some(left), Some(right)) => {
            let mut query = lowering.select(left, frame);
            query.arms.extend(lowering.select(right, frame).arms);
            query
        }
        // What is taken away, or must be in both, only makes it less.
        (SetOperation::SetopIntersect | SetOperation::SetopExcept, Some(left), _) => lowering.select(left, frame),
        _ if !select.values_lists.is_empty() => values(lowering, select, frame),
        _ => plain(lowering, select, frame),
    }
}

fn with_ctes<'f>(select: &SelectStmt, frame: &'f Frame<'f>) -> Option<Frame<'f>> {
    let with = select.with_clause.as_ref()?;
    let mut inner = inside(frame);
    for cte in &with.ctes {
        let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node else { continue };
        let select = match cte.ctequery.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) if !with.recursive => Some((**select).clone()),
            _ => None,
        };
        inner.ctes.push((cte.ctename.clone(), Rc::new(Cte { select, columns: cte.aliascolnames.clone() })));
    }
    Some(inner)
}

/// A query inside.
pub(super) fn inside<'f>(frame: &'f Frame<'f>) -> Frame<'f> {
    let (path, reader, user) = (frame.path.clone(), frame.reader, frame.user);
    Frame { outer: Some(frame), path, reader, user, ..Frame::default() }
}

fn renamed(query: &mut Query, names: &[Node]) {
    for arm in &mut query.arms {
        for (target, name) in arm.targets.iter_mut().zip(names.iter().filter_map(field_name)) {
            name.clone_into(&mut target.0);
        }
    }
}

fn values(lowering: &mut Lowering<'_, '_>, select: &SelectStmt, frame: &Frame<'_>) -> Query {
    let mut arms = Vec::new();
    for list in &select.values_lists {
        let Some(NodeEnum::List(list)) = &list.node else { continue };
        let targets = list.items.iter().enumerate();
        let targets = targets.map(|(at, item)| (format!("column{}", at + 1), lowering.value(item, frame))).collect();
        arms.push(Arm { condition: Condition::And(Vec::new()), targets });
    }
    Query { arms }
}

fn plain(lowering: &mut Lowering<'_, '_>, select: &SelectStmt, frame: &Frame<'_>) -> Query {
    let mut inner = inside(frame);
    let mut conditions = Vec::new();
    for item in &select.from_clause {
        conditions.extend(from(lowering, item, &mut inner));
    }
    if let Some(node) = select.where_clause.as_deref() {
        conditions.push(lowering.condition(node, &inner));
    }
    let condition = Condition::And(conditions);
    lowering.over.push((condition.clone(), false));
    let targets = targets(lowering, select, &inner);
    let having = select.having_clause.as_deref().map(|node| lowering.condition(node, &inner));
    let is_aggregate = lowering.over.pop().is_some_and(|(_, met)| met);
    // Aggregates of no group always give one row.
    if is_aggregate && select.group_clause.is_empty() {
        return Query { arms: vec![Arm { condition: Condition::And(having.into_iter().collect()), targets }] };
    }
    let condition = match (condition, having) {
        (Condition::And(mut list), Some(having)) => {
            list.push(having);
            Condition::And(list)
        }
        (condition, _) => condition,
    };
    Query { arms: vec![Arm { condition, targets }] }
}

fn targets(lowering: &mut Lowering<'_, '_>, select: &SelectStmt, frame: &Frame<'_>) -> Vec<(String, Value)> {
    let mut targets = Vec::new();
    for target in &select.target_list {
        let Some(NodeEnum::ResTarget(target)) = &target.node else { continue };
        let Some(node) = target.val.as_deref() else { continue };
        match &node.node {
            Some(NodeEnum::ColumnRef(reference)) if reference.fields.iter().any(is_star) => {
                let alias = reference.fields.first().and_then(field_name);
                targets.extend(star(lowering, alias, frame));
            }
            _ => targets.push((name_of(&target.name, node), lowering.value(node, frame))),
        }
    }
    targets
}

const fn is_star(node: &Node) -> bool {
    matches!(node.node, Some(NodeEnum::AStar(_)))
}

fn name_of(written: &str, node: &Node) -> String {
    if !written.is_empty() {
        return written.to_owned();
    }
    match &node.node {
        Some(NodeEnum::ColumnRef(reference)) => reference.fields.last().and_then(field_name).unwrap_or("").to_owned(),
        Some(NodeEnum::FuncCall(call)) => call.funcname.last().and_then(field_name).unwrap_or("").to_owned(),
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().map_or_else(String::new, |arg| name_of("", arg)),
        _ => String::new(),
    }
}

fn star(lowering: &Lowering<'_, '_>, alias: Option<&str>, frame: &Frame<'_>) -> Vec<(String, Value)> {
    let mut columns = Vec::new();
    for (_, source) in frame.sources.iter().filter(|(known, _)| alias.is_none_or(|alias| alias == known)) {
        match source {
            Source::Row(scope) => {
                let relation = lowering.scopes[*scope].relation.and_then(|oid| lowering.world.relation(oid));
                let names = relation.map(|relation| relation.columns.iter().map(|column| column.name.clone()));
                let column = |name: String| (name.clone(), Value::Column(Column { scope: *scope, name }));
                columns.extend(names.into_iter().flatten().map(column));
            }
            Source::Columns(list) => columns.extend(list.iter().cloned()),
            Source::Unknown => columns.push((String::new(), Value::unknown("the columns of a function"))),
        }
    }
    columns
}

/// Adds what an item of `from` names, and gives what must hold for it.
pub(super) fn from(lowering: &mut Lowering<'_, '_>, item: &Node, frame: &mut Frame<'_>) -> Vec<Condition> {
    match &item.node {
        Some(NodeEnum::RangeVar(var)) => table(lowering, var, frame),
        Some(NodeEnum::JoinExpr(join)) => joined(lowering, join, frame),
        Some(NodeEnum::RangeSubselect(sub)) => {
            let Some(NodeEnum::SelectStmt(select)) = sub.subquery.as_ref().and_then(|node| node.node.as_ref()) else {
                return vec![Value::unknown("a sub-query of another kind").holds()];
            };
            let mut query = lowering.select(select, frame);
            if let Some(alias) = &sub.alias {
                renamed(&mut query, &alias.colnames);
            }
            derived(sub.alias.as_ref().map_or("", |alias| &alias.aliasname), query, frame)
        }
        Some(NodeEnum::RangeFunction(function)) => function_rows(lowering, function, frame),
        _ => {
            frame.sources.push((String::new(), Source::Unknown));
            Vec::new()
        }
    }
}

fn derived(alias: &str, mut query: Query, frame: &mut Frame<'_>) -> Vec<Condition> {
    if query.arms.len() == 1 {
        let arm = query.arms.remove(0);
        frame.sources.push((alias.to_owned(), Source::Columns(arm.targets)));
        return vec![arm.condition];
    }
    // Of several arms each column is one of theirs.
    let first = query.arms.first().map(|arm| arm.targets.clone()).unwrap_or_default();
    let pick = |(at, (name, _)): (usize, (String, Value))| (name, Value::Query(Box::new(query.column(at))));
    let columns = first.into_iter().enumerate().map(pick).collect();
    frame.sources.push((alias.to_owned(), Source::Columns(columns)));
    vec![Condition::Exists(Box::new(query))]
}

fn table(lowering: &mut Lowering<'_, '_>, var: &RangeVar, frame: &mut Frame<'_>) -> Vec<Condition> {
    let alias = var.alias.as_ref().map_or(&var.relname, |alias| &alias.aliasname).clone();
    if var.schemaname.is_empty()
        && let Some(query) = cte(lowering, frame, &var.relname)
    {
        return derived(&alias, query, frame);
    }
    let relation = resolve(lowering, var, frame);
    if let Some(function) = function_of(frame).filter(|_| var.schemaname.is_empty()) {
        lowering.unqualified.insert(function, var.relname.clone());
    }
    let view = relation.filter(|relation| relation.definition.is_some());
    if let Some(relation) = view {
        return through_view(lowering, relation, &alias, frame);
    }
    let scope = if frame.judged.as_ref() == Some(&alias) {
        0
    } else {
        lowering.scope(relation.map(|relation| relation.oid), frame.reader)
    };
    let names: Vec<&str> = var.alias.iter().flat_map(|alias| &alias.colnames).filter_map(field_name).collect();
    let source = if names.is_empty() { Source::Row(scope) } else { aliased(relation, scope, &names) };
    frame.sources.push((alias, source));
    Vec::new()
}

/// `from table as alias(names)`: the columns in their order, by their new names.
fn aliased(relation: Option<&Relation>, scope: usize, names: &[&str]) -> Source {
    let columns = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let column = |(at, column): (usize, &crate::catalog::Column)| {
        let name = names.get(at).map_or(column.name.as_str(), |name| *name).to_owned();
        (name, Value::Column(Column { scope, name: column.name.clone() }))
    };
    Source::Columns(columns.iter().enumerate().map(column).collect())
}

fn function_of(frame: &Frame<'_>) -> Option<u32> {
    let mut at = Some(frame);
    while let Some(frame) = at {
        if frame.function.is_some() {
            return frame.function;
        }
        at = frame.outer;
    }
    None
}

/// A query of `with`, which sees those before it.
fn cte(lowering: &mut Lowering<'_, '_>, frame: &Frame<'_>, name: &str) -> Option<Query> {
    let mut at = Some(frame);
    while let Some(frame) = at {
        if let Some(place) = frame.ctes.iter().position(|(known, _)| known == name) {
            let cte = Rc::clone(&frame.ctes[place].1);
            let before = Frame { ctes: frame.ctes[..place].to_vec(), ..frame.clone() };
            let select = cte.select.as_ref();
            let mut query =
                select.map_or_else(|| unknown_query("a recursive query"), |select| lowering.select(select, &before));
            renamed(&mut query, &cte.columns);
            return Some(query);
        }
        at = frame.outer;
    }
    None
}

/// A view is its query, read as its owner unless it is the caller's.
fn through_view(
    lowering: &mut Lowering<'_, '_>,
    view: &Relation,
    alias: &str,
    frame: &mut Frame<'_>,
) -> Vec<Condition> {
    lowering.reads.insert(view.oid);
    let reader = if view.has_option("security_invoker") { frame.reader } else { Some(view.owner) };
    // Functions in it, and `current_user`, are those of whoever asks.
    let inner = Frame { reader, user: frame.user, ..Frame::default() };
    let query = calls::parsed_select(lowering, view.definition.as_deref().unwrap_or_default(), &inner);
    derived(alias, query, frame)
}

pub(super) fn resolve<'a>(lowering: &Lowering<'_, 'a>, var: &RangeVar, frame: &Frame<'_>) -> Option<&'a Relation> {
    let world = lowering.world;
    if !var.schemaname.is_empty() {
        return world.relation_named(&Name::new(var.schemaname.as_str(), var.relname.as_str()));
    }
    let mut schemas = frame.path.iter().chain(&world.settings.schemas);
    let named = schemas.find_map(|schema| world.relation_named(&Name::new(schema.as_str(), var.relname.as_str())));
    named.or_else(|| sole(world.catalog.relations.iter().filter(|relation| relation.name.name == var.relname)))
}

fn sole<T>(mut list: impl Iterator<Item = T>) -> Option<T> {
    let first = list.next();
    if list.next().is_some() { None } else { first }
}

fn joined(lowering: &mut Lowering<'_, '_>, join: &JoinExpr, frame: &mut Frame<'_>) -> Vec<Condition> {
    let Some((left, right)) = join.larg.as_deref().zip(join.rarg.as_deref()) else { return Vec::new() };
    let mut conditions = from(lowering, left, frame);
    let before = frame.sources.len();
    let mut inner = from(lowering, right, frame);
    inner.extend(join.quals.as_deref().map(|node| lowering.condition(node, frame)));
    for column in join.using_clause.iter().filter_map(field_name) {
        inner.extend(using(lowering, column, frame, before));
    }
    match join.jointype() {
        JoinType::JoinLeft => {
            let rows = frame.sources[before..].iter().filter_map(|(_, source)| match source {
                Source::Row(scope) => Some(Condition::Missing(*scope)),
                _ => None,
            });
            let missing: Vec<Condition> = rows.collect();
            conditions.push(Condition::Or(vec![Condition::And(inner), Condition::And(missing)]));
        }
        // Of what the left does not have, nothing is known.
        JoinType::JoinRight | JoinType::JoinFull => {
            conditions.push(Value::unknown("a right or full join").holds());
        }
        _ => conditions.extend(inner),
    }
    conditions
}

fn using(lowering: &Lowering<'_, '_>, column: &str, frame: &Frame<'_>, before: usize) -> Option<Condition> {
    let has = |source: &Source| match source {
        Source::Row(scope) => {
            let relation = lowering.scopes[*scope].relation.and_then(|oid| lowering.world.relation(oid))?;
            relation.column(column)?;
            Some(Value::Column(Column { scope: *scope, name: column.to_owned() }))
        }
        Source::Columns(list) => list.iter().find(|(name, _)| name == column).map(|(_, value)| value.clone()),
        Source::Unknown => None,
    };
    let left = frame.sources[..before].iter().find_map(|(_, source)| has(source))?;
    let right = frame.sources[before..].iter().find_map(|(_, source)| has(source))?;
    Some(super::operators::compared(super::expr::Op::Eq, left, right))
}

/// `from f(…) as t(x)`: each row is an element of what the function gives.
fn function_rows(lowering: &mut Lowering<'_, '_>, function: &RangeFunction, frame: &mut Frame<'_>) -> Vec<Condition> {
    let call = function.functions.first().and_then(|node| match &node.node {
        Some(NodeEnum::List(list)) => list.items.first(),
        _ => None,
    });
    let Some(call) = call else {
        frame.sources.push((String::new(), Source::Unknown));
        return Vec::new();
    };
    let value = lowering.value(call, frame);
    let alias = function.alias.as_ref().map(|alias| alias.aliasname.clone());
    let alias = alias.unwrap_or_else(|| name_of("", call));
    let columns = function.alias.as_ref().map(|alias| alias.colnames.as_slice()).unwrap_or_default();
    let rows = match &value {
        Value::Element(inner) => match &**inner {
            Value::ListOf(query) => Some((**query).clone()),
            _ => None,
        },
        _ => None,
    };
    if let Some(mut query) = rows {
        renamed(&mut query, columns);
        if columns.is_empty() && query.arms.iter().all(|arm| arm.targets.len() == 1) {
            for arm in &mut query.arms {
                arm.targets[0].0.clone_from(&alias);
            }
        }
        return derived(&alias, query, frame);
    }
    let name = columns.first().and_then(field_name).map_or_else(|| alias.clone(), ToOwned::to_owned);
    let element = match value {
        Value::Element(_) | Value::Query(_) => value,
        other => Value::call("a row of a function", vec![other], Keeps::Some),
    };
    // PostgreSQL calls the column of `unnest` and its kin `value` or by the alias.
    let columns = vec![(name, element.clone()), ("value".to_owned(), element)];
    frame.sources.push((alias, Source::Columns(columns)));
    Vec::new()
}
