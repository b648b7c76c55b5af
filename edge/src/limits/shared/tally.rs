//! What the shared store was asked and how it answered, counted for whoever exports it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::store::StoreTally;
use super::link::Lost;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counted by the requests themselves.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) shared: Count,
    pub(super) alone: Count,
    pub(super) refused_here: Count,
    pub(super) opened: Count,
    late: Count,
    broken: Count,
    refused: Count,
}

impl Tally {
    pub(super) fn failed(&self, lost: &Lost) {
        match lost {
            Lost::Late => self.late.add(),
            Lost::Broken => self.broken.add(),
            Lost::Refused | Lost::Unclear => self.refused.add(),
            Lost::Closed => {}
        }
    }

    /// All of them.
    pub(super) fn now(&self) -> StoreTally {
        StoreTally {
            shared: self.shared.now(),
            alone: self.alone.now(),
            refused_here: self.refused_here.now(),
            late: self.late.now(),
            broken: self.broken.now(),
            refused: self.refused.now(),
            opened: self.opened.now(),
        }
    }
}
