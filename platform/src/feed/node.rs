//! A serving process as a node: it renews its lease, applies what others took away, and says how far it has come.
//!
//! A renewal is two transactions in one flush: first the node writes its beat, and with it every change that it has
//! applied; then it reads what is new. Its lease counts from the moment before the flush. So whoever commits a change
//! that such a reading did not see finds the beat of it, and knows that the lease ends within [`LEASE`] of the commit.

use std::collections::HashSet;
use std::time::Duration;

use tenantry_core::ids::uuid7;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lease::LEASE;
use super::line::{Line, NoLine};
use super::{Change, ChangeKind, Feed, MOST, POLL};
use crate::db::{DbFault, Row};
use crate::ground::Ground;

/// A renewal that takes longer is given up, and the connection with it: the lease ends before the next one helps.
const TURN_WITHIN: Duration = Duration::from_millis(700);
/// How often a node looks at the others: whose beat stands still has no lease.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How much longer than it may serve without the database a silent node is remembered.
const FORGET_AFTER: Duration = Duration::from_secs(5);

crate::sql! {
    AsDoor OnlyControl JOIN = "select doors.join_nodes($1, $2, $3, $4)";
    AsDoor OnlyControl RENEW = "select is_renewed, stands_at from doors.renew_node($1, $2, $3::text::pg_snapshot)";
    AsDoor OnlyControl LEAVE = "select doors.leave_nodes($1)";
    AsDoor OnlyControl FORGET = "select doors.forget_node($1, $2)";
    AsDoor OnlyControl CHANGES = "select xid::text, id, kind, subject, horizon::text, seen::text from doors.changes_seen($1::text::xid8, $2)";
    AsDoor OnlyControl NOTE_COPY = "select doors.note_copy($1, $2, $3, $4)";
    AsDoor OnlyControl OTHERS = "select node_id, beat, grace_s from doors.nodes_at('0'::xid8)";
}

/// How a node is known, and what it does while the database is away.
#[derive(Clone, Debug)]
pub struct Terms {
    /// A direct connection: `TENANTRY_LISTEN_URL`.
    pub listen: Config,
    /// How it is called in lists.
    pub name: String,
    /// How long it serves from memory while the database is known to be down. Zero: not at all.
    pub outage_grace: Duration,
}

/// What a turn ended with, when it did not end well.
enum Lost {
    /// No connection, or the statement failed.
    Away(NoLine),
    /// The database does not know this node, or knows another beat than it has: it is another copy, or the node was
    /// silent for so long that it was forgotten.
    Elsewhere(Option<i64>),
}

impl From<DbFault> for Lost {
    fn from(fault: DbFault) -> Self {
        Self::Away(NoLine { fault, is_down: false })
    }
}

/// Who this node is in the database it is connected to, and how far it has read.
struct Standing {
    id: Uuid,
    beat: i64,
    /// Renewals without an answer: the database may stand so much further.
    unanswered: i64,
    /// The snapshot up to which everything is applied, as text.
    seen: String,
    position: Position,
}

/// What a node remembers of the database that it knew before.
struct Before {
    /// What gives away that this is another copy.
    sign: Option<String>,
    /// The last snapshot of it.
    seen: String,
}

pub(super) struct Node<'g> {
    feed: &'g Feed,
    ground: &'g Ground,
    terms: &'g Terms,
    line: Option<Line>,
    standing: Option<Standing>,
    before: Option<Before>,
    last_sent: Option<Duration>,
    looked_at: Duration,
    is_proven: bool,
    is_away: bool,
}

impl Feed {
    /// Follows the table until `stopped`. A change of this process, which applied it when it committed, arrives too.
    pub async fn follow(&self, ground: &Ground, terms: &Terms, mut stopped: watch::Receiver<bool>) {
        let mut node = Node::new(self, ground, terms);
        tokio::select! {
            () = node.run() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        node.leave().await;
    }
}

impl<'g> Node<'g> {
    fn new(feed: &'g Feed, ground: &'g Ground, terms: &'g Terms) -> Self {
        let (line, standing, before, last_sent) = (None, None, None, None);
        Self {
            feed,
            ground,
            terms,
            line,
            standing,
            before,
            last_sent,
            looked_at: Duration::ZERO,
            is_proven: false,
            is_away: false,
        }
    }

    async fn run(&mut self) {
        loop {
            match self.connect_and_turn().await {
                Ok(is_done) => {
                    self.note_heard();
                    if !is_done {
                        continue;
                    }
                }
                Err(lost) => self.lose(lost),
            }
            self.rest().await;
        }
    }

    /// The proof that calls arrive has its own time: it is made once, and a renewal does not wait for it.
    async fn connect_and_turn(&mut self) -> Result<bool, Lost> {
        let silent = |_| Lost::Away(NoLine::silent());
        timeout(TURN_WITHIN, self.connect()).await.map_err(silent)??;
        self.prove().await;
        timeout(TURN_WITHIN, self.turn()).await.map_err(silent)?
    }

