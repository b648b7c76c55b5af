//! What is written after the answer: rows that must not show in how long an answer takes (ID-4), and rows
//! that a request in memory leaves behind.
//!
//! One writer, one bounded queue. What does not fit is dropped, counted and logged: a flood of failed
//! sign-ins never becomes a flood of transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
                work.await;
            }
        });
        Self { queue, dropped: Arc::default() }
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
            tracing::warn!(what, "too much waits to be written after answers; this one is dropped");
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
