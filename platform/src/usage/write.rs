//! From memory to the table, and out of the table when it is old.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use tenantry_core::mode::Mode as ModeWord;
use tokio::sync::watch;

use super::count::{Cell, Counts};
use super::{Book, FLUSH_EVERY, Usage, store};
use crate::db::{Context, Control, Database, DbFault, HasStore, In, Live, Plane, Served, Test, WrittenBatch};
use crate::ground::Ground;
use crate::permit::{Actor, Observe, Origin, Permit};

/// Tenants whose counts commit together: what one failing commit puts back.
const TENANTS_A_COMMIT: usize = 200;
/// Twice the hour that is drawn by minutes: it is compared with the one before.
const MINUTES_KEPT: SignedDuration = SignedDuration::from_hours(2);
/// Twice the week that is drawn by hours.
const HOURS_KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Thirteen months: a month can be compared with the same one of the year before.
const DAYS_KEPT: SignedDuration = SignedDuration::from_hours(396 * 24);

impl Usage {
    /// Writes what was counted, for as long as `stop` does not say otherwise. The last counts are written by
    /// [`Usage::flush`] when nothing counts any more.
    pub async fn run(&self, ground: &Ground, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(FLUSH_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.changed() => {}
            }
            if let Err(fault) = self.flush(ground).await {
                tracing::warn!(%fault, "usage could not be written; it is kept for the next time");
            }
        }
    }

    /// Writes everything that was counted. What could not be written is kept, also where this is dropped before its end.
    ///
    /// # Errors
    /// The first fault of a commit.
    pub async fn flush(&self, ground: &Ground) -> Result<(), DbFault> {
        let lost = self.take_lost();
        if lost > 0 {
            tracing::warn!(lost, "more subjects than can be counted at a time: some acts are missing from charts");
        }
        let mut books: HashMap<Book, Vec<(Cell, Counts)>> = HashMap::new();
        for (cell, counts) in self.take() {
            books.entry(cell.book).or_default().push((cell, counts));
        }
        let books: Vec<(Book, Taken<'_>)> =
            books.into_iter().map(|(book, cells)| (book, Taken::new(self, cells))).collect();
        let mut first = Ok(());
        for (book, taken) in books {
            let written = match book {
                Book::Workspace => taken.write::<Control>(ground).await,
                Book::Of(ModeWord::Live) => taken.write::<Live>(ground).await,
                Book::Of(ModeWord::Test) => taken.write::<Test>(ground).await,
            };
            first = first.and(written);
        }
        first
    }
}

/// Counts of one book that are on their way to the table. Whatever of them is here when this is dropped is counted
/// again.
struct Taken<'u> {
    usage: &'u Usage,
    /// Tenant after tenant.
    cells: Vec<(Cell, Counts)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.usage.put_back(self.cells.drain(..));
    }
}

impl<'u> Taken<'u> {
    fn new(usage: &'u Usage, mut cells: Vec<(Cell, Counts)>) -> Self {
        cells.sort_unstable_by_key(|(cell, _)| *cell);
        Self { usage, cells }
    }

    async fn write<M: Plane + In<Served>>(mut self, ground: &Ground) -> Result<(), DbFault>
    where
        Database: HasStore<M>,
    {
        let mut first = Ok(());
        while !self.cells.is_empty() {
            let some = self.split();
            first = first.and(some.commit::<M>(ground).await);
        }
        first
    }

    /// The cells of so many tenants as commit together.
    fn split(&mut self) -> Self {
        let most = by_tenant(&self.cells).take(TENANTS_A_COMMIT).map(<[_]>::len).sum();
        let rest = self.cells.split_off(most);
        Self { usage: self.usage, cells: std::mem::replace(&mut self.cells, rest) }
    }

    async fn commit<M: Plane + In<Served>>(mut self, ground: &Ground) -> Result<(), DbFault>
    where
        Database: HasStore<M>,
    {
        let permit =
            Permit::<Observe, M>::system(Context::default(), Actor::system("gateway", "usage"), Origin::default());
        let mut batch = permit.batch(ground);
        by_tenant(&self.cells).for_each(|cells| store::add(&mut batch, cells[0].0.tenant, cells));
        let written = batch.write().await?;
        // The commit is waited for also where this is dropped: only its answer tells whether the counts are in.
        let cells = std::mem::take(&mut self.cells);
        let settled = tokio::spawn(settle(self.usage.clone(), cells, written));
        settled.await.unwrap_or_else(|panic| Err(DbFault::Unsure(panic.to_string())))
    }
}

/// Commits counts, and puts back what is not in.
async fn settle(usage: Usage, cells: Vec<(Cell, Counts)>, written: WrittenBatch) -> Result<(), DbFault> {
    let faults = match written.commit().await {
        Ok(outcome) => outcome.faults,
        // Nobody knows whether an unsure commit is in: missing is more honest than twice.
        Err(fault @ DbFault::Unsure(_)) => return Err(fault),
        Err(fault) => {
            usage.put_back(cells);
            return Err(fault);
        }
    };
    let mut first = Ok(());
    for (cells, fault) in by_tenant(&cells).zip(faults) {
        match fault {
            None => {}
            // Somebody else held a row for too long.
            Some(fault @ DbFault::Retry(_)) => {
                usage.put_back(cells.iter().copied());
                first = first.and(Err(fault));
            }
            Some(fault) => tracing::warn!(%fault, "a tenant's usage was refused by the database and is lost"),
        }
    }
    first
}

fn by_tenant(cells: &[(Cell, Counts)]) -> impl Iterator<Item = &[(Cell, Counts)]> {
    cells.chunk_by(|(a, _), (b, _)| a.tenant == b.tenant)
}

/// Deletes what is older than any chart looks back. Safe on every node.
///
/// # Errors
/// What the database says.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let ago = |span: SignedDuration| ground.now().checked_sub(span).unwrap_or(Timestamp::MIN);
    store::sweep(ground, ago(MINUTES_KEPT), ago(HOURS_KEPT), ago(DAYS_KEPT)).await
}
