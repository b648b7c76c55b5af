//! Revocation: what was taken away, told to every cache of this process and, by a table, to every other.
//!
//! What must always hold (KEY-3, ID-11, AC-12):
//!
//! - A change is announced in the transaction that makes it, so it is never lost and never early.
//! - [`TenantTx::commit_and_fence`] answers after the change was applied to this process's caches. Its
//!   [`Reach`] names who applied it, and until when another node may still accept what was revoked.
//! - Another process's change is applied as soon as it is committed, whoever else still has a transaction open.
//! - A process that could not read the table for [`GRACE`] believes nothing that it cached: it may be the only
//!   one that the database is away for. What is asked then is refused, because nobody can look it up.
//! - A cache entry carries the generation in which its filling began. One that began before a revocation of
//!   anything it depends on is void, however late it arrives.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tenantry_core::clock::Timestamp;
use uuid::Uuid;

use crate::db::{Context, DbFault, Everywhere, In, Plane, TenantTx};
use crate::ground::Ground;
use crate::permit::{Actor, Origin, Permit, Resolve};

/// How often another process's changes are read. NOTIFY only wakes earlier.
pub const POLL: Duration = Duration::from_millis(250);
/// How long a process that cannot read the changes believes what it cached. While the database is away for
/// all, nothing can be revoked. Far shorter than the day for which the table keeps a change.
pub const GRACE: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);
/// Changes read at a time; when more wait, everything is void at once. Rows behind the horizon are read again
/// until it passes them, so this is also the most that one long transaction can make a node carry.
const MOST: i32 = 10_000;
/// Revocations remembered one by one; beyond it everything cached so far is void at once.
const REMEMBERED_MOST: usize = 100_000;

crate::sql! {
    AsDoor Everywhere ANNOUNCE = "select doors.announce($1, $2, $3, $4)";
    AsDoor OnlyControl CHANGES = "select xid::text, id, kind, subject, horizon::text from doors.changes_since($1::text::xid8, $2)";
}

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
}

impl ChangeKind {
    const ALL: [Self; 5] = [Self::Key, Self::Session, Self::Person, Self::Tenant, Self::SigningKeys];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Session => "session",
            Self::Person => "person",
            Self::Tenant => "tenant",
            Self::SigningKeys => "signing_keys",
        }
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

/// Who applied a change when the call returned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reach {
    /// Nodes known to have applied it.
    pub applied: u32,
    /// Until when another node, if there is one, may at the very most accept what was revoked. It reads the change
    /// within [`POLL`]; one that cannot read believes nothing after [`GRACE`]. None: nobody else can be there.
    pub may_accept_until: Option<Timestamp>,
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
    changing: parking_lot::Mutex<()>,
    generation: AtomicU64,
    /// Entries that began before this generation are void.
    floor: AtomicU64,
    /// Negative entries that began before this generation are void.
    negative_floor: AtomicU64,
    revoked: DashMap<Uuid, u64>,
    listeners: parking_lot::RwLock<Vec<Listener>>,
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

    /// Makes every cached entry that depends on the change void. When this returns, none is believed.
    pub fn apply(&self, change: &Change) {
        let changing = self.0.changing.lock();
        let at = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
        if self.0.revoked.len() >= REMEMBERED_MOST {
            self.0.floor.store(at, Ordering::Release);
            self.0.revoked.clear();
        }
        self.0.revoked.insert(change.subject, at);
        if change.kind != ChangeKind::Session {
            self.0.negative_floor.store(at, Ordering::Release);
        }
        drop(changing);
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

    /// Follows the table for as long as the future is polled. A change of this process arrives twice; the
    /// second time only refills what was refilled already.
    pub async fn follow(&self, ground: &Ground) {
        let permit = Permit::<Resolve, crate::db::Control>::system(
            Context::default(),
            Actor::system("feed", "feed"),
            Origin::default(),
        );
        let (mut position, mut hearing): (Option<Position>, _) = (None, Hearing::since(ground.now()));
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if hearing.is_lost(ground.now()) {
                self.void_all();
                position = None;
            }
            let read = self.read_changes(ground, &permit, &mut position).await;
            hearing.note(&read, ground.now());
        }
    }

    async fn read_changes(
        &self,
        ground: &Ground,
        permit: &Permit<Resolve, crate::db::Control>,
        position: &mut Option<Position>,
    ) -> Result<(), DbFault> {
        let Some(known) = position else {
            // The first reading only finds where the feed stands: nothing was cached before it.
            let rows = permit.read(ground, &CHANGES, &[&i64::MAX.to_string(), &0]).await?;
            *position = rows.first().map(|row| Position { after: horizon(row), applied: HashSet::new() });
            self.void_all();
            return Ok(());
        };
        let rows = permit.read(ground, &CHANGES, &[&known.after.to_string(), &MOST]).await?;
        let Some(horizon) = rows.first().map(horizon) else { return Ok(()) };
        let found: Vec<Told> = rows.iter().filter_map(read_told).collect();
        let fresh = found.iter().filter(|told| !known.applied.contains(&told.id));
        fresh.filter_map(|told| told.change).for_each(|change| self.apply(&change));
        if found.len() >= MOST as usize {
            self.void_all();
        }
        *known = Position::behind(horizon, &found);
        Ok(())
    }
}

