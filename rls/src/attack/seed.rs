//! Rows of both tenants: walks references, gives each column a value of its type, and asks PostgreSQL what it refuses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::{Draft, DraftCell};
use super::identity::{Pair, Side, context, setting};
use super::outcome::{Outcome, Refusal};
use super::plan::{ForeignKey, Overrides, Plan};
use super::session::Session;
use super::values::{Cell, Value, candidates};
use crate::catalog::{Column, Relation};
use crate::name::ident;

/// So often a row is tried with other values.
const TRIES: usize = 40;
/// References are followed so far.
const DEPTH: usize = 12;

/// A row that is there until the transaction ends.
#[derive(Clone, Debug)]
pub(super) struct Seeded {
    pub(super) table: u32,
    pub(super) side: Side,
    /// Whether it was left without a tenant on purpose.
    pub(super) is_nobodys: bool,
    /// What is in it, as PostgreSQL answered.
    pub(super) values: BTreeMap<String, Option<String>>,
    /// What put it there; empty when it was there before.
    pub(super) statement: String,
    /// Its columns and what they were given, as SQL.
    pub(super) given: Vec<(String, String)>,
}

/// Columns, and what they are given as SQL.
pub(super) type Given = Vec<(String, String)>;
type Memo = (u32, Side, Vec<(String, String)>);

/// Puts rows into tables.
#[derive(Debug)]
pub(super) struct Seeder<'w> {
    pub(super) plan: &'w Plan<'w>,
    pub(super) pair: Pair,
    pub(super) rows: Vec<Seeded>,
    /// Tables that are looked up, and have rows in every state.
    varied: BTreeSet<u32>,
    /// Why a table has no row.
    pub(super) refused: BTreeMap<u32, String>,
    memo: HashMap<Memo, Option<usize>>,
    counts: HashMap<(u32, Side), usize>,
    pub(super) spares: HashMap<(u32, Side), Option<Given>>,
    side: Option<Side>,
    /// Whether the rows are put there without any context, for sessions in which none was ever set.
    pub(super) is_silent: bool,
    /// Whether the row that is made has natural keys that the other tenant has not.
    is_alone: bool,
}

impl<'w> Seeder<'w> {
    pub(super) fn new(plan: &'w Plan<'w>, pair: Pair) -> Self {
        Self {
            plan,
            pair,
            rows: Vec::new(),
            varied: BTreeSet::new(),
            refused: BTreeMap::new(),
            memo: HashMap::new(),
            counts: HashMap::new(),
            spares: HashMap::new(),
            side: None,
            is_silent: false,
            is_alone: false,
        }
    }

    /// Both tenants' rows in a table: B with every variant, A with two, and one that is nobody's where that can be.
    pub(super) async fn fill(&mut self, session: &mut Session, relation: &'w Relation) {
        self.belong(session, Side::B).await;
        for looked_up in self.plan.looked_up(relation).iter().copied() {
            self.row(session, looked_up, Side::B, Overrides::new(), 0).await;
            self.row(session, looked_up, Side::A, Overrides::new(), 0).await;
            // What lets a row through may be the state of another.
            let is_first = self.varied.insert(looked_up.oid);
            for row in self.plan.combined(looked_up, &self.pair.a.tenant).into_iter().filter(|_| is_first) {
                self.another(session, looked_up, Side::B, row).await;
            }
        }
        self.row(session, relation, Side::B, Overrides::new(), 0).await;
        for variant in self.plan.variants(relation, &self.pair.clone(), Side::B) {
            self.another(session, relation, Side::B, variant).await;
        }
        if let Some(tenant) = self.plan.tenant_column(relation).filter(|column| !column.is_not_null) {
            let nobody = Overrides::from([(tenant.name.clone(), Value::Null)]);
            if let Some(at) = self.another(session, relation, Side::B, nobody).await {
                self.rows[at].is_nobodys = self.rows[at].values.get(&tenant.name).is_none_or(Option::is_none);
            }
        }
        self.is_alone = true;
        self.another(session, relation, Side::B, Overrides::new()).await;
        self.is_alone = false;
        self.belong(session, Side::A).await;
        self.row(session, relation, Side::A, Overrides::new(), 0).await;
        let variants = self.plan.variants(relation, &self.pair.clone(), Side::A);
        let (first, last) = (variants.first().cloned(), variants.last().cloned());
        let twin =
            Some(self.plan.twin(relation)).filter(|twin| last.as_ref() != Some(twin) && first.as_ref() != Some(twin));
        for variant in first.into_iter().chain(last).chain(twin).chain(self.held(relation, &variants)) {
            self.another(session, relation, Side::A, variant).await;
        }
        session.guarded("set constraints all immediate").await;
    }

