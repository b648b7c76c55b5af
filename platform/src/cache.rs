//! A bounded cache whose entries die with what they depend on, with coalesced filling.
//!
//! A hit takes one shard's read lock and a look at the [`Feed`] for each thing the entry depends on. A miss
//! is filled once, however many wait for it. What does not exist is remembered too, within the same bound.

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

/// Locks: enough that two cores seldom meet.
const SHARDS: usize = 64;

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

struct Entry<V> {
    generation: u64,
    subjects: Vec<Uuid>,
    value: Option<Arc<V>>,
    touched: AtomicBool,
}

type Filling<V> = Shared<BoxFuture<'static, Result<Option<Arc<V>>, Arc<DbFault>>>>;

struct Inner<K, V> {
    feed: Feed,
    hasher: RandomState,
    most_in_shard: usize,
    shards: Vec<RwLock<HashMap<K, Entry<V>>>>,
    fillings: Mutex<HashMap<K, Filling<V>>>,
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
        let held: usize = self.0.shards.iter().map(|shard| shard.read().len()).sum();
        write!(f, "Cache({held})")
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Depends + Send + Sync + 'static,
{
    /// A cache of at most `most` entries, voided by `feed`.
    pub fn new(feed: &Feed, most: usize) -> Self {
        Self(Arc::new(Inner {
            feed: feed.clone(),
            hasher: RandomState::new(),
            most_in_shard: most.div_ceil(SHARDS).max(1),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            fillings: Mutex::default(),
        }))
    }

    /// What is known now, without waiting.
    pub fn known(&self, key: &K) -> Known<V> {
        let shard = self.shard(key).read();
        let Some(entry) = shard.get(key) else { return Known::Unknown };
        match &entry.value {
            Some(value) if self.0.feed.holds(entry.generation, &entry.subjects) => {
                entry.touched.store(true, Ordering::Relaxed);
                Known::Yes(Arc::clone(value))
            }
            None if self.0.feed.holds_negative(entry.generation) => {
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
            match self.known(key) {
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
        self.0.shards.iter().map(|shard| shard.read().len()).sum()
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
        let mut shard = self.shard(&key).write();
        if shard.len() >= self.0.most_in_shard {
            self.make_room(&mut shard);
        }
        shard.insert(key, Entry { generation, subjects, value: value.clone(), touched: AtomicBool::new(true) });
        Ok(value)
    }

    /// Second chance: what nobody touched since the last time goes; if all were touched, an eighth goes.
    fn make_room(&self, shard: &mut HashMap<K, Entry<V>>) {
        shard.retain(|_, entry| entry.touched.swap(false, Ordering::Relaxed));
        if shard.len() >= self.0.most_in_shard {
            let gone: Vec<K> = shard.keys().take(self.0.most_in_shard.div_ceil(8)).cloned().collect();
            gone.iter().for_each(|key| {
                shard.remove(key);
            });
        }
    }

    fn shard(&self, key: &K) -> &RwLock<HashMap<K, Entry<V>>> {
        let hash = self.0.hasher.hash_one(key);
        &self.0.shards[(hash as usize) % SHARDS]
    }
}
