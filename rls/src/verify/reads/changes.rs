//! Changes: which table they change, and whose the rows are that they bring in.

use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{list, node, strings, text};
use super::query::{From, alias_of};
use super::terms::number;
use super::{Equal, Frame, Given, Reading, Source, Term, Verb};
use crate::catalog::{Relation, RelationKind};

// The numbers of the parser's enumerations.
const DO_UPDATE: i64 = 3;
const CMD_INSERT: i64 = 4;

/// What a statement changes.
pub(super) struct Target<'a> {
    pub(super) relation: Option<&'a Relation>,
    touch: Option<usize>,
    pub(super) open: Vec<usize>,
}

impl<'a> Reading<'_, '_, 'a> {
    /// A row that is given to another tenant is not held, whatever it was before.
    pub(super) fn moves_tenant(
        &mut self,
        relation: &Relation,
        targets: &[Value],
        own: &Rc<Frame>,
        holds: &mut Vec<Equal>,
    ) {
        let Some(tenant) = self.library.tenant_column(relation).map(str::to_owned) else { return };
        for target in targets {
            let Some(("ResTarget", target)) = node(target) else { continue };
            if text(target, "name") != tenant {
                continue;
            }
            let terms = target.get("val").map(|value| self.terms(value, own, holds)).unwrap_or_default();
            if !self.is_the_tenant(&terms, holds) {
                let (_, touch) = self.touch(relation, Verb::Update, own.reader);
                self.found.touches[touch].is_held = false;
            }
        }
    }

    fn is_the_tenant(&self, terms: &[Term], equal: &[Equal]) -> bool {
        let classes = self.classes(equal);
        !terms.is_empty() && terms.iter().all(|term| classes.tenant.contains(term))
    }

