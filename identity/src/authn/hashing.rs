//! Argon2id (RFC 9106) in a pool that has an end: so many at once, so many waiting, the rest told to come back.
//!
//! Each hash takes 19 MiB and some 20 ms by design. Without a bound, a flood of sign-ins would take the
//! machine; with it, it takes the sign-ins, and says when to try again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tenantry_core::password::Password;
use tenantry_core::random::Entropy;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::config::Passwords;
use tenantry_platform::problem::{Kind, Problem};
use tokio::sync::oneshot;

/// NIST SP 800-63B-4 section 3.1.1.2 asks for 4 bytes; RFC 9106 section 3.1 recommends 16.
const SALT_BYTES: usize = 16;
/// RFC 9106 section 4: a 256-bit tag.
const HASH_BYTES: usize = 32;
/// When to come back after the queue was full: it drains in about that time.
const RETRY_AFTER_S: u64 = 2;
/// A worker without work gives its memory back after this.
const IDLE: Duration = Duration::from_secs(10);

type Memory = Vec<Block>;
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// The pool. Clones share it; the workers end with the last.
#[derive(Clone)]
pub struct Hasher(Arc<Pool>);

struct Pool {
    queue: SyncSender<Work>,
    waiting: Arc<Mutex<Receiver<Work>>>,
    recipe: Params,
    decoy: SecretString,
    computed: Arc<AtomicU64>,
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
        // Invariant: the configuration refuses recipes below OWASP's, which are far above argon2's own minimum.
        let recipe = Params::new(options.memory_kib, options.iterations, options.parallelism, Some(HASH_BYTES))
            .expect("the configured recipe is one of argon2's");
        let (queue, waiting) = sync_channel(usize::from(options.queue));
        // Any tag will do: nobody knows a password for it.
        let decoy = phc(&recipe, &entropy.bytes(), &entropy.bytes()).into();
        Self(Arc::new(Pool {
            queue,
            waiting: Arc::new(Mutex::new(waiting)),
            recipe,
            decoy,
            computed: Arc::default(),
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
        let (recipe, salt) = (self.0.recipe.clone(), self.0.entropy.bytes::<SALT_BYTES>());
        let made =
            self.run(move |memory| tag(&recipe, &password, &salt, memory).map(|tag| phc(&recipe, &salt, &tag))).await?;
        made.map(SecretString::from).ok_or_else(|| Problem::internal("argon2 refused its own recipe"))
    }

    /// Compares with a stored hash. Without one, the same work is done on a decoy.
    ///
    /// # Errors
    /// 503 with Retry-After when the queue is full.
    pub async fn verify(&self, password: Password, stored: Option<SecretString>) -> Result<Verdict, Problem> {
        let recipe = self.0.recipe.clone();
        let stored = stored.unwrap_or_else(|| self.0.decoy.clone());
        self.run(move |memory| compare(&recipe, &password, stored.expose_secret(), memory)).await
    }

    /// Hashes computed so far: a metric, and what a test counts where two answers must cost the same (ID-4).
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, task: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T, Problem> {
        let (tell, told) = oneshot::channel();
        let computed = Arc::clone(&self.0.computed);
        let work: Work = Box::new(move |memory| {
            // Whoever asked may have gone away while this waited.
            if !tell.is_closed() {
                computed.fetch_add(1, Ordering::Relaxed);
                let _ = tell.send(task(memory));
            }
        });
        self.0.queue.try_send(work).map_err(|_| full())?;
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

fn tag(recipe: &Params, password: &Password, salt: &[u8], memory: &mut Memory) -> Option<[u8; HASH_BYTES]> {
    let mut out = [0; HASH_BYTES];
    memory.resize_with(recipe.block_count(), Block::default);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, recipe.clone());
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut out, memory).ok()?;
    Some(out)
}

/// A damaged hash matches nothing. It takes no time then, which tells nobody but its owner.
fn compare(today: &Params, password: &Password, stored: &str, memory: &mut Memory) -> Verdict {
    let Some((recipe, salt, stored)) = read(stored) else { return Verdict::Wrong };
    let Some(found) = tag(&recipe, password, &salt, memory) else { return Verdict::Wrong };
    let right = found.as_slice().ct_eq(stored.as_bytes());
    let stale = (recipe.m_cost(), recipe.t_cost(), recipe.p_cost()) != (today.m_cost(), today.t_cost(), today.p_cost());
    if right.into() { Verdict::Right { stale } } else { Verdict::Wrong }
}

fn read(stored: &str) -> Option<(Params, Salt, Output)> {
    let hash = PasswordHash::new(stored).ok()?;
    let ours = hash.algorithm == ARGON2ID_IDENT && hash.version == Some(Version::V0x13.into());
    let recipe = Params::try_from(&hash).ok().filter(|_| ours)?;
    Some((recipe, hash.salt?, hash.hash.filter(|tag| tag.len() == HASH_BYTES)?))
}

fn phc(recipe: &Params, salt: &[u8; SALT_BYTES], tag: &[u8; HASH_BYTES]) -> String {
    // Invariant: salt, tag and parameters have lengths that the format allows.
    let params = ParamsString::try_from(recipe).expect("argon2's own parameters");
    let (salt, hash) = (Salt::new(salt).expect("16 bytes"), Output::new(tag).expect("32 bytes"));
    PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params,
        salt: Some(salt),
        hash: Some(hash),
    }
    .to_string()
}
