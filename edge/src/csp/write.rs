//! From memory to the table, and out of it when no browser has reported a group for long.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Context, Database, DbFault, HasStore, Live, Mode, Test};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permission, Permit};
use tokio::sync::watch;

use super::report::Report;
use super::reports::{Aggregate, Reports};
use super::store;

/// How often reports are written: what a kill loses at most.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// A violation that nobody reported for so long is mended, or its page is gone.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

type Groups = Vec<(Report, Aggregate)>;

impl Reports {
    /// Writes what was reported, for as long as `stop` does not say otherwise.
    pub async fn run(&self, ground: &Ground, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(FLUSH_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.changed() => {}
            }
            if let Err(fault) = self.flush(ground).await {
                tracing::warn!(%fault, "reports of violated policies could not be written and are lost");
            }
        }
    }

    /// Writes everything that was reported. What fails is lost: a page that is still broken is reported again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn flush(&self, ground: &Ground) -> Result<(), DbFault> {
        let (mut live, mut test): (HashMap<TenantId, Groups>, HashMap<TenantId, Groups>) = Default::default();
        for ((tenant, mode, report), sum) in self.take() {
            let of_mode = if mode == ModeWord::Live { &mut live } else { &mut test };
            of_mode.entry(tenant).or_default().push((report, sum));
        }
        write::<Live>(ground, live).await.and(write::<Test>(ground, test).await)
    }
}

async fn write<M: Mode>(ground: &Ground, tenants: HashMap<TenantId, Groups>) -> Result<(), DbFault>
where
    Database: HasStore<M>,
{
    if tenants.is_empty() {
        return Ok(());
    }
    let permit = Permit::<Observe, M>::system(Context::default(), Actor::system("gateway", "csp"), Origin::default());
    let mut batch = permit.batch(ground);
    tenants.iter().for_each(|(tenant, groups)| store::add(&mut batch, *tenant, groups));
    for fault in batch.commit().await?.faults.into_iter().flatten() {
        tracing::warn!(%fault, "reports of a tenant were refused by the database and are lost");
    }
    Ok(())
}

/// What the tenant's pages ran into, the last reported first.
///
/// # Errors
/// What the database says.
pub async fn list<P: Permission, M: Mode>(permit: &Permit<P, M>, ground: &Ground) -> Result<Groups, DbFault>
where
    Database: HasStore<M>,
{
    store::list(permit, ground).await
}

/// Deletes groups that nobody has reported for long. Safe on every node.
///
/// # Errors
/// What the database says.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    store::sweep(ground, ground.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN)).await
}
