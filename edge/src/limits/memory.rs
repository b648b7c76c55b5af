//! Counters in memory, in shards so that threads seldom wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use parking_lot::{Mutex, MutexGuard};
use siphasher::sip128::{Hasher128, SipHasher13};
use smallvec::SmallVec;
use tenantry_core::random::Entropy;
use tenantry_core::window::{Counter, Decision, Limit, Standing, decide};
use tenantry_platform::config::TierId;

use super::decision::{Line, USUAL_CHARGES, Verdict};
use super::limiter::Charge;

/// Two threads meet in one of 64 shards once in 64 requests.
const SHARDS: usize = 64;

/// Counters of a shard: seven eighths of 8192, the last size before its table would double. All shards
/// together count 458,752 subjects in about 25 MB.
const SHARD_COUNTERS_MAX: usize = 7 * 1024;

/// A full shard is searched for forgotten counters no more often than this.
const SWEEP_PAUSE_MS: u64 = 1_000;

/// When nothing can be forgotten, so many counters are looked at for the one that gives way.
const SAMPLE: usize = 16;

/// A counter's name: 128 bits that say nothing about the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    high: u64,
    low: u64,
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// The name is a hash already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only names are hashed, by `write_u64`; anything else must still be right.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    counter: Counter,
    tier: TierId,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Name, Entry, BuildHasherDefault<AsIs>>,
    swept_ms: u64,
}

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

    pub(super) fn decide(&self, now_ms: u64, windows: &[Limit], charges: &[Charge], is_spent: bool) -> Verdict {
        let names: SmallVec<[Name; USUAL_CHARGES]> = charges.iter().map(|charge| self.name(charge)).collect();
        let mut shards = self.hold(&names);
        let counters = names.iter().map(|name| held(&mut shards, *name).counter(*name));
        let mut counters: SmallVec<[Counter; USUAL_CHARGES]> = counters.collect();
        let decision = decide_all(now_ms, windows, charges, &mut counters);
        if is_spent && decision.is_admitted() {
            for ((name, charge), counter) in names.iter().zip(charges).zip(&counters) {
                held(&mut shards, *name).put(*name, Entry { counter: *counter, tier: charge.tier }, now_ms, windows);
            }
        }
        drop(shards);
        verdict(now_ms, windows, charges, &counters, decision)
    }

    fn name(&self, charge: &Charge) -> Name {
        let (kind, subject) = charge.subject.bytes();
        let mut text = [0; 25];
        text[0] = kind;
        text[1..9].copy_from_slice(&(charge.tier.index() as u64).to_le_bytes());
        text[9..].copy_from_slice(&subject);
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(&text);
        let hash = hasher.finish128();
        Name { high: hash.h1, low: hash.h2 }
    }

    fn hold(&self, names: &[Name]) -> Held<'_> {
        let mut wanted: SmallVec<[usize; USUAL_CHARGES]> = names.iter().map(|name| name.shard()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|shard| (shard, self.shards[shard].lock())).collect()
    }
}

impl Name {
    const fn shard(self) -> usize {
        self.high as usize % SHARDS
    }
}

/// The shard of a name among those held.
fn held<'h>(shards: &'h mut Held<'_>, name: Name) -> &'h mut Shard {
    let at = shards.iter().position(|(shard, _)| *shard == name.shard());
    // Invariant: `hold` took the shard of every name of the decision.
    &mut shards[at.unwrap_or_default()].1
}

fn decide_all(now_ms: u64, windows: &[Limit], charges: &[Charge], counters: &mut [Counter]) -> Decision {
    let windowed = charges.iter().zip(counters).map(|(charge, counter)| tenantry_core::window::Charge {
        limit: windows[charge.tier.index()],
        counter,
        cost: charge.cost,
    });
    let mut windowed: SmallVec<[_; USUAL_CHARGES]> = windowed.collect();
    decide(now_ms, &mut windowed)
}

fn verdict(now_ms: u64, windows: &[Limit], charges: &[Charge], counters: &[Counter], decision: Decision) -> Verdict {
    let standing = |(charge, counter): (&Charge, &Counter)| Line {
        tier: charge.tier,
        standing: counter.standing(windows[charge.tier.index()], now_ms),
    };
    let lines = charges.iter().zip(counters).map(standing).collect();
    match decision {
        Decision::Admitted { tightest, .. } => Verdict { lines, tightest, retry: None },
        Decision::Refused { tightest, retry, .. } => Verdict { lines, tightest, retry: Some(retry) },
    }
}

