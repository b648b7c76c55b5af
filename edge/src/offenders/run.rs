//! Between memory and the table: what this node found is written, what others found is enforced.
//!
//! A block holds on the node that found it from the same moment. It is written as fast as the database takes it, within
//! a bound: what does not fit holds on this node alone, for the first time of the ladder.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::uuid7;
use tenantry_platform::db::DbFault;
use tenantry_platform::feed::{Change, ChangeKind, Doubt};
use tenantry_platform::ground::Ground;
use tenantry_platform::record::{self, Act};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::field::display;
use uuid::Uuid;

use super::acts::entity;
use super::alerts;
use super::blocks::{Block, Whom};
use super::counters::add;
use super::events::OFFENDER_BLOCKED;
use super::ledger::{Due, Ledger};
use super::offender::{Offence, Offender};
use super::store::{self, Draft, Found, Target, Written};

/// What a node writes in a turn, so fifty blocks a second at most: twenty refusals or more are behind each.
const WRITTEN_A_TURN: usize = 12;
const TURN: Duration = Duration::from_millis(250);
/// How often it is looked whether changes may have been missed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often all blocks are read, whatever was heard.
const READ_ALL_EVERY: Duration = Duration::from_secs(60);
const A_PAGE: i32 = 5_000;
/// A database that does not answer keeps nobody waiting for the next.
const WITHIN: Duration = Duration::from_secs(10);
/// How long a block that is over can be looked at.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Ledger {
    /// Hears of blocks and lifts as soon as the feed does. A lift is done when the listener returns.
    pub fn listen(self: &Arc<Self>, ground: &Ground) {
        let ledger = Arc::downgrade(self);
        ground.feed.listen(move |change| {
            let Some(ledger) = ledger.upgrade() else { return };
            match change.kind {
                ChangeKind::Block => ledger.name_block(change.subject),
                ChangeKind::Lift => ledger.lift(change.subject),
                _ => {}
            }
        });
    }

    /// Reads all blocks that are in force: to be called before the first request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(&self, ground: &Ground) -> Result<(), DbFault> {
        let (before, mut found, mut after) = (self.blocks.ids(), HashSet::new(), Uuid::nil());
        loop {
            let (page, last) = store::in_force(ground, after, A_PAGE).await?;
            found.extend(page.iter().map(|one| one.id));
            page.into_iter().for_each(|one| self.enforce(one, ground.clock.now_ms()));
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        self.blocks.keep_only(&before, &found);
        self.blocks.tidy(ground.clock.now_ms());
        Ok(())
    }

    /// Writes and reads for as long as `stop` does not say otherwise.
    pub async fn run(&self, ground: &Ground, stop: watch::Receiver<bool>) {
        tokio::join!(self.write(ground, stop.clone()), self.follow(ground, stop));
    }

    async fn follow(&self, ground: &Ground, mut stop: watch::Receiver<bool>) {
        let (mut generation, mut read_at) = (ground.feed.generation(), ground.clock.uptime());
        while !*stop.borrow() {
            tokio::select! {
                () = self.is_named.notified() => {}
                () = sleep(LOOK_EVERY) => {}
                _ = stop.changed() => return,
            }
            let missed = ground.feed.doubt(generation, &[]) == Some(Doubt::All);
            let is_due = ground.clock.uptime().saturating_sub(read_at) >= READ_ALL_EVERY;
            let now = ground.feed.generation();
            let read = if missed || is_due { self.load(ground).await } else { self.read_named(ground).await };
            match read {
                Ok(()) if missed || is_due => (generation, read_at) = (now, ground.clock.uptime()),
                Ok(()) => {}
                Err(fault) => tracing::warn!(%fault, "blocks of other nodes could not be read; it is tried again"),
            }
        }
    }

    /// Reads the blocks that changes have named since the last time.
    ///
    /// # Errors
    /// What the database says; they are read the next time.
    pub async fn read_named(&self, ground: &Ground) -> Result<(), DbFault> {
        let named = self.take_named();
        if named.is_empty() {
            return Ok(());
        }
        match store::named(ground, &named).await {
            Ok(found) => {
                found.into_iter().for_each(|one| self.enforce(one, ground.clock.now_ms()));
                Ok(())
            }
            Err(fault) => {
                self.keep_named(named);
                Err(fault)
            }
        }
    }

    fn enforce(&self, found: Found, now_ms: u64) {
        let whom = match found.target {
            Target::Network(network) => Whom::Network(network),
            Target::Offender(offender) if found.by_hand => Whom::Name(self.name(offender).by_hand()),
            Target::Offender(offender) => Whom::Name(self.name(offender)),
        };
        let block = Block { id: Some(found.id), until_ms: milliseconds(found.until), by_hand: found.by_hand };
        self.blocks.put(whom, block, now_ms);
    }

    async fn write(&self, ground: &Ground, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = self.is_due.notified() => {}
                _ = stop.changed() => {}
            }
            let began = ground.clock.uptime();
            if self.write_some(ground, WRITTEN_A_TURN).await {
                self.is_due.notify_one();
            }
            tokio::select! {
                () = sleep(TURN.saturating_sub(ground.clock.uptime().saturating_sub(began))) => {}
                _ = stop.changed() => {}
            }
        }
        self.flush(ground).await;
    }

    /// Writes all that is due now.
    pub async fn flush(&self, ground: &Ground) {
        while self.write_some(ground, WRITTEN_A_TURN).await {}
    }

    /// Answers whether more waits. Where the database is away, a block holds on this node alone.
    async fn write_some(&self, ground: &Ground, most: usize) -> bool {
        let (due, is_more) = self.take_due(most);
        for due in due {
            let writing = async {
                match due {
                    Due::Block { offender, offence, points, at_ms } => {
                        self.write_block(ground, offender, offence, (points, at_ms)).await
                    }
                    Due::Alert { about, count, at_ms } => self.tell(ground, about, count, at_ms).await,
                }
            };
            let silent = |_| Err(DbFault::Unavailable("it did not answer in time".to_owned()));
            if let Err(fault) = timeout(WITHIN, writing).await.unwrap_or_else(silent) {
                add(&self.counters.unwritten);
                lament(due, &fault);
            }
        }
        is_more
    }

    async fn write_block(
        &self,
        ground: &Ground,
        offender: Offender,
        offence: Offence,
        (points, at_ms): (u32, u64),
    ) -> Result<(), DbFault> {
        let at = timestamp(at_ms);
        let forget = SignedDuration::try_from(self.rules.forget).unwrap_or(SignedDuration::MAX);
        let draft = Draft {
            id: uuid7(&ground.clock, &ground.entropy),
            offender,
            offence: offence.as_str(),
            points: i32::try_from(points).unwrap_or(i32::MAX),
            ladder: self.ladder(offender),
            forget_before: at.checked_sub(forget).unwrap_or(Timestamp::MIN),
            at,
        };
        let written = match offender {
            Offender::Key { key, .. } => self.write_own(ground, &draft, key.uuid()).await?,
            Offender::Person { person, .. } => self.write_own(ground, &draft, person.uuid()).await?,
            _ => write_address(ground, &draft).await?,
        };
        if let Some(Written { id, until, nth, is_new }) = written {
            if is_new {
                tracing::warn!(block = %id, kind = offender.kind(), who = %offender.said(), nth, %until, "a block is written");
            }
            let block = Block { id: Some(id), until_ms: milliseconds(until), by_hand: false };
            self.blocks.put(Whom::Name(self.name(offender)), block, ground.clock.now_ms());
        }
        Ok(())
    }

    async fn write_own(&self, ground: &Ground, draft: &Draft, subject: Uuid) -> Result<Option<Written>, DbFault> {
        let mut tx = store::permit(draft.offender.tenant()).begin(ground);
        let written = store::block_own(&mut tx, draft, subject).await?;
        if written.is_new {
            let kind = draft.offender.kind();
            let facts = json!({
                "block": written.id, "offence": draft.offence, "nth": written.nth, "until": written.until.to_string(),
            });
            let mut all = facts.clone();
            all["points"] = json!(draft.points);
            record::append(&mut tx, ground, Act::new("offender.blocked", entity(kind), subject).with(all)).await?;
            let mut told = facts;
            (told["kind"], told["subject"]) = (json!(kind), json!(subject));
            record::emit(&mut tx, ground, &OFFENDER_BLOCKED, told).await?;
            tx.announce(ground, Change { kind: ChangeKind::Block, subject: written.id }).await?;
        }
        tx.commit().await?;
        Ok(Some(written))
    }
}

