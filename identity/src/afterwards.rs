//! What is written after the answer: rows that must not show in how long an answer takes (ID-4), and rows
//! that a request in memory leaves behind.
//!
//! One writer, one bounded queue. What does not fit is dropped and counted, and the log is told once each time
//! that the queue fills: a flood of failed sign-ins never becomes a flood of transactions, or of lines.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_platform::db::DbFault;
use tokio::sync::{mpsc, oneshot};

/// Pieces of work that wait at most: some seconds of a single writer.
const WAITING_MOST: usize = 1_024;

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Afterwards {
    queue: mpsc::Sender<BoxFuture<'static, ()>>,
    dropped: Arc<AtomicU64>,
    is_full: Arc<AtomicBool>,
}

impl std::fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Afterwards({} free)", self.queue.capacity())
    }
}

impl Afterwards {
    /// Starts the writer. It ends, after its last piece of work, when the last clone is gone.
    pub fn start() -> Self {
        let (queue, mut waiting) = mpsc::channel::<BoxFuture<'static, ()>>(WAITING_MOST);
        tokio::spawn(async move {
            while let Some(work) = waiting.recv().await {
                // A panic is logged where it happens, and must not be the end of all that follows.
                let _ = AssertUnwindSafe(work).catch_unwind().await;
            }
        });
        Self { queue, dropped: Arc::default(), is_full: Arc::default() }
    }

    /// Hands work over without waiting. `false`: there was no room, and nothing will be done.
    pub fn push(&self, what: &'static str, work: impl Future<Output = Result<(), DbFault>> + Send + 'static) -> bool {
        let logged = async move {
            if let Err(fault) = work.await {
                tracing::warn!(what, %fault, "what follows an answer could not be written");
            }
        };
        let taken = self.queue.try_send(logged.boxed()).is_ok();
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if self.is_full.swap(!taken, Ordering::Relaxed) == taken && !taken {
            tracing::warn!(
                what,
                "too much waits to be written after answers; this and what follows is dropped until there is room"
            );
        }
        taken
    }

    /// How much did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all that was handed over is written: before the process ends, and in tests.
    pub async fn settle(&self) {
        let (tell, told) = oneshot::channel::<()>();
        let mark = async move { drop(tell) };
        if self.queue.send(mark.boxed()).await.is_ok() {
            // An error is the answer here: the mark was reached and dropped its end.
            let _ = told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_not_the_end_of_what_follows() {
        let afterwards = Afterwards::start();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        assert!(afterwards.push("a defect", async { panic!("a defect") }));
        let work = async move {
            done.store(true, Ordering::SeqCst);
            Ok(())
        };
        assert!(afterwards.push("the next one", work));
        afterwards.settle().await;
        assert!(is_done.load(Ordering::SeqCst));
    }
}
