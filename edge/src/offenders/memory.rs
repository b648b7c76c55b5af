//! Points in memory: a table of fixed size, in shards so that threads seldom wait for each other.
//!
//! As the table of limits: an offender may stand in one of the sixteen places that its name points to. When all are
//! taken, the one with the fewest points gives way, so that a flood of new addresses displaces itself.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::offender::Name;

const SHARDS: usize = 64;
const BUCKETS: usize = 64;
/// 64 × 64 × 16 are 65,536 offenders in 3 MiB.
const PLACES: usize = 16;
const HOUR_MS: u64 = 3_600_000;

/// Thousandths of a point: what a second forgives is less than one.
pub(super) type Milli = u64;

/// The name of an empty place.
const NOBODY: u128 = 0;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    milli: Milli,
    /// When `milli` was right.
    at_ms: u64,
    /// Refusals of the window that began at `since_ms`.
    refusals: u32,
    since_ms: u64,
    /// What an hour forgives.
    forgiven: Milli,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    names: [u128; PLACES],
    entries: [Entry; PLACES],
}

/// How fast points are forgiven, and how long refusals are counted together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// What an hour forgives.
    pub(super) forgiven: Milli,
    pub(super) window_ms: u64,
}

/// What an offence came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) before: Milli,
    pub(super) after: Milli,
    /// In this window, this one among them.
    pub(super) refusals: u32,
}

/// Points by name.
#[derive(Debug)]
pub(super) struct Memory {
    /// Empty until its first offender.
    shards: Box<[Mutex<Vec<Bucket>>]>,
    /// Whoever had points and gave way.
    displaced: AtomicU64,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), displaced: AtomicU64::new(0) }
    }

    /// Adds to somebody's points.
    pub(super) fn add(&self, name: Name, milli: Milli, pace: Pace, now_ms: u64) -> Added {
        let (shard, bucket) = place(name);
        let mut shard = self.shards[shard].lock();
        if shard.is_empty() {
            *shard = vec![Bucket::EMPTY; BUCKETS];
        }
        let bucket = &mut shard[bucket];
        let at = bucket.place_of(name).unwrap_or_else(|| self.make_room(bucket, name, now_ms));
        bucket.entries[at].add(milli, pace, now_ms)
    }

    /// What somebody has now.
    pub(super) fn points(&self, name: Name, now_ms: u64) -> Milli {
        let (shard, bucket) = place(name);
        let shard = self.shards[shard].lock();
        let found = shard.get(bucket).and_then(|bucket| Some(bucket.entries[bucket.place_of(name)?]));
        found.map_or(0, |entry| entry.now(now_ms))
    }

    /// Forgives everything, and goes on counting refusals.
    pub(super) fn forgive(&self, name: Name) {
        let (shard, bucket) = place(name);
        if let Some(bucket) = self.shards[shard].lock().get_mut(bucket)
            && let Some(at) = bucket.place_of(name)
        {
            bucket.entries[at].milli = 0;
        }
    }

    /// How many gave way although something of theirs counted.
    pub(super) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    fn make_room(&self, bucket: &mut Bucket, name: Name, now_ms: u64) -> usize {
        let of_value = |place: &usize| match bucket.names[*place] {
            NOBODY => (0, 0),
            _ => (bucket.entries[*place].now(now_ms) + 1, bucket.entries[*place].at_ms),
        };
        let at = (0..PLACES).min_by_key(of_value).unwrap_or_default();
        if of_value(&at).0 > 1 {
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        bucket.names[at] = name.0;
        bucket.entries[at] = Entry::default();
        at
    }
}

/// Shard and bucket.
fn place(name: Name) -> (usize, usize) {
    let at = usize::try_from(name.0 % (SHARDS * BUCKETS) as u128).unwrap_or_default();
    (at % SHARDS, at / SHARDS)
}

impl Bucket {
    const EMPTY: Self = Self {
        names: [NOBODY; PLACES],
        entries: [Entry { milli: 0, at_ms: 0, refusals: 0, since_ms: 0, forgiven: 0 }; PLACES],
    };

    fn place_of(&self, name: Name) -> Option<usize> {
        self.names.iter().position(|one| *one == name.0)
    }
}

impl Entry {
    fn now(&self, now_ms: u64) -> Milli {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms);
        self.milli.saturating_sub(elapsed_ms.saturating_mul(self.forgiven) / HOUR_MS)
    }

    fn add(&mut self, milli: Milli, pace: Pace, now_ms: u64) -> Added {
        let before = self.now(now_ms);
        if now_ms.saturating_sub(self.since_ms) >= pace.window_ms {
            (self.refusals, self.since_ms) = (0, now_ms);
        }
        let refusals = self.refusals.saturating_add(1);
        *self = Self {
            milli: before + milli,
            at_ms: now_ms.max(self.at_ms),
            refusals,
            since_ms: self.since_ms,
            forgiven: pace.forgiven,
        };
        Added { before, after: self.milli, refusals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { forgiven: 600_000, window_ms: 60_000 };

    #[test]
    fn points_are_forgiven_as_time_goes_by_and_never_below_nothing() {
        let memory = Memory::new();
        memory.add(Name(1), 30_000, PACE, 0);
        assert_eq!(memory.points(Name(1), 60_000), 20_000);
        assert_eq!(memory.add(Name(1), 5_000, PACE, 120_000), Added { before: 10_000, after: 15_000, refusals: 1 });
        assert_eq!(memory.points(Name(1), 3_600_000), 0);
        memory.add(Name(1), 5_000, PACE, 3_600_000);
        memory.forgive(Name(1));
        assert_eq!(memory.points(Name(1), 3_600_000), 0);
    }

    #[test]
    fn a_clock_that_goes_back_forgives_nothing_and_forgets_nothing() {
        let memory = Memory::new();
        memory.add(Name(1), 30_000, PACE, 60_000);
        assert_eq!(memory.points(Name(1), 0), 30_000);
    }

    #[test]
    fn a_flood_of_addresses_displaces_itself_and_not_whoever_has_more_points() {
        let memory = Memory::new();
        memory.add(Name(7), 99_000, PACE, 0);
        // All in the bucket of the first one.
        for number in 1..100_000_u128 {
            memory.add(Name(7 + number * (SHARDS * BUCKETS) as u128), 1_000, PACE, 0);
        }
        assert_eq!(memory.points(Name(7), 0), 99_000);
        assert!(memory.displaced() > 90_000);
        let held: usize = memory.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(held <= SHARDS * BUCKETS, "{held}");
    }
}
