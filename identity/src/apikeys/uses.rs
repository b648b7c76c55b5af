//! When keys were last used: noted in memory, written now and then, never on a request's way.

use std::sync::atomic::{AtomicI64, Ordering};

use dashmap::DashMap;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Context, Database, DbFault, HasStore, Live, Mode, Test};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permit};

use super::store;

/// How fine the time of last use is: a busy key writes one row this often.
const GRAIN_S: i64 = 60;
/// Keys noted between two writings; others keep their older time.
const NOTED_MOST: usize = 20_000;

/// A key was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) tenant: TenantId,
    pub(super) key: KeyId,
    pub(super) at: Timestamp,
}

/// The last time that a key's use was noted, in seconds; lives with the key in the cache.
#[derive(Debug, Default)]
pub(super) struct LastNoted(AtomicI64);

impl LastNoted {
    /// Whether it is time to note this use.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, last) = (now.as_second(), self.0.load(Ordering::Relaxed));
        now - last >= GRAIN_S && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Uses(DashMap<KeyId, (ModeWord, Use)>);

impl Uses {
    pub(super) fn note(&self, mode: ModeWord, used: Use) {
        if self.0.len() < NOTED_MOST {
            self.0.insert(used.key, (mode, used));
        }
    }

    /// Writes what was noted since the last time. What fails is lost: it is a convenience, not evidence.
    pub(super) async fn flush(&self, ground: &Ground) -> Result<(), DbFault> {
        let keys: Vec<KeyId> = self.0.iter().map(|entry| *entry.key()).collect();
        let noted: Vec<(ModeWord, Use)> =
            keys.iter().filter_map(|key| self.0.remove(key)).map(|(_, noted)| noted).collect();
        let of = |mode| noted.iter().filter(move |(of, _)| *of == mode).map(|(_, used)| *used).collect::<Vec<_>>();
        write::<Live>(ground, of(ModeWord::Live)).await?;
        write::<Test>(ground, of(ModeWord::Test)).await
    }
}

async fn write<M: Mode>(ground: &Ground, uses: Vec<Use>) -> Result<(), DbFault>
where
    Database: HasStore<M>,
{
    if uses.is_empty() {
        return Ok(());
    }
    let permit = Permit::<Observe, M>::system(Context::default(), Actor::system("gateway", "uses"), Origin::default());
    let mut batch = permit.batch(ground);
    store::note_uses(&mut batch, uses);
    batch.commit().await.map(drop)
}
