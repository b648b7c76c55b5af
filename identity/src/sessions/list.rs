//! The sessions of one person, tree by tree, as they see and end them themselves (ASVS 7.5.2).

use std::net::IpAddr;

use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::SessionId;
use tenantry_platform::config;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{OwnAccount, Permit};
use tenantry_platform::record::Act;

use super::end::end_others;
use super::open::{Told, tell_everywhere};
use super::staff::Key;
use super::store::{self, Living};
use crate::events;

/// How often somebody can be signed in at a time. Browsers that nobody uses any more go first.
const TREES_MOST: i64 = 100;
/// Why trees end that are ended from the list.
const REVOKED: &str = "revoked";
/// Why trees end that are more than [`TREES_MOST`].
const TOO_MANY: &str = "too_many";

/// What one sign-in opened: the central session and its children on tenants' hosts.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The central session.
    pub(crate) root: SessionId,
    /// Where it was opened from.
    pub(crate) ip: Option<IpAddr>,
    /// What the browser said of itself.
    pub(crate) user_agent: Option<String>,
    /// When somebody signed in.
    pub(crate) since: Timestamp,
    /// The last renewal on any host: exact to the life of an access token.
    pub(crate) last_seen: Timestamp,
    /// Origins of tenants' hosts.
    pub(crate) hosts: Vec<String>,
}

/// The living trees of the permit's person, the one used last first.
///
/// # Errors
/// What the database says.
pub(crate) async fn trees(
    permit: &Permit<OwnAccount, Control>,
    ground: &Ground,
    sessions: &config::Sessions,
) -> Result<Vec<Tree>, DbFault> {
    let now = ground.now();
    let seen_after = now.checked_sub(sessions.idle).unwrap_or(Timestamp::MIN);
    let mut trees: Vec<Tree> = Vec::new();
    for session in store::living(permit, ground, seen_after).await? {
        match trees.last_mut().filter(|tree| tree.root == session.root) {
            Some(tree) => tree.add(session),
            None => trees.push(Tree::begun(session)),
        }
    }
    trees.sort_by_key(|tree| std::cmp::Reverse(tree.last_seen));
    Ok(trees)
}

impl Tree {
    fn begun(session: Living) -> Self {
        let hosts = if session.id == session.root { Vec::new() } else { vec![session.host] };
        Self {
            root: session.root,
            ip: session.ip,
            user_agent: session.user_agent,
            since: session.created_at,
            last_seen: session.last_seen_at,
            hosts,
        }
    }

    fn add(&mut self, session: Living) {
        self.last_seen = self.last_seen.max(session.last_seen_at);
        if !self.hosts.contains(&session.host) {
            self.hosts.push(session.host);
        }
    }
}

/// Ends one tree of the transaction's person, with its row in each log. `false`: they have no such session, or it
/// was over. The caller commits and fences.
///
/// # Errors
/// What the database says.
pub(crate) async fn end_tree(tx: &mut TenantTx<Control>, ground: &Ground, root: SessionId) -> Result<bool, DbFault> {
    if !store::end_tree(tx, root, ground.now(), REVOKED).await? {
        return Ok(false);
    }
    tell_ended(tx, ground, &[root], REVOKED).await?;
    tx.announce(ground, Change { kind: ChangeKind::Session, subject: root.uuid() }).await?;
    Ok(true)
}

/// Ends every tree of the transaction's person but one, with one row in each log however many they were. The caller
/// commits and fences.
///
/// # Errors
/// What the database says.
pub(crate) async fn end_other_trees(tx: &mut TenantTx<Control>, ground: &Ground, keep: Key) -> Result<(), DbFault> {
    let ended = end_others(tx, ground, keep, REVOKED).await?;
    tell_ended(tx, ground, &ended, REVOKED).await
}

/// Ends the trees of the transaction's person that are more than [`TREES_MOST`]: those that were not used for the
/// longest time. Two who sign in at once may each see one too few; the next one ends it. The caller commits and
/// fences.
///
/// # Errors
/// What the database says.
pub(super) async fn end_beyond_most(tx: &mut TenantTx<Control>, ground: &Ground) -> Result<(), DbFault> {
    let ended = store::end_beyond(tx, TREES_MOST, ground.now(), TOO_MANY).await?;
    let (false, Some(person)) = (ended.is_empty(), tx.context().person) else { return Ok(()) };
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await?;
    tell_ended(tx, ground, &ended, TOO_MANY).await
}

async fn tell_ended(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    roots: &[SessionId],
    reason: &'static str,
) -> Result<(), DbFault> {
    let (person, count) = (tx.context().person, roots.len());
    let (act, id) = match roots {
        [] => return Ok(()),
        [root] => (Act::new("session.ended", "session", root).with(json!({ "reason": reason })), Some(root)),
        _ => {
            let whose = person.map(|person| person.to_string()).unwrap_or_default();
            (Act::new("session.ended", "person", whose).with(json!({ "reason": reason, "count": count })), None)
        }
    };
    let data = json!({ "id": id, "person_id": person, "count": count, "reason": reason });
    tell_everywhere(ground, tx, &Told { act, kind: &events::SESSION_REVOKED, data }).await.map(drop)
}
