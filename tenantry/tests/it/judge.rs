//! The judge of statements: PostgreSQL's own parser, and one rule (AC-5, AC-6).
//!
//! Every relation of a statement has `<owner column> = $1` as a top-level AND, or an equality join to one that
//! has; INSERT and upsert write `$1`. What the judge does not understand, it refuses.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExprType, DeleteStmt, InsertStmt, JoinExpr, JoinType, Node, OnConflictAction, RangeVar,
    SelectStmt, UpdateStmt, WithClause,
};

/// Judges a statement by its scope: `tenant`, `person`, `door`, `queue` or `operator`.
pub(crate) fn judge(scope: &str, sql: &str) -> Result<(), String> {
    let parsed = pg_query::parse(sql, pg_query::ParserOptions::default()).map_err(|error| error.to_string())?;
    let [statement] = parsed.protobuf.stmts.as_slice() else { return Err("exactly one statement".to_owned()) };
    let node = statement.stmt.as_ref().and_then(|node| node.node.as_ref()).ok_or("an empty statement")?;
    let mentioned = format!("{node:?}").matches("RangeVar {").count();
    match scope {
        "tenant" => Judge::of("tenant_id").all(node, mentioned),
        "person" => Judge::of("person_id").all(node, mentioned),
        "door" => one_door(node, mentioned),
        "queue" => only(node, mentioned, &["jobs"]),
        "operator" => only(node, mentioned, &["tenants"]),
        other => Err(format!("unknown scope {other}")),
    }
}

struct Judge {
    owner: &'static str,
    judged: usize,
    ctes: BTreeSet<String>,
}

/// A relation by the name that its columns go by.
type Names = BTreeSet<String>;

impl Judge {
    fn of(owner: &'static str) -> Self {
        Self { owner, judged: 0, ctes: BTreeSet::new() }
    }

    fn all(mut self, node: &NodeEnum, mentioned: usize) -> Result<(), String> {
        self.statement(node)?;
        if self.judged == mentioned {
            return Ok(());
        }
        Err(format!("{} of {mentioned} relations stand where the rule can be checked", self.judged))
    }

    fn statement(&mut self, node: &NodeEnum) -> Result<(), String> {
        match node {
            NodeEnum::SelectStmt(select) => self.select(select),
            NodeEnum::InsertStmt(insert) => self.insert(insert),
            NodeEnum::UpdateStmt(update) => self.update(update),
            NodeEnum::DeleteStmt(delete) => self.delete(delete),
            _ => Err("only select, insert, update and delete".to_owned()),
        }
    }

