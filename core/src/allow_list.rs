//! From where a credential works: networks as people write them, and the question whether an address lies in one.
//!
//! What must always hold:
//!
//! - An address is compared in one form: IPv4 inside IPv6 is IPv4, in the list and in the question.
//! - What was stored and cannot be read closes the list; it never opens it.
//! - "Everywhere" is said by an empty list and by nothing else: a network of all addresses is refused.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// Networks of one list at most: offices, clouds and a few machines. Every request of the credential is compared with
/// each of them.
pub const NETWORKS_MOST: usize = 32;
/// The longest CIDR that there is has 43 characters; brackets and blanks around it are forgiven.
const NETWORK_CHARS_MOST: usize = 64;
/// The bits of `::ffff:0:0/96`, which stand before an IPv4 address inside an IPv6 one.
const MAPPED_BITS: u8 = 96;

/// From where a credential works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowList {
    /// From every address.
    #[default]
    Anywhere,
    /// From these networks; from nowhere if there is none.
    Only(Vec<IpNet>),
}

/// Why a line is no network of a list. The sentence says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkFault {
    /// Something else.
    #[error("Write an address or a network, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.")]
    NotANetwork,
    /// The address has bits that the prefix does not count.
    #[error("This is an address inside a network. Write {network} for the network, or {address} for the one address.")]
    HostBits {
        /// The network that it lies in.
        network: IpNet,
        /// The address alone.
        address: IpAddr,
    },
    /// Every address there is.
    #[error("This allows every address. Leave the list empty if that is meant, or name the networks.")]
    Everywhere,
}

impl AllowList {
    /// Reads what somebody wrote, a network a line. Nothing at all is "from anywhere".
    ///
    /// # Errors
    /// Every line that is wrong, by its place in the list.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, Vec<(usize, NetworkFault)>> {
        let (mut networks, mut faults) = (Vec::new(), Vec::new());
        for (at, line) in lines.iter().enumerate() {
            match parse_network(line.as_ref()) {
                Ok(network) if networks.contains(&network) => {}
                Ok(network) => networks.push(network),
                Err(fault) => faults.push((at, fault)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(if networks.is_empty() { Self::Anywhere } else { Self::Only(networks) })
    }

    /// Reads what [`AllowList::lines`] wrote. A line that cannot be read allows nothing.
    pub fn from_stored<S: AsRef<str>>(lines: &[S]) -> Self {
        if lines.is_empty() {
            return Self::Anywhere;
        }
        Self::Only(lines.iter().filter_map(|line| parse_network(line.as_ref()).ok()).collect())
    }

    /// The networks in their canonical form; none for "from anywhere".
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Anywhere => Vec::new(),
            Self::Only(networks) => networks.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether the credential works from this address.
    pub fn admits(&self, ip: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Only(networks) => {
                let ip = ip.to_canonical();
                networks.iter().any(|network| network.contains(&ip))
            }
        }
    }

    /// Whether every address that this list admits is admitted by `other`, network by network.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Anywhere) => true,
            (Self::Anywhere, Self::Only(_)) => false,
            (Self::Only(inner), Self::Only(outer)) => {
                inner.iter().all(|network| outer.iter().any(|around| around.contains(network)))
            }
        }
    }
}

fn parse_network(text: &str) -> Result<IpNet, NetworkFault> {
    let text = text.trim();
    if text.len() > NETWORK_CHARS_MOST {
        return Err(NetworkFault::NotANetwork);
    }
    let network = match text.parse::<IpAddr>() {
        Ok(ip) => IpNet::from(ip),
        Err(_) => text.parse::<IpNet>().map_err(|_| NetworkFault::NotANetwork)?,
    };
    let network = unmap(network);
    if network.prefix_len() == 0 || is_unspecified(network) {
        return Err(NetworkFault::Everywhere);
    }
    if network.trunc() != network {
        return Err(NetworkFault::HostBits { network: network.trunc(), address: network.addr() });
    }
    Ok(network)
}

/// `::ffff:10.0.0.0/104` is 10.0.0.0/8.
fn unmap(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    let v4 = mapped.and_then(|(ip, bits): (Ipv4Addr, u8)| Ipv4Net::new(ip, bits).ok());
    v4.map_or(network, IpNet::V4)
}

/// `0.0.0.0` and `::` alone: nobody calls from there, and whoever writes it means everybody.
fn is_unspecified(network: IpNet) -> bool {
    network.addr().is_unspecified() && network.prefix_len() == network.max_prefix_len()
}
