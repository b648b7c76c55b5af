//! What runs beside the requests: the queue, the feed, the schedules.
//!
//! What must always hold: none of it ends before the process is asked to. A panic is logged where it happens;
//! the work then begins anew, because nobody would notice that revocations are no longer heard of.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tenantry_core::random::Entropy;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Fault;

/// After a panic: one that comes again at once must not fill the log.
const REST: Duration = Duration::from_secs(1);
/// When a schedule has its first turn, at the latest: a house that is started anew every night must not miss those that
/// come once in hours. From, and until, so that nodes that start together do not all begin at once.
const FIRST: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(300));
/// After a turn of a schedule that failed, where the next one is further away: from, and until, so that nodes do not
/// try again all at once.
const RETRY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));

/// Tasks that end together.
#[derive(Debug)]
pub(crate) struct Background {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    entropy: Entropy,
}

impl Background {
    /// Nothing yet. To be filled within a runtime.
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { tasks: JoinSet::new(), stop: watch::Sender::new(false), entropy }
    }

    /// Runs what ends by itself when `stop` says so, and begins it anew when it panics.
    pub(crate) fn keep<F>(&mut self, name: &'static str, work: impl Fn(watch::Receiver<bool>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let mut stopped = self.stop.subscribe();
        self.tasks.spawn(async move {
            while AssertUnwindSafe(work(stopped.clone())).catch_unwind().await.is_err() {
                tracing::error!(task = name, "a task panicked and begins anew");
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
            }
        });
    }

    /// Runs `work` some minutes after the start at the latest, and then now and again. A failure is logged and tried
    /// again soon.
    pub(crate) fn every<F>(
        &mut self,
        name: &'static str,
        period: Duration,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), Fault>> + Send,
    {
        let (work, entropy) = (Arc::new(work), self.entropy.clone());
        self.keep(name, move |stopped| turns(name, period, Arc::clone(&work), entropy.clone(), stopped));
    }

    /// Asks all of it to end. What is under way is finished; what takes longer than `patience` is cut off.
    pub(crate) async fn end(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("some work was cut off at the end; the next start repeats it");
        }
    }
}

async fn turns<F>(
    name: &'static str,
    period: Duration,
    work: Arc<impl Fn() -> F>,
    entropy: Entropy,
    mut stopped: watch::Receiver<bool>,
) where
    F: Future<Output = Result<(), Fault>>,
{
    let mut pause = within(period, FIRST, &entropy);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        pause = match work().await {
            Ok(()) => period,
            Err(fault) => {
                tracing::warn!(task = name, %fault, "a scheduled task failed and is tried again soon");
                within(period, RETRY, &entropy)
            }
        };
    }
}

fn within(period: Duration, (least, most): (Duration, Duration), entropy: &Entropy) -> Duration {
    period.min(entropy.between(least, most))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_anew_and_ends_when_it_is_asked_to() {
        let (begun, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut background = Background::new(Entropy::seeded(1));
        let (count, ring) = (Arc::clone(&begun), Arc::clone(&again));
        background.keep("follower", move |mut stopped| {
            let (is_first, ring) = (count.fetch_add(1, Ordering::SeqCst) == 0, Arc::clone(&ring));
            async move {
                assert!(!is_first, "a defect");
                ring.notify_one();
                // An error is the end, too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        });
        again.notified().await;
        background.end(Duration::from_secs(5)).await;
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_first_turn_comes_within_minutes_and_not_on_all_nodes_at_once() {
        let (entropy, hour) = (Entropy::seeded(1), Duration::from_secs(3_600));
        let [one, other] = [within(hour, FIRST, &entropy), within(hour, FIRST, &entropy)];
        assert!(one != other && one.max(other) <= Duration::from_secs(300), "{one:?} {other:?}");
        let second = Duration::from_secs(1);
        assert_eq!(within(second, FIRST, &entropy), second);
    }

    #[tokio::test]
    async fn a_task_that_failed_is_tried_again() {
        let (tried, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut background = Background::new(Entropy::seeded(1));
        let (count, ring) = (Arc::clone(&tried), Arc::clone(&again));
        background.every("sweeping", Duration::from_millis(1), move || {
            let (is_first, ring) = (count.fetch_add(1, Ordering::SeqCst) == 0, Arc::clone(&ring));
            async move {
                if is_first {
                    return Err("the database is away".into());
                }
                ring.notify_one();
                Ok(())
            }
        });
        again.notified().await;
        background.end(Duration::from_secs(5)).await;
        assert!(tried.load(Ordering::SeqCst) > 1);
    }
}
