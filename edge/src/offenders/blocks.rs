//! The blocks that are in force, as this node knows them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use ipnet::IpNet;
use parking_lot::Mutex;
use uuid::Uuid;

use super::offender::Name;

/// Blocks held at a time, about 100 bytes each. Beyond it, automatic ones are not enforced here; those by hand are.
const MOST: usize = 100_000;
/// Networks wider than one customer's, each compared with every address: by hand alone.
const NETWORKS_MOST: usize = 1_000;
/// While all places are taken, what is over is looked for so often.
const TIDY_EVERY_MS: u64 = 1_000;
/// Lifted blocks that are remembered, for a reading that began before.
const LIFTED_MOST: usize = 10_000;

/// A block in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// None: it is not written yet.
    pub(super) id: Option<Uuid>,
    pub(super) until_ms: u64,
    pub(super) by_hand: bool,
}

/// Whom a block is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Name(Name),
    Network(IpNet),
}

#[derive(Debug, Default)]
pub(super) struct Blocks {
    by_name: DashMap<Name, Block>,
    networks: ArcSwap<Vec<(IpNet, Block)>>,
    /// Held by whoever changes what is known by id; nobody waits for it on the way of a request.
    known: Mutex<Known>,
    /// Until when anybody at all is blocked.
    until_ms: AtomicU64,
    /// When what is over was last forgotten.
    tidied_ms: AtomicU64,
    /// Blocks for which there was no room.
    crowded_out: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    ids: std::collections::HashMap<Uuid, Whom>,
    lifted: HashSet<Uuid>,
}

impl Blocks {
    /// Whether nobody is blocked, by one load.
    pub(super) fn are_none(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms.load(Ordering::Acquire)
    }

    pub(super) fn find(&self, name: Name, now_ms: u64) -> Option<Block> {
        if self.are_none(now_ms) {
            return None;
        }
        self.by_name.get(&name).map(|block| *block).filter(|block| now_ms < block.until_ms)
    }

    /// A wider network, blocked by hand, that the address lies in.
    pub(super) fn find_network(&self, ip: IpAddr, now_ms: u64) -> Option<Block> {
        if self.are_none(now_ms) {
            return None;
        }
        let (ip, networks) = (ip.to_canonical(), self.networks.load());
        let holds = |(network, block): &&(IpNet, Block)| now_ms < block.until_ms && network.contains(&ip);
        networks.iter().find(holds).map(|(_, block)| *block)
    }

    /// Enforces a block from now on. `false`: there is no room, or it was lifted already.
    pub(super) fn put(&self, whom: Whom, block: Block, now_ms: u64) -> bool {
        let mut known = self.known.lock();
        if block.id.is_some_and(|id| known.lifted.contains(&id)) {
            return false;
        }
        let has_room = match whom {
            Whom::Name(name) => self.put_name(name, block, now_ms, &mut known),
            Whom::Network(network) => self.put_network(network, block, now_ms),
        };
        if has_room {
            known.ids.extend(block.id.map(|id| (id, whom)));
            self.until_ms.fetch_max(block.until_ms, Ordering::AcqRel);
        }
        has_room
    }

