//! `[listen]`, `[forward_auth]`, `[upstream]`: who may come in, and where requests go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::parse;
use super::section::Section;

/// Eleven and a half days: longer than any request, short enough to add to a clock.
pub(super) const TIMEOUT_MS_MAX: u32 = 1_000_000_000;
/// One tebibyte: a body that is larger is not sent over HTTP in one piece.
pub(super) const BODY_BYTES_MAX: u64 = 1 << 40;

/// `[listen]`.
#[derive(Clone, Debug)]
pub struct Listen {
    pub address: SocketAddr,
    /// Gateway threads; `None` is one a core.
    pub threads: Option<u16>,
    /// Peers whose `X-Forwarded-For` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<IpNet>,
    pub max_connections: u32,
    /// The head of a request: its line and its headers.
    pub max_head_bytes: u32,
    /// Requests whose route says nothing else.
    pub max_body_bytes: u64,
    pub head_timeout: Duration,
    /// Between two pieces of a body.
    pub body_idle_timeout: Duration,
    pub keep_alive_timeout: Duration,
    /// How long answers in flight may take after SIGTERM.
    pub drain: Duration,
}

/// `[forward_auth]`.
#[derive(Clone, Debug)]
pub struct ForwardAuth {
    /// Peers that may ask `/-/forward-auth`; none: it does not exist.
    pub trusted: Vec<IpNet>,
}

/// Where the app listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Nobody else can reach it there.
    Unix(PathBuf),
    Http {
        host: String,
        port: u16,
    },
}

/// `[upstream]`.
#[derive(Clone, Debug)]
pub struct UpstreamPool {
    pub address: Upstream,
    pub connect_timeout: Duration,
    /// Until the head of the answer, for routes that say nothing else.
    pub response_timeout: Duration,
    /// Between two pieces of the answer's body.
    pub body_idle_timeout: Duration,
    /// How long an unused connection is kept. Shorter than the app's own, or requests meet a closed one.
    pub idle_timeout: Duration,
    /// Connections a thread keeps open for later.
    pub max_idle: u16,
    /// Connections a thread opens at most.
    pub max_connections: u16,
}

impl Listen {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            address: section.text("address", "0.0.0.0:8080", parse::socket),
            threads: Some(section.number("threads", 0_u16, 0..=1024)).filter(|threads| *threads > 0),
            trusted_proxies: section.list("trusted_proxies", parse::network),
            max_connections: section.number("max_connections", 20_000, 1..=1_000_000),
            max_head_bytes: section.number("max_head_bytes", 32 * 1024, 4 * 1024..=32 * 1024),
            max_body_bytes: section.number("max_body_bytes", 10 * 1024 * 1024, 0..=BODY_BYTES_MAX),
            head_timeout: timeout(section, "head_timeout_ms", 10_000),
            body_idle_timeout: timeout(section, "body_idle_timeout_ms", 30_000),
            keep_alive_timeout: timeout(section, "keep_alive_timeout_ms", 75_000),
            drain: Duration::from_secs(section.number("drain_s", 30, 0..=3600)),
        }
    }
}

impl ForwardAuth {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self { trusted: section.list("trusted", parse::network) }
    }
}

impl UpstreamPool {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<&str>) -> Self {
        let address =
            section.required("url", "\"unix:/run/app.sock\" or \"http://127.0.0.1:3000\"", given, parse::upstream);
        Self {
            address: address.unwrap_or_else(|| Upstream::Unix(PathBuf::new())),
            connect_timeout: timeout(section, "connect_timeout_ms", 2_000),
            response_timeout: timeout(section, "response_timeout_ms", 60_000),
            body_idle_timeout: timeout(section, "body_idle_timeout_ms", 60_000),
            idle_timeout: timeout(section, "idle_timeout_ms", 4_000),
            max_idle: section.number("max_idle", 128, 0..=10_000),
            max_connections: section.number("max_connections", 512, 1..=60_000),
        }
    }
}

fn timeout(section: &Section<'_, '_>, key: &'static str, default_ms: u32) -> Duration {
    Duration::from_millis(section.number(key, default_ms, 1..=TIMEOUT_MS_MAX).into())
}
