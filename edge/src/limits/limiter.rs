//! The limits of a configuration, and the store that counts.

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;
use tenantry_core::address;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_core::random::Entropy;
use tenantry_core::window::Limit;
use tenantry_platform::config::{Limits, Per, Route, TierId};
use tenantry_platform::permit::{Credential, Principal};

use super::decision::{USUAL_CHARGES, Verdict};
use super::memory::Memory;

/// Whose counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    Key(KeyId),
    Person(PersonId),
    Tenant(TenantId),
}

/// What a request costs whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub tier: TierId,
    pub subject: Subject,
    pub cost: u32,
}

/// The charges of one request.
pub type Charges = SmallVec<[Charge; USUAL_CHARGES]>;

/// All limits. Shared by all threads.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    windows: Vec<Limit>,
    store: Store,
}

/// Where counters live. Shared limits of several nodes are another store here [RL-3].
#[derive(Debug)]
enum Store {
    Memory(Memory),
}

impl Charge {
    /// One request.
    pub const fn new(tier: TierId, subject: Subject) -> Self {
        Self { tier, subject, cost: 1 }
    }
}

impl Limiter {
    /// Counts in this process's memory.
    pub fn in_memory(limits: &Limits, entropy: &Entropy) -> Self {
        let windows =
            limits.iter().map(|tier| Limit { max: tier.limit, window_ms: tier.window_s.saturating_mul(1000) });
        Self { windows: windows.collect(), limits: limits.clone(), store: Store::Memory(Memory::new(entropy)) }
    }

    /// The limits that are counted.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What a request on a route is charged: each of its limits, as far as there is somebody to count.
    pub fn charges(&self, route: &Route, client: IpAddr, principal: Option<&Principal>) -> Charges {
        self.charges_of(&route.tiers, client, principal)
    }

    /// The same for tiers that no route of the app names: Tenantry's own.
    pub fn charges_of(&self, tiers: &[TierId], client: IpAddr, principal: Option<&Principal>) -> Charges {
        let charge = |tier: &TierId| Some(Charge::new(*tier, subject(self.limits.tier(*tier).per, client, principal)?));
        tiers.iter().filter_map(charge).collect()
    }

    /// Decides over all charges at once, and charges all or none. The charges differ in tier or subject.
    pub fn decide(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        match &self.store {
            Store::Memory(memory) => memory.decide(now_ms, &self.windows, charges, true),
        }
    }

    /// The verdict that [`Limiter::decide`] would give, without spending anything: for a budget that only
    /// failures are charged to, asked before the attempt.
    pub fn ask(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        match &self.store {
            Store::Memory(memory) => memory.decide(now_ms, &self.windows, charges, false),
        }
    }
}

fn subject(per: Per, client: IpAddr, principal: Option<&Principal>) -> Option<Subject> {
    let parts = principal.map(Principal::parts);
    match per {
        Per::Ip => Some(Subject::Address(client)),
        Per::Key => match parts?.credential {
            Credential::Key(key) | Credential::Management(key) => Some(Subject::Key(key)),
            _ => None,
        },
        Per::User => parts?.person.as_ref().map(|person| Subject::Person(person.id)),
        Per::Tenant => parts?.tenant.as_ref().map(|tenant| Subject::Tenant(tenant.id)),
    }
}

impl Subject {
    /// A kind and sixteen bytes: what is hashed.
    pub(super) fn bytes(self) -> (u8, [u8; 16]) {
        match self {
            Self::Address(ip) => match address::subject(ip) {
                IpNet::V4(net) => (1, net.addr().to_ipv6_mapped().octets()),
                IpNet::V6(net) => (2, net.addr().octets()),
            },
            Self::Key(key) => (3, key.uuid().into_bytes()),
            Self::Person(person) => (4, person.uuid().into_bytes()),
            Self::Tenant(tenant) => (5, tenant.uuid().into_bytes()),
        }
    }
}
