//! Limits that several nodes share, on Redis or Valkey [RL-3].
//!
//! A decision is one round trip: one script, all windows, the store's clock. What the store answers is also counted in
//! this node's memory, so that a store that stalls, dies or was emptied makes nobody a beginner.
//!
//! What must always hold:
//! - Protection is never bypassed. Without an answer in time, this node's memory decides, by its part of each limit.
//! - Nobody waits longer than the deadline; once several did, nobody waits until the store answers in time again.
//! - All windows of a decision are counted, or none: their keys stand in one slot.
//! - Whoever is refused until a moment is refused until then without asking the store again.
//! - No subject is written to the store in the clear.

mod circuit;
mod link;
mod refused;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tenantry_core::random::Entropy;
use tenantry_core::window::{Counter, Limit};
use tenantry_platform::config::Limits;
use tokio::sync::watch;

use super::charge::Charge;
use super::decision::{Basis, USUAL_CHARGES, Verdict};
use super::memory::{self, Memory};
use super::store::{StoreFault, StoreState, StoreTally, StoreTerms};
use circuit::Circuit;
use link::{Link, Lost};
use refused::Refused;
use tally::Tally;

/// How often a node says that it is there, and the store is tried while it answers.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How often the store is tried while it does not answer in time.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// The shared store, with what this node knows without it.
#[derive(Debug)]
pub(super) struct Shared {
    terms: StoreTerms,
    link: Link,
    circuit: Circuit,
    refused: Refused,
    tally: Tally,
    /// How far the store's clock is ahead of ours, in milliseconds.
    ahead_ms: AtomicI64,
    state: watch::Sender<StoreState>,
}

impl Shared {
    pub(super) fn new(terms: StoreTerms, limits: &Limits, entropy: &Entropy) -> Result<Arc<Self>, StoreFault> {
        // The library's own sentence may quote the password.
        let link = Link::new(&terms, limits, entropy).map_err(|fault| StoreFault::Url(fault.category().to_owned()))?;
        Ok(Arc::new(Self {
            link,
            circuit: Circuit::new(terms.nodes),
            refused: Refused::default(),
            tally: Tally::default(),
            ahead_ms: AtomicI64::new(0),
            state: watch::Sender::new(StoreState::Unknown),
            terms,
        }))
    }

    pub(super) fn tally(&self) -> StoreTally {
        self.tally.now()
    }

    pub(super) fn state(&self) -> watch::Receiver<StoreState> {
        self.state.subscribe()
    }

    pub(super) fn nodes(&self) -> u32 {
        self.circuit.nodes()
    }

    /// Decides over charges of which those in shadow stand last, by the store or without it.
    pub(super) async fn decide(&self, memory: &Memory, now_ms: u64, charges: &[Charge], is_spent: bool) -> Verdict {
        let counted = &charges[..charges.partition_point(|charge| !charge.is_shadow)];
        if let Some(verdict) = self.refused.verdict(&self.terms.key, counted, Instant::now()) {
            self.tally.refused_here.add();
            return verdict;
        }
        self.stand(memory, now_ms, charges, is_spent).await
    }

    /// The same with every window in the answer, also for whoever is known to be refused.
    pub(super) async fn stand(&self, memory: &Memory, now_ms: u64, charges: &[Charge], is_spent: bool) -> Verdict {
        let sent = Instant::now();
        match self.ask(memory, charges, is_spent).await {
            Ok((store_ms, before)) => {
                self.ahead_ms.store(store_ms.cast_signed().wrapping_sub(now_ms.cast_signed()), Ordering::Relaxed);
                let verdict = judge(memory, store_ms, charges, before, is_spent);
                self.refused.note(&self.terms.key, charges, &verdict, sent);
                self.tally.shared.add();
                verdict
            }
            Err(_) => {
                self.tally.alone.add();
                self.alone(memory, now_ms, charges, is_spent)
            }
        }
    }

    /// What stands in the store, by its clock.
    async fn ask(&self, memory: &Memory, charges: &[Charge], is_spent: bool) -> Result<(u64, Counters), Lost> {
        let conn = self.link.open().filter(|_| self.circuit.is_closed()).ok_or(Lost::Closed)?;
        let asked = self.link.decision(&self.terms, memory, charges, is_spent);
        let answer = tokio::time::timeout(self.terms.deadline, self.link.call(conn, asked)).await;
        let answer = answer.unwrap_or(Err(Lost::Late)).and_then(|values| read(&values, charges.len()));
        match &answer {
            Ok(_) => self.circuit.succeeded(),
            Err(lost) => self.failed(lost),
        }
        answer
    }

