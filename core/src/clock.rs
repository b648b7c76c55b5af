//! The one place that asks the machine what time it is.
//!
//! A [`Clock`] is an argument everywhere else, so that a test can stop it or move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Goes on while the machine sleeps.
#[cfg(target_os = "linux")]
const UPTIME: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const UPTIME: ClockId = ClockId::Monotonic;

/// A source of wall-clock time: the machine's, or one that a test moves.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Microseconds since 1970, shared by all clones.
    Fixed(Arc<AtomicI64>),
    /// Microseconds ahead of the machine's clock, shared by all clones.
    Ahead(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn fixed(start: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(start.as_microsecond()))))
    }

    /// The machine's clock, which [`Clock::advance`] can move: for the tests of apps, in `tenantry dev` alone.
    pub fn movable() -> Self {
        Self(Source::Ahead(Arc::default()))
    }

    /// Now, in microseconds: the resolution that PostgreSQL keeps.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us()).unwrap_or(Timestamp::MAX)
    }

    /// Now, in whole milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.now_us() / 1_000).unwrap_or(0)
    }

    /// Now, in whole seconds since 1970: the unit of JWT and of cookies.
    pub fn now_s(&self) -> u64 {
        self.now_ms() / 1_000
    }

    /// How long the machine has been up, also while it slept. Nobody can set it, a test's clock neither: what a lease
    /// is measured by.
    pub fn uptime(&self) -> Duration {
        let now = clock_gettime(UPTIME);
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
    }

    /// Moves a fixed or movable clock forward, for every holder of a clone. The machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Fixed(at) | Source::Ahead(at) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            at.fetch_add(by, Ordering::SeqCst);
        }
    }

    fn now_us(&self) -> i64 {
        match &self.0 {
            Source::Fixed(at) => at.load(Ordering::SeqCst),
            Source::System => system_us(),
            Source::Ahead(by) => system_us().saturating_add(by.load(Ordering::SeqCst)),
        }
    }
}

fn system_us() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
