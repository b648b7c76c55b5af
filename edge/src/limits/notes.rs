//! What became of the shared store, for the log of the whole installation: a row when this node loses it, and when it
//! answers again, one a minute at most.

use std::time::Duration;

use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permit};
use tokio::sync::watch;

use super::limiter::Limiter;
use super::store::StoreState;

tenantry_platform::sql! {
    AsDoor OnlyControl NOTE = "select doors.note_limits_store($1, $2, $3)";
}

/// Before a row that the database did not take is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A store that flaps has a row this often at most: the log is kept for years, and read by people.
const A_ROW_EVERY: Duration = Duration::from_secs(60);

impl Limiter {
    /// Notes what becomes of the store, under the name of this node, until `stopped` says so. The first change has its row
    /// at once; what follows within the minute has one together, of what the store is then. A start that finds the store
    /// is nothing to tell.
    pub async fn note_store(&self, ground: &Ground, node: &str, mut stopped: watch::Receiver<bool>) {
        let Some(mut state) = self.store() else { return };
        let mut notes = Notes::default();
        loop {
            let seen = Seen { state: *state.borrow_and_update(), losses: self.tally().opened };
            let due = notes.due_in(seen, ground.clock.uptime());
            let is_due = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                _ = state.changed() => false,
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => true,
            };
            if is_due {
                let is_written = self.note(ground, node, seen, notes.losses_since(seen)).await;
                notes.tried(seen, ground.clock.uptime(), is_written);
            }
        }
    }

    async fn note(&self, ground: &Ground, node: &str, seen: Seen, losses: u64) -> bool {
        let act = match seen.state {
            StoreState::Unknown => return true,
            StoreState::Shared => "shared",
            StoreState::Lost => "lost",
        };
        if losses > 1 {
            tracing::warn!(
                losses,
                now = act,
                "the store of limits was lost again and again since its last row in the platform's log"
            );
        }
        let written = write(ground, node, act, i32::try_from(self.nodes()).unwrap_or(i32::MAX)).await;
        written
            .inspect_err(|fault| tracing::warn!(%fault, "what became of the store of limits is not noted yet"))
            .is_ok()
    }
}

/// The store as it is, and how often it was lost until now: between two looks it may have gone and come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    state: StoreState,
    losses: u64,
}

/// What has a row.
#[derive(Debug, Default)]
struct Notes {
    written: Option<(Seen, Duration)>,
    /// When a row was refused.
    refused_at: Option<Duration>,
}

impl Notes {
    /// When this is to be written, by the machine's uptime; `None`: there is nothing to tell.
    fn due_in(&self, seen: Seen, now: Duration) -> Option<Duration> {
        let is_told = match self.written {
            Some((written, _)) => written == seen,
            None => seen.losses == 0,
        };
        let next = self.written.map(|(_, at)| at + A_ROW_EVERY);
        let again = self.refused_at.map(|at| at + AGAIN_AFTER);
        (!is_told).then(|| next.max(again).unwrap_or_default().saturating_sub(now))
    }

    /// How often it was lost since the last row.
    fn losses_since(&self, seen: Seen) -> u64 {
        seen.losses.saturating_sub(self.written.map_or(0, |(written, _)| written.losses))
    }

    fn tried(&mut self, seen: Seen, now: Duration, is_written: bool) {
        match is_written {
            true => (self.written, self.refused_at) = (Some((seen, now)), None),
            false => self.refused_at = Some(now),
        }
    }
}

async fn write(ground: &Ground, node: &str, act: &str, nodes: i32) -> Result<(), DbFault> {
    let actor = Actor::system("gateway", "limits");
    let permit = Permit::<Observe, Control>::system(Context::default(), actor, Origin::default());
    let mut tx = permit.begin(ground);
    tx.execute(&NOTE, &[&node, &act, &nodes]).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Option<Duration> = None;
    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    const fn lost(losses: u64) -> Seen {
        Seen { state: StoreState::Lost, losses }
    }

    const fn shared(losses: u64) -> Seen {
        Seen { state: StoreState::Shared, losses }
    }

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn a_loss_has_its_row_at_once_and_a_start_that_finds_the_store_none() {
        let mut notes = Notes::default();
        assert_eq!(notes.due_in(Seen { state: StoreState::Unknown, losses: 0 }, at(1)), NOTHING);
        assert_eq!(notes.due_in(shared(0), at(2)), NOTHING);
        assert_eq!(notes.due_in(lost(1), at(3)), AT_ONCE);
        notes.tried(lost(1), at(3), true);
        assert_eq!(notes.due_in(lost(1), at(4)), NOTHING);
        assert_eq!(notes.due_in(shared(1), at(1_000)), AT_ONCE, "it answers again");
    }

    #[test]
    fn a_store_that_flaps_has_a_row_a_minute_with_how_often_it_was_lost() {
        let (mut notes, mut rows) = (Notes::default(), Vec::new());
        for second in 0..180 {
            // Lost in each even second, there in each odd one.
            let losses = second / 2 + 1;
            let seen = if second % 2 == 0 { lost(losses) } else { shared(losses) };
            if notes.due_in(seen, at(second)) == AT_ONCE {
                rows.push((second, notes.losses_since(seen)));
                notes.tried(seen, at(second), true);
            }
        }
        assert_eq!(rows, [(0, 1), (60, 30), (120, 30)]);
        assert_eq!(notes.due_in(shared(90), at(179)), Some(at(1)), "the last state is told");
    }

    #[test]
    fn what_went_and_came_between_two_looks_is_told() {
        let mut notes = Notes::default();
        notes.tried(shared(1), at(0), true);
        assert_eq!(notes.due_in(shared(1), at(100)), NOTHING);
        assert_eq!(notes.due_in(shared(4), at(100)), AT_ONCE);
        assert_eq!(notes.losses_since(shared(4)), 3);
    }

    #[test]
    fn a_row_that_was_refused_is_tried_again_in_a_second() {
        let mut notes = Notes::default();
        notes.tried(lost(1), at(10), false);
        assert_eq!(notes.due_in(lost(1), at(10)), Some(AGAIN_AFTER));
        assert_eq!(notes.due_in(lost(1), at(11)), AT_ONCE);
    }
}
