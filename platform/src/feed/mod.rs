//! Revocation: what was taken away, told to every cache of this process and, by a table, to every other.
//!
//! What must always hold (KEY-3, ID-11, AC-12):
//!
//! - A change is announced in the transaction that makes it, so it is never lost and never early.
//! - A change voids what began before it once: whoever is let in after it is not shut out when the table tells of it.
//! - A node believes its caches for a [`LEASE`] from when it sent a renewal that brought everything committed before
//!   it. It is asked before a request is forwarded ([`Feed::trusts`]).
//! - [`TenantTx::commit_and_fence`](crate::db::TenantTx::commit_and_fence) answers when every node has applied the
//!   change or its lease is over. Its [`Reach`] says so, and until when a node that serves without a database may
//!   accept what was revoked.
//! - Another process's change is applied as soon as it is committed, whoever else still has a transaction open.
//! - While the database itself is known to be down nothing can be revoked, and nodes serve from memory for as long as
//!   `[database] outage_grace_s` says. A time-out is no such knowledge.
//! - A cache entry carries the generation in which its filling began. One that began before a revocation of
//!   anything it depends on is void, however late it arrives.
//! - A node whom the database does not know, or knows otherwise, believes nothing that it cached: it is another copy. One
//!   that is older is noted in it before anything of it is believed ([`copies`]).

pub mod copies;
mod fence;
mod lease;
mod line;
mod node;
mod others;
mod took;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tenantry_core::clock::{Clock, Timestamp};
use uuid::Uuid;

pub use fence::{Reach, end_as_owner};
pub use lease::LEASE;
use lease::Lease;
pub use node::Terms;
use others::Others;
use took::Times;
pub use took::Took;

/// How often other processes' changes are read, and the lease is renewed. NOTIFY only wakes earlier.
pub const POLL: Duration = Duration::from_millis(250);
/// The longest that a node may be set to serve from memory while the database is down.
pub const GRACE_MOST: Duration = Duration::from_secs(600);
/// Changes read at a time; when more wait, everything is void at once. Rows behind the horizon are read again
/// until it passes them, so this is also the most that one long transaction can make a node carry.
const MOST: i32 = 10_000;
/// Revocations remembered one by one; beyond it everything cached so far is void at once.
const REMEMBERED_MOST: usize = 100_000;
/// Changes remembered until they are met a second time; beyond it they are applied once more.
const MET_MOST: usize = 1_000;
/// How often a start looks whether the first lease is there.
const READY_STEP: Duration = Duration::from_millis(5);

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// An API key was revoked or altered.
    Key,
    /// A session ended; the subject is the root of its tree.
    Session,
    /// A person was changed: sessions, roles, status.
    Person,
    /// A tenant was created, renamed, suspended, reactivated.
    Tenant,
    /// A signing key was added.
    SigningKeys,
    /// An offender was blocked; the subject is the block. No cache entry depends on it.
    Block,
    /// A block was lifted. No cache entry depends on it.
    Lift,
}

impl ChangeKind {
    const ALL: [Self; 7] =
        [Self::Key, Self::Session, Self::Person, Self::Tenant, Self::SigningKeys, Self::Block, Self::Lift];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Session => "session",
            Self::Person => "person",
            Self::Tenant => "tenant",
            Self::SigningKeys => "signing_keys",
            Self::Block => "block",
            Self::Lift => "lift",
        }
    }

    /// Whether anything cached may depend on it. A flood of blocks makes nobody look anything up again.
    pub(crate) const fn voids(self) -> bool {
        !matches!(self, Self::Block | Self::Lift)
    }
}

/// Something that caches may still believe, and must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing.
    pub kind: ChangeKind,
    /// Which one.
    pub subject: Uuid,
}

/// When somebody was believed and what that depends on: for an answer that goes on long after its request was let in.
#[derive(Clone, Debug, Default)]
pub struct Belief {
    generation: u64,
    subjects: Arc<[Uuid]>,
    until: Option<Timestamp>,
}

impl Belief {
    /// What was believed in `generation`, which was read before anything was looked up.
    pub fn new(generation: u64, subjects: impl Into<Arc<[Uuid]>>, until: Option<Timestamp>) -> Self {
        Self { generation, subjects: subjects.into(), until }
    }
}

/// Why what was found before cannot be believed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A change names something that it depends on.
    Named,
    /// Everything is void: changes may have been missed, or are too many to remember.
    All,
}

type Listener = Box<dyn Fn(&Change) + Send + Sync>;

/// Generations, revocations, and who wants to hear of them. Clones share one state.
#[derive(Clone, Default)]
pub struct Feed(Arc<State>);

#[derive(Default)]
struct State {
    /// Held by whoever changes what follows: of two changes at once, the later generation is written last.
    changing: parking_lot::Mutex<Met>,
    generation: AtomicU64,
    /// Entries that began before this generation are void.
    floor: AtomicU64,
    /// Negative entries that began before this generation are void.
    negative_floor: AtomicU64,
    revoked: DashMap<Uuid, u64>,
    listeners: parking_lot::RwLock<Vec<Listener>>,
    lease: Lease,
    others: Others,
    times: Times,
}