    fn with(&mut self, with: Option<&WithClause>) -> Result<(), String> {
        let Some(with) = with else { return Ok(()) };
        for cte in &with.ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node else { return Err("an odd WITH".to_owned()) };
            self.statement(inner(cte.ctequery.as_deref())?)?;
            self.ctes.insert(cte.ctename.clone());
        }
        Ok(())
    }

    fn select(&mut self, select: &SelectStmt) -> Result<(), String> {
        self.with(select.with_clause.as_ref())?;
        if let (Some(left), Some(right)) = (&select.larg, &select.rarg) {
            self.select(left)?;
            return self.select(right);
        }
        let mut terms = Vec::new();
        conjuncts(select.where_clause.as_deref(), &mut terms);
        let mut names = Names::new();
        for from in &select.from_clause {
            self.from(from, &mut names, &mut terms)?;
        }
        self.scoped(&names, &terms)
    }

    fn from<'a>(&mut self, node: &'a Node, names: &mut Names, terms: &mut Vec<&'a Node>) -> Result<(), String> {
        match inner(Some(node))? {
            NodeEnum::RangeVar(relation) => self.relation(relation, names),
            NodeEnum::RangeSubselect(sub) => self.statement(inner(sub.subquery.as_deref())?),
            NodeEnum::JoinExpr(join) => self.join(join, names, terms),
            NodeEnum::RangeFunction(_) => Ok(()),
            _ => Err("an odd FROM".to_owned()),
        }
    }

    fn join<'a>(&mut self, join: &'a JoinExpr, names: &mut Names, terms: &mut Vec<&'a Node>) -> Result<(), String> {
        let (left, right) = (join.larg.as_deref().ok_or("no left")?, join.rarg.as_deref().ok_or("no right")?);
        if join.jointype() == JoinType::JoinInner {
            conjuncts(join.quals.as_deref(), terms);
            self.from(left, names, terms)?;
            return self.from(right, names, terms);
        }
        if join.jointype() != JoinType::JoinLeft {
            return Err("only inner and left joins".to_owned());
        }
        // What the ON of a left join says holds for its right side alone.
        self.from(left, names, terms)?;
        let (mut right_names, mut right_terms) = (Names::new(), Vec::new());
        conjuncts(join.quals.as_deref(), &mut right_terms);
        self.from(right, &mut right_names, &mut right_terms)?;
        self.scoped(&right_names, &right_terms)
    }

    fn relation(&mut self, relation: &RangeVar, names: &mut Names) -> Result<(), String> {
        self.judged += 1;
        if relation.schemaname.is_empty() && self.ctes.contains(&relation.relname) {
            return Ok(());
        }
        if !relation.schemaname.is_empty() {
            return Err(format!("{} names a schema: the login's own is meant", relation.relname));
        }
        let name = relation.alias.as_ref().map_or(&relation.relname, |alias| &alias.aliasname);
        if names.insert(name.clone()) { Ok(()) } else { Err(format!("{name} stands twice without an alias")) }
    }

    /// Each relation by its own `= $1`, or joined by equality to one that has it.
    fn scoped(&self, names: &Names, terms: &[&Node]) -> Result<(), String> {
        let mut safe = Names::new();
        let mut joins = Vec::new();
        for term in terms {
            match self.equality(term, names) {
                Some((name, None)) => drop(safe.insert(name)),
                Some((name, Some(other))) => joins.push((name, other)),
                None => {}
            }
        }
        while let Some(at) = joins.iter().position(|(a, b)| safe.contains(a) != safe.contains(b)) {
            let (a, b) = joins.swap_remove(at);
            safe.extend([a, b]);
        }
        match names.iter().find(|name| !safe.contains(*name)) {
            None => Ok(()),
            Some(open) => Err(format!("{open} has no top-level {} = $1", self.owner)),
        }
    }

    /// `name.owner = $1`, or `name.owner = other.owner`.
    fn equality(&self, term: &Node, names: &Names) -> Option<(String, Option<String>)> {
        let Some(NodeEnum::AExpr(expr)) = &term.node else { return None };
        if !is_equals(expr) {
            return None;
        }
        let (left, right) = (expr.lexpr.as_deref()?, expr.rexpr.as_deref()?);
        let column = |node| self.owner_column(node, names);
        match (column(left), column(right)) {
            (Some(name), None) if is_first(right) => Some((name, None)),
            (None, Some(name)) if is_first(left) => Some((name, None)),
            (Some(name), Some(other)) => Some((name, Some(other))),
            _ => None,
        }
    }

    fn owner_column(&self, node: &Node, names: &Names) -> Option<String> {
        let Some(NodeEnum::ColumnRef(column)) = &node.node else { return None };
        let fields: Vec<&str> = column.fields.iter().filter_map(text).collect();
        match fields.as_slice() {
            [column] if *column == self.owner && names.len() == 1 => names.first().cloned(),
            [name, column] if *column == self.owner && names.contains(*name) => Some((*name).to_owned()),
            _ => None,
        }
    }

    fn insert(&mut self, insert: &InsertStmt) -> Result<(), String> {
        self.with(insert.with_clause.as_ref())?;
        self.relation(insert.relation.as_ref().ok_or("no table")?, &mut Names::new())?;
        let at = insert
            .cols
            .iter()
            .position(|col| target(col).is_some_and(|(name, _)| name == self.owner))
            .ok_or_else(|| format!("INSERT does not name {}", self.owner))?;
        let Some(NodeEnum::SelectStmt(source)) = insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) else {
            return Err("INSERT without rows".to_owned());
        };
        if source.values_lists.is_empty() {
            let value = source.target_list.get(at).and_then(target).and_then(|(_, value)| value);
            if !value.is_some_and(is_first) {
                return Err(format!("INSERT … SELECT does not write $1 into {}", self.owner));
            }
            self.select(source)?;
        }
        for row in &source.values_lists {
            let Some(NodeEnum::List(row)) = &row.node else { return Err("odd VALUES".to_owned()) };
            if !row.items.get(at).is_some_and(is_first) {
                return Err(format!("VALUES do not write $1 into {}", self.owner));
            }
        }
        self.conflict(insert)
    }

    /// An upsert meets only rows of its own tenant: its arbiter begins with the owner, and it never moves a row.
    fn conflict(&self, insert: &InsertStmt) -> Result<(), String> {
        let Some(conflict) = insert.on_conflict_clause.as_deref() else { return Ok(()) };
        let infer = conflict.infer.as_deref().ok_or("ON CONFLICT must name its columns")?;
        let first = infer.index_elems.first().and_then(|elem| match &elem.node {
            Some(NodeEnum::IndexElem(elem)) => Some(elem.name.as_str()),
            _ => None,
        });
        if first != Some(self.owner) {
            return Err(format!("ON CONFLICT must begin with {}", self.owner));
        }
        if conflict.action() == OnConflictAction::OnconflictUpdate { self.sets(&conflict.target_list) } else { Ok(()) }
    }

    fn update(&mut self, update: &UpdateStmt) -> Result<(), String> {
        self.with(update.with_clause.as_ref())?;
        self.sets(&update.target_list)?;
        self.modified(update.relation.as_ref(), &update.from_clause, update.where_clause.as_deref())
    }

    fn delete(&mut self, delete: &DeleteStmt) -> Result<(), String> {
        self.with(delete.with_clause.as_ref())?;
        self.modified(delete.relation.as_ref(), &delete.using_clause, delete.where_clause.as_deref())
    }

    fn modified(&mut self, relation: Option<&RangeVar>, from: &[Node], filter: Option<&Node>) -> Result<(), String> {
        let (mut names, mut terms) = (Names::new(), Vec::new());
        self.relation(relation.ok_or("no table")?, &mut names)?;
        conjuncts(filter, &mut terms);
        for node in from {
            self.from(node, &mut names, &mut terms)?;
        }
        self.scoped(&names, &terms)
    }

    fn sets(&self, targets: &[Node]) -> Result<(), String> {
        let moves = targets.iter().filter_map(target).any(|(name, _)| name == self.owner);
        if moves { Err(format!("it writes {}", self.owner)) } else { Ok(()) }
    }
}

