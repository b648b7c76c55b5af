//! From memory to the table, and out of the table when it is old.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode as ModeWord;
use tokio::sync::watch;

use super::count::{Cell, Counts};
use super::{Book, FLUSH_EVERY, Usage, store};
use crate::db::{Context, Control, Database, DbFault, HasStore, In, Jobs, Live, Plane, Served, Test};
use crate::ground::Ground;
use crate::permit::{Actor, Observe, Origin, Permit, RunJobs};

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

    /// Writes everything that was counted. What could not be written is kept.
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
        let mut first = Ok(());
        for (book, cells) in books {
            let written = match book {
                Book::Workspace => self.write::<Control>(ground, cells).await,
                Book::Of(ModeWord::Live) => self.write::<Live>(ground, cells).await,
                Book::Of(ModeWord::Test) => self.write::<Test>(ground, cells).await,
            };
            first = first.and(written);
        }
        first
    }

    async fn write<M: Plane + In<Served>>(&self, ground: &Ground, mut cells: Vec<(Cell, Counts)>) -> Result<(), DbFault>
    where
        Database: HasStore<M>,
    {
        cells.sort_unstable_by_key(|(cell, _)| *cell);
        let tenants: Vec<&[(Cell, Counts)]> = cells.chunk_by(|(a, _), (b, _)| a.tenant == b.tenant).collect();
        let mut first = Ok(());
        for group in tenants.chunks(TENANTS_A_COMMIT) {
            let Err(fault) = commit::<M>(ground, group).await else { continue };
            // Nobody knows whether an unsure commit is in: missing is more honest than twice.
            if !matches!(fault, DbFault::Unsure(_)) {
                self.put_back(group.iter().copied().flatten().copied());
            }
            first = first.and(Err(fault));
        }
        first
    }
}

async fn commit<M: Plane + In<Served>>(ground: &Ground, tenants: &[&[(Cell, Counts)]]) -> Result<(), DbFault>
where
    Database: HasStore<M>,
{
    let permit = Permit::<Observe, M>::system(Context::default(), Actor::system("gateway", "usage"), Origin::default());
    let mut batch = permit.batch(ground);
    let named: Vec<(TenantId, &[(Cell, Counts)])> =
        tenants.iter().filter_map(|cells| Some((cells.first()?.0.tenant, *cells))).collect();
    named.iter().for_each(|(tenant, cells)| store::add(&mut batch, *tenant, cells));
    for fault in batch.commit().await?.faults.into_iter().flatten() {
        tracing::warn!(%fault, "a tenant's usage was refused by the database and is lost");
    }
    Ok(())
}

/// Deletes what is older than any chart looks back. Safe on every node.
///
/// # Errors
/// What the database says.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let permit = Permit::<RunJobs, Jobs>::system(Context::default(), Actor::system("job", "usage"), Origin::default());
    let ago = |span: SignedDuration| ground.now().checked_sub(span).unwrap_or(Timestamp::MIN);
    let mut tx = permit.begin(ground);
    let swept = store::sweep(&mut tx, ago(MINUTES_KEPT), ago(HOURS_KEPT), ago(DAYS_KEPT)).await?;
    tx.commit().await?;
    Ok(swept)
}
