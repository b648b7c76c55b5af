//! What is asked of the rows that were put there.

use super::identity::Side;
use super::seed::{Seeded, Seeder};
use crate::name::{ident, literal};

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

    /// A condition that only this row fulfils.
    pub(super) fn only(&self, row: &Seeded) -> Option<String> {
        let relation = self.plan.world.relation(row.table)?;
        let key = self.plan.keys(relation).iter().find(|key| key.is_primary || key.is_plain && !key.is_exclusion)?;
        let part = |name: &String| Some(format!("{} = {}", ident(name), literal(row.values.get(name)?.as_deref()?)));
        key.columns.iter().map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join(" and "))
    }
}
