//! Where an address is, as far as anybody can say without a table of places: which network, and how far it reaches.
//!
//! No such table is shipped, and none is guessed. [`Place::of`] is the one function that would ask it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of an address is shown. Enough to recognise one's own provider, the same as most logs keep.
const V4_SHOWN_BITS: u32 = 24;
const V6_SHOWN_BITS: u32 = 48;

/// From where a network can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This very machine.
    Loopback,
    /// A home or an office (RFC 1918, RFC 4193, RFC 6598, link-local).
    Private,
    /// Everywhere else.
    Public,
}

/// The network that an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    network: IpAddr,
    bits: u32,
    /// From where it can be reached.
    pub reach: Reach,
}

impl Place {
    /// The place of an address. An IPv4 address that came inside IPv6 is an IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let (network, bits) = match address {
            IpAddr::V4(v4) => (IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & high_v4())), V4_SHOWN_BITS),
            IpAddr::V6(v6) => (IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & high_v6())), V6_SHOWN_BITS),
        };
        Self { network, bits, reach: reach(address) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

const fn high_v4() -> u32 {
    u32::MAX << (u32::BITS - V4_SHOWN_BITS)
}

const fn high_v6() -> u128 {
    u128::MAX << (u128::BITS - V6_SHOWN_BITS)
}

fn reach(address: IpAddr) -> Reach {
    let is_private = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match address.is_loopback() {
        true => Reach::Loopback,
        false if is_private => Reach::Private,
        false => Reach::Public,
    }
}

/// 100.64.0.0/10: what providers share among their customers (RFC 6598).
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}
