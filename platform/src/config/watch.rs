//! `[operations]` and `[telemetry]`: where those who run Tenantry watch it, and what it tells them by itself.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use super::parse;
use super::section::Section;

/// `[operations]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// A listener of its own for metrics, health and the pages of platform staff, which the public one then has no more.
    pub listen: Option<SocketAddr>,
}

/// `[telemetry]`. Where errors go is a secret: its address holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The collector of traces and logs, without `/v1/…`; `None`: nothing leaves.
    pub otlp: Option<Url>,
    /// Of a hundred requests that come without a decision, how many are traced.
    pub trace_percent: u8,
}

impl Telemetry {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            otlp: section.maybe("otlp", parse::collector),
            trace_percent: section.number("trace_percent", 10, 0..=100),
        }
    }
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