/// `select … from doors.x(…)`, and no relation at all.
fn one_door(node: &NodeEnum, mentioned: usize) -> Result<(), String> {
    let NodeEnum::SelectStmt(_) = node else { return Err("a door is called by SELECT".to_owned()) };
    if mentioned > 0 {
        return Err("a door's statement names no relation".to_owned());
    }
    let called = format!("{node:?}").matches("sval: \"doors\"").count();
    if called == 1 { Ok(()) } else { Err(format!("{called} doors instead of one")) }
}

fn only(node: &NodeEnum, mentioned: usize, tables: &[&str]) -> Result<(), String> {
    let text = format!("{node:?}");
    let allowed: usize = tables.iter().map(|table| text.matches(&format!("relname: \"{table}\"")).count()).sum();
    if allowed == mentioned { Ok(()) } else { Err(format!("it touches other tables than {tables:?}")) }
}

fn conjuncts<'a>(node: Option<&'a Node>, terms: &mut Vec<&'a Node>) {
    let Some(node) = node else { return };
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
            expr.args.iter().for_each(|arg| conjuncts(Some(arg), terms));
        }
        _ => terms.push(node),
    }
}

fn is_equals(expr: &AExpr) -> bool {
    expr.kind() == AExprKind::AexprOp && expr.name.len() == 1 && expr.name.first().and_then(text) == Some("=")
}

fn is_first(node: &Node) -> bool {
    matches!(&node.node, Some(NodeEnum::ParamRef(param)) if param.number == 1)
}

fn target(node: &Node) -> Option<(&str, Option<&Node>)> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => Some((target.name.as_str(), target.val.as_deref())),
        _ => None,
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(text)) => Some(text.sval.as_str()),
        _ => None,
    }
}

fn inner(node: Option<&Node>) -> Result<&NodeEnum, String> {
    node.and_then(|node| node.node.as_ref()).ok_or_else(|| "an empty node".to_owned())
}
