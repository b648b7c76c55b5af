//! A bounded cache whose entries die with what they depend on, with coalesced filling.
//!
//! A hit takes one shard's read lock and a look at the [`Feed`] for each thing the entry depends on. A miss
//! is filled once, however many wait for it. What does not exist is remembered too, within a bound of its own:
//! whoever asks for made-up things pushes out other made-up things, and nothing else.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use crate::db::DbFault;
use crate::feed::Feed;
use crate::metrics::{By, Counter, Found, Gauge, Metrics};

/// Locks: enough that two cores seldom meet.
const SHARDS: usize = 64;

/// What does not exist may take a quarter of the room that what exists may.
const ABSENT_SHARE: usize = 4;

/// How often a reading that a change overtook is tried again.
const OVERTAKEN_MOST: u32 = 3;

/// What a cached value depends on: a change of any of these voids it.
pub trait Depends {
    /// At most a handful of ids.
    fn subjects(&self) -> Vec<Uuid>;
}

/// The answer of a look-up that asks nobody.
#[derive(Clone, Debug)]
pub enum Known<V> {
    /// It is there.
    Yes(Arc<V>),
    /// It was looked for and is not there.
    No,
    /// Nobody knows yet.
    Unknown,
}

impl<V> Known<V> {
    const fn found(&self) -> Found {
        match self {
            Self::Yes(_) => Found::Hit,
            Self::No => Found::Absent,
            Self::Unknown => Found::Miss,
        }
    }
}

struct Entry<V> {
    generation: u64,
    subjects: Vec<Uuid>,
    value: Option<Arc<V>>,
    touched: AtomicBool,
}

/// One kind of entries, bounded.
struct Shards<K, V> {
    most_in_shard: usize,
    shards: Vec<RwLock<HashMap<K, Entry<V>>>>,
}

type Filling<V> = Shared<BoxFuture<'static, Result<Option<Arc<V>>, Arc<DbFault>>>>;

struct Inner<K, V> {
    feed: Feed,
    hasher: RandomState,
    present: Shards<K, V>,
    absent: Shards<K, V>,
    fillings: Mutex<HashMap<K, Filling<V>>>,
    counts: Counts,
}

/// What is counted of a cache.
#[derive(Default)]
struct Counts {
    lookups: Arc<By<Found, Counter>>,
    entries: Arc<Gauge>,
}

