//! `[operations]`: where those who run Tenantry watch it.

use std::net::{IpAddr, SocketAddr};

use super::parse;
use super::section::Section;

/// `[operations]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// A listener of its own for metrics, health and the pages of platform staff, which the public one then has no more.
    pub listen: Option<SocketAddr>,
}

impl Operations {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let listen = section.maybe("listen", parse::socket);
        let may_be_public = section.flag("allow_public", false);
        if let Some(address) = listen.filter(|address| !may_be_public && !is_private(address.ip())) {
            section.reading.fault(
                &section.span_of("listen"),
                format!("{} may be reached by strangers", address.ip()),
                "Write a loopback or private address, such as 127.0.0.1:9464. If a firewall stands before it, add allow_public = true.",
            );
        }
        Self { listen }
    }
}

/// Where no stranger comes from by itself (RFC 1918, 4193, 6598, and both link-local ranges).
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