    fn put_name(&self, name: Name, block: Block, now_ms: u64, known: &mut Known) -> bool {
        if self.by_name.len() >= MOST && now_ms >= self.tidied_ms.load(Ordering::Relaxed) + TIDY_EVERY_MS {
            self.forget_ended(now_ms, known);
        }
        if self.by_name.len() >= MOST && !block.by_hand && !self.by_name.contains_key(&name) {
            self.crowded_out.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // Of two, the one that everybody knows stays, and then the one that lasts longer.
        let mut held = self.by_name.entry(name).or_insert(block);
        if held.id.is_none() || (block.id.is_some() && block.until_ms > held.until_ms) {
            *held = block;
        }
        true
    }

    fn put_network(&self, network: IpNet, block: Block, now_ms: u64) -> bool {
        let mut networks: Vec<_> =
            self.networks.load().iter().filter(|(_, old)| now_ms < old.until_ms).copied().collect();
        networks.retain(|(_, old)| old.id != block.id);
        if networks.len() >= NETWORKS_MOST {
            self.crowded_out.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        networks.push((network, block));
        self.networks.store(networks.into());
        true
    }

    /// Ends a block, also one that a reading under way may still bring. Answers whom it was about.
    pub(super) fn lift(&self, id: Uuid) -> Option<Whom> {
        let mut known = self.known.lock();
        if known.lifted.len() >= LIFTED_MOST {
            known.lifted.clear();
        }
        known.lifted.insert(id);
        self.drop_one(id, &mut known)
    }

    /// What was known before a reading of all, and is not in it, is over.
    pub(super) fn keep_only(&self, before: &[Uuid], found: &HashSet<Uuid>) {
        let mut known = self.known.lock();
        for id in before.iter().filter(|id| !found.contains(*id)) {
            self.drop_one(*id, &mut known);
        }
    }

    fn drop_one(&self, id: Uuid, known: &mut Known) -> Option<Whom> {
        let whom = known.ids.remove(&id)?;
        match whom {
            Whom::Name(name) => drop(self.by_name.remove_if(&name, |_, block| block.id == Some(id))),
            Whom::Network(_) => {
                let others = self.networks.load().iter().filter(|(_, block)| block.id != Some(id)).copied().collect();
                self.networks.store(std::sync::Arc::new(others));
            }
        }
        Some(whom)
    }

    fn forget_ended(&self, now_ms: u64, known: &mut Known) {
        self.tidied_ms.store(now_ms, Ordering::Relaxed);
        self.by_name.retain(|_, block| now_ms < block.until_ms);
        known.ids.retain(|_, whom| match whom {
            Whom::Name(name) => self.by_name.contains_key(name),
            Whom::Network(_) => true,
        });
    }

    /// The blocks that are known by id.
    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.known.lock().ids.keys().copied().collect()
    }

    /// Forgets what is over: called now and then, so that what came once does not stay for ever.
    pub(super) fn tidy(&self, now_ms: u64) {
        self.forget_ended(now_ms, &mut self.known.lock());
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len() + self.networks.load().len()
    }

    /// How many found no room.
    pub(super) fn crowded_out(&self) -> u64 {
        self.crowded_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(id: u128, until_ms: u64) -> Block {
        Block { id: Some(Uuid::from_u128(id)), until_ms, by_hand: false }
    }

    #[test]
    fn a_block_ends_by_itself_and_when_it_is_lifted() {
        let blocks = Blocks::default();
        assert!(blocks.are_none(0));
        assert!(blocks.put(Whom::Name(Name(1)), block(1, 60_000), 0));
        assert!(blocks.find(Name(1), 59_999).is_some() && blocks.find(Name(1), 60_000).is_none());
        assert_eq!(blocks.lift(Uuid::from_u128(1)), Some(Whom::Name(Name(1))));
        assert_eq!(blocks.find(Name(1), 0), None);
    }

    #[test]
    fn what_was_lifted_is_not_brought_back_by_a_reading_that_began_before() {
        let blocks = Blocks::default();
        blocks.lift(Uuid::from_u128(1));
        assert!(!blocks.put(Whom::Name(Name(1)), block(1, 60_000), 0));
        assert_eq!(blocks.find(Name(1), 0), None);
    }

    #[test]
    fn a_flood_of_blocks_fills_no_memory_and_leaves_room_for_those_by_hand() {
        let blocks = Blocks::default();
        for number in 0..MOST as u128 + 500 {
            blocks.put(Whom::Name(Name(number)), Block { id: None, until_ms: 60_000, by_hand: false }, 0);
        }
        assert_eq!((blocks.len(), blocks.crowded_out()), (MOST, 500));
        let by_hand = Block { id: None, until_ms: 60_000, by_hand: true };
        assert!(blocks.put(Whom::Name(Name(u128::MAX)), by_hand, 0));
        assert!(blocks.find(Name(u128::MAX), 0).is_some());
        // What is over makes room.
        assert!(blocks.put(Whom::Name(Name(u128::MAX - 1)), block(1, 120_000), 60_000));
        assert_eq!(blocks.len(), 1);
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let blocks = Blocks::default();
        let network: IpNet = "203.0.113.0/24".parse().unwrap();
        assert!(blocks.put(Whom::Network(network), Block { by_hand: true, ..block(1, 60_000) }, 0));
        let of = |ip: &str| blocks.find_network(ip.parse().unwrap(), 0).is_some();
        assert!(of("203.0.113.9") && of("::ffff:203.0.113.9") && !of("203.0.114.9"));
        blocks.keep_only(&blocks.ids(), &HashSet::new());
        assert!(!of("203.0.113.9"));
    }
}
