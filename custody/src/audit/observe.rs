//! What the gateway saw, written into the tenants' logs without a row a request.
//!
//! The first time that an actor does something on a route is written within a second. What follows is counted,
//! and written as one row with its sum when the window ends. [`Observer::note`] never waits: for a known sight
//! it adds one under a shard's lock and allocates nothing.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::SignedDuration;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Context, Database, DbFault, HasStore, Live, Mode, Test};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permit};
use tenantry_platform::record::{self, Act};
use tokio::sync::watch;
use uuid::Uuid;

/// How long repetitions are counted before their sum is written.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// How often what is new is written: half of the second that a newcomer may wait.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Sights counted at a time: about 500 bytes each.
const SIGHTS_MOST: usize = 50_000;
/// Rows that wait for a database that is away, at most.
const BACKLOG_MOST: usize = 10_000;
/// Rows written at the same time: a part of the pool, which requests need too.
const WRITERS: usize = 3;
/// Locks: enough that two gateway threads seldom meet.
const SHARDS: usize = 32;

/// Something that was seen, borrowed from the request.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// In whose log.
    pub tenant: TenantId,
    /// In which of its worlds.
    pub mode: ModeWord,
    /// The person or key; nil for nobody.
    pub subject: Uuid,
    /// `app.request_allowed`, `limit.exceeded`, `access.refused`, `session.refused`, …
    pub action: &'static str,
    /// `route`, mostly.
    pub entity_type: &'static str,
    /// The route's pattern: never a path, which a caller could choose.
    pub entity_id: &'a str,
}

/// Counts what is seen. Clones share one memory.
#[derive(Clone)]
pub struct Observer(Arc<State>);

struct State {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Key, Tally>>>,
    held: AtomicUsize,
    lost: AtomicU64,
    /// Rows that wait for a database that is away.
    backlog: Mutex<Vec<Due>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    mode: ModeWord,
    subject: Uuid,
    action: &'static str,
    entity: u64,
}

/// One sight and its repetitions.
struct Tally {
    actor: Actor,
    origin: Origin,
    entity_type: &'static str,
    entity_id: Arc<str>,
    /// Not written yet.
    fresh: bool,
    since: Timestamp,
    repeated: u64,
    first: Timestamp,
    last: Timestamp,
}

/// A row to be written.
#[derive(Clone, Debug)]
struct Due {
    tenant: TenantId,
    mode: ModeWord,
    actor: Actor,
    origin: Origin,
    action: &'static str,
    entity_type: &'static str,
    entity_id: Arc<str>,
    metadata: Value,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observer({})", self.0.held.load(Ordering::Relaxed))
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self(Arc::new(State {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            held: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            backlog: Mutex::default(),
        }))
    }
}

impl Observer {
    /// Counts a sight. `who` is asked only for one that is new.
    pub fn note(&self, sight: Sight<'_>, now: Timestamp, who: impl FnOnce() -> (Actor, Origin)) {
        let entity = self.0.hasher.hash_one((sight.entity_type, sight.entity_id));
        let key = Key { tenant: sight.tenant, mode: sight.mode, subject: sight.subject, action: sight.action, entity };
        let mut shard = self.0.shards[(entity as usize) % SHARDS].lock();
        match shard.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().repeat(now),
            Entry::Vacant(_) if self.0.held.load(Ordering::Relaxed) >= SIGHTS_MOST => {
                self.0.lost.fetch_add(1, Ordering::Relaxed);
            }
            Entry::Vacant(place) => {
                self.0.held.fetch_add(1, Ordering::Relaxed);
                place.insert(Tally::new(&sight, now, who()));
            }
        }
    }

    /// Writes what is due for as long as `stop` does not say otherwise, then everything that is left.
    pub async fn run(self, ground: Ground, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(FLUSH_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.changed() => {}
            }
            self.write_due(&ground, false).await;
        }
        let left = self.flush(&ground).await;
        if left > 0 {
            tracing::error!(rows = left, "audit rows of the gateway were lost: the database was away until the end");
        }
    }

    /// Writes every row that waits, whether its window is over or not. Answers how many could not be written;
    /// they wait for the next time.
    pub async fn flush(&self, ground: &Ground) -> usize {
        self.write_due(ground, true).await
    }

    async fn write_due(&self, ground: &Ground, all: bool) -> usize {
        let lost = self.0.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                lost,
                most = SIGHTS_MOST,
                "more different acts than can be counted at a time: some are missing from audit logs"
            );
        }
        let mut rows = std::mem::take(&mut *self.0.backlog.lock());
        rows.extend(self.due(ground.now(), all));
        // The first row that finds the database away speaks for those behind it.
        let is_away = AtomicBool::new(false);
        let write = |due| async {
            let left = if is_away.load(Ordering::Relaxed) { Some(due) } else { write(ground, due).await };
            is_away.fetch_or(left.is_some(), Ordering::Relaxed);
            left
        };
        let written = futures_util::stream::iter(rows).map(write).buffer_unordered(WRITERS);
        let left: Vec<Due> = written.filter_map(std::future::ready).collect().await;
        self.keep(left)
    }

    /// Keeps what could not be written for the next time: the newest of it, when it is too much.
    fn keep(&self, mut left: Vec<Due>) -> usize {
        if left.len() > BACKLOG_MOST {
            let lost = left.len() - BACKLOG_MOST;
            tracing::error!(rows = lost, "audit rows of the gateway were lost: the database is away for too long");
            left.drain(..lost);
        }
        let count = left.len();
        self.0.backlog.lock().extend(left);
        count
    }

    fn due(&self, now: Timestamp, all: bool) -> Vec<Due> {
        let mut rows = Vec::new();
        for shard in &self.0.shards {
            let mut shard = shard.lock();
            let before = shard.len();
            shard.retain(|key, tally| tally.settle(key, now, all, &mut rows));
            self.0.held.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
        rows
    }
}

