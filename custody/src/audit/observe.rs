//! What the gateway saw, written into the tenants' logs without a row a request.
//!
//! The first time that an actor does something on a route is written within a second. What follows is counted,
//! and written as one row with its sum when the window ends. [`Observer::note`] never waits: for a known sight
//! it adds one under a shard's lock and allocates nothing.
//!
//! The memory is bounded, and shared as switches share their buffers (Choudhury and Hahne, "Dynamic queue length
//! thresholds", 1998): a tenant may take a new place while it holds fewer than are free. One tenant alone gets half, n get
//! an equal part of n+1, and a part is always left for whoever comes next. What found no place is counted for its
//! tenant, and its log says how much is missing.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Asked for what is new alone, and always after a shard's lock, never before one.
    shares: Mutex<Shares>,
    /// When what found no place was last told.
    lost_at: Mutex<Option<Timestamp>>,
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

/// How much of the memory each tenant holds.
#[derive(Default)]
struct Shares {
    most: usize,
    held: usize,
    tenants: HashMap<TenantId, Share>,
    /// What found no place at all, of tenants that hold none: more tenants at a time than there are places.
    crowded_out: u64,
}

#[derive(Default)]
struct Share {
    held: usize,
    /// What found no place, by mode, since it was last written.
    lost: [u64; 2],
}

impl Shares {
    /// Takes a place if the tenant holds fewer than are free; otherwise counts what is lost.
    fn take(&mut self, tenant: TenantId, mode: ModeWord) -> bool {
        let free = self.most.saturating_sub(self.held);
        if free == 0 && !self.tenants.contains_key(&tenant) {
            self.crowded_out += 1;
            return false;
        }
        let share = self.tenants.entry(tenant).or_default();
        let has_place = share.held < free;
        if has_place {
            share.held += 1;
            self.held += 1;
        } else {
            share.lost[usize::from(mode == ModeWord::Test)] += 1;
        }
        has_place
    }

    fn give_back(&mut self, tenant: TenantId) {
        self.held = self.held.saturating_sub(1);
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.held = share.held.saturating_sub(1);
        }
    }

    /// What each tenant lost, told once; whoever holds nothing is forgotten.
    fn lost(&mut self) -> Vec<Due> {
        let mut rows = Vec::new();
        for (tenant, share) in &mut self.tenants {
            for (mode, lost) in [ModeWord::Live, ModeWord::Test].into_iter().zip(&mut share.lost) {
                let count = std::mem::take(lost);
                rows.extend((count > 0).then(|| incomplete(*tenant, mode, count)));
            }
        }
        self.tenants.retain(|_, share| share.held > 0);
        rows
    }
}

/// The row that tells a tenant that others are missing.
fn incomplete(tenant: TenantId, mode: ModeWord, count: u64) -> Due {
    Due {
        tenant,
        mode,
        actor: Actor::system("gateway", "gateway"),
        origin: Origin::default(),
        action: "audit.incomplete",
        entity_type: "audit_log",
        entity_id: Arc::from(mode.as_str()),
        metadata: json!({ "missing": count }),
    }
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
        write!(f, "Observer({})", self.0.shares.lock().held)
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::holding(SIGHTS_MOST)
    }
}

impl Observer {
    /// One that counts so many sights at a time.
    pub fn holding(most: usize) -> Self {
        Self(Arc::new(State {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shares: Mutex::new(Shares { most, ..Shares::default() }),
            lost_at: Mutex::default(),
            backlog: Mutex::default(),
        }))
    }

    /// Counts a sight. `who` is asked only for one that is new.
    pub fn note(&self, sight: Sight<'_>, now: Timestamp, who: impl FnOnce() -> (Actor, Origin)) {
        let entity = self.0.hasher.hash_one((sight.entity_type, sight.entity_id));
        let key = Key { tenant: sight.tenant, mode: sight.mode, subject: sight.subject, action: sight.action, entity };
        let mut shard = self.0.shards[(entity as usize) % SHARDS].lock();
        match shard.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().repeat(now),
            Entry::Vacant(place) => {
                if self.0.shares.lock().take(sight.tenant, sight.mode) {
                    place.insert(Tally::new(&sight, now, who()));
                }
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
        let mut rows = std::mem::take(&mut *self.0.backlog.lock());
        rows.extend(self.due(ground.now(), all));
        rows.extend(self.lost(ground.now(), all));
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
            let mut gone = Vec::new();
            shard.retain(|key, tally| {
                let is_kept = tally.settle(key, now, all, &mut rows);
                gone.extend((!is_kept).then_some(key.tenant));
                is_kept
            });
            let mut shares = self.0.shares.lock();
            gone.into_iter().for_each(|tenant| shares.give_back(tenant));
        }
        rows
    }

    /// What found no place, once a window: a flood is not answered by a flood of rows.
    fn lost(&self, now: Timestamp, all: bool) -> Vec<Due> {
        let mut told = self.0.lost_at.lock();
        if !all && told.is_some_and(|at| now.duration_since(at) < WINDOW) {
            return Vec::new();
        }
        *told = Some(now);
        let (rows, crowded_out) = {
            let mut shares = self.0.shares.lock();
            (shares.lost(), std::mem::take(&mut shares.crowded_out))
        };
        if !rows.is_empty() || crowded_out > 0 {
            tracing::warn!(
                tenants = rows.len(),
                crowded_out,
                "more different acts than can be counted at a time: some are missing from audit logs, which say how many"
            );
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
