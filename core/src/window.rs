//! The sliding window of every limit (RL-1, RL-3): two counters, exact in integers.
//!
//! A window of length W keeps what was spent in the current period and in the one before. The
//! estimate at a moment is `current + previous × (1 − elapsed ÷ W)`; a request of some cost passes
//! when estimate plus cost stays within the limit. Nothing is rounded: the fraction is multiplied
//! out. Several windows are decided together, all or none, and a refused request costs nothing, so
//! that a client that keeps trying is not shut out for ever. Between requests the estimate only
//! falls, so the time to wait is exact. A window burnt to its end takes up to 2 W to clear.

/// How much may be spent in a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The most that may be spent.
    pub max: u32,
    /// The window's length, in milliseconds; 0 is read as 1.
    pub window_ms: u32,
}

/// What was spent under one key. All zeros is a key never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Which period `current` counts: the moment divided by the window's length.
    pub period: u64,
    /// Spent in that period.
    pub current: u32,
    /// Spent in the period before.
    pub previous: u32,
}

/// One window that a request must pass.
#[derive(Debug)]
pub struct Charge<'a> {
    /// The limit that applies.
    pub limit: Limit,
    /// The counter of this caller.
    pub counter: &'a mut Counter,
    /// What the request costs here; 0 only asks.
    pub cost: u32,
}

/// What is left in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The most that may be spent.
    pub max: u32,
    /// What may still be spent now.
    pub remaining: u32,
    /// Milliseconds until the current period ends.
    pub reset_ms: u64,
}

/// The verdict over all windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Every window passed and was charged.
    Admitted {
        /// Which charge has the least left.
        tightest: usize,
        /// What is left there, after this request.
        standing: Standing,
    },
    /// At least one window is full; none was charged.
    Refused {
        /// Which charge must be waited for longest.
        tightest: usize,
        /// What is left there.
        standing: Standing,
        /// When to try again.
        retry: Retry,
    },
}

/// When a refused request would pass, if nothing else is spent meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// After so many milliseconds, and not one sooner.
    After(u64),
    /// Never: it costs more than the limit allows at once.
    Never,
}

