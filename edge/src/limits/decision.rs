//! What came of a request's charges.

use smallvec::SmallVec;
use tenantry_core::window::{Limit, Retry, Standing};
use tenantry_platform::config::TierId;

/// Windows of one request that need no allocation.
pub(super) const USUAL_CHARGES: usize = 4;

/// One window of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub tier: TierId,
    /// What was counted by: the tier's own limit, or another one of the caller's tenant.
    pub limit: Limit,
    pub standing: Standing,
}

/// The verdict over all windows of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub(super) lines: SmallVec<[Line; USUAL_CHARGES]>,
    pub(super) tightest: usize,
    pub(super) retry: Option<Retry>,
    pub(super) shadow: Option<Line>,
    pub(super) basis: Basis,
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// This process's memory: there is no other store.
    #[default]
    Memory,
    /// The store that all nodes share.
    Shared,
    /// This node's part of each limit, because the shared store does not answer in time.
    Alone,
}

impl Verdict {
    /// Whether the request may go on.
    pub const fn is_admitted(&self) -> bool {
        self.retry.is_none()
    }

    /// The window with the least left, or the one to wait for longest. `None` without any window.
    pub fn tightest(&self) -> Option<Line> {
        self.lines.get(self.tightest).copied()
    }

    /// Every window that may refuse, in the order of the charges.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The window in shadow that would have refused what was admitted.
    pub const fn shadow(&self) -> Option<Line> {
        self.shadow
    }

    /// What it rests on.
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// Whole seconds after which a refused request passes; `None` when it was admitted or never will be.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry.and_then(Retry::after_s)
    }

    /// Milliseconds until the tightest window has more to give: the same moment as `Retry-After` after a refusal.
    pub(super) fn reset_ms(&self) -> u64 {
        match self.retry {
            Some(Retry::After(ms)) => ms,
            _ => self.tightest().map_or(0, |line| line.standing.reset_ms),
        }
    }
}