    /// The table that a statement changes; through a view, those behind it.
    pub(super) fn target(&mut self, range: &Value, verb: Verb, own: &mut Frame) -> Option<Target<'a>> {
        let (schema, name) = (text(range, "schemaname"), text(range, "relname"));
        let alias = alias_of(range).unwrap_or_else(|| name.to_owned());
        let relation = self.relation_meant(schema, name, own)?;
        if relation.kind == RelationKind::View {
            let given = self.view(relation, own);
            for at in &given.open {
                self.found.touches[*at].verb = verb;
            }
            let row = self.source(Source::Columns(given.columns));
            own.rows.push((alias, row));
            return Some(Target { relation: None, touch: None, open: given.open });
        }
        let (row, touch) = self.touch(relation, verb, own.reader);
        own.rows.push((alias, row));
        Some(Target { relation: Some(relation), touch: Some(touch), open: vec![touch] })
    }

    /// Whether what is written comes from the row of a trigger or rule.
    pub(super) fn carried(&mut self, statement: &Value, own: &Frame, target: Option<&Target<'a>>) {
        let mut at = Some(own);
        let mut is_trigger = false;
        while let Some(frame) = at {
            is_trigger |= frame.rows.iter().any(|(alias, _)| alias == "new");
            at = frame.outer.as_deref();
        }
        if let Some(touch) = target.and_then(|target| target.touch).filter(|_| is_trigger && mentions_row(statement)) {
            self.found.touches[touch].carries_row = true;
        }
    }

    pub(super) fn insert(&mut self, insert: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        let mut own = (**frame).clone();
        own.rows = Vec::new();
        own.outer = Some(Rc::clone(frame));
        let open = self.with(insert, &mut own, equal);
        let source = insert.get("select_stmt").filter(|it| !it.is_null());
        let given = match source {
            Some(select) => self.query(select, &Rc::new(own.clone()), equal),
            None => Given { equal: equal.to_vec(), ..Given::default() },
        };
        let target = insert.get("relation").and_then(|range| self.target(range, Verb::Insert, &mut own));
        let own = Rc::new(own);
        if let Some(Target { relation: Some(relation), touch: Some(touch), .. }) = target {
            let held = self.inserts_own(relation, insert, &given, &own);
            let conflict = self.conflicts_elsewhere(relation, insert, &own, &given.equal);
            self.found.touches[touch].is_held = held && !conflict;
        }
        self.carried(insert, &own, target.as_ref());
        let mut holds = given.equal.clone();
        if let Some(Target { touch: Some(touch), .. }) = target
            && let Some(tenant) =
                self.world.relation(self.found.touches[touch].relation).and_then(|it| self.library.tenant_column(it))
            && self.found.touches[touch].is_held
        {
            holds.push((Term::Column(self.found.touches[touch].row, tenant.to_owned()), Term::Tenant));
        }
        self.walk_all(insert, &["on_conflict_clause", "returning_clause"], &own, &holds);
        let returning = insert.get("returning_clause").map(|it| list(it, "exprs").to_vec()).unwrap_or_default();
        let columns = self.targets(&returning, &own, &mut holds);
        Given { columns, equal: holds, open: open.into_iter().chain(given.open).collect(), is_union: false }
    }

    /// Whether the rows that come in are the context's tenant's.
    fn inserts_own(&mut self, relation: &Relation, insert: &Value, given: &Given, own: &Rc<Frame>) -> bool {
        let columns: Vec<String> =
            list(insert, "cols").iter().filter_map(|it| Some(text(node(it)?.1, "name").to_owned())).collect();
        let columns = if columns.is_empty() {
            relation.columns.iter().map(|column| column.name.clone()).collect()
        } else {
            columns
        };
        let value = |name: &str| columns.iter().position(|column| column == name).and_then(|at| given.columns.get(at));
        let Some(tenant) = self.library.tenant_column(relation) else {
            let classes = self.classes(&given.equal);
            return given.columns.iter().any(|(_, terms)| {
                !terms.is_empty()
                    && terms.iter().all(|term| {
                        classes.tenant.contains(term)
                            || classes.user.contains(term)
                            || matches!(term, Term::Column(row, _) if self.is_held(*row, &classes, &mut std::collections::HashSet::new()))
                    })
            });
        };
        if let Some((_, terms)) = value(tenant) {
            return self.is_the_tenant(terms, &given.equal);
        }
        if columns.iter().any(|column| column == tenant) && !given.columns.is_empty() {
            return false;
        }
        let default = relation.column(tenant).and_then(|column| column.default.as_deref());
        let tree = default.and_then(|text| super::super::tree::parse(&format!("select {text}")));
        let Some(tree) = tree else { return false };
        let target = super::super::tree::find(&tree, "SelectStmt").and_then(super::terms::sole_target).cloned();
        let mut none = Vec::new();
        let terms = target.map(|target| self.terms(&target, own, &mut none)).unwrap_or_default();
        self.is_the_tenant(&terms, &none)
    }

    /// Whether a conflict may be met in another tenant's row, which is changed then.
    fn conflicts_elsewhere(&mut self, relation: &Relation, insert: &Value, own: &Rc<Frame>, equal: &[Equal]) -> bool {
        let Some(conflict) = insert.get("on_conflict_clause").filter(|it| number(it, "action") == DO_UPDATE) else {
            return false;
        };
        let Some(tenant) = self.library.tenant_column(relation) else { return false };
        let infer = conflict.get("infer").unwrap_or(&Value::Null);
        let by_column =
            list(infer, "index_elems").iter().any(|it| node(it).is_some_and(|(_, it)| text(it, "name") == tenant));
        let number = relation.column(tenant).map(|column| column.number);
        let by_name = self.world.catalog.constraints_of(relation.oid).any(|constraint| {
            constraint.name == text(infer, "conname")
                && number.is_some_and(|number| constraint.columns.contains(&number))
        });
        let mut holds = equal.to_vec();
        if let Some(condition) = conflict.get("where_clause") {
            self.conjuncts(condition, own, &mut holds);
        }
        let row = own.rows.last().map(|(_, row)| *row);
        let by_where =
            row.is_some_and(|row| self.classes(&holds).tenant.contains(&Term::Column(row, tenant.to_owned())));
        !(by_column || by_name || by_where)
    }

    pub(super) fn merge(&mut self, merge: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        let mut own = (**frame).clone();
        own.rows = Vec::new();
        own.outer = Some(Rc::clone(frame));
        let mut open = self.with(merge, &mut own, equal);
        let target = merge.get("relation").and_then(|range| self.target(range, Verb::Update, &mut own));
        let mut from = From::default();
        if let Some(source) = merge.get("source_relation") {
            self.add_item(source, &mut own, equal, &mut from);
        }
        let own = Rc::new(own);
        let mut outside = equal.to_vec();
        outside.append(&mut from.equal);
        open.append(&mut from.open);
        let mut holds = outside.clone();
        if let Some(condition) = merge.get("join_condition") {
            self.conjuncts(condition, &own, &mut holds);
        }
        let mut open = self.settle(open, &outside);
        open.extend(self.settle(target.iter().flat_map(|it| it.open.iter().copied()).collect(), &holds));
        if let Some(relation) = target.as_ref().and_then(|target| target.relation) {
            for clause in list(merge, "merge_when_clauses") {
                let Some((_, clause)) = node(clause) else { continue };
                self.merge_clause(relation, clause, &own, &outside, &mut holds);
            }
        }
        self.walk_all(merge, &["merge_when_clauses", "join_condition", "returning_clause"], &own, &holds);
        Given { columns: Vec::new(), equal: holds, open, is_union: false }
    }

    fn merge_clause(
        &mut self,
        relation: &Relation,
        clause: &Value,
        own: &Rc<Frame>,
        outside: &[Equal],
        holds: &mut Vec<Equal>,
    ) {
        if number(clause, "command_type") != CMD_INSERT {
            return self.moves_tenant(relation, list(clause, "target_list"), own, holds);
        }
        let mut equal = outside.to_vec();
        let values: Vec<(String, Vec<Term>)> =
            list(clause, "values").iter().map(|value| (String::new(), self.terms(value, own, &mut equal))).collect();
        let insert = serde_json::json!({ "cols": list(clause, "target_list") });
        let given = Given { columns: values, equal, ..Given::default() };
        let held = self.inserts_own(relation, &insert, &given, own);
        let (_, touch) = self.touch(relation, Verb::Insert, own.reader);
        self.found.touches[touch].is_held = held;
    }

    pub(super) fn truncate(&mut self, truncate: &Value, frame: &Rc<Frame>) -> Given {
        for range in list(truncate, "relations") {
            let Some((_, range)) = node(range) else { continue };
            if let Some(relation) = self.relation_meant(text(range, "schemaname"), text(range, "relname"), frame) {
                self.touch(relation, Verb::Truncate, frame.reader);
            }
        }
        Given::default()
    }
}

/// Whether a statement has values of a trigger's row in it, other than keys alone.
pub(super) fn mentions_row(tree: &Value) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(mentions_row),
        Value::Object(fields) => {
            if let Some(column) = fields.get("ColumnRef") {
                return strings(column).first().is_some_and(|first| first == "new" || first == "old");
            }
            fields.values().any(mentions_row)
        }
        _ => false,
    }
}