/// Changes that were met once, and may be met a second time: those of this process, by their commit and by the table.
#[derive(Default)]
struct Met {
    own: HashSet<Uuid>,
    told: HashSet<Uuid>,
}

/// Notes one more; when they are too many, all are forgotten, and applied once more.
fn note(ids: &mut HashSet<Uuid>, id: Uuid) {
    if ids.len() >= MET_MOST {
        ids.clear();
    }
    ids.insert(id);
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed(generation {})", self.generation())
    }
}

impl Feed {
    /// The generation in which a filling begins.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Whether an entry that began in `generation` and depends on `subjects` still holds.
    pub fn holds(&self, generation: u64, subjects: &[Uuid]) -> bool {
        // In this order: a revocation is forgotten only after the floor was raised above it.
        subjects.iter().all(|subject| self.0.revoked.get(subject).is_none_or(|at| generation >= *at))
            && generation >= self.0.floor.load(Ordering::Acquire)
    }

    /// Whether nothing has changed for somebody since they were let in, and their time is not over.
    pub fn believes(&self, belief: &Belief, now: Timestamp) -> bool {
        self.holds(belief.generation, &belief.subjects) && belief.until.is_none_or(|end| now < end)
    }

    /// Why an entry that began in `generation` and depends on `subjects` does not hold, if it does not.
    pub fn doubt(&self, generation: u64, subjects: &[Uuid]) -> Option<Doubt> {
        let is_named = |subject: &Uuid| self.0.revoked.get(subject).is_some_and(|at| generation < *at);
        if subjects.iter().any(is_named) {
            return Some(Doubt::Named);
        }
        (generation < self.0.floor.load(Ordering::Acquire)).then_some(Doubt::All)
    }

    /// Whether an entry that says "there is no such thing" still holds.
    pub fn holds_negative(&self, generation: u64) -> bool {
        generation >= self.0.negative_floor.load(Ordering::Acquire)
            && generation >= self.0.floor.load(Ordering::Acquire)
    }

    /// Tells `listener` of every change, after the caches know of it.
    pub fn listen(&self, listener: impl Fn(&Change) + Send + Sync + 'static) {
        self.0.listeners.write().push(Box::new(listener));
    }

    /// Makes every cached entry that depends on the change void. When this returns, none is believed, and whoever listens
    /// has heard of it.
    pub fn apply(&self, change: &Change) {
        let changing = self.0.changing.lock();
        self.void(change);
        drop(changing);
        self.tell(change);
    }

    /// The same for a change of this process, which the table tells of as `id`. It may have done so already.
    fn apply_own(&self, id: Uuid, change: &Change) {
        let mut met = self.0.changing.lock();
        if !met.told.remove(&id) {
            self.void(change);
            note(&mut met.own, id);
        }
        drop(met);
        self.tell(change);
    }

    /// The same for a change that the table tells of. One of this process may be applied already.
    fn apply_told(&self, id: Uuid, change: &Change) {
        let mut met = self.0.changing.lock();
        if met.own.remove(&id) {
            return;
        }
        self.void(change);
        note(&mut met.told, id);
        drop(met);
        self.tell(change);
    }

    /// Only while `changing` is held.
    fn void(&self, change: &Change) {
        if !change.kind.voids() {
            return;
        }
        let at = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
        if self.0.revoked.len() >= REMEMBERED_MOST {
            self.0.floor.store(at, Ordering::Release);
            self.0.revoked.clear();
        }
        self.0.revoked.insert(change.subject, at);
        if change.kind != ChangeKind::Session {
            self.0.negative_floor.store(at, Ordering::Release);
        }
    }

    fn tell(&self, change: &Change) {
        for listener in self.0.listeners.read().iter() {
            listener(change);
        }
    }

    /// Makes everything cached void: after changes may have been missed. Whom a change has named stays known.
    pub fn void_all(&self) {
        let _changing = self.0.changing.lock();
        let at = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.floor.store(at, Ordering::Release);
    }

    /// Whether this process may believe what it cached: its lease lasts. Asked before a request is forwarded.
    pub fn trusts(&self, clock: &Clock) -> bool {
        self.0.lease.lasts(clock.uptime())
    }

    /// How long the feed was not read, and how long the lease still lasts: for whoever watches.
    pub fn standing(&self, clock: &Clock) -> (Duration, Duration) {
        self.0.lease.standing(clock.uptime())
    }

    /// How long what this process took away took until every node had heard of it. None: nothing was, yet.
    pub fn took(&self) -> Option<Took> {
        self.0.times.took()
    }

    /// A lease without an end: for tests that are about something else, on a machine that is busy with all of them.
    #[cfg(feature = "kit")]
    #[must_use]
    pub fn boundless() -> Self {
        let feed = Self::default();
        feed.0.lease.unbind();
        feed
    }

    /// Waits until the first lease is there, in front of the first request.
    pub async fn ready(&self, clock: &Clock) {
        while !self.trusts(clock) {
            tokio::time::sleep(READY_STEP).await;
        }
    }
}
