//! Statements: their rows, their conditions, and what they touch.

use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{list, node, strings, text};
use super::conditions::pair;
use super::terms::{last_name, number};
use super::{Equal, Frame, Given, MAX_DEPTH, Reading, Source, Term, Touch, Verb};
use crate::catalog::{Column, Relation, RelationKind};
use crate::name::Name;

// The numbers of the parser's enumerations.
const SETOP_NONE: i64 = 1;
const JOIN_INNER: i64 = 1;
const JOIN_LEFT: i64 = 2;
const JOIN_RIGHT: i64 = 4;

/// An outer join: what its condition says holds for one side alone.
struct OuterJoin {
    equal: Vec<Equal>,
    open: Vec<usize>,
}

/// What `from` says.
#[derive(Default)]
pub(super) struct From {
    pub(super) equal: Vec<Equal>,
    pub(super) open: Vec<usize>,
    outer_joins: Vec<OuterJoin>,
}

impl<'a> Reading<'_, '_, 'a> {
    /// A whole statement of any kind: what it touches that is not held stays so.
    pub(super) fn statement(&mut self, statement: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        // A whole parse is taken statement by statement.
        if statement.get("stmts").is_some() {
            let mut last = Given::default();
            let outside = self.enter(statement);
            for one in super::super::tree::statements(statement) {
                last = self.query(one, frame, equal);
            }
            self.text = outside;
            return last;
        }
        self.query(statement, frame, equal)
    }

    /// A query or a change, inside another or by itself.
    pub(super) fn query(&mut self, statement: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        if self.depth >= MAX_DEPTH * 3 {
            self.found.unread.push("statements that are too deep".to_owned());
            return Given::default();
        }
        self.depth += 1;
        let given = match node(statement) {
            Some(("SelectStmt", select)) => self.select(select, frame, equal),
            Some(("InsertStmt", insert)) => self.insert(insert, frame, equal),
            Some(("UpdateStmt", update)) => self.change(update, Verb::Update, "from_clause", frame, equal),
            Some(("DeleteStmt", delete)) => self.change(delete, Verb::Delete, "using_clause", frame, equal),
            Some(("MergeStmt", merge)) => self.merge(merge, frame, equal),
            Some(("TruncateStmt", truncate)) => self.truncate(truncate, frame),
            Some(("CreateTableAsStmt", create)) => {
                create.get("query").map(|it| self.query(it, frame, equal)).unwrap_or_default()
            }
            Some(("DeclareCursorStmt", cursor)) => {
                cursor.get("query").map(|it| self.query(it, frame, equal)).unwrap_or_default()
            }
            Some((_, other)) => {
                self.walk(other, frame, equal);
                Given::default()
            }
            None => Given::default(),
        };
        self.depth -= 1;
        given
    }

    fn select(&mut self, select: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        let mut own = (**frame).clone();
        own.rows = Vec::new();
        own.outer = Some(Rc::clone(frame));
        let mut open = self.with(select, &mut own, equal);
        if number(select, "op") > SETOP_NONE {
            return self.set_operation(select, &Rc::new(own), equal, open);
        }
        let mut from = From::default();
        for item in list(select, "from_clause") {
            self.add_item(item, &mut own, equal, &mut from);
        }
        let own = Rc::new(own);
        let mut holds: Vec<Equal> = equal.to_vec();
        holds.append(&mut from.equal);
        if let Some(condition) = select.get("where_clause") {
            self.conjuncts(condition, &own, &mut holds);
        }
        open.append(&mut from.open);
        let mut open = self.settle(open, &holds);
        for join in from.outer_joins {
            let mut of_join = holds.clone();
            of_join.extend(join.equal);
            open.extend(self.settle(join.open, &of_join));
        }
        let open = self.prove(select, open, &own, equal, &mut holds);
        self.mark_secrets(select, &own, &holds, &open);
        let columns = self.targets(list(select, "target_list"), &own, &mut holds);
        for part in [
            "target_list",
            "where_clause",
            "group_clause",
            "having_clause",
            "values_lists",
            "sort_clause",
            "limit_count",
            "limit_offset",
            "distinct_clause",
            "window_clause",
        ] {
            if let Some(part) = select.get(part) {
                self.walk(part, &own, &holds);
            }
        }
        let columns = if columns.is_empty() { self.values(select, &own, &mut holds) } else { columns };
        Given { columns, equal: holds, open, is_union: false }
    }

