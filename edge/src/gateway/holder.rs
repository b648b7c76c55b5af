//! Whose share something is that stays: of an address, and of the tenant that is talked to.

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;
use tenantry_core::address;
use tenantry_core::ids::TenantId;

/// One of those who have a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Tenant(TenantId),
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpNet),
}

pub(super) type Holders = SmallVec<[Holder; 2]>;

/// Those whose share a client uses.
pub(super) fn holders(tenant: Option<TenantId>, client: IpAddr) -> Holders {
    tenant.map(Holder::Tenant).into_iter().chain([Holder::Address(address::subject(client))]).collect()
}