    /// One row of each tenant.
    pub(super) async fn fill_lightly(&mut self, session: &mut Session, relation: &'w Relation) {
        for side in [Side::B, Side::A] {
            self.belong(session, side).await;
            self.row(session, relation, side, Overrides::new(), 0).await;
        }
        session.guarded("set constraints all immediate").await;
    }

    /// The row that says that the side's person belongs to the side's tenant.
    pub(super) async fn belong(&mut self, session: &mut Session, side: Side) {
        let world = self.plan.world;
        let Some(membership) = world.settings.context.membership() else { return };
        let Some(table) = world.relation_meant(&membership.table) else { return };
        self.row(session, table, side, Overrides::new(), 0).await;
    }

    /// The side's row of a table, made when there is none.
    pub(super) async fn row(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        forced: Overrides,
        depth: usize,
    ) -> Option<usize> {
        let key = (relation.oid, side, forced.iter().map(|(name, value)| (name.clone(), value.sql())).collect());
        if let Some(known) = self.memo.get(&key) {
            return *known;
        }
        // What refers to itself round a circle finds no row, and does without.
        self.memo.insert(key.clone(), None);
        let made = Box::pin(self.make(session, relation, side, forced, depth)).await;
        self.memo.insert(key, made);
        made
    }

    /// What one more row of a side could hold, which is not left there. For B, what its first row holds where a
    /// tenant has one row alone.
    pub(super) async fn spare(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
    ) -> Option<Vec<(String, String)>> {
        if let Some(known) = self.spares.get(&(relation.oid, side)) {
            return known.clone();
        }
        let (memo, count) = (self.memo.clone(), self.rows.len());
        session.run("savepoint spare").await;
        let made = self.another(session, relation, side, Overrides::new()).await;
        session.run("rollback to savepoint spare; release savepoint spare").await;
        let fresh = made.filter(|at| *at >= count && !self.rows[*at].statement.contains("session_replication_role"));
        let given = fresh.map(|at| self.rows[at].given.clone());
        self.rows.truncate(count);
        (self.memo, self.side) = (memo, None);
        let first = self.first(relation.oid, side).filter(|row| side == Side::B && !row.given.is_empty());
        let given = given.or_else(|| first.map(|row| row.given.clone()));
        self.spares.insert((relation.oid, side), given.clone());
        given
    }

    /// One row more, which the end of the transaction would let in, too.
    async fn another(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        row: Overrides,
    ) -> Option<usize> {
        if !self.plan.waits_for_the_end(relation) {
            return Box::pin(self.make(session, relation, side, row, 0)).await;
        }
        let (memo, count) = (self.memo.clone(), self.rows.len());
        session.run("savepoint another").await;
        let made = Box::pin(self.make(session, relation, side, row, 0)).await;
        if session.guarded("set constraints all immediate").await.is_done() {
            session.run("release savepoint another").await;
            return made;
        }
        session.run("rollback to savepoint another; release savepoint another").await;
        self.rows.truncate(count);
        (self.memo, self.side) = (memo, None);
        None
    }

