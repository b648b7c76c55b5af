//! Who is calling, by address (RL-1).
//!
//! `X-Forwarded-For` is believed only as far as it was written by proxies that we trust: it is read
//! from the right, and the first address that is no trusted proxy is the client. What stands left of
//! it was written by the client and is never looked at. An entry that cannot be read ends the walk
//! at the last address that is certain. IPv4 inside IPv6 is IPv4 everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Proxies in a row that are walked through; more are a loop or a forgery.
const HOPS_MAX: usize = 32;
/// The part of an IPv6 address that one customer of a provider holds at least (RFC 6177).
const V6_SUBJECT_BITS: u8 = 64;

/// Writes an address down. Each request does it several times: IPv4 without what its own form pays for widths.
pub fn push_address(text: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        text.push_str(&address.to_string());
        return;
    };
    for (at, part) in address.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        text.push_str(itoa::Buffer::new().format(part));
    }
}

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts these networks and no other.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether an address lies in one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// The client's address: `peer` is the socket's, `forwarded_for` the values of all
    /// `X-Forwarded-For` headers in the order in which they came.
    pub fn client_ip<'a, I>(&self, peer: IpAddr, forwarded_for: I) -> IpAddr
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: DoubleEndedIterator,
    {
        let hops = forwarded_for.into_iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
        let mut client = peer.to_canonical();
        for hop in hops.take(HOPS_MAX) {
            if !self.contains(client) {
                break;
            }
            let Some(ip) = read_hop(hop) else { break };
            client = ip;
        }
        client
    }
}

/// What a limit counts by: an IPv4 address, or the /64 of an IPv6 address.
pub fn subject(ip: IpAddr) -> IpNet {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Net::from(ip).into(),
        // 64 is a valid prefix of an IPv6 network.
        IpAddr::V6(ip) => Ipv6Net::new_assert(ip, V6_SUBJECT_BITS).trunc().into(),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn read_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = match bare {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip())),
    }?;
    let ip = ip.to_canonical();
    (ip != IpAddr::V4(Ipv4Addr::UNSPECIFIED) && ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED)).then_some(ip)
}
