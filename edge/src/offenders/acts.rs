//! What people do with blocks: look, lift, and block by hand.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::json;
use tenantry_core::address;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::uuid7;
use tenantry_platform::db::{Control, Database, DbFault, HasStore, Mode, Operator};
use tenantry_platform::feed::{Change, ChangeKind, Reach};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::events::OFFENDER_LIFTED;
use super::ledger::Ledger;
use super::store;

/// Blocks on a page.
pub const BLOCKS_A_PAGE: usize = 50;
/// The database keeps no more.
const REASON_CHARS_MOST: usize = 500;
/// A wider network is half a continent: whoever means it closes the firewall.
const SHORTEST_PREFIX: (u8, u8) = (8, 16);

/// Why somebody blocks, or lifts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why(String);

/// What to look for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// What contains it or lies in it.
    pub network: Option<IpNet>,
    /// A scope or a kind; empty for all.
    pub kind: &'static str,
    /// Only those that are enforced now.
    pub in_force: bool,
    /// Only blocks made before this one.
    pub before: Option<Uuid>,
}

/// A block of an address, as platform staff sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: Uuid,
    /// `everything`, `sign_in` or `reports`.
    pub scope: String,
    pub network: String,
    pub offence: String,
    pub points: i32,
    pub nth: i32,
    pub by_hand: bool,
    pub blocked_by: String,
    pub reason: String,
    pub at: Timestamp,
    pub until: Timestamp,
    pub lifted_at: Option<Timestamp>,
    pub lifted_by: Option<String>,
    pub lift_reason: Option<String>,
}

/// A block of a workspace's own.
#[derive(Clone, Debug)]
pub struct Own {
    pub id: Uuid,
    /// Otherwise it is a person.
    pub is_key: bool,
    pub subject: Uuid,
    pub offence: String,
    pub points: i32,
    pub nth: i32,
    pub at: Timestamp,
    pub until: Timestamp,
    pub lifted_at: Option<Timestamp>,
    pub lifted_by: Option<String>,
    pub lift_reason: Option<String>,
}

impl Why {
    /// A sentence, trimmed, without control characters.
    ///
    /// # Errors
    /// A message for the form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Say why: whoever looks at the block later reads it.");
        }
        if text.chars().count() > REASON_CHARS_MOST || text.chars().any(char::is_control) {
            return Err("Use one line of at most 500 characters.");
        }
        Ok(Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page of the workspace's blocks, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn own<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    search: &Search,
) -> Result<(Vec<Own>, bool), DbFault> {
    let mut found = store::own(permit, ground, search, BLOCKS_A_PAGE as i64 + 1).await?;
    let more = found.len() > BLOCKS_A_PAGE;
    found.truncate(BLOCKS_A_PAGE);
    Ok((found, more))
}

/// What the keys among them are called, of one mode.
///
/// # Errors
/// What the database says.
pub async fn key_names<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    blocks: &[Own],
) -> Result<Vec<(Uuid, String)>, DbFault>
where
    Database: HasStore<M>,
{
    let ids: Vec<Uuid> = blocks.iter().filter(|block| block.is_key).map(|block| block.subject).collect();
    store::key_names(permit, ground, &ids).await
}

/// What the people among them are called who are members still.
///
/// # Errors
/// What the database says.
pub async fn member_names<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    blocks: &[Own],
) -> Result<Vec<(Uuid, String)>, DbFault> {
    let ids: Vec<Uuid> = blocks.iter().filter(|block| !block.is_key).map(|block| block.subject).collect();
    store::member_names(permit, ground, &ids).await
}

/// Ends a block of the permit's workspace. Every node lets them in again when this returns.
///
/// # Errors
/// 409 where it is over, lifted, or another workspace's.
pub async fn lift_own<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    id: Uuid,
    why: &Why,
) -> Result<Reach, Problem> {
    let mut tx = permit.begin(ground);
    let by = permit.acting().actor.id.clone();
    let lifted = store::lift_own(&mut tx, id, &by, why.as_str(), ground.now()).await?;
    let (kind, subject) = lifted.ok_or_else(not_in_force)?;
    let act = Act::new("offender.lifted", entity(&kind), subject).with(json!({ "block": id, "reason": why.as_str() }));
    record::append(&mut tx, ground, act).await?;
    let told = json!({ "block": id, "kind": kind, "subject": subject, "reason": why.as_str() });
    record::emit(&mut tx, ground, &OFFENDER_LIFTED, told).await?;
    tx.announce(ground, Change { kind: ChangeKind::Lift, subject: id }).await?;
    Ok(tx.commit_and_fence(ground).await?)
}