impl Shard {
    fn counter(&self, name: Name) -> Counter {
        self.entries.get(&name).map_or_else(Counter::default, |entry| entry.counter)
    }

    fn put(&mut self, name: Name, entry: Entry, now_ms: u64, windows: &[Limit]) {
        if let Some(known) = self.entries.get_mut(&name) {
            *known = entry;
            return;
        }
        if self.entries.len() >= SHARD_COUNTERS_MAX {
            self.make_room(now_ms, windows);
        }
        self.entries.insert(name, entry);
    }

    fn make_room(&mut self, now_ms: u64, windows: &[Limit]) {
        if now_ms.saturating_sub(self.swept_ms) >= SWEEP_PAUSE_MS {
            self.swept_ms = now_ms;
            self.entries.retain(|_, entry| !entry.counter.is_spent(windows[entry.tier.index()], now_ms));
        }
        if self.entries.len() >= SHARD_COUNTERS_MAX {
            let left = |entry: &Entry| entry.counter.standing(windows[entry.tier.index()], now_ms);
            let share = |Standing { max, remaining, .. }| u64::from(remaining) * 1_000 / u64::from(max).max(1);
            let sample = self.entries.iter().take(SAMPLE);
            let least_spent = sample.max_by_key(|(_, entry)| share(left(entry))).map(|(name, _)| *name);
            least_spent.and_then(|name| self.entries.remove(&name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Subject;

    #[test]
    fn when_memory_is_full_the_spent_counter_stays_and_the_fresh_one_gives_way() {
        let windows = [Limit { max: 10, window_ms: 60_000 }; 10];
        let mut shard = Shard::default();
        let burnt = Counter { period: 0, current: 10, previous: 0 };
        let fresh = Counter { period: 0, current: 1, previous: 0 };
        let entry = |counter| Entry { counter, tier: TierId::API_IP };
        for number in 0..SHARD_COUNTERS_MAX as u64 {
            let counter = if number % 2 == 0 { burnt } else { fresh };
            shard.put(Name { high: 0, low: spread(number) }, entry(counter), 1_000, &windows);
        }
        let burnt_before = shard.entries.values().filter(|entry| entry.counter == burnt).count();
        for number in 0..100 {
            shard.put(Name { high: 1, low: spread(number) }, entry(fresh), 1_000, &windows);
        }
        assert_eq!(shard.entries.len(), SHARD_COUNTERS_MAX);
        assert_eq!(shard.entries.values().filter(|entry| entry.counter == burnt).count(), burnt_before);
    }

    #[test]
    fn a_full_shard_forgets_what_counts_no_more() {
        let windows = [Limit { max: 10, window_ms: 60_000 }; 10];
        let mut shard = Shard::default();
        let entry = |period| Entry { counter: Counter { period, current: 1, previous: 0 }, tier: TierId::API_IP };
        for number in 0..SHARD_COUNTERS_MAX as u64 {
            shard.put(Name { high: 0, low: spread(number) }, entry(0), 1_000, &windows);
        }
        shard.put(Name { high: 1, low: 1 }, entry(2), 120_000, &windows);
        assert_eq!(shard.entries.len(), 1);
    }

    #[test]
    fn names_differ_by_tier_kind_and_subject_and_by_key() {
        let memory = Memory::new(&Entropy::seeded(1));
        let other = Memory::new(&Entropy::seeded(2));
        let charge = |tier, last| Charge::new(tier, Subject::Address([192, 0, 2, last].into()));
        let name = memory.name(&charge(TierId::API_IP, 1));
        assert_eq!(name, memory.name(&charge(TierId::API_IP, 1)));
        assert_ne!(name, memory.name(&charge(TierId::API_IP, 2)));
        assert_ne!(name, memory.name(&charge(TierId::PAGE_IP, 1)));
        assert_ne!(name, other.name(&charge(TierId::API_IP, 1)));
    }

    /// Any odd multiplier spreads counted numbers over the table.
    const fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