    async fn make(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        forced: Overrides,
        depth: usize,
    ) -> Option<usize> {
        if depth > DEPTH || !relation.is_table() {
            return None;
        }
        if forced.is_empty()
            && self.plan.world.settings.is_global(&relation.name)
            && !self.is_somebodys(relation, side)
            && let Some(at) = self.existing(session, relation, side, &[]).await
        {
            return Some(at);
        }
        let number = self.counts.entry((relation.oid, side)).or_default();
        *number += 1;
        let number = *number;
        let mut draft = self.draft(session, relation, side, &forced, number, depth).await;
        self.speak_as(session, side).await;
        self.insert(session, &mut draft, side, number).await
    }

    /// Whether a row says whose it is, also in a table that is everybody's: who belongs to whom.
    fn is_somebodys(&self, relation: &'w Relation, side: Side) -> bool {
        let owner = |column: &Column| self.plan.owner_value(relation, column, self.pair.of(side)).is_some();
        relation.columns.iter().any(owner)
    }

    async fn speak_as(&mut self, session: &mut Session, side: Side) {
        if self.side != Some(side) && !self.is_silent {
            self.side = Some(side);
            let settings = context(self.plan.world.settings, "", self.pair.of(side));
            let statements: Vec<String> = settings.iter().map(|(name, value)| setting(name, value)).collect();
            session.run(&statements.join(";")).await;
        }
    }