    /// Until the next turn is due, or a change calls.
    async fn rest(&self) {
        let called = async {
            match &self.line {
                Some(line) => line.called().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = called => {}
        }
    }

    /// One renewal. Answers whether nothing is left to be told: what was just applied is told at once.
    async fn turn(&mut self) -> Result<bool, Lost> {
        if self.standing.is_none() {
            self.join().await?;
        }
        let sent = self.ground.clock.uptime();
        // Without a renewal there is no lease.
        let Some(fresh) = self.renew().await? else { return Ok(false) };
        self.last_sent = Some(sent);
        self.feed.0.lease.set(sent + LEASE);
        self.feed.0.lease.note_renewal(sent);
        self.ground.metrics.feed_changes.add(fresh as u64);
        if sent.saturating_sub(self.looked_at) >= LOOK_EVERY {
            self.looked_at = sent;
            self.look().await?;
        }
        Ok(fresh == 0)
    }

    async fn connect(&mut self) -> Result<(), Lost> {
        if self.line.is_none() {
            self.line = Some(Line::open(&self.terms.listen).await.map_err(Lost::Away)?);
        }
        Ok(())
    }

    /// Says so, once, where nobody's calls arrive.
    async fn prove(&mut self) {
        let Some(line) = self.line.as_ref().filter(|_| !self.is_proven) else { return };
        if !line.is_called(&self.terms.listen).await {
            tracing::warn!(
                "LISTEN does not work on TENANTRY_LISTEN_URL: is a pooler between? Revocations are polled every {} ms instead",
                POLL.as_millis()
            );
        }
        self.is_proven = true;
    }

    /// Becomes a node of this database. What was cached before belongs to nobody's lease and is void.
    async fn join(&mut self) -> Result<(), Lost> {
        let line = self.line.as_ref().ok_or(Lost::Elsewhere(None))?;
        let id = uuid7(&self.ground.clock, &self.ground.entropy);
        let grace = i32::try_from(self.terms.outage_grace.as_secs()).unwrap_or(i32::MAX);
        let now = self.ground.now();
        line.call(
            &JOIN,
            &[(&id, Type::UUID), (&self.terms.name, Type::TEXT), (&now, Type::TIMESTAMPTZ), (&grace, Type::INT4)],
        )
        .await?;
        // Nothing is applied yet: the reading only finds where the feed stands.
        let rows = line.call(&CHANGES, &[(&u64::MAX.to_string(), Type::TEXT), (&0_i32, Type::INT4)]).await?;
        let row = rows.first().ok_or(Lost::Elsewhere(None))?;
        self.tell_copy(line, &seen(row)).await?;
        self.before = None;
        self.feed.void_all();
        self.feed.0.others.become_node(id);
        let position = Position { after: horizon(row), applied: HashSet::new() };
        self.standing = Some(Standing { id, beat: 0, unanswered: 0, seen: seen(row), position });
        Ok(())
    }

    /// Writes the beat and reads what is new, in one flush. Answers how many changes were applied; `None`: nothing was,
    /// and the beat was not written either.
    async fn renew(&mut self) -> Result<Option<usize>, Lost> {
        let (Some(line), Some(standing)) = (&self.line, &mut self.standing) else { return Err(Lost::Elsewhere(None)) };
        standing.unanswered += 1;
        let after = standing.position.after.to_string();
        let beat: [_; 3] =
            [(&standing.id as _, Type::UUID), (&standing.beat as _, Type::INT8), (&standing.seen as _, Type::TEXT)];
        let since: [_; 2] = [(&after as _, Type::TEXT), (&MOST as _, Type::INT4)];
        let (renewed, changes) = futures_util::join!(line.call(&RENEW, &beat), line.call(&CHANGES, &since));
        let (renewed, changes) = (renewed?, changes?);
        let row = renewed.first().ok_or(Lost::Elsewhere(None))?;
        let (is_renewed, stands_at): (bool, i64) = (row.get(0), row.get(1));
        if !is_renewed && (standing.beat..=standing.beat + standing.unanswered).contains(&stands_at) {
            // A renewal of before arrived, and its answer did not. By this beat the next one is written.
            standing.beat = stands_at;
            return Ok(None);
        }
        if !is_renewed {
            return Err(Lost::Elsewhere(Some(stands_at)));
        }
        (standing.beat, standing.unanswered) = (stands_at, 0);
        let first = changes.first().ok_or(Lost::Elsewhere(None))?;
        standing.seen = seen(first);
        Ok(Some(standing.position.apply(self.feed, horizon(first), &changes)))
    }

    /// Looks whose beat stands still, and forgets who has been silent for longer than they may serve.
    async fn look(&self) -> Result<(), Lost> {
        let Some(line) = &self.line else { return Ok(()) };
        let began = self.ground.clock.uptime();
        let rows = line.call(&OTHERS, &[]).await?;
        let beats = rows.iter().map(|row| (row.get::<_, Uuid>(0), row.get::<_, i64>(1), row.get::<_, i32>(2)));
        let others: Vec<_> = beats.collect();
        for (gone, beat) in self.feed.0.others.note(began, &others, FORGET_AFTER) {
            line.call(&FORGET, &[(&gone, Type::UUID), (&beat, Type::INT8)]).await?;
        }
        Ok(())
    }

    fn note_heard(&mut self) {
        if std::mem::take(&mut self.is_away) {
            tracing::info!("the change feed is read again");
        }
    }

    /// The lease runs out by itself, unless nobody at all can revoke anything.
    fn lose(&mut self, lost: Lost) {
        self.line = None;
        let NoLine { fault, is_down } = match lost {
            Lost::Away(away) => away,
            Lost::Elsewhere(stands_at) => return self.begin_anew(stands_at),
        };
        let grace = if is_down { self.terms.outage_grace } else { Duration::ZERO };
        if let Some(sent) = self.last_sent {
            self.feed.0.lease.set(sent + LEASE + grace);
        }
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(%fault, is_down, "the change feed cannot be read; what is cached is believed for {} s from then on", (LEASE + grace).as_secs());
        }
    }

