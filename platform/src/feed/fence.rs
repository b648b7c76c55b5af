//! The end of a verb that takes something away: it answers when no node believes any more what was before.

use std::time::Duration;

use tenantry_core::clock::Timestamp;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::lease::LEASE;
use super::{Change, Feed};
use crate::db::{Context, Control, DbFault, Everywhere, In, Plane, Row, TenantTx};
use crate::ground::Ground;
use crate::metrics::Reached;
use crate::permit::{Actor, Origin, Permit, Resolve};

/// Beyond a lease: two machines' clocks do not run at the very same speed.
const MARGIN: Duration = Duration::from_millis(20);
/// A node that was called answers within milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

crate::sql! {
    AsDoor Everywhere ANNOUNCE = "select doors.announce_change($1, $2, $3, $4)::text";
    AsDoor OnlyControl NODES = "select node_id, beat, grace_s, has_applied from doors.nodes_at($1::text::xid8)";
}

/// Who applied a change when the call returned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reach {
    /// Nodes known to have applied it, this process among them.
    pub applied: u32,
    /// Nodes that have not, and whose lease on believing their caches is over.
    pub lapsed: u32,
    /// Until when one of those may at the very most still accept what was revoked: it cannot reach the database, and
    /// serves from memory while it is known to be down (`[database] outage_grace_s`). None: nobody accepts it.
    pub may_accept_until: Option<Timestamp>,
}

/// For the terminal.
impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.may_accept_until {
            None => f.write_str("It holds on every node."),
            Some(until) => write!(
                f,
                "It holds on every node but one that was not heard of: that may serve from memory until {until}, if its database is down ([database] outage_grace_s)."
            ),
        }
    }
}

/// A node as the fence sees it.
struct Seen {
    id: Uuid,
    beat: i64,
    grace: Duration,
    has_applied: bool,
}

impl<M: Plane + In<Everywhere>> TenantTx<M> {
    /// Announces a change in this transaction.
    pub async fn announce(&mut self, ground: &Ground, change: Change) -> Result<(), DbFault> {
        let id = tenantry_core::ids::uuid7(&ground.clock, &ground.entropy);
        let row = self.query_one(&ANNOUNCE, &[&id, &change.kind.as_str(), &change.subject, &ground.now()]).await?;
        self.push_change((id, change), row.get(0));
        Ok(())
    }

    /// Commits, then answers when no node believes what was revoked: each has applied the change, or its lease is
    /// over, which takes a second at most.
    pub async fn commit_and_fence(self, ground: &Ground) -> Result<Reach, DbFault> {
        let (changes, number) = self.announced();
        self.commit_announced().await?;
        let committed = ground.clock.uptime();
        changes.iter().for_each(|(id, change)| ground.feed.apply_own(*id, change));
        match number {
            Some(number) => Ok(wait(ground, &number, committed).await),
            None => Ok(Reach { applied: 1, lapsed: 0, may_accept_until: None }),
        }
    }
}

fn note(ground: &Ground, committed: Duration, reach: &Reach) {
    let reached = match reach {
        Reach { may_accept_until: Some(_), .. } => Reached::MayAccept,
        Reach { lapsed: 0, .. } => Reached::Applied,
        Reach { .. } => Reached::Lapsed,
    };
    let took = ground.clock.uptime().saturating_sub(committed);
    ground.feed.0.times.note(took);
    ground.metrics.fence.observe(took);
    ground.metrics.revocations.of(reached).add_one();
}

/// The same end for a command's transaction, which no permit opens: it is the login's that migrates. Announces the
/// change, commits, and answers when no node believes any more what was before.
///
/// # Errors
/// What the database says.
pub async fn end_as_owner(tx: Transaction<'_>, ground: &Ground, change: Change) -> Result<Reach, Error> {
    let id = tenantry_core::ids::uuid7(&ground.clock, &ground.entropy);
    let row = tx.query_one(ANNOUNCE.text(), &[&id, &change.kind.as_str(), &change.subject, &ground.now()]).await?;
    tx.commit().await?;
    let committed = ground.clock.uptime();
    ground.feed.apply_own(id, &change);
    Ok(wait(ground, row.get(0), committed).await)
}

/// Every renewal that did not see the change was sent before its commit. So a lease after the commit nobody is left,
/// known or not, but those who serve without a database.
async fn wait(ground: &Ground, number: &str, committed: Duration) -> Reach {
    let reach = wait_for_all(ground, number, committed).await;
    note(ground, committed, &reach);
    if let Some(until) = reach.may_accept_until {
        tracing::warn!(%until, lapsed = reach.lapsed, "a node that was not heard of may accept until then what was taken away");
    }
    reach
}

async fn wait_for_all(ground: &Ground, number: &str, committed: Duration) -> Reach {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = ground.clock.uptime();
        let nodes = nodes(ground, number).await;
        let is_over = ground.clock.uptime() > committed + LEASE + MARGIN;
        match nodes {
            Ok(nodes) if is_over || !nodes.iter().any(|node| is_awaited(&ground.feed, node, began)) => {
                return reach(ground, &nodes);
            }
            Err(fault) if is_over => {
                tracing::warn!(%fault, "nobody can say who has heard of a revocation; every lease is over");
                return unknown(ground);
            }
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_awaited(feed: &Feed, node: &Seen, began: Duration) -> bool {
    !node.has_applied && feed.0.others.own() != Some(node.id) && !feed.0.others.is_silent(node.id, node.beat, began)
}

async fn nodes(ground: &Ground, number: &str) -> Result<Vec<Seen>, DbFault> {
    let permit =
        Permit::<Resolve, Control>::system(Context::default(), Actor::system("feed", "feed"), Origin::default());
    let rows = permit.read(ground, &NODES, &[&number]).await?;
    Ok(rows.iter().map(seen).collect())
}

fn seen(row: &Row) -> Seen {
    let grace = Duration::from_secs(u64::try_from(row.get::<_, i32>(2)).unwrap_or_default());
    Seen { id: row.get(0), beat: row.get(1), grace, has_applied: row.get(3) }
}

fn reach(ground: &Ground, nodes: &[Seen]) -> Reach {
    let own = ground.feed.0.others.own();
    let behind: Vec<&Seen> = nodes.iter().filter(|node| !node.has_applied && own != Some(node.id)).collect();
    let others = nodes.iter().filter(|node| node.has_applied && own != Some(node.id)).count();
    let grace = behind.iter().map(|node| node.grace).max().filter(|grace| !grace.is_zero());
    Reach {
        applied: u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1),
        lapsed: u32::try_from(behind.len()).unwrap_or(u32::MAX),
        may_accept_until: grace.and_then(|grace| ground.now().checked_add(grace).ok()),
    }
}

/// The list of nodes cannot be read: the longest that any of them may serve alone.
fn unknown(ground: &Ground) -> Reach {
    let until = ground.now().checked_add(super::GRACE_MOST).ok();
    Reach { applied: 1, lapsed: 0, may_accept_until: until }
}
