//! What this process knows of the nodes: which one it is, and whose beat stands still.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use super::lease::LEASE;

#[derive(Debug, Default)]
pub(super) struct Others(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    own: Option<Uuid>,
    beats: HashMap<Uuid, Beat>,
}

/// A beat, and since when it is seen to stand there, in uptime of this machine.
#[derive(Clone, Copy, Debug)]
struct Beat {
    at: i64,
    since: Duration,
}

impl Others {
    pub(super) fn become_node(&self, id: Uuid) {
        self.0.lock().own = Some(id);
    }

    /// This process is that node no longer.
    pub(super) fn cease(&self, id: Option<Uuid>) {
        let mut known = self.0.lock();
        if known.own == id {
            known.own = None;
        }
    }

    pub(super) fn own(&self) -> Option<Uuid> {
        self.0.lock().own
    }

    /// Keeps a reading of all nodes that began at `began`. Answers whom nobody needs to remember: silent for so much
    /// longer than they may serve without the database.
    pub(super) fn note(&self, began: Duration, nodes: &[(Uuid, i64, i32)], longer: Duration) -> Vec<(Uuid, i64)> {
        let mut known = self.0.lock();
        let before = std::mem::take(&mut known.beats);
        let mut gone = Vec::new();
        for (id, at, grace_s) in nodes {
            let since = before.get(id).filter(|beat| beat.at == *at).map_or(began, |beat| beat.since);
            known.beats.insert(*id, Beat { at: *at, since });
            let most = LEASE + longer + Duration::from_secs(u64::try_from(*grace_s).unwrap_or_default());
            if known.own != Some(*id) && began.saturating_sub(since) > most {
                gone.push((*id, *at));
            }
        }
        gone
    }

    /// Whether a node whose beat is `at` in a reading that began at `began` has no lease: the same beat was read a
    /// lease before, and every renewal that it belongs to was sent before that.
    pub(super) fn is_silent(&self, id: Uuid, at: i64, began: Duration) -> bool {
        let known = self.0.lock();
        known.beats.get(&id).is_some_and(|beat| beat.at == at && began.saturating_sub(beat.since) > LEASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const MORE: Duration = Duration::from_secs(5);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_beat_that_stood_for_a_lease_is_silence_and_one_that_moved_is_not() {
        let others = Others::default();
        others.note(ms(10_000), &[(A, 7, 0)], MORE);
        assert!(!others.is_silent(A, 7, ms(10_900)), "its lease may last");
        assert!(others.is_silent(A, 7, ms(11_001)));
        assert!(!others.is_silent(A, 8, ms(20_000)), "it has renewed since");
        others.note(ms(10_500), &[(A, 8, 0)], MORE);
        assert!(!others.is_silent(A, 8, ms(11_400)), "counted from the reading that first met this beat");
    }

    #[test]
    fn the_silent_are_forgotten_after_what_they_may_serve_alone() {
        let others = Others::default();
        assert!(others.note(ms(0), &[(A, 7, 120)], MORE).is_empty());
        assert!(others.note(ms(125_900), &[(A, 7, 120)], MORE).is_empty());
        assert_eq!(others.note(ms(126_001), &[(A, 7, 120)], MORE), [(A, 7)]);
        others.become_node(A);
        assert!(others.note(ms(300_000), &[(A, 7, 120)], MORE).is_empty(), "nobody forgets themselves");
    }
}