/// What audit rows call a key or a person.
pub(super) fn entity(kind: &str) -> &'static str {
    if kind == "key" { "api_key" } else { "person" }
}

/// A page of blocked addresses, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn list<P: Permission>(
    permit: &Permit<P, Operator>,
    ground: &Ground,
    search: &Search,
) -> Result<(Vec<Listed>, bool), DbFault> {
    let most = i32::try_from(BLOCKS_A_PAGE + 1).unwrap_or(i32::MAX);
    let mut found = store::list(permit, ground, search, most).await?;
    let more = found.len() > BLOCKS_A_PAGE;
    found.truncate(BLOCKS_A_PAGE);
    Ok((found, more))
}

/// Ends a block of an address. Every node lets it in again when this returns.
///
/// # Errors
/// 409 where it is over or lifted.
pub async fn lift<P: Permission>(
    permit: &Permit<P, Operator>,
    ground: &Ground,
    id: Uuid,
    why: &Why,
) -> Result<String, Problem> {
    let mut tx = permit.begin(ground);
    let by = permit.acting().actor.id.clone();
    let network = store::lift_address(&mut tx, id, &by, why.as_str(), ground.now()).await?.ok_or_else(not_in_force)?;
    tx.announce(ground, Change { kind: ChangeKind::Lift, subject: id }).await?;
    tx.commit_and_fence(ground).await?;
    Ok(network)
}

/// Blocks a network by hand, also for whoever shows a good credential. Every node refuses it within a second.
///
/// # Errors
/// What the database says.
pub async fn block<P: Permission>(
    permit: &Permit<P, Operator>,
    ground: &Ground,
    network: IpNet,
    until: Timestamp,
    why: &Why,
) -> Result<Uuid, Problem> {
    let (mut tx, now) = (permit.begin(ground), ground.now());
    let id = uuid7(&ground.clock, &ground.entropy);
    let by = permit.acting().actor.id.clone();
    store::block_network(&mut tx, (id, network), (&by, why.as_str()), now, until).await?;
    tx.announce(ground, Change { kind: ChangeKind::Block, subject: id }).await?;
    tx.commit_and_fence(ground).await?;
    Ok(id)
}

/// A network that may be blocked: an address stands for what limits count by.
///
/// # Errors
/// A sentence that says what to write.
pub fn parse_blockable(text: &str, ledger: &Ledger) -> Result<IpNet, String> {
    let network = parse_network(text)?;
    let is_too_wide = match network {
        IpNet::V4(_) => network.prefix_len() < SHORTEST_PREFIX.0,
        IpNet::V6(_) => network.prefix_len() < SHORTEST_PREFIX.1,
    };
    if is_too_wide {
        let (v4, v6) = SHORTEST_PREFIX;
        return Err(format!(
            "This network is too wide to be blocked here. Write a prefix of /{v4} or longer, /{v6} for IPv6."
        ));
    }
    match ledger.never_blocked_in(network) {
        Some(never) => Err(format!(
            "{never} is never blocked: a proxy's, a private network, or one of [offenders] never. Take it out there first, if that is meant."
        )),
        None => Ok(network),
    }
}

/// An address or a network, as people write them.
///
/// # Errors
/// A sentence that says what to write.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(address::subject(ip));
    }
    let network = text.parse::<IpNet>().map(|network| network.trunc());
    let network =
        network.map_err(|_| "Write an address or a network, such as 203.0.113.7 or 2001:db8::/48.".to_owned())?;
    // Within one customer's /64 nobody is told apart.
    let is_within_one = matches!(network, IpNet::V6(v6) if v6.prefix_len() > 64);
    Ok(if is_within_one { address::subject(network.addr()) } else { network })
}

fn not_in_force() -> Problem {
    let text = "This block is over, was lifted meanwhile, or is not yours. Load the list again.";
    Problem::new(Kind::Conflict, text).code("block_state")
}
