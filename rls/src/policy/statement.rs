//! Statements of views and functions: whether their own condition ties a row to whoever asks.

use std::collections::HashMap;

use pg_query::NodeEnum;
use pg_query::NodeRef;
use pg_query::protobuf::{Node, ParseResult, RangeVar};
use serde_json::Value as Json;

use super::expr::{Condition, Value};
use super::lower::{Frame, Lowering};
use super::query::{from, inside};
use super::{Goal, Prover, Verdict};
use crate::catalog::Relation;
use crate::verify::Guise;

/// What is known of a parameter or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is the context's tenant.
    Tenant,
    /// It is the context's user.
    User,
    /// Nothing: whoever calls says what it is.
    Nothing,
}

/// A statement, and the row of it that is asked about.
#[derive(Debug)]
pub struct Statement<'s> {
    /// A text that has the statement in it.
    pub text: &'s str,
    /// The statement, as the parser's tree has it.
    pub tree: &'s Json,
    /// What the row is called there.
    pub alias: &'s str,
    /// Parameters and variables, by their names.
    pub names: HashMap<String, Known>,
    /// Parameters, by their places.
    pub positional: Vec<Known>,
    /// Where names without a schema are looked up.
    pub path: &'s [String],
    /// As whom relations are read; none is whoever asks.
    pub reader: Option<u32>,
    /// As whom functions run; none is whoever asks.
    pub user: Option<u32>,
}

impl<'a> Prover<'_, 'a> {
    /// Whether a statement gets to the asker's rows of a relation alone, whoever of the app asks.
    pub fn holds(&self, relation: &Relation, statement: &Statement<'_>) -> bool {
        let guises: Vec<&Guise<'a>> = self.world.guises();
        let Some((lowering, condition)) = self.condition_of(relation, statement) else { return false };
        let is_implied = |guise: &&Guise<'a>| {
            // That a row is a person's own, or below one, is judged by keys and not by names.
            matches!(self.decide(&lowering, relation, &condition, Goal::Write, guise), Verdict::Implied(_))
        };
        !guises.is_empty() && guises.iter().all(is_implied)
    }

    /// What must be true of a row for the statement to get to it; the row is scope 0.
    fn condition_of(&self, relation: &Relation, statement: &Statement<'_>) -> Option<(Lowering<'_, 'a>, Condition)> {
        let tree = self.parses.of(statement.text)?;
        let (items, filter) = parts(&tree, statement.tree)?;
        let mut lowering = Lowering::new(self.world, &self.meanings, &self.parses, Some(relation.oid));
        let outer = frame_of(statement);
        let mut frame = inside(&outer);
        frame.judged = Some(statement.alias.to_owned());
        let mut conditions = Vec::new();
        for item in &items {
            conditions.extend(from(&mut lowering, item, &mut frame));
        }
        conditions.extend(filter.map(|filter| lowering.condition(filter, &frame)));
        Some((lowering, Condition::And(conditions)))
    }
}

fn frame_of<'f>(statement: &Statement<'_>) -> Frame<'f> {
    let value = |known: Known, what: String| match known {
        Known::Tenant => Value::Tenant,
        Known::User => Value::User,
        Known::Nothing => Value::unknown(what),
    };
    let names = statement.names.iter().map(|(name, known)| (name.clone(), value(*known, format!("the name {name}"))));
    let places = statement.positional.iter().enumerate();
    Frame {
        args: names.collect(),
        positional: places.map(|(at, known)| value(*known, format!("the parameter ${}", at + 1))).collect(),
        path: statement.path.to_vec(),
        reader: statement.reader,
        user: statement.user,
        ..Frame::default()
    }
}

/// What a statement reads from, and its condition; none where the text has no such statement.
fn parts<'t>(parsed: &'t ParseResult, tree: &Json) -> Option<(Vec<Node>, Option<&'t Node>)> {
    let is_it = |json: serde_json::Result<Json>| json.is_ok_and(|json| json == *tree);
    let all = parsed.stmts.iter().filter_map(|one| one.stmt.as_ref()?.node.as_ref()).flat_map(NodeEnum::nodes);
    all.into_iter().find_map(|(node, ..)| match node {
        NodeRef::SelectStmt(select) if is_it(serde_json::to_value(select)) => {
            Some((select.from_clause.clone(), select.where_clause.as_deref()))
        }
        NodeRef::UpdateStmt(update) if is_it(serde_json::to_value(update)) => {
            Some((changed(update.relation.as_ref(), &update.from_clause), update.where_clause.as_deref()))
        }
        NodeRef::DeleteStmt(delete) if is_it(serde_json::to_value(delete)) => {
            Some((changed(delete.relation.as_ref(), &delete.using_clause), delete.where_clause.as_deref()))
        }
        _ => None,
    })
}

fn changed(target: Option<&RangeVar>, others: &[Node]) -> Vec<Node> {
    let target = target.map(|target| Node { node: Some(NodeEnum::RangeVar(target.clone())) });
    target.into_iter().chain(others.iter().cloned()).collect()
}
