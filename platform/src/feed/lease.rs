//! How long a node believes what it cached: by a clock that nobody can set and that goes on while the machine sleeps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a node believes its caches after it *sent* a renewal that the database answered. Whoever takes something
/// away waits at most so long for a node that says nothing.
pub const LEASE: Duration = Duration::from_secs(1);

/// Until when this process believes its caches, in microseconds of uptime. Read on every request.
#[derive(Debug, Default)]
pub(super) struct Lease {
    until_us: AtomicU64,
    /// When the last renewal that was answered was sent.
    renewed_us: AtomicU64,
    /// In tests that are about something else: their machine is busy, and a paused node would refuse.
    #[cfg(feature = "kit")]
    is_boundless: std::sync::atomic::AtomicBool,
}

impl Lease {
    /// Whether it lasts at `uptime`.
    pub(super) fn lasts(&self, uptime: Duration) -> bool {
        #[cfg(feature = "kit")]
        if self.is_boundless.load(Ordering::Relaxed) {
            return true;
        }
        micros(uptime) < self.until_us.load(Ordering::Acquire)
    }

    /// Lets it last until `uptime` is this, and no longer, whatever was said before.
    pub(super) fn set(&self, until: Duration) {
        self.until_us.store(micros(until), Ordering::Release);
    }

    /// Notes that a renewal was answered which was sent at this uptime.
    pub(super) fn note_renewal(&self, sent: Duration) {
        self.renewed_us.store(micros(sent), Ordering::Relaxed);
    }

    /// How long the feed was not read, and how long the lease still lasts.
    pub(super) fn standing(&self, uptime: Duration) -> (Duration, Duration) {
        let since = |cell: &AtomicU64| Duration::from_micros(cell.load(Ordering::Relaxed));
        (uptime.saturating_sub(since(&self.renewed_us)), since(&self.until_us).saturating_sub(uptime))
    }

    #[cfg(feature = "kit")]
    pub(super) fn unbind(&self) {
        self.is_boundless.store(true, Ordering::Relaxed);
    }

    /// Ends it now.
    pub(super) fn end(&self) {
        self.until_us.store(0, Ordering::Release);
    }
}

fn micros(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_micros()).unwrap_or(u64::MAX)
}
