//! How many upgraded connections are open, and whose [RL-1].
//!
//! A request is counted and gone; a WebSocket stays, and windows over time do not bound what stays.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tenantry_core::ids::TenantId;
use tenantry_platform::problem::{Kind, Problem};

use super::holder::{Holder, Holders, holders};

/// For one address: an office behind one router, with a few tabs each. A script that opens more is no office.
pub const OPEN_MOST_OF_ADDRESS: u32 = 256;
/// For one tenant: a tenth of the connections that a default installation takes, so that no tenant has them all.
pub const OPEN_MOST_OF_TENANT: u32 = 2_000;
/// When to try again: tabs close and reload all the time.
const RETRY_AFTER_S: u64 = 5;

const fn most(holder: Holder) -> u32 {
    match holder {
        Holder::Tenant(_) => OPEN_MOST_OF_TENANT,
        Holder::Address(_) => OPEN_MOST_OF_ADDRESS,
    }
}

/// The counts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Upgrades(Arc<Mutex<HashMap<Holder, u32>>>);

/// A place among the open ones: free again when dropped.
#[derive(Debug)]
pub struct Ticket {
    open: Upgrades,
    holders: Holders,
}

impl Upgrades {
    /// Takes a place for a client and the tenant that it talks to.
    ///
    /// # Errors
    /// 429: one of them has as many open as it may.
    pub fn admit(&self, tenant: Option<TenantId>, client: IpAddr) -> Result<Ticket, Problem> {
        let holders = holders(tenant, client);
        let mut counts = self.0.lock();
        let is_full = |holder: &&Holder| counts.get(holder).is_some_and(|count| *count >= most(**holder));
        if holders.iter().find(is_full).is_some() {
            return Err(Problem::new(
                Kind::TooMany,
                "As many WebSockets as may be open are open from here already. Close some, then try again.",
            )
            .code("too_many_websockets")
            .retry_after(RETRY_AFTER_S));
        }
        holders.iter().for_each(|holder| *counts.entry(*holder).or_default() += 1);
        drop(counts);
        Ok(Ticket { open: self.clone(), holders })
    }

    /// Open ones, of all.
    pub fn len(&self) -> usize {
        let counts = self.0.lock();
        counts.iter().filter(|(holder, _)| matches!(holder, Holder::Address(_))).map(|(_, count)| *count as usize).sum()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock();
        for holder in &self.holders {
            let left = counts.get_mut(holder).map(|count| {
                *count -= 1;
                *count
            });
            if left == Some(0) {
                counts.remove(holder);
            }
        }
    }
}