fn lament(due: Due, fault: &DbFault) {
    match due {
        Due::Block { offender, .. } => {
            tracing::warn!(kind = offender.kind(), who = %offender.said(), %fault, "a block could not be written; it holds on this node alone");
        }
        Due::Alert { about, count, .. } => {
            let who = about.offender().map(|offender| display(offender.said()));
            tracing::warn!(kind = about.kind(), who, count, %fault, "an alert could not be told");
        }
    }
}

async fn write_address(ground: &Ground, draft: &Draft) -> Result<Option<Written>, DbFault> {
    let Some(network) = draft.offender.network() else { return Ok(None) };
    let mut tx = store::permit(None).begin(ground);
    let written = store::block_address(&mut tx, draft, network).await?;
    if written.is_new {
        tx.announce(ground, Change { kind: ChangeKind::Block, subject: written.id }).await?;
    }
    tx.commit().await?;
    Ok(Some(written))
}

/// Deletes blocks that ended long ago, and what was told then. Safe on every node.
///
/// # Errors
/// What the database says.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let blocks = store::sweep(ground, ground.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN)).await?;
    Ok(blocks + alerts::sweep(ground).await?)
}

pub(super) fn timestamp(at_ms: u64) -> Timestamp {
    i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

pub(super) fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or_default()
}
