//! One line a request, with nothing that tells who it was for longer than needed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tenantry_core::ids::TenantId;

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// `x-request-id`.
    pub request_id: &'a str,
    /// The client's address; its last part is not logged.
    pub ip: IpAddr,
    /// `GET`
    pub method: &'a str,
    /// As asked for.
    pub host: &'a str,
    /// Path and query; the query is not logged, the path is masked.
    pub target: &'a str,
    /// Of the answer.
    pub status: u16,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
    /// Whose request it was, once known.
    pub tenant: Option<TenantId>,
    /// `session`, `api_key`, `anonymous`, …
    pub actor: &'static str,
    /// The trace that it belongs to, where requests are traced.
    pub trace_id: Option<&'a str>,
    /// Of a WebSocket, at its end.
    pub tunnel: Option<Tunnel>,
}

/// What passed after a switch of protocols.
#[derive(Clone, Copy, Debug)]
pub struct Tunnel {
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// `closed`, `idle`, `revoked`, …
    pub ended: &'static str,
}

impl Access<'_> {
    /// Logs it.
    pub fn log(&self) {
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        let duration_us = u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX);
        let tenant = self.tenant.map(tracing::field::display);
        tracing::info!(
            target: "access",
            request_id = self.request_id,
            ip = %cut(self.ip),
            method = self.method,
            host = self.host,
            path,
            status = self.status,
            duration_us,
            tenant,
            actor = self.actor,
            trace_id = self.trace_id,
            received = self.tunnel.map(|tunnel| tunnel.received),
            sent = self.tunnel.map(|tunnel| tunnel.sent),
            ended = self.tunnel.map(|tunnel| tunnel.ended),
            "request"
        );
    }
}

/// An address without what singles one household out: the /24, or the /48.
pub fn cut(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80).into(),
    }
}
