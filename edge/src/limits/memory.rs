//! Counters in memory: a table of fixed size, in shards so that threads seldom wait for each other.
//!
//! A counter is of a tier, a subject and a window's length: one whose length was changed begins anew, because the old
//! periods mean nothing to it. It may stand in one of the sixteen places that its name points to. When all are taken, one whose
//! spending counts no more gives way, else the one that spent the least of its limit: a flood of new
//! subjects displaces itself, and not those who are being refused. Nothing is swept, nothing grows.

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use tenantry_core::random::Entropy;
use tenantry_core::window::{Counter, Decision, Limit, decide};

use super::charge::Charge;
use super::decision::{Basis, Line, USUAL_CHARGES, Verdict};

/// Two threads meet in one of 64 shards once in 64 requests.
const SHARDS: usize = 64;
const BUCKETS: usize = 256;
/// 64 × 256 × 16 places are 262,144 counters in 8 MiB. Half full, one bucket in 250 has to make room.
const PLACES: usize = 16;

/// A counter's name: a keyed hash of tier and subject, which says nothing about the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    shard: usize,
    bucket: usize,
    /// Never [`NOBODY`].
    word: u64,
}

/// The name of an empty place.
const NOBODY: u64 = 0;

#[derive(Clone, Copy, Debug)]
struct Entry {
    counter: Counter,
    limit: Limit,
}

/// Names stand together, so that a search reads two cache lines.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    names: [u64; PLACES],
    entries: [Entry; PLACES],
}

/// Empty until its first counter.
#[derive(Debug, Default)]
struct Shard(Vec<Bucket>);

/// Counters in this process.
#[derive(Debug)]
pub(super) struct Memory {
    key: [u8; 16],
    shards: Box<[Mutex<Shard>]>,
}

/// The shards of one decision, held at once and in one order, so that two decisions never wait in a circle.
type Held<'m> = SmallVec<[(usize, MutexGuard<'m, Shard>); USUAL_CHARGES]>;

impl Memory {
    pub(super) fn new(entropy: &Entropy) -> Self {
        Self { key: entropy.bytes(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Decides over charges that differ in tier or subject.
    pub(super) fn decide(&self, now_ms: u64, charges: &[Charge], is_spent: bool) -> Verdict {
        let names: SmallVec<[Name; USUAL_CHARGES]> = charges.iter().map(|charge| self.name(charge)).collect();
        let mut shards = self.hold(&names);
        let counters = names.iter().map(|name| held(&mut shards, *name).counter(*name));
        let mut counters: SmallVec<[Counter; USUAL_CHARGES]> = counters.collect();
        let verdict = decide_on(now_ms, charges, &mut counters, is_spent);
        if is_spent && verdict.is_admitted() {
            for ((name, charge), counter) in names.iter().zip(charges).zip(&counters) {
                held(&mut shards, *name).put(*name, Entry { counter: *counter, limit: charge.limit }, now_ms);
            }
        }
        verdict
    }

    /// The same with charges in shadow, which stand last: they are decided among themselves, once the others let the
    /// request pass, and refuse nothing.
    pub(super) fn decide_all(&self, now_ms: u64, charges: &[Charge], is_spent: bool) -> Verdict {
        let (counted, shadow) = charges.split_at(charges.partition_point(|charge| !charge.is_shadow));
        let mut verdict = self.decide(now_ms, counted, is_spent);
        if is_spent && verdict.is_admitted() && !shadow.is_empty() {
            let judged = self.decide(now_ms, shadow, true);
            verdict.shadow = judged.tightest().filter(|_| !judged.is_admitted());
        }
        verdict
    }

    fn name(&self, charge: &Charge) -> Name {
        let hash = charge.hashed(&self.key, charge.tier.index() as u64);
        let place = usize::try_from(hash.h1 % (SHARDS * BUCKETS) as u64).unwrap_or_default();
        Name { shard: place % SHARDS, bucket: place / SHARDS, word: hash.h2.max(NOBODY + 1) }
    }

    fn hold(&self, names: &[Name]) -> Held<'_> {
        let mut wanted: SmallVec<[usize; USUAL_CHARGES]> = names.iter().map(|name| name.shard).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|shard| (shard, self.shards[shard].lock())).collect()
    }
}

/// What is counted in a store that nodes share.
#[cfg(feature = "redis")]
impl Memory {
    /// What was counted here for a charge.
    pub(super) fn counter(&self, charge: &Charge) -> Counter {
        let name = self.name(charge);
        self.shards[name.shard].lock().counter(name)
    }

