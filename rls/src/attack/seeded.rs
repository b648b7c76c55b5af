//! What is asked of the rows that were put there.

use super::identity::Side;
use super::plan::Overrides;
use super::seed::{Seeded, Seeder};
use super::values::{MAIL_DOMAIN, Value};
use crate::catalog::{Function, Relation};
use crate::name::{ident, literal, mentions};

/// Rows that functions may ask for.
const HELD: usize = 6;

impl Seeder<'_> {
    /// What is known to be a possible row, without asking.
    pub(super) fn spares(&self, table: u32, side: Side) -> Option<Vec<(String, String)>> {
        let known = self.spares.get(&(table, side)).cloned().flatten();
        known.or_else(|| self.first(table, side).map(|row| row.given.clone())).filter(|given| !given.is_empty())
    }

    /// The rows of one side in a table.
    pub(super) fn rows_of(&self, table: u32, side: Side) -> impl Iterator<Item = &Seeded> {
        self.rows.iter().filter(move |row| row.table == table && row.side == side && !row.is_nobodys)
    }

    /// The first row of one side in a table.
    pub(super) fn first(&self, table: u32, side: Side) -> Option<&Seeded> {
        self.rows_of(table, side).next()
    }

    /// The last row of one side in a table, whose natural keys are nobody else's.
    pub(super) fn last(&self, table: u32, side: Side) -> Option<&Seeded> {
        self.rows_of(table, side).last()
    }

    /// All of them, those before that are most unlike: the first, the last, the emptiest.
    pub(super) fn unlike_first(&self, table: u32, side: Side) -> Vec<&Seeded> {
        let emptiest =
            self.rows_of(table, side).max_by_key(|row| row.values.values().filter(|it| it.is_none()).count());
        let ends = [self.first(table, side), self.last(table, side), emptiest].into_iter().flatten();
        let mut seen = std::collections::BTreeSet::new();
        ends.chain(self.rows_of(table, side)).filter(|row| seen.insert(std::ptr::from_ref(*row))).collect()
    }

    /// Rows of A's that a function asks for before it does something: an invitation that is open, at A's address.
    pub(super) fn held(&self, relation: &Relation, variants: &[Overrides]) -> Vec<Overrides> {
        let acts = |function: &&Function| {
            let body = function.body().to_ascii_lowercase();
            function.is_definer
                && !function.argument_types.is_empty()
                && mentions(&body, &relation.name.name.to_ascii_lowercase())
                && ["insert", "update", "delete"].iter().any(|deed| mentions(&body, deed))
        };
        if !self.plan.world.catalog.functions.iter().any(|function| acts(&function)) {
            return Vec::new();
        }
        let mails = relation.columns.iter().filter(|column| column.name.contains("mail"));
        let mine: Overrides = mails
            .map(|column| (column.name.clone(), Value::Text(format!("{}@{MAIL_DOMAIN}", self.pair.a.user))))
            .collect();
        let with = |variant: &Overrides| variant.clone().into_iter().chain(mine.clone()).collect();
        let bare = self.plan.bare(relation);
        variants.iter().take(HELD).chain([&bare]).map(with).collect()
    }

    /// A condition that only this row fulfils.
    pub(super) fn only(&self, row: &Seeded) -> Option<String> {
        let relation = self.plan.world.relation(row.table)?;
        let key = self.plan.keys(relation).iter().find(|key| key.is_primary || key.is_plain && !key.is_exclusion)?;
        let part = |name: &String| Some(format!("{} = {}", ident(name), literal(row.values.get(name)?.as_deref()?)));
        key.columns.iter().map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join(" and "))
    }
}