    /// Nothing that was cached is believed. What is remembered is compared with what is found next.
    fn begin_anew(&mut self, stands_at: Option<i64>) {
        self.feed.0.lease.end();
        self.feed.void_all();
        let Some(standing) = self.standing.take() else { return };
        let silent = self.last_sent.map_or(Duration::MAX, |sent| self.ground.clock.uptime().saturating_sub(sent));
        // Nobody forgets a node before this.
        let is_recent = silent < LEASE + self.terms.outage_grace + FORGET_AFTER;
        let sign = stands_at.map(|at| format!("its beat was {}, and the database says {at}", standing.beat));
        let sign = sign.or_else(|| is_recent.then(|| "the database has never heard of it".to_owned()));
        self.before = Some(Before { sign, seen: standing.seen });
        tracing::warn!("the database does not know this node as it is: nothing that was cached is believed");
    }

    /// Says so where this is an older copy of the database, before anything of it is believed: what was taken away after
    /// the copy was made is there again.
    async fn tell_copy(&self, line: &Line, seen: &str) -> Result<(), DbFault> {
        let Some(before) = &self.before else { return Ok(()) };
        let is_younger = next_number(seen) < next_number(&before.seen);
        let younger = || is_younger.then(|| "its transactions have lower numbers".to_owned());
        let Some(sign) = before.sign.clone().or_else(younger) else { return Ok(()) };
        tracing::error!(sign, "the database is an older copy: what was revoked after it was made may work again");
        let (id, now) = (uuid7(&self.ground.clock, &self.ground.entropy), self.ground.now());
        let note: [_; 4] = [
            (&id as _, Type::UUID),
            (&now as _, Type::TIMESTAMPTZ),
            (&self.terms.name as _, Type::TEXT),
            (&sign as _, Type::TEXT),
        ];
        line.call(&NOTE_COPY, &note).await.map(drop)
    }

    async fn leave(&self) {
        self.feed.0.others.cease(self.standing.as_ref().map(|standing| standing.id));
        if let (Some(line), Some(standing)) = (&self.line, &self.standing) {
            // Otherwise the others find out by themselves.
            drop(timeout(TURN_WITHIN, line.call(&LEAVE, &[(&standing.id, Type::UUID)])).await);
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
    /// Applies what is new of a reading, and goes on from there. Answers how much it was.
    fn apply(&mut self, feed: &Feed, horizon: u64, rows: &[Row]) -> usize {
        let found: Vec<Told> = rows.iter().filter_map(read_told).collect();
        let fresh: Vec<&Told> = found.iter().filter(|told| !self.applied.contains(&told.id)).collect();
        let known = fresh.iter().filter_map(|told| Some((told.id, told.change?)));
        known.for_each(|(id, change)| feed.apply_told(id, &change));
        if found.len() >= MOST as usize {
            feed.void_all();
        }
        let count = fresh.len();
        let applied = found.iter().filter(|told| told.xid >= horizon).map(|told| told.id).collect();
        *self = Self { after: horizon, applied };
        count
    }
}

/// A row of the table. A newer binary may tell of a kind that this one does not know.
struct Told {
    xid: u64,
    id: Uuid,
    change: Option<Change>,
}

fn read_told(row: &Row) -> Option<Told> {
    let (id, word, subject): (Option<Uuid>, Option<String>, Option<Uuid>) = (row.get(1), row.get(2), row.get(3));
    let kind = ChangeKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == word.as_deref());
    let change = kind.zip(subject).map(|(kind, subject)| Change { kind, subject });
    Some(Told { xid: xid(row.get(0))?, id: id?, change })
}

fn horizon(row: &Row) -> u64 {
    xid(row.get(4)).unwrap_or_default()
}

fn seen(row: &Row) -> String {
    row.get(5)
}

/// The first number that a snapshot, `xmin:xmax:…`, has not seen given out.
fn next_number(snapshot: &str) -> Option<u64> {
    xid(snapshot.split(':').nth(1))
}

/// `xid8` as PostgreSQL writes it.
fn xid(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}