    fn set_operation(&mut self, select: &Value, frame: &Rc<Frame>, equal: &[Equal], mut open: Vec<usize>) -> Given {
        let mut arm = |side: &str| match select.get(side).filter(|it| !it.is_null()) {
            Some(arm) => self.select(arm, frame, equal),
            None => Given::default(),
        };
        let (left, right) = (arm("larg"), arm("rarg"));
        let mut columns = left.columns;
        for ((_, terms), (_, more)) in columns.iter_mut().zip(right.columns) {
            // An arm that gives something else makes the column nobody's.
            if more.is_empty() {
                terms.clear()
            } else if !terms.is_empty() {
                terms.extend(more)
            }
        }
        open.extend(left.open);
        open.extend(right.open);
        let equal = left.equal.into_iter().chain(right.equal).collect();
        Given { columns, equal, open, is_union: true }
    }

    /// `with`: what each part gives, by its name; what parts change is done even when nobody reads them.
    pub(super) fn with(&mut self, statement: &Value, own: &mut Frame, equal: &[Equal]) -> Vec<usize> {
        let Some(with) = statement.get("with_clause").filter(|it| !it.is_null()) else { return Vec::new() };
        let mut open = Vec::new();
        for cte in list(with, "ctes") {
            let Some((_, cte)) = node(cte) else { continue };
            let name = text(cte, "ctename").to_owned();
            let mut inner = own.clone();
            if with.get("recursive").and_then(Value::as_bool).unwrap_or_default() {
                inner.tables.push((name.clone(), Rc::new(Given::default())));
            }
            let Some(query) = cte.get("ctequery") else { continue };
            let mut given = self.query(query, &Rc::new(inner), equal);
            let names = strings(cte.get("aliascolnames").unwrap_or(&Value::Null));
            rename(&mut given.columns, &names);
            open.extend(given.open.iter().copied());
            own.tables.push((name, Rc::new(given)));
        }
        open
    }

    pub(super) fn add_item(&mut self, item: &Value, own: &mut Frame, equal: &[Equal], from: &mut From) {
        let Some((kind, content)) = node(item) else { return };
        match kind {
            "RangeVar" => self.add_relation(content, own, from),
            "JoinExpr" => self.add_join(content, own, equal, from),
            "RangeSubselect" => {
                let frame = Rc::new(own.clone());
                let Some(query) = content.get("subquery") else { return };
                let mut given = self.query(query, &frame, equal);
                rename(&mut given.columns, &column_aliases(content));
                self.add_given(alias_of(content).unwrap_or_default(), given, own, from);
            }
            "RangeTableSample" => {
                if let Some(relation) = content.get("relation") {
                    self.add_item(relation, own, equal, from);
                }
            }
            _ => {
                let row = self.source(Source::Opaque);
                own.rows.push((alias_of(content).unwrap_or_default(), row));
                let frame = Rc::new(own.clone());
                let so_far: Vec<Equal> = equal.iter().chain(&from.equal).cloned().collect();
                self.walk(content, &frame, &so_far);
            }
        }
    }

    fn add_relation(&mut self, range: &Value, own: &mut Frame, from: &mut From) {
        let (schema, name) = (text(range, "schemaname"), text(range, "relname"));
        let alias = alias_of(range).unwrap_or_else(|| name.to_owned());
        if schema.is_empty()
            && let Some((_, given)) = own.tables.iter().rev().find(|(cte, _)| cte == name)
        {
            let mut given = (**given).clone();
            given.equal = given.equal.into_iter().collect();
            rename(&mut given.columns, &column_aliases(range));
            return self.add_given(alias, given, own, from);
        }
        if let Some(table) = self.transitions.get(name).filter(|_| schema.is_empty()).copied() {
            return self.add_transition(table, alias, own, from);
        }
        let Some(relation) = self.relation_meant(schema, name, own) else {
            self.catalogue(schema, name, own);
            let row = self.source(Source::Opaque);
            own.rows.push((alias, row));
            return;
        };
        if relation.kind == RelationKind::View {
            let mut given = self.view(relation, own);
            rename(&mut given.columns, &column_aliases(range));
            return self.add_given(alias, given, own, from);
        }
        let (row, touch) = self.touch(relation, Verb::Select, own.reader);
        own.rows.push((alias, row));
        from.open.push(touch);
    }

    /// The rows that a statement changed, which the policies of their table have held.
    fn add_transition(&mut self, table: u32, alias: String, own: &mut Frame, from: &mut From) {
        let row = self.source(Source::Relation(table));
        own.rows.push((alias, row));
        let relation = self.world.relation(table).filter(|relation| relation.is_table());
        if let Some(tenant) = relation.and_then(|relation| self.library.tenant_column(relation)) {
            from.equal.push((Term::Column(row, tenant.to_owned()), Term::Tenant));
        }
    }