    /// Counts what was admitted elsewhere.
    pub(super) fn count(&self, now_ms: u64, charges: &[Charge]) {
        for charge in charges {
            let name = self.name(charge);
            let mut shard = self.shards[name.shard].lock();
            let mut counter = shard.counter(name);
            counter.spend(charge.limit, now_ms, charge.cost);
            shard.put(name, Entry { counter, limit: charge.limit }, now_ms);
        }
    }
}

/// The shard of a name among those held.
fn held<'h>(shards: &'h mut Held<'_>, name: Name) -> &'h mut Shard {
    let at = shards.iter().position(|(shard, _)| *shard == name.shard);
    // Invariant: `hold` took the shard of every name of the decision.
    &mut shards[at.unwrap_or_default()].1
}

/// Decides on these counters, and counts in them where it is to be spent.
pub(super) fn decide_on(now_ms: u64, charges: &[Charge], counters: &mut [Counter], is_spent: bool) -> Verdict {
    let mut after: SmallVec<[Counter; USUAL_CHARGES]> = SmallVec::from_slice(counters);
    let decision = judge(now_ms, charges, &mut after);
    if is_spent {
        counters.copy_from_slice(&after);
    }
    verdict(now_ms, charges, counters, decision)
}

fn judge(now_ms: u64, charges: &[Charge], counters: &mut [Counter]) -> Decision {
    let windowed = charges.iter().zip(counters).map(|(charge, counter)| tenantry_core::window::Charge {
        limit: charge.limit,
        counter,
        cost: charge.cost,
    });
    let mut windowed: SmallVec<[_; USUAL_CHARGES]> = windowed.collect();
    decide(now_ms, &mut windowed)
}

fn verdict(now_ms: u64, charges: &[Charge], counters: &[Counter], decision: Decision) -> Verdict {
    let standing = |(charge, counter): (&Charge, &Counter)| Line {
        tier: charge.tier,
        limit: charge.limit,
        standing: counter.standing(charge.limit, now_ms),
    };
    let lines = charges.iter().zip(counters).map(standing).collect();
    match decision {
        Decision::Admitted { tightest, .. } => {
            Verdict { lines, tightest, retry: None, shadow: None, basis: Basis::Memory }
        }
        Decision::Refused { tightest, retry, .. } => {
            Verdict { lines, tightest, retry: Some(retry), shadow: None, basis: Basis::Memory }
        }
    }
}

impl Bucket {
    const EMPTY: Self = Self {
        names: [NOBODY; PLACES],
        entries: [Entry {
            counter: Counter { period: 0, current: 0, previous: 0 },
            limit: Limit { max: 0, window_ms: 0 },
        }; PLACES],
    };

    fn place_of(&self, word: u64) -> Option<usize> {
        self.names.iter().position(|name| *name == word)
    }

    /// The place that a new counter takes.
    fn place_for(&self, now_ms: u64) -> usize {
        let of_value = |place: &usize| match self.names[*place] {
            NOBODY => u64::MAX,
            _ => self.entries[*place].unspent_permille(now_ms),
        };
        (0..PLACES).max_by_key(of_value).unwrap_or_default()
    }
}

impl Entry {
    /// How much of its limit is left: a counter of which all is left counts for nothing.
    fn unspent_permille(&self, now_ms: u64) -> u64 {
        let standing = self.counter.standing(self.limit, now_ms);
        u64::from(standing.remaining) * 1_000 / u64::from(standing.max).max(1)
    }
}

impl Shard {
    fn counter(&self, name: Name) -> Counter {
        let bucket = self.0.get(name.bucket);
        let entry = bucket.and_then(|bucket| Some(bucket.entries[bucket.place_of(name.word)?]));
        entry.map_or_else(Counter::default, |entry| entry.counter)
    }

    fn put(&mut self, name: Name, entry: Entry, now_ms: u64) {
        if self.0.is_empty() {
            self.0 = vec![Bucket::EMPTY; BUCKETS];
        }
        let bucket = &mut self.0[name.bucket];
        let place = bucket.place_of(name.word).unwrap_or_else(|| bucket.place_for(now_ms));
        bucket.names[place] = name.word;
        bucket.entries[place] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Subject;

    use tenantry_platform::config::TierId;

    const LIMIT: Limit = Limit { max: 10, window_ms: 60_000 };

    const fn spent(period: u64, current: u32) -> Entry {
        Entry { counter: Counter { period, current, previous: 0 }, limit: LIMIT }
    }

    const fn name(word: u64) -> Name {
        Name { shard: 0, bucket: 3, word }
    }

    #[test]
    fn a_flood_of_new_subjects_displaces_itself_and_not_the_one_that_is_refused() {
        let mut shard = Shard::default();
        shard.put(name(1), spent(0, 10), 1_000);
        for word in 2..10_000 {
            shard.put(name(word), spent(0, 1), 1_000);
        }
        assert_eq!(shard.counter(name(1)), spent(0, 10).counter);
        assert_eq!(shard.counter(name(9_999)), spent(0, 1).counter, "the newest has its place, too");
    }

    #[test]
    fn what_counts_no_more_gives_way_first() {
        let mut shard = Shard::default();
        shard.put(name(1), spent(0, 10), 1_000);
        for word in 2..=PLACES as u64 {
            shard.put(name(word), spent(2, 1), 120_000);
        }
        shard.put(name(99), spent(2, 1), 120_000);
        assert_eq!(shard.counter(name(1)), Counter::default());
        assert!((2..=PLACES as u64).all(|word| shard.counter(name(word)) == spent(2, 1).counter));
    }

    #[test]
    fn names_differ_by_tier_kind_and_subject_and_by_key() {
        let memory = Memory::new(&Entropy::seeded(1));
        let other = Memory::new(&Entropy::seeded(2));
        let charge = |tier, last| Charge::new(tier, LIMIT, Subject::Address([192, 0, 2, last].into()));
        let name = memory.name(&charge(TierId::API_IP, 1));
        assert_eq!(name, memory.name(&charge(TierId::API_IP, 1)));
        assert_ne!(name, memory.name(&charge(TierId::API_IP, 2)));
        assert_ne!(name, memory.name(&charge(TierId::PAGE_IP, 1)));
        assert_ne!(name, other.name(&charge(TierId::API_IP, 1)));
        let on_a_route = Charge { route: Some(uuid::Uuid::from_u128(1)), ..charge(TierId::API_IP, 1) };
        assert_ne!(name, memory.name(&on_a_route));
        let hour = Limit { window_ms: 3_600_000, ..LIMIT };
        assert_ne!(name, memory.name(&Charge { limit: hour, ..charge(TierId::API_IP, 1) }));
        let more = Limit { max: 99, ..LIMIT };
        assert_eq!(
            name,
            memory.name(&Charge { limit: more, ..charge(TierId::API_IP, 1) }),
            "what was spent stays spent"
        );
    }
}
