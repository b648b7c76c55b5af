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
use super::reports::{Aggregate, Reports, Seat, Whose};
use super::store;

/// How often reports are written: what a kill loses at most.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// A violation that nobody reported for so long is mended, or its page is gone.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

type Groups = Vec<(Report, Aggregate)>;

/// What a tenant's pages ran into.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The last reported first.
    pub groups: Groups,
    /// Reports of groups that gave way to others.
    pub rest: Option<Aggregate>,
}

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
        let (mut live, mut test): (HashMap<TenantId, Seat>, HashMap<TenantId, Seat>) = Default::default();
        let taken = self.take();
        tell(&taken);
        for (whose, seat) in taken {
            let Some((tenant, mode)) = whose else { continue };
            let of_mode = if mode == ModeWord::Live { &mut live } else { &mut test };
            of_mode.insert(tenant, seat);
        }
        write::<Live>(ground, live).await.and(write::<Test>(ground, test).await)
    }
}

/// One line for all, however many there are: each stranger may send some.
fn tell(taken: &HashMap<Whose, Seat>) {
    let (mut groups, mut reports, mut displaced) = (0, 0, 0);
    for seat in taken.values() {
        groups += seat.groups.len();
        reports += seat.groups.values().map(|counted| counted.sum.count).sum::<u64>();
        displaced += seat.rest.map_or(0, |rest| rest.count);
    }
    if groups > 0 {
        tracing::info!(groups, reports, displaced, "browsers reported violated content security policies");
    }
    let own = taken.get(&None).and_then(|seat| seat.groups.iter().max_by_key(|(_, counted)| counted.sum.count));
    if let Some((Report { directive, blocked, path, .. }, counted)) = own {
        let reports = counted.sum.count;
        tracing::info!(directive, blocked, path, reports, "most often on a page of Tenantry's own");
    }
}

async fn write<M: Mode>(ground: &Ground, tenants: HashMap<TenantId, Seat>) -> Result<(), DbFault>
where
    Database: HasStore<M>,
{
    if tenants.is_empty() {
        return Ok(());
    }
    let permit = Permit::<Observe, M>::system(Context::default(), Actor::system("gateway", "csp"), Origin::default());
    let mut batch = permit.batch(ground);
    for (tenant, seat) in tenants {
        let groups = seat.groups.into_iter().map(|(report, counted)| (report, counted.sum)).collect();
        store::add(&mut batch, tenant, groups, seat.rest);
    }
    for fault in batch.commit().await?.faults.into_iter().flatten() {
        tracing::warn!(%fault, "reports of a tenant were refused by the database and are lost");
    }
    Ok(())
}

/// What the tenant's pages ran into.
///
/// # Errors
/// What the database says.
pub async fn list<P: Permission, M: Mode>(permit: &Permit<P, M>, ground: &Ground) -> Result<Listed, DbFault>
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