    fn failed(&self, lost: &Lost) {
        self.tally.failed(lost);
        let is_new = *self.state.borrow() == StoreState::Unknown;
        if self.circuit.failed(lost) || is_new {
            self.tally.opened.add();
            self.state.send_replace(StoreState::Lost);
            tracing::warn!(cause = %lost, said = self.link.why(), nodes = self.nodes(), "the shared store of limits is lost: this node limits by its own part");
        }
    }

    /// By this node's memory, and its part of each limit.
    fn alone(&self, memory: &Memory, now_ms: u64, charges: &[Charge], is_spent: bool) -> Verdict {
        let now_ms = now_ms.saturating_add_signed(self.ahead_ms.load(Ordering::Relaxed));
        let part = |charge: &Charge| Charge { limit: part(charge, self.nodes()), ..*charge };
        let parts: SmallVec<[Charge; USUAL_CHARGES]> = charges.iter().map(part).collect();
        Verdict { basis: Basis::Alone, ..memory.decide_all(now_ms, &parts, is_spent) }
    }

    /// Keeps the store in reach until `stopped` says so: connects, says that this node is there, finds out when a lost
    /// store answers in time again.
    pub(super) async fn keep(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            self.beat().await;
            let pause = if self.circuit.is_closed() { BEAT_EVERY } else { TRY_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn beat(&self) {
        if self.link.open().is_none() && self.link.connect().await.is_err() {
            return self.failed(&Lost::Broken);
        }
        let Some(conn) = self.link.open() else { return };
        let answer = tokio::time::timeout(self.terms.deadline, self.link.beat(conn)).await.unwrap_or(Err(Lost::Late));
        match answer {
            Ok(nodes) => {
                self.circuit.heard(nodes.max(self.terms.nodes), Instant::now());
                if self.circuit.tried_well() {
                    self.state.send_replace(StoreState::Shared);
                    tracing::info!(nodes = self.nodes(), "limits are shared with the other nodes");
                }
            }
            Err(lost) => {
                self.failed(&lost);
                // What does not answer may be a connection that nobody ends any more.
                if !self.circuit.is_closed() {
                    self.link.close();
                }
            }
        }
    }
}

/// Counters as they stood before a decision.
type Counters = SmallVec<[Counter; USUAL_CHARGES]>;

fn read(values: &[u64], count: usize) -> Result<(u64, Counters), Lost> {
    let (now_ms, rest) = values.split_first().filter(|(_, rest)| rest.len() == 3 * count).ok_or(Lost::Unclear)?;
    let counter = |three: &[u64]| {
        let small = |at: usize| u32::try_from(three[at]).unwrap_or(u32::MAX);
        Counter { period: three[0], current: small(1), previous: small(2) }
    };
    Ok((*now_ms, rest.chunks_exact(3).map(counter).collect()))
}

/// What the script has decided, by the same rule on the same counters; what was admitted is counted here too.
fn judge(memory: &Memory, now_ms: u64, charges: &[Charge], mut counters: Counters, is_spent: bool) -> Verdict {
    let at = charges.partition_point(|charge| !charge.is_shadow);
    let ((counted, shadow), (of_counted, of_shadow)) = (charges.split_at(at), counters.split_at_mut(at));
    let mut verdict = memory::decide_on(now_ms, counted, of_counted, is_spent);
    verdict.basis = Basis::Shared;
    if !is_spent || !verdict.is_admitted() {
        return verdict;
    }
    memory.count(now_ms, counted);
    if !shadow.is_empty() {
        let judged = memory::decide_on(now_ms, shadow, of_shadow, true);
        match judged.is_admitted() {
            true => memory.count(now_ms, shadow),
            false => verdict.shadow = judged.tightest(),
        }
    }
    verdict
}

/// This node's part of a limit: an equal one, rounded up, and at least one request.
fn part(charge: &Charge, nodes: u32) -> Limit {
    let most = charge.limit.max.div_ceil(nodes.max(1)).max(charge.cost).min(charge.limit.max);
    Limit { max: most, ..charge.limit }
}
