//! Whether the store is asked at all, and how many nodes share it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::link::Lost;

/// What a late answer weighs; one in time takes one away. Three in a row are enough, and more than one in five for long.
const LATE_WEIGHS: u32 = 4;
const OPENS_AT: u32 = 12;
/// Tries in time before a lost store is believed again.
const TRIES: u32 = 3;
/// How long the most nodes that were heard of count: a store that was emptied hears of few at first.
const NODES_COUNT_FOR: Duration = Duration::from_secs(60);

/// Closed: the store is asked. Open: it is not, but for the tries beside the requests.
#[derive(Debug)]
pub(super) struct Circuit {
    is_closed: AtomicBool,
    weight: AtomicU32,
    tries: AtomicU32,
    nodes: AtomicU32,
    heard: Mutex<Option<Instant>>,
}

impl Circuit {
    /// Open until the first tries.
    pub(super) fn new(nodes: u32) -> Self {
        Self {
            is_closed: AtomicBool::new(false),
            weight: AtomicU32::new(0),
            // The first answer is enough at the start.
            tries: AtomicU32::new(TRIES - 1),
            nodes: AtomicU32::new(nodes),
            heard: Mutex::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::Relaxed).max(1)
    }

    pub(super) fn succeeded(&self) {
        // Losing a step to another thread changes nothing that matters.
        self.weight.store(self.weight.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// Counts a failure; whether it has just opened.
    pub(super) fn failed(&self, lost: &Lost) -> bool {
        self.tries.store(0, Ordering::Relaxed);
        let weighs = if *lost == Lost::Late { LATE_WEIGHS } else { OPENS_AT };
        let weight = self.weight.fetch_add(weighs, Ordering::Relaxed) + weighs;
        weight >= OPENS_AT && self.is_closed.swap(false, Ordering::AcqRel)
    }

    /// A try was answered in time; whether it has just closed.
    pub(super) fn tried_well(&self) -> bool {
        if self.is_closed() {
            self.succeeded();
            return false;
        }
        if self.tries.fetch_add(1, Ordering::Relaxed) + 1 < TRIES {
            return false;
        }
        self.weight.store(0, Ordering::Relaxed);
        !self.is_closed.swap(true, Ordering::AcqRel)
    }

    /// How many nodes there are. Fewer than before count only after a while.
    pub(super) fn heard(&self, nodes: u32, now: Instant) {
        let mut heard = self.heard.lock();
        let is_old = heard.is_none_or(|at| now.saturating_duration_since(at) > NODES_COUNT_FOR);
        if nodes >= self.nodes() || is_old {
            self.nodes.store(nodes, Ordering::Relaxed);
            *heard = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Circuit {
        let circuit = Circuit::new(1);
        assert!(circuit.tried_well());
        circuit
    }

    #[test]
    fn three_late_answers_in_a_row_open_it_and_a_broken_connection_at_once() {
        let circuit = closed();
        assert!(!circuit.failed(&Lost::Late) && !circuit.failed(&Lost::Late) && circuit.is_closed());
        assert!(circuit.failed(&Lost::Late) && !circuit.is_closed());
        assert!(!circuit.failed(&Lost::Late), "it is open already");
        assert!(closed().failed(&Lost::Broken));
    }

    #[test]
    fn a_late_answer_now_and_then_does_not_open_it_and_one_in_three_does() {
        let answers = |in_time: usize| {
            let circuit = closed();
            (0..1_000).any(|_| {
                (0..in_time).for_each(|_| circuit.succeeded());
                circuit.failed(&Lost::Late)
            })
        };
        assert!(!answers(5) && answers(2));
    }

    #[test]
    fn a_lost_store_is_believed_after_three_tries_in_time() {
        let circuit = closed();
        circuit.failed(&Lost::Broken);
        assert!(!circuit.tried_well() && !circuit.tried_well());
        circuit.failed(&Lost::Late);
        assert!(!circuit.tried_well() && !circuit.tried_well() && circuit.tried_well() && circuit.is_closed());
    }

    #[test]
    fn fewer_nodes_count_only_after_a_while() {
        let (circuit, now) = (closed(), Instant::now());
        circuit.heard(3, now);
        circuit.heard(1, now + Duration::from_secs(5));
        assert_eq!(circuit.nodes(), 3);
        circuit.heard(1, now + Duration::from_secs(61));
        assert_eq!(circuit.nodes(), 1);
    }
}
