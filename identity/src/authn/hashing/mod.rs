//! Password hashes in a pool that has an end: so many at once, so many waiting, the rest told to come back.
//!
//! New ones are argon2id (RFC 9106); those that were imported are compared as they are, and called stale.
//!
//! Each hash takes 19 MiB and some 20 ms by design. Without a bound, a flood of sign-ins would take the
//! machine; with it, it takes the sign-ins, and says when to try again.

pub(super) mod recipe;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;
use tenantry_core::password::Password;
use tenantry_core::password_hash::Recipe;
use tenantry_core::random::Entropy;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::config::Passwords;
use tenantry_platform::metrics::Metrics;
use tenantry_platform::problem::{Kind, Problem};
use tokio::sync::oneshot;

use recipe::Memory;

/// When to come back after the queue was full: it drains in about that time.
const RETRY_AFTER_S: u64 = 2;
/// A worker without work gives its memory back after this.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. Clones share it; the workers end with the last.
#[derive(Clone)]
pub struct Hasher(Arc<Pool>);

struct Pool {
    queue: SyncSender<Work>,
    waiting: Arc<Mutex<Receiver<Work>>>,
    today: Recipe,
    decoy: SecretString,
    computed: Arc<AtomicU64>,
    in_queue: Arc<AtomicI64>,
    shed: AtomicU64,
    entropy: Entropy,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another password, or no account.
    Wrong,
    /// The password.
    Right {
        /// It was hashed by another recipe than today's, and should be hashed anew.
        stale: bool,
    },
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({} computed)", self.computed())
    }
}

impl Hasher {
    /// A pool with its workers.
    pub fn start(options: &Passwords, entropy: Entropy) -> Self {
        let hasher = Self::idle(options, entropy);
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        hasher.employ(options.workers.map_or_else(cores, usize::from));
        hasher
    }

    /// A pool without workers: work waits until some are employed.
    pub fn idle(options: &Passwords, entropy: Entropy) -> Self {
        let today = recipe::of_today(options);
        let (queue, waiting) = sync_channel(usize::from(options.queue));
        // Any tag will do: nobody knows a password for it.
        let decoy = recipe::decoy(today, &entropy).as_str().into();
        Self(Arc::new(Pool {
            queue,
            waiting: Arc::new(Mutex::new(waiting)),
            today,
            decoy,
            computed: Arc::default(),
            in_queue: Arc::default(),
            shed: AtomicU64::new(0),
            entropy,
        }))
    }

    /// Adds workers.
    pub fn employ(&self, workers: usize) {
        for _ in 0..workers {
            let waiting = Arc::clone(&self.0.waiting);
            std::thread::spawn(move || work(&waiting));
        }
    }

    /// Hashes a new password, as a PHC string.
    ///
    /// # Errors
    /// 503 with Retry-After when the queue is full.
    pub async fn hash(&self, password: Password) -> Result<SecretString, Problem> {
        let (today, salt) = (self.0.today, self.0.entropy.bytes::<{ recipe::SALT_BYTES }>());
        let made = self.run(move |memory| recipe::hash(today, &password, &salt, memory)).await?;
        made.map(|hash| hash.as_str().into()).ok_or_else(|| Problem::internal("argon2 refused its own recipe"))
    }

    /// Compares with a stored hash. Without one, the same work is done on a decoy.
    ///
    /// # Errors
    /// 503 with Retry-After when the queue is full.
    pub async fn verify(&self, password: Password, stored: Option<SecretString>) -> Result<Verdict, Problem> {
        let today = self.0.today;
        let stored = stored.unwrap_or_else(|| self.0.decoy.clone());
        self.run(move |memory| recipe::compare(today, &password, stored.expose_secret(), memory)).await
    }

    /// Hashes computed so far: a metric, and what a test counts where two answers must cost the same (ID-4).
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    /// Shows the queue, for whoever watches.
    pub fn measure(&self, metrics: &Metrics) {
        metrics.hashes_waiting.set(self.0.in_queue.load(Ordering::Relaxed));
        metrics.hashes.follow(self.computed());
        metrics.hashes_shed.follow(self.0.shed.load(Ordering::Relaxed));
    }

    fn shed(&self) -> Problem {
        self.0.in_queue.fetch_sub(1, Ordering::Relaxed);
        self.0.shed.fetch_add(1, Ordering::Relaxed);
        full()
    }

    async fn run<T: Send + 'static>(&self, task: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T, Problem> {
        let (tell, told) = oneshot::channel();
        let (computed, in_queue) = (Arc::clone(&self.0.computed), Arc::clone(&self.0.in_queue));
        let work: Work = Box::new(move |memory| {
            in_queue.fetch_sub(1, Ordering::Relaxed);
            // Whoever asked may have gone away while this waited.
            if !tell.is_closed() {
                computed.fetch_add(1, Ordering::Relaxed);
                let _ = tell.send(task(memory));
            }
        });
        self.0.in_queue.fetch_add(1, Ordering::Relaxed);
        self.0.queue.try_send(work).map_err(|_| self.shed())?;
        told.await.map_err(Problem::unavailable)
    }
}

fn full() -> Problem {
    Problem::new(Kind::Unavailable, "Too many people sign in at this moment. Try again in a few seconds.")
        .code("sign_in_busy")
        .retry_after(RETRY_AFTER_S)
        .because("the queue of password hashes is full")
}

/// One worker's life. Only one of them waits at the queue; the others wait for the lock.
fn work(waiting: &Mutex<Receiver<Work>>) {
    let mut memory = Memory::new();
    loop {
        let next = waiting.lock().recv_timeout(IDLE);
        match next {
            // Whoever asked is told that it failed; the worker lives on for the others.
            Ok(work) => drop(catch_unwind(AssertUnwindSafe(|| work(&mut memory)))),
            Err(RecvTimeoutError::Timeout) => memory = Memory::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