    /// Statistics hold values of every tenant. Views of PostgreSQL ask who runs the statement, tables who reads them.
    fn catalogue(&mut self, schema: &str, name: &str, own: &Frame) {
        let who = match name {
            "pg_statistic" | "pg_statistic_ext_data" | "pg_largeobject" => own.reader,
            "pg_stats" | "pg_stats_ext" | "pg_stats_ext_exprs" | "pg_stat_activity" | "pg_stat_statements" => own.user,
            _ => None,
        };
        let sees_all = who.is_some_and(|who| self.world.is_above_rls(who));
        if matches!(schema, "" | "pg_catalog") && sees_all {
            self.found.catalogues.push(name.to_owned());
        }
    }

    fn add_join(&mut self, join: &Value, own: &mut Frame, equal: &[Equal], from: &mut From) {
        let (mut left, mut right) = (From::default(), From::default());
        let before = own.rows.len();
        if let Some(item) = join.get("larg") {
            self.add_item(item, own, equal, &mut left);
        }
        let middle = own.rows.len();
        if let Some(item) = join.get("rarg") {
            self.add_item(item, own, equal, &mut right);
        }
        let mut on = Vec::new();
        self.joined_by_name(join, own, (before, middle), &mut on);
        if let Some(quals) = join.get("quals") {
            let frame = Rc::new(own.clone());
            self.conjuncts(quals, &frame, &mut on);
            self.walk(quals, &frame, equal);
        }
        let kind = number(join, "jointype");
        let (kept, nullable) = match kind {
            JOIN_LEFT => (Some(left), Some(right)),
            JOIN_RIGHT => (Some(right), Some(left)),
            JOIN_INNER => {
                from.equal.append(&mut on);
                from.take(left);
                (Some(right), None)
            }
            _ => {
                from.take(left);
                (Some(right), None)
            }
        };
        if let Some(kept) = kept {
            from.take(kept);
        }
        if let Some(mut nullable) = nullable {
            on.append(&mut nullable.equal);
            from.outer_joins.append(&mut nullable.outer_joins);
            from.outer_joins.push(OuterJoin { equal: on, open: nullable.open });
        }
        if let Some(alias) = alias_of(join) {
            let row = self.source(Source::Opaque);
            own.rows.push((alias, row));
        }
    }

    /// `using` and `natural`.
    fn joined_by_name(&mut self, join: &Value, own: &Frame, (before, middle): (usize, usize), on: &mut Vec<Equal>) {
        let mut names = strings(join.get("using_clause").unwrap_or(&Value::Null));
        if join.get("is_natural").and_then(Value::as_bool).unwrap_or_default() {
            names = own.rows[before..middle].iter().flat_map(|(_, row)| self.column_names(*row)).collect();
        }
        for name in names {
            let side = |rows: &[(String, usize)]| -> Vec<Term> {
                rows.iter()
                    .map(|(_, row)| self.column_in(*row, &name))
                    .find(|terms| !terms.is_empty())
                    .unwrap_or_default()
            };
            let (left, right) = (side(&own.rows[before..middle]), side(&own.rows[middle..]));
            pair(&left, &right, on);
        }
    }

    pub(super) fn column_names(&self, row: usize) -> Vec<String> {
        match &self.sources[row] {
            Source::Relation(oid) => {
                let columns =
                    self.world.relation(*oid).map(|relation| relation.columns.iter().map(|it| it.name.clone()));
                columns.into_iter().flatten().collect()
            }
            Source::Columns(columns) => columns.iter().map(|(name, _)| name.clone()).collect(),
            Source::Opaque => Vec::new(),
        }
    }

    fn add_given(&mut self, alias: String, given: Given, own: &mut Frame, from: &mut From) {
        let row = self.source(Source::Columns(given.columns));
        own.rows.push((alias, row));
        from.open.extend(given.open);
        from.equal.extend(given.equal);
    }

    /// A view, read as its owner or as whoever reads it.
    pub(super) fn view(&mut self, view: &Relation, own: &Frame) -> Given {
        let Some(tree) = self.library.view(view) else {
            self.found.unread.push(format!("the view {}", view.name));
            return Given::default();
        };
        // A view that reads as whoever asks does so through other views, too, whoever owns those.
        let reader = if view.has_option("security_invoker") { own.user } else { Some(view.owner) };
        let frame = Frame { path: Rc::clone(&own.path), reader, user: own.user, ..Frame::default() };
        let mut given = self.statement(&tree, &Rc::new(frame), &[]);
        let names: Vec<String> = view.columns.iter().map(|column| column.name.clone()).collect();
        rename(&mut given.columns, &names);
        given
    }

