//! What a request costs whom.

use std::hash::Hasher as _;
use std::net::IpAddr;

use ipnet::IpNet;
use siphasher::sip128::{Hash128, Hasher128 as _, SipHasher13};
use smallvec::SmallVec;
use tenantry_core::address;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_core::window::Limit;
use tenantry_platform::config::{Per, Route, TierId};
use tenantry_platform::permit::{Credential, Principal, TenantRef};
use uuid::Uuid;

use super::decision::USUAL_CHARGES;

/// Whose counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    Key(KeyId),
    Person(PersonId),
    Tenant(TenantId),
    /// Everybody on a route of the app.
    Route(Uuid),
}

/// What a request costs whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub tier: TierId,
    /// The tier's own limit, or another one of the caller's tenant.
    pub limit: Limit,
    pub subject: Subject,
    pub cost: u32,
    /// Where the tier counts each route for itself.
    pub route: Option<Uuid>,
    /// Whether it only says what it would refuse.
    pub is_shadow: bool,
}

/// The charges of one request: those in shadow stand last.
pub type Charges = SmallVec<[Charge; USUAL_CHARGES]>;

/// What a route charges.
#[derive(Clone, Copy, Debug)]
pub struct Tariff<'r> {
    pub tiers: &'r [TierId],
    pub cost: u32,
    pub is_shadow: bool,
    /// Of the app; none of Tenantry's own is counted by its route.
    pub route: Option<Uuid>,
}

/// Who is charged, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'w> {
    pub client: IpAddr,
    pub principal: Option<&'w Principal>,
    /// The tenant of the host: its limits hold where no credential names another one.
    pub host: Option<&'w TenantRef>,
}

impl Charge {
    /// One request.
    pub const fn new(tier: TierId, limit: Limit, subject: Subject) -> Self {
        Self { tier, limit, subject, cost: 1, route: None, is_shadow: false }
    }

    /// A keyed hash of tier, window and subject, which says nothing about the subject.
    pub(super) fn hashed(&self, key: &[u8; 16], tier: u64) -> Hash128 {
        let (kind, subject) = self.subject.bytes();
        let mut text = [0; 29];
        text[0] = kind;
        text[1..9].copy_from_slice(&tier.to_le_bytes());
        text[9..13].copy_from_slice(&self.limit.window_ms.to_le_bytes());
        text[13..].copy_from_slice(&subject);
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(&text);
        if let Some(route) = self.route {
            hasher.write(route.as_bytes());
        }
        hasher.finish128()
    }
}

impl<'r> Tariff<'r> {
    /// One of each, of a route of Tenantry's own.
    pub const fn of(tiers: &'r [TierId]) -> Self {
        Self { tiers, cost: 1, is_shadow: false, route: None }
    }
}

impl<'r> From<&'r Route> for Tariff<'r> {
    fn from(route: &'r Route) -> Self {
        Self { tiers: &route.tiers, cost: route.cost, is_shadow: route.is_shadow, route: Some(route.counted_as) }
    }
}

impl<'w> Whom<'w> {
    /// Nobody is known but the address.
    pub const fn at(client: IpAddr) -> Self {
        Self { client, principal: None, host: None }
    }

    /// Whose limits hold.
    pub(super) fn tenant(&self) -> Option<&'w TenantRef> {
        self.principal.and_then(|principal| principal.parts().tenant.as_ref()).or(self.host)
    }

    /// Whom a tier counts; `None` where there is nobody to count.
    pub(super) fn subject(&self, per: Per, route: Option<Uuid>) -> Option<Subject> {
        let parts = self.principal.map(Principal::parts);
        match per {
            Per::Ip => Some(Subject::Address(self.client)),
            Per::Key => match parts?.credential {
                Credential::Key(key) | Credential::Management(key) => Some(Subject::Key(key)),
                _ => None,
            },
            Per::User => parts?.person.as_ref().map(|person| Subject::Person(person.id)),
            Per::Tenant => parts?.tenant.as_ref().map(|tenant| Subject::Tenant(tenant.id)),
            Per::Route => route.map(Subject::Route),
        }
    }
}

impl Subject {
    /// A kind and sixteen bytes: what is hashed.
    fn bytes(self) -> (u8, [u8; 16]) {
        match self {
            Self::Address(ip) => match address::subject(ip) {
                IpNet::V4(net) => (1, net.addr().to_ipv6_mapped().octets()),
                IpNet::V6(net) => (2, net.addr().octets()),
            },
            Self::Key(key) => (3, key.uuid().into_bytes()),
            Self::Person(person) => (4, person.uuid().into_bytes()),
            Self::Tenant(tenant) => (5, tenant.uuid().into_bytes()),
            Self::Route(route) => (6, route.into_bytes()),
        }
    }
}
