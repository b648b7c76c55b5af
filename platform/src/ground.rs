//! What every room stands on: the database, time, chance, the root key, the change feed.

use std::sync::Arc;

use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::random::Entropy;
use tenantry_core::seal::Sealer;

use crate::db::Database;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::record::SubjectKeys;
use crate::signing::Rings;
use crate::usage::Usage;

/// Shared by all rooms of a process. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Ground {
    /// All pools.
    pub db: Database,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub entropy: Entropy,
    /// The root key's seal (EN-1, EN-2).
    pub sealer: Arc<Sealer>,
    /// What was taken away, for every cache of this process.
    pub feed: Feed,
    /// Signing keys in force.
    pub signing: Arc<Rings>,
    /// What tenants use, counted.
    pub usage: Usage,
    /// What is counted for whoever watches.
    pub metrics: Metrics,
    pub(crate) subject_keys: Arc<SubjectKeys>,
}

impl Ground {
    /// Puts the parts together.
    pub fn new(db: Database, clock: Clock, entropy: Entropy, sealer: Arc<Sealer>) -> Self {
        Self {
            db,
            clock,
            entropy,
            sealer,
            feed: Feed::default(),
            signing: Arc::default(),
            usage: Usage::default(),
            metrics: Metrics::default(),
            subject_keys: Arc::default(),
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