/// Decides over all windows at `now_ms` and charges all or none. Without windows everything passes.
///
/// Time that runs backwards is taken as the beginning of the newest period seen: nothing is granted by it.
pub fn decide(now_ms: u64, charges: &mut [Charge<'_>]) -> Decision {
    match longest_wait(now_ms, charges) {
        Some((tightest, retry)) => {
            let standing = charges[tightest].counter.standing(charges[tightest].limit, now_ms);
            Decision::Refused { tightest, standing, retry }
        }
        None => charge(now_ms, charges),
    }
}

fn longest_wait(now_ms: u64, charges: &[Charge<'_>]) -> Option<(usize, Retry)> {
    let waits = charges.iter().map(|charge| charge.counter.wait(charge.limit, now_ms, charge.cost));
    waits.enumerate().filter(|(_, wait)| *wait != Retry::After(0)).max_by_key(|(_, wait)| *wait)
}

fn charge(now_ms: u64, charges: &mut [Charge<'_>]) -> Decision {
    let mut tightest = (0, Standing { max: u32::MAX, remaining: u32::MAX, reset_ms: 0 });
    for (at, charge) in charges.iter_mut().enumerate() {
        charge.counter.spend(charge.limit, now_ms, charge.cost);
        let standing = charge.counter.standing(charge.limit, now_ms);
        if standing.remaining < tightest.1.remaining {
            tightest = (at, standing);
        }
    }
    Decision::Admitted { tightest: tightest.0, standing: tightest.1 }
}

impl Retry {
    /// For `Retry-After`: whole seconds, rounded up, at least one; `None` for never.
    pub const fn after_s(self) -> Option<u64> {
        match self {
            Self::After(ms) if ms > 1_000 => Some(ms.div_ceil(1_000)),
            Self::After(_) => Some(1),
            Self::Never => None,
        }
    }
}

impl Decision {
    /// Whether the request may go on.
    pub const fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted { .. })
    }
}

impl Counter {
    /// What is left under this counter, without spending.
    pub fn standing(&self, limit: Limit, now_ms: u64) -> Standing {
        let now = Moment::of(self, limit, now_ms);
        let spent = u64::from(now.current) + weighed(now.previous, now.left_ms(), now.window_ms);
        let remaining = u64::from(limit.max).saturating_sub(spent);
        let reset_ms = now.end_ms().saturating_sub(now_ms);
        Standing { max: limit.max, remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset_ms }
    }

    /// Whether nothing spent here counts any more, so that the counter may be forgotten.
    pub fn is_spent(&self, limit: Limit, now_ms: u64) -> bool {
        let now = Moment::of(self, limit, now_ms);
        now.current == 0 && now.previous == 0
    }

    /// `After(0)` when a request of this cost passes now.
    fn wait(&self, limit: Limit, now_ms: u64, cost: u32) -> Retry {
        let now = Moment::of(self, limit, now_ms);
        let Some(room) = limit.max.checked_sub(cost) else { return Retry::Never };
        let at_ms = match room.checked_sub(now.current) {
            Some(room) => now.start_ms().saturating_add(fits_from(now.previous, room, now.window_ms)),
            None => now.end_ms().saturating_add(fits_from(now.current, room, now.window_ms)),
        };
        let passes = at_ms <= now.start_ms().saturating_add(now.elapsed_ms);
        Retry::After(if passes { 0 } else { at_ms - now_ms })
    }

    /// Counts what was spent, whether or not there is room for it.
    pub fn spend(&mut self, limit: Limit, now_ms: u64, cost: u32) {
        let now = Moment::of(self, limit, now_ms);
        *self = Self { period: now.period, current: now.current.saturating_add(cost), previous: now.previous };
    }
}

/// A counter as it stands at a moment, rolled on to the moment's period.
struct Moment {
    period: u64,
    current: u32,
    previous: u32,
    elapsed_ms: u64,
    window_ms: u64,
}

impl Moment {
    fn of(counter: &Counter, limit: Limit, now_ms: u64) -> Self {
        let window_ms = u64::from(limit.window_ms.max(1));
        let (period, elapsed_ms) = (now_ms / window_ms, now_ms % window_ms);
        let (current, previous) = match period.checked_sub(counter.period) {
            Some(0) => (counter.current, counter.previous),
            Some(1) => (0, counter.current),
            Some(_) => (0, 0),
            None => return Self::held(counter, window_ms),
        };
        Self { period, current, previous, elapsed_ms, window_ms }
    }

    /// The clock stands before the counter's period: the period's first instant, when most still counts.
    const fn held(counter: &Counter, window_ms: u64) -> Self {
        let Counter { period, current, previous } = *counter;
        Self { period, current, previous, elapsed_ms: 0, window_ms }
    }

    const fn left_ms(&self) -> u64 {
        self.window_ms - self.elapsed_ms
    }

    const fn start_ms(&self) -> u64 {
        self.period.saturating_mul(self.window_ms)
    }

    const fn end_ms(&self) -> u64 {
        self.start_ms().saturating_add(self.window_ms)
    }
}

/// What `spent` still weighs when `left_ms` of the window remain, rounded up: `spent × left ÷ window`.
/// Both factors are below 2^32, so the product fits.
fn weighed(spent: u32, left_ms: u64, window_ms: u64) -> u64 {
    (u64::from(spent) * left_ms).div_ceil(window_ms)
}

/// From which instant of a period what was spent in the one before fits into `room`:
/// the least e with `spent × (window − e) ≤ room × window`.
fn fits_from(spent: u32, room: u32, window_ms: u64) -> u64 {
    match u64::from(spent) {
        0 => 0,
        spent => window_ms.saturating_sub(u64::from(room) * window_ms / spent),
    }
}