    async fn draft(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        forced: &Overrides,
        number: usize,
        depth: usize,
    ) -> Draft<'w> {
        let mut fixed = self.owned(relation, side, forced, number);
        let keys: Vec<ForeignKey> = self.plan.foreign_keys(relation.oid).to_vec();
        for key in &keys {
            // Of the row that is asked for alone: its parents have what there is.
            let is_new = number > 1 && depth == 0 && self.plan.is_one_to_one(relation, key);
            self.follow(session, relation, side, key, &mut fixed, depth, is_new).await;
        }
        for column in relation.columns.iter().filter(|column| !fixed.contains_key(&column.name)).collect::<Vec<_>>() {
            if let Some((target, there)) = self.plan.link(relation, column) {
                let at = self.row(session, target, side, Overrides::new(), depth + 1).await;
                let value = at.and_then(|at| self.rows[at].values.get(&there).cloned().flatten());
                fixed.extend(value.map(|value| (column.name.clone(), Value::Text(value))));
            }
        }
        let cells = relation.columns.iter().filter(|column| column.generated.is_empty());
        let cells = cells.map(|column| self.cell(relation, column, side, number, fixed.get(&column.name))).collect();
        Draft { relation, cells }
    }

    /// What a row holds for being somebody's.
    fn owned(&self, relation: &'w Relation, side: Side, forced: &Overrides, number: usize) -> Overrides {
        let mut fixed = forced.clone();
        let keys = self.plan.keys(relation);
        for column in relation.columns.iter().filter(|column| column.generated.is_empty()) {
            let alone = keys.iter().any(|key| key.columns.iter().eq([&column.name]));
            let tenant = self.plan.tenant_column(relation).is_some_and(|tenant| tenant.name == column.name);
            // A second row of one person needs another person.
            if fixed.contains_key(&column.name) || (alone && number > 1 && !tenant) {
                continue;
            }
            let identity = self.pair.of(side);
            if column.name == "name" && self.plan.is_made_of_name(relation) {
                let name = format!("{}/canary_{}_0_{number}.pdf", identity.tenant, side.letter());
                fixed.insert(column.name.clone(), Value::Text(name));
            }
            if let Some(value) = self.plan.owner_value(relation, column, identity) {
                fixed.insert(column.name.clone(), Value::Text(value));
            }
        }
        fixed
    }

    #[expect(clippy::too_many_arguments, reason = "a row, its place, and what is known of both")]
    async fn follow(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        key: &ForeignKey,
        fixed: &mut Overrides,
        depth: usize,
        is_new: bool,
    ) {
        let Some(target) = self.plan.world.relation(key.target) else { return };
        let columns: Vec<&Column> = key.columns.iter().filter_map(|name| relation.column(name)).collect();
        if columns.iter().any(|column| fixed.get(&column.name) == Some(&Value::Null)) {
            return;
        }
        if target.oid == relation.oid {
            let free = columns.iter().filter(|column| !column.is_not_null && !fixed.contains_key(&column.name));
            let nulls: Vec<_> = free.map(|column| (column.name.clone(), Value::Null)).collect();
            fixed.extend(nulls);
            return;
        }
        let pairs = key.columns.iter().zip(&key.targets);
        let known = pairs.clone().filter_map(|(column, there)| Some((there.clone(), fixed.get(column)?.clone())));
        let known: Overrides =
            known.filter(|(there, value)| !self.goes_without_saying(target, there, side, value)).collect();
        let parent = if is_new {
            Box::pin(self.make(session, target, side, known, depth + 1)).await
        } else {
            self.row(session, target, side, known, depth + 1).await
        };
        let parent = parent.map(|at| self.rows[at].values.clone());
        for (column, there) in pairs {
            match parent.as_ref().and_then(|values| values.get(there).cloned().flatten()) {
                Some(value) => _ = fixed.entry(column.clone()).or_insert(Value::Text(value)),
                None if relation.column(column).is_some_and(|column| !column.is_not_null) => {
                    fixed.entry(column.clone()).or_insert(Value::Null);
                }
                None => {}
            }
        }
    }

    /// Whether a row of this side has the value anyway.
    fn goes_without_saying(&self, target: &'w Relation, column: &str, side: Side, value: &Value) -> bool {
        let own = target.column(column).and_then(|column| self.plan.owner_value(target, column, self.pair.of(side)));
        own.is_some_and(|own| Value::Text(own) == *value)
    }

    fn cell(
        &self,
        relation: &'w Relation,
        column: &'w Column,
        side: Side,
        number: usize,
        fixed: Option<&Value>,
    ) -> DraftCell<'w> {
        match fixed {
            Some(value) => DraftCell { column, choices: vec![value.clone()], at: 0, is_fixed: true },
            None => DraftCell { column, choices: self.choices(relation, column, side, number), at: 0, is_fixed: false },
        }
    }

    fn choices(&self, relation: &'w Relation, column: &'w Column, side: Side, number: usize) -> Vec<Value> {
        let keys = self.plan.keys(relation);
        let mine: Vec<_> = keys.iter().filter(|key| key.columns.contains(&column.name)).collect();
        let tenant = self.plan.tenant_column(relation).map(|tenant| tenant.name.as_str());
        let with_tenant = |columns: &[String]| columns.iter().any(|name| Some(name.as_str()) == tenant);
        let name = column.name.to_ascii_lowercase();
        let cell = Cell {
            column,
            side,
            row: number,
            table: self.plan.number(relation.oid),
            is_key: !mine.is_empty(),
            is_shared: !self.is_alone
                && !mine.is_empty()
                && mine.iter().all(|key| with_tenant(&key.columns))
                && !is_surrogate(column),
            is_late: ["end", "until", "expire", "to", "due", "stop", "finish"].iter().any(|word| name.contains(word)),
        };
        let checks = self.plan.world.catalog.constraints_of(relation.oid).filter(|check| check.kind == "c");
        let checks: Vec<&str> = checks
            .filter(|check| check.columns.contains(&column.number))
            .map(|check| check.definition.as_str())
            .collect();
        let mut values = candidates(cell, self.plan.facts, &checks);
        if let Some(asked) = self.plan.asked(relation, column).filter(|_| !cell.is_key) {
            values.insert(0, asked);
        }
        values
    }

    /// Tries until PostgreSQL takes the row, or there is nothing left to try.
    async fn insert(
        &mut self,
        session: &mut Session,
        draft: &mut Draft<'w>,
        side: Side,
        number: usize,
    ) -> Option<usize> {
        let mut last = Refusal::default();
        for attempt in 0..TRIES {
            let statement = draft.statement();
            let outcome = session.guarded(&format!("{statement} returning *")).await;
            let Some(refusal) = outcome.refusal.clone() else {
                return Some(self.keep(draft, side, statement, &outcome));
            };
            if refusal.code == "23505"
                && let Some(at) = self.taken(session, draft, side, &refusal).await
            {
                return Some(at);
            }
            if session.is_closed() || !self.mend(draft, &refusal, side, number, attempt) {
                last = refusal;
                break;
            }
            last = refusal;
        }
        // One row more that its code refuses would stand in the way of all others.
        if number > 1 && self.plan.waits_for_the_end(draft.relation) {
            return None;
        }
        self.insert_anyway(session, draft, side, last).await
    }

    /// The last resort: without triggers and references, which a row of ours satisfies anyway.
    async fn insert_anyway(
        &mut self,
        session: &mut Session,
        draft: &mut Draft<'w>,
        side: Side,
        refusal: Refusal,
    ) -> Option<usize> {
        let known = matches!(refusal.code.get(..2), Some("22" | "23"));
        if !known && self.plan.facts.login.is_superuser {
            let statement = format!(
                "set local session_replication_role = replica; {}; set local session_replication_role = origin",
                draft.statement()
            );
            if session.guarded(&statement).await.is_done() {
                return Some(self.keep(draft, side, statement, &Outcome::default()));
            }
        }
        self.refused.entry(draft.relation.oid).or_insert_with(|| refusal.told());
        None
    }

    fn keep(&mut self, draft: &Draft<'w>, side: Side, statement: String, outcome: &Outcome) -> usize {
        let mut values: BTreeMap<String, Option<String>> = draft.planned();
        if let Some(row) = outcome.rows.first() {
            values = outcome.columns.iter().cloned().zip(row.iter().cloned()).collect();
        }
        self.rows.push(Seeded {
            table: draft.relation.oid,
            side,
            is_nobodys: false,
            values,
            statement,
            given: draft.given(),
        });
        self.rows.len() - 1
    }

    /// A row that is there already under the key that this one has to have.
    async fn taken(
        &mut self,
        session: &mut Session,
        draft: &Draft<'w>,
        side: Side,
        refusal: &Refusal,
    ) -> Option<usize> {
        let keys = self.plan.keys(draft.relation);
        let key = keys.iter().find(|key| Some(&key.name) == refusal.constraint.as_ref() && key.is_plain)?;
        let fixed = |name: &String| draft.cells.iter().find(|cell| &cell.column.name == name && cell.is_fixed);
        let cells: Vec<&DraftCell<'w>> = key.columns.iter().map(fixed).collect::<Option<_>>()?;
        let condition: Vec<(&str, &Value)> =
            cells.iter().map(|cell| (cell.column.name.as_str(), &cell.choices[cell.at])).collect();
        self.existing(session, draft.relation, side, &condition).await
    }

    async fn existing(
        &mut self,
        session: &mut Session,
        relation: &'w Relation,
        side: Side,
        condition: &[(&str, &Value)],
    ) -> Option<usize> {
        let parts: Vec<String> =
            condition.iter().map(|(name, value)| format!("{} = {}", ident(name), value.sql())).collect();
        let condition = if parts.is_empty() { String::new() } else { format!(" where {}", parts.join(" and ")) };
        let outcome = session.guarded(&format!("select * from {}{condition} limit 1", relation.name.quoted())).await;
        let row = outcome.rows.first()?;
        let values: BTreeMap<_, _> = outcome.columns.iter().cloned().zip(row.iter().cloned()).collect();
        if let Some(at) = self.rows.iter().position(|seeded| seeded.table == relation.oid && seeded.values == values) {
            return Some(at);
        }
        self.rows.push(Seeded {
            table: relation.oid,
            side,
            is_nobodys: false,
            values,
            statement: String::new(),
            given: Vec::new(),
        });
        Some(self.rows.len() - 1)
    }

    /// Changes a draft by what was said against it. False when nothing is left to change.
    fn mend(&self, draft: &mut Draft<'w>, refusal: &Refusal, side: Side, number: usize, attempt: usize) -> bool {
        match refusal.code.as_str() {
            "23514" => self.mend_check(draft, refusal, attempt),
            "22001" => draft.shorten(),
            "23502" => draft.advance(refusal.column.as_deref().unwrap_or_default()),
            "23505" | "23P01" => self.mend_duplicate(draft, refusal, side, number + 17 * (attempt + 1)),
            "23503" => self.mend_reference(draft, refusal),
            code if code.starts_with("22") || code == "42804" => draft.advance_rare() || draft.drop_optional(),
            _ => draft.drop_optional(),
        }
    }

    fn mend_check(&self, draft: &mut Draft<'w>, refusal: &Refusal, attempt: usize) -> bool {
        let name = refusal.constraint.as_deref();
        let checks = self.plan.world.catalog.constraints_of(draft.relation.oid);
        let mut columns: Vec<String> = checks
            .filter(|check| Some(check.name.as_str()) == name && check.kind == "c")
            .flat_map(|check| check.columns.iter().filter_map(|number| draft.relation.column_at(*number)))
            .map(|column| column.name.clone())
            .collect();
        if columns.is_empty() {
            columns = draft.of_type(refusal.data_type.as_deref());
        }
        if columns.is_empty() {
            return self.mend_partition(draft);
        }
        let count = columns.len();
        (0..count).any(|turn| draft.advance(&columns[(attempt + turn) % count]))
    }

    /// No partition takes the row: the key gets what the partitions' bounds name.
    fn mend_partition(&self, draft: &mut Draft<'w>) -> bool {
        let Some(key) = self.plan.facts.partition_key(draft.relation.oid) else { return draft.drop_optional() };
        let children = self.plan.world.children(draft.relation.oid);
        let bounds: BTreeSet<String> = children
            .iter()
            .filter_map(|child| self.plan.facts.bound(child.oid))
            .flat_map(super::harvest::literals)
            .collect();
        let mut changed = false;
        if bounds.is_empty() {
            return draft.drop_optional();
        }
        for cell in draft.cells.iter_mut().filter(|cell| super::harvest::mentions(key, &cell.column.name)) {
            if cell.choices.first() != bounds.first().map(|text| Value::Text(text.clone())).as_ref() && !cell.is_fixed {
                cell.choices = bounds.iter().cloned().map(Value::Text).collect();
                cell.at = 0;
                changed = true;
            } else {
                changed |= cell.next();
            }
        }
        changed
    }

    fn mend_duplicate(&self, draft: &mut Draft<'w>, refusal: &Refusal, side: Side, number: usize) -> bool {
        let keys = self.plan.keys(draft.relation);
        let Some(key) = keys.iter().find(|key| Some(&key.name) == refusal.constraint.as_ref()) else { return false };
        let relation = draft.relation;
        let mut changed = false;
        for cell in draft.cells.iter_mut().filter(|cell| key.columns.contains(&cell.column.name) && !cell.is_fixed) {
            let fresh = self.choices(relation, cell.column, side, number);
            changed |= fresh.first() != cell.choices.first() || cell.next();
            cell.choices = fresh;
        }
        changed
    }

    fn mend_reference(&self, draft: &mut Draft<'w>, refusal: &Refusal) -> bool {
        let keys = self.plan.foreign_keys(draft.relation.oid);
        let Some(key) = keys.iter().find(|key| Some(&key.name) == refusal.constraint.as_ref()) else { return false };
        let free = |cell: &&mut DraftCell<'w>| key.columns.contains(&cell.column.name) && !cell.column.is_not_null;
        let mut changed = false;
        for cell in draft.cells.iter_mut().filter(free) {
            changed |= cell.choices[cell.at] != Value::Null;
            (cell.choices, cell.at) = (vec![Value::Null], 0);
        }
        changed
    }
}

/// Whether a column is an id that nobody chooses.
pub(super) fn is_surrogate(column: &Column) -> bool {
    let generated = column.default.as_deref().is_some_and(|text| text.contains("nextval(") || text.contains("uuid"));
    !column.identity.is_empty() || generated || column.type_name == "uuid"
}