impl Tally {
    fn new(sight: &Sight<'_>, now: Timestamp, (actor, origin): (Actor, Origin)) -> Self {
        let entity_id = Arc::from(sight.entity_id);
        Self {
            actor,
            origin,
            entity_type: sight.entity_type,
            entity_id,
            fresh: true,
            since: now,
            repeated: 0,
            first: now,
            last: now,
        }
    }

    fn repeat(&mut self, now: Timestamp) {
        if self.repeated == 0 {
            self.first = now;
        }
        self.repeated += 1;
        self.last = now;
    }

    /// Puts its rows where they are due, and answers whether there is anything left to count.
    fn settle(&mut self, key: &Key, now: Timestamp, all: bool, rows: &mut Vec<Due>) -> bool {
        if std::mem::take(&mut self.fresh) {
            rows.push(self.row(key, json!({})));
        }
        if !all && now.duration_since(self.since) < WINDOW {
            return true;
        }
        if self.repeated == 0 {
            return false;
        }
        let sum = json!({ "count": self.repeated, "first": self.first.to_string(), "last": self.last.to_string() });
        let mut row = self.row(key, sum);
        // The sum is of many requests: no one of them is named.
        row.origin = Origin::default();
        rows.push(row);
        (self.repeated, self.since) = (0, now);
        !all
    }

    fn row(&self, key: &Key, metadata: Value) -> Due {
        Due {
            tenant: key.tenant,
            mode: key.mode,
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            action: key.action,
            entity_type: self.entity_type,
            entity_id: Arc::clone(&self.entity_id),
            metadata,
        }
    }
}

/// Answers the row back when it may be tried again.
async fn write(ground: &Ground, due: Due) -> Option<Due> {
    let written = match due.mode {
        ModeWord::Live => append::<Live>(ground, &due).await,
        ModeWord::Test => append::<Test>(ground, &due).await,
    };
    match written {
        Ok(()) => None,
        // Unsure: a row that is there twice is better evidence than one that is missing.
        Err(DbFault::Unavailable(_) | DbFault::Exhausted | DbFault::Retry(_) | DbFault::Unsure(_)) => Some(due),
        Err(fault) => {
            tracing::error!(%fault, action = due.action, "an audit row of the gateway was refused");
            None
        }
    }
}

async fn append<M: Mode>(ground: &Ground, due: &Due) -> Result<(), DbFault>
where
    Database: HasStore<M>,
{
    let context = Context { tenant: Some(due.tenant), person: None };
    let mut tx = Permit::<Observe, M>::system(context, due.actor.clone(), due.origin.clone()).begin(ground);
    record::append(&mut tx, ground, Act::new(due.action, due.entity_type, &due.entity_id).with(due.metadata.clone()))
        .await?;
    tx.commit().await
}