    /// The relation that a name means.
    pub(super) fn relation_meant(&mut self, schema: &str, name: &str, own: &Frame) -> Option<&'a Relation> {
        if !schema.is_empty() {
            return self.world.relation_named(&Name::new(schema, name));
        }
        let path = Rc::clone(&own.path);
        let found = path.iter().find_map(|schema| self.world.relation_named(&Name::new(schema.as_str(), name)));
        if found.is_some() {
            self.found.unqualified.push(name.to_owned());
        }
        found
    }

    pub(super) fn touch(&mut self, relation: &Relation, verb: Verb, reader: Option<u32>) -> (usize, usize) {
        let row = self.source(Source::Relation(relation.oid));
        self.found.touches.push(Touch {
            relation: relation.oid,
            verb,
            is_held: false,
            reader,
            is_by_secret: false,
            carries_row: false,
            row,
        });
        (row, self.found.touches.len() - 1)
    }

    /// What the targets of a `select` are.
    pub(super) fn targets(
        &mut self,
        targets: &[Value],
        own: &Rc<Frame>,
        equal: &mut Vec<Equal>,
    ) -> Vec<(String, Vec<Term>)> {
        let mut columns = Vec::new();
        for target in targets {
            let Some(("ResTarget", target)) = node(target) else { continue };
            let Some(value) = target.get("val") else { continue };
            let star =
                super::super::tree::find(value, "AStar").is_some() && matches!(node(value), Some(("ColumnRef", _)));
            if star {
                columns.extend(self.all_columns(value, own));
                continue;
            }
            let terms = self.terms(value, own, equal);
            let named = text(target, "name");
            let name = match (named, node(value)) {
                ("", Some(("ColumnRef", column))) => strings(column).pop().unwrap_or_default(),
                ("", Some(("FuncCall", call))) => last_name(call, "funcname"),
                _ => named.to_owned(),
            };
            columns.push((name, terms));
        }
        columns
    }

    fn all_columns(&self, star: &Value, own: &Frame) -> Vec<(String, Vec<Term>)> {
        let alias = strings(star).pop();
        let rows = own.rows.iter().filter(|(name, _)| alias.as_ref().is_none_or(|alias| alias == name));
        let columns = |row: usize| -> Vec<(String, Vec<Term>)> {
            self.column_names(row).into_iter().map(|name| (name.clone(), self.column_in(row, &name))).collect()
        };
        rows.flat_map(|(_, row)| columns(*row)).collect()
    }

    /// The columns of `values`, where each row says the same of a column.
    fn values(&mut self, select: &Value, own: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<(String, Vec<Term>)> {
        let mut columns: Vec<(String, Vec<Term>)> = Vec::new();
        for (at, row) in list(select, "values_lists").iter().enumerate() {
            let Some((_, row)) = node(row) else { continue };
            for (number, value) in list(row, "items").iter().enumerate() {
                let terms = self.terms(value, own, equal);
                match columns.get_mut(number) {
                    None if at == 0 => columns.push((format!("column{}", number + 1), terms)),
                    Some((_, known)) if *known != terms => known.clear(),
                    _ => {}
                }
            }
        }
        columns
    }

    /// Rows that are found by a value that nobody can guess, as a login finds a session by its token's hash.
    fn mark_secrets(&mut self, select: &Value, own: &Rc<Frame>, given: &[Equal], open: &[usize]) {
        if open.is_empty() {
            return;
        }
        let mut equal = Vec::new();
        if let Some(condition) = select.get("where_clause") {
            self.conjuncts(condition, own, &mut equal);
        }
        let mut known = Vec::new();
        for at in open {
            let row = self.found.touches[*at].row;
            let by_secret = |(left, right): &Equal| {
                let named =
                    |term: &Term| matches!(term, Term::Column(of, name) if *of == row && self.is_secret(row, name));
                left != right && (named(left) || named(right))
            };
            if equal.iter().any(by_secret) {
                self.found.touches[*at].is_by_secret = true;
                known.push(row);
            }
        }
        // What such a row refers to by a key, is found by it.
        let refers = |from: &Term, to: &Term, known: usize, row: usize| match (from, to) {
            (Term::Column(one, name), Term::Column(other, _)) if *one == known && *other == row => {
                self.refers(known, name, row)
            }
            _ => false,
        };
        let tied = |row: usize| {
            let is_pair = |(left, right): &Equal| {
                known.iter().any(|known| refers(left, right, *known, row) || refers(right, left, *known, row))
            };
            given.iter().any(is_pair)
        };
        let found: Vec<usize> = open.iter().copied().filter(|at| tied(self.found.touches[*at].row)).collect();
        for at in found {
            self.found.touches[at].is_by_secret = true;
        }
    }

    fn is_secret(&self, row: usize, name: &str) -> bool {
        self.relation_of(row).and_then(|relation| relation.column(name)).is_some_and(Column::is_secret)
    }

    /// Whether a column, other than the one that says whose a row is, is a part of a key that refers to another row.
    fn refers(&self, from: usize, name: &str, to: usize) -> bool {
        let Some((one, other)) = self.relation_of(from).zip(self.relation_of(to)) else { return false };
        let Some(column) = one.column(name).filter(|_| self.library.tenant_column(one) != Some(name)) else {
            return false;
        };
        let mut keys = self.world.constraints_of(one.oid).iter();
        keys.any(|key| key.references == Some(other.oid) && key.columns.contains(&column.number))
    }

    // Changes.

    fn change(&mut self, change: &Value, verb: Verb, others: &str, frame: &Rc<Frame>, equal: &[Equal]) -> Given {
        let mut own = (**frame).clone();
        own.rows = Vec::new();
        own.outer = Some(Rc::clone(frame));
        let mut open = self.with(change, &mut own, equal);
        let target = change.get("relation").and_then(|range| self.target(range, verb, &mut own));
        let mut from = From::default();
        for item in list(change, others) {
            self.add_item(item, &mut own, equal, &mut from);
        }
        let own = Rc::new(own);
        let mut holds = equal.to_vec();
        holds.append(&mut from.equal);
        if let Some(condition) = change.get("where_clause") {
            self.conjuncts(condition, &own, &mut holds);
        }
        open.append(&mut from.open);
        open.extend(from.outer_joins.into_iter().flat_map(|join| join.open));
        open.extend(target.iter().flat_map(|target| target.open.iter().copied()));
        let open = self.settle(open, &holds);
        let open = self.prove(change, open, &own, equal, &mut holds);
        if let Some(relation) = target.as_ref().and_then(|target| target.relation).filter(|_| verb == Verb::Update) {
            self.moves_tenant(relation, list(change, "target_list"), &own, &mut holds);
        }
        self.carried(change, &own, target.as_ref());
        self.walk_all(change, &["target_list", "where_clause", "returning_clause"], &own, &holds);
        let returning = change.get("returning_clause").map(|it| list(it, "exprs").to_vec()).unwrap_or_default();
        let columns = self.targets(&returning, &own, &mut holds);
        Given { columns, equal: holds, open, is_union: false }
    }

    // Everything else.

    pub(super) fn walk_all(&mut self, statement: &Value, parts: &[&str], frame: &Rc<Frame>, equal: &[Equal]) {
        for part in parts.iter().filter_map(|part| statement.get(part)) {
            self.walk(part, frame, equal);
        }
    }

    /// Sub-selects and calls, wherever they are.
    pub(super) fn walk(&mut self, tree: &Value, frame: &Rc<Frame>, equal: &[Equal]) {
        match tree {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, frame, equal)),
            Value::Object(fields) => {
                if let Some(select) = fields.get("SubLink").and_then(|link| link.get("subselect")) {
                    self.query(select, frame, equal);
                    return self.walk(&fields["SubLink"]["testexpr"], frame, equal);
                }
                if fields.contains_key("SelectStmt") {
                    self.query(&serde_json::json!({ "node": tree }), frame, equal);
                    return;
                }
                if let Some(call) = fields.get("FuncCall") {
                    self.call(call, frame, equal);
                }
                fields.values().for_each(|value| self.walk(value, frame, equal));
            }
            _ => {}
        }
    }
}

impl From {
    fn take(&mut self, mut other: Self) {
        self.equal.append(&mut other.equal);
        self.open.append(&mut other.open);
        self.outer_joins.append(&mut other.outer_joins);
    }
}

pub(super) fn alias_of(item: &Value) -> Option<String> {
    item.get("alias")?.get("aliasname")?.as_str().map(str::to_owned)
}

fn column_aliases(item: &Value) -> Vec<String> {
    item.get("alias").and_then(|alias| alias.get("colnames")).map(strings).unwrap_or_default()
}

fn rename(columns: &mut [(String, Vec<Term>)], names: &[String]) {
    for ((name, _), new) in columns.iter_mut().zip(names) {
        new.clone_into(name);
    }
}