/// A cache of at most so many entries.
pub struct Cache<K, V>(Arc<Inner<K, V>>);

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> std::fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache({} and {} absent)", self.0.present.len(), self.0.absent.len())
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Depends + Send + Sync + 'static,
{
    /// A cache of at most `most` entries (and a quarter as many of what does not exist), voided by `feed`.
    pub fn new(feed: &Feed, most: usize) -> Self {
        Self::with(feed, most, Counts::default())
    }

    /// The same, counted under a name.
    pub fn counted(feed: &Feed, most: usize, metrics: &Metrics, name: &str) -> Self {
        let counts = Counts { lookups: metrics.cache_lookups.of(name), entries: metrics.cache_entries.of(name) };
        Self::with(feed, most, counts)
    }

    fn with(feed: &Feed, most: usize, counts: Counts) -> Self {
        Self(Arc::new(Inner {
            feed: feed.clone(),
            hasher: RandomState::new(),
            present: Shards::new(most),
            absent: Shards::new(most / ABSENT_SHARE),
            fillings: Mutex::default(),
            counts,
        }))
    }

    /// What is known now, without waiting.
    pub fn known(&self, key: &K) -> Known<V> {
        let known = self.look(key);
        self.0.counts.lookups.of(known.found()).add_one();
        known
    }

    fn look(&self, key: &K) -> Known<V> {
        let at = self.0.hasher.hash_one(key);
        if let Some(entry) = self.0.present.of(at).read().get(key)
            && let Some(value) = &entry.value
            && self.0.feed.holds(entry.generation, &entry.subjects)
        {
            entry.touched.store(true, Ordering::Relaxed);
            return Known::Yes(Arc::clone(value));
        }
        match self.0.absent.of(at).read().get(key) {
            Some(entry) if self.0.feed.holds_negative(entry.generation) => {
                entry.touched.store(true, Ordering::Relaxed);
                Known::No
            }
            _ => Known::Unknown,
        }
    }

    /// What is known, or what `load` finds. Callers that miss together wait for one loading, which goes on
    /// when one of them goes away.
    pub async fn find<F, L>(&self, key: &K, load: L) -> Result<Option<Arc<V>>, Arc<DbFault>>
    where
        L: Fn() -> F,
        F: Future<Output = Result<Option<V>, DbFault>> + Send + 'static,
    {
        let mut overtaken = 0;
        loop {
            match self.look(key) {
                Known::Yes(value) => return Ok(Some(value)),
                Known::No => return Ok(None),
                Known::Unknown => {}
            }
            match self.filling(key, &load).await {
                Err(fault) if matches!(*fault, DbFault::Retry(_)) && overtaken < OVERTAKEN_MOST => overtaken += 1,
                settled => return settled,
            }
        }
    }

    /// Entries held, valid or not.
    pub fn len(&self) -> usize {
        self.0.present.len() + self.0.absent.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn filling<F, L>(&self, key: &K, load: &L) -> Filling<V>
    where
        L: Fn() -> F,
        F: Future<Output = Result<Option<V>, DbFault>> + Send + 'static,
    {
        let mut fillings = self.0.fillings.lock();
        // A filling that began before the last change may bring what was just revoked; it is not joined by
        // generation but judged at its end, where the entry is checked like any other.
        if let Some(filling) = fillings.get(key) {
            return filling.clone();
        }
        let generation = self.0.feed.generation();
        let (cache, at, loading) = (self.clone(), key.clone(), load());
        let filling: Filling<V> = async move {
            let loaded = loading.await;
            cache.0.fillings.lock().remove(&at);
            let value = loaded.map_err(Arc::new)?.map(Arc::new);
            cache.settle(at, generation, value)
        }
        .boxed()
        .shared();
        fillings.insert(key.clone(), filling.clone());
        // Driven by the runtime, so that a caller who leaves does not stop it for the others.
        tokio::spawn(filling.clone().map(drop));
        filling
    }

    /// Keeps what was loaded, unless a change has voided it on its way.
    fn settle(&self, key: K, generation: u64, value: Option<Arc<V>>) -> Result<Option<Arc<V>>, Arc<DbFault>> {
        let subjects = value.as_ref().map(|value| value.subjects()).unwrap_or_default();
        let holds = match value {
            Some(_) => self.0.feed.holds(generation, &subjects),
            None => self.0.feed.holds_negative(generation),
        };
        if !holds {
            return Err(Arc::new(DbFault::Retry("it changed while it was read".to_owned())));
        }
        let at = self.0.hasher.hash_one(&key);
        let (here, there) =
            if value.is_some() { (&self.0.present, &self.0.absent) } else { (&self.0.absent, &self.0.present) };
        there.of(at).write().remove(&key);
        here.insert(at, key, Entry { generation, subjects, value: value.clone(), touched: AtomicBool::new(true) });
        self.0.counts.entries.set(self.len());
        Ok(value)
    }
}

impl<K: Hash + Eq + Clone, V> Shards<K, V> {
    fn new(most: usize) -> Self {
        Self { most_in_shard: most.div_ceil(SHARDS).max(1), shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    fn of(&self, hash: u64) -> &RwLock<HashMap<K, Entry<V>>> {
        &self.shards[(hash as usize) % SHARDS]
    }

    fn insert(&self, hash: u64, key: K, entry: Entry<V>) {
        let mut shard = self.of(hash).write();
        if shard.len() >= self.most_in_shard && !shard.contains_key(&key) {
            self.make_room(&mut shard);
        }
        shard.insert(key, entry);
    }

    /// Second chance: what nobody touched since the last time goes; if all were touched, an eighth goes.
    fn make_room(&self, shard: &mut HashMap<K, Entry<V>>) {
        shard.retain(|_, entry| entry.touched.swap(false, Ordering::Relaxed));
        if shard.len() >= self.most_in_shard {
            let gone: Vec<K> = shard.keys().take(self.most_in_shard.div_ceil(8)).cloned().collect();
            gone.iter().for_each(|key| {
                shard.remove(key);
            });
        }
    }
}

impl<K, V> Shards<K, V> {
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }
}