/// When the table was last read, and what the log was told of it: once a change, since it is asked all the time.
struct Hearing {
    last: Timestamp,
    is_away: bool,
    is_lost: bool,
}

impl Hearing {
    const fn since(last: Timestamp) -> Self {
        Self { last, is_away: false, is_lost: false }
    }

    /// Whether it is too long ago. By the wall clock, which goes on while a machine sleeps; one that was set
    /// costs a refill.
    fn is_lost(&mut self, now: Timestamp) -> bool {
        let is_lost = now.duration_since(self.last).abs() > GRACE;
        if is_lost && !self.is_lost {
            tracing::error!(
                "the change feed was not read for {} s: nothing cached is believed until it is",
                GRACE.as_secs()
            );
        }
        self.is_lost = is_lost;
        is_lost
    }

    fn note(&mut self, read: &Result<(), DbFault>, now: Timestamp) {
        match read {
            Err(fault) if !self.is_away => {
                tracing::warn!(%fault, "the change feed cannot be read; what is cached is believed for {} s", GRACE.as_secs());
            }
            Ok(()) if self.is_away => tracing::info!("the change feed is read again"),
            _ => {}
        }
        self.is_away = read.is_err();
        if read.is_ok() {
            self.last = now;
        }
    }
}

/// How far the table was read: everything below `after` is decided and applied. Beyond it a transaction that is
/// still open may add a row among others, so it is read again, and `applied` knows what is not new.
struct Position {
    after: u64,
    applied: HashSet<Uuid>,
}

impl Position {
    fn behind(after: u64, found: &[Told]) -> Self {
        Self { after, applied: found.iter().filter(|told| told.xid >= after).map(|told| told.id).collect() }
    }
}

/// A row of the table. A newer binary may tell of a kind that this one does not know.
struct Told {
    xid: u64,
    id: Uuid,
    change: Option<Change>,
}

fn read_told(row: &crate::db::Row) -> Option<Told> {
    let (id, word, subject): (Option<Uuid>, Option<String>, Option<Uuid>) = (row.get(1), row.get(2), row.get(3));
    let kind = ChangeKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == word.as_deref());
    let change = kind.zip(subject).map(|(kind, subject)| Change { kind, subject });
    Some(Told { xid: xid(row.get(0))?, id: id?, change })
}

fn horizon(row: &crate::db::Row) -> u64 {
    xid(row.get(4)).unwrap_or_default()
}

/// `xid8` as PostgreSQL writes it.
fn xid(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

impl<M: Plane + In<Everywhere>> TenantTx<M> {
    /// Announces a change in this transaction.
    pub async fn announce(&mut self, ground: &Ground, change: Change) -> Result<(), DbFault> {
        let id = tenantry_core::ids::uuid7(&ground.clock, &ground.entropy);
        self.execute(&ANNOUNCE, &[&id, &change.kind.as_str(), &change.subject, &ground.now()]).await?;
        self.push_change(change);
        Ok(())
    }

    /// Commits, then answers when no cache of this process believes what was revoked.
    pub async fn commit_and_fence(mut self, ground: &Ground) -> Result<Reach, DbFault> {
        let changes = self.take_changes();
        self.commit().await?;
        changes.iter().for_each(|change| ground.feed.apply(change));
        Ok(Reach { applied: 1, may_accept_until: ground.now().checked_add(GRACE).ok() })
    }
}
