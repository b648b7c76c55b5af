//! `[listen]`, `[forward_auth]`, `[upstream]`: who may come in, and where requests go.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::hosts::{Hosts, Scheme};
use super::parse;
use super::section::{Choice, Section};

/// Eleven and a half days: longer than any request, short enough to add to a clock.
pub(super) const TIMEOUT_MS_MAX: u32 = 1_000_000_000;
/// One tebibyte: a body that is larger is not sent over HTTP in one piece.
pub(super) const BODY_BYTES_MAX: u64 = 1 << 40;

/// `[listen]`.
#[derive(Clone, Debug)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: Tls,
    /// Whether each connection begins with a PROXY header, version 2, of a trusted peer.
    pub proxy_protocol: bool,
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

/// Where TLS ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Before Tenantry, at a proxy.
    Front,
    /// Here, with these certificates; the first one is for whoever asks for a name of none.
    Files(Vec<CertificateFiles>),
    /// Nowhere: on this machine alone.
    Off,
}

/// A certificate with its chain and its private key, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Copy, PartialEq)]
enum TlsWord {
    Files,
    Front,
    Off,
}

impl Choice for TlsWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("files", Self::Files), ("front", Self::Front), ("off", Self::Off)];
}

#[derive(Clone, Copy, PartialEq)]
enum ProxyProtocol {
    Off,
    V2,
}

impl Choice for ProxyProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[("off", Self::Off), ("v2", Self::V2)];
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
    /// Whoever shows a certificate for the host.
    Https {
        host: String,
        port: u16,
    },
}

/// `[upstream]`.
#[derive(Clone, Debug)]
pub struct UpstreamPool {
    pub address: Upstream,
    /// Whose certificates an https app is believed by; `None`: the system's authorities.
    pub ca: Option<PathBuf>,
    /// What we show an https app, so that it can refuse everybody else.
    pub client: Option<CertificateFiles>,
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
        let listen = Self {
            address: section.text("address", "0.0.0.0:8080", parse::socket),
            tls: read_tls(section),
            proxy_protocol: section.choice("proxy_protocol", ProxyProtocol::Off) == ProxyProtocol::V2,
            threads: Some(section.number("threads", 0_u16, 0..=1024)).filter(|threads| *threads > 0),
            trusted_proxies: section.list("trusted_proxies", parse::network),
            max_connections: section.number("max_connections", 20_000, 1..=1_000_000),
            max_head_bytes: section.number("max_head_bytes", 32 * 1024, 4 * 1024..=32 * 1024),
            max_body_bytes: section.number("max_body_bytes", 10 * 1024 * 1024, 0..=BODY_BYTES_MAX),
            head_timeout: timeout(section, "head_timeout_ms", 10_000),
            body_idle_timeout: timeout(section, "body_idle_timeout_ms", 30_000),
            keep_alive_timeout: timeout(section, "keep_alive_timeout_ms", 75_000),
            drain: Duration::from_secs(section.number("drain_s", 30, 0..=3600)),
        };
        if listen.proxy_protocol && listen.trusted_proxies.is_empty() {
            let fix = "Write the networks of those proxies into trusted_proxies: only they are let in.";
            section.reading.fault(&section.span_of("proxy_protocol"), "nobody may send a PROXY header", fix);
        }
        listen
    }

    /// What only the whole file can tell: TLS and the addresses that browsers see say the same.
    pub(super) fn refuse_contradictions(&self, root: &Section<'_, '_>, hosts: &Hosts) {
        let (what, fix) = match (&self.tls, hosts.scheme) {
            (Tls::Off, _) if !self.address.ip().is_loopback() => (
                format!("tls = \"off\" with address = {:?} would show every session to the network", self.address),
                "Write \"files\" with a certificate, \"front\" where a proxy ends TLS, or listen on 127.0.0.1.",
            ),
            (Tls::Off, Scheme::Https) => (
                "tls = \"off\" with [hosts] scheme = \"https\": nobody ends TLS".to_owned(),
                "Write \"front\" where a proxy ends it, or \"files\" with a certificate.",
            ),
            (Tls::Files(_), Scheme::Http) => (
                "tls = \"files\" with [hosts] scheme = \"http\": every link would lead past TLS".to_owned(),
                "Write scheme = \"https\" in [hosts].",
            ),
            (Tls::Front | Tls::Off | Tls::Files(_), _) => return,
        };
        root.reading.fault(&root.span_of("listen"), what, fix);
    }
}

fn read_tls(section: &Section<'_, '_>) -> Tls {
    let word = section.choice("tls", TlsWord::Front);
    let (certificates, keys) = (section.list("certificate", parse::file), section.list("key", parse::file));
    let is_paired = certificates.len() == keys.len() && certificates.is_empty() == (word != TlsWord::Files);
    if !is_paired {
        let what = format!("tls = {:?} with {} certificates and {} keys", word.word(), certificates.len(), keys.len());
        let fix = "tls = \"files\" takes certificate and key, as many of one as of the other, in the same order; nothing else takes any.";
        section.reading.fault(&section.span_of("tls"), what, fix);
    }
    let pair = |(certificate, key)| CertificateFiles { certificate, key };
    match word {
        TlsWord::Front => Tls::Front,
        TlsWord::Off => Tls::Off,
        TlsWord::Files => Tls::Files(certificates.into_iter().zip(keys).map(pair).collect()),
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
        let address = address.unwrap_or_else(|| Upstream::Unix(PathBuf::new()));
        let (ca, client) = read_trust(section, &address);
        Self {
            address,
            ca,
            client,
            connect_timeout: timeout(section, "connect_timeout_ms", 2_000),
            response_timeout: timeout(section, "response_timeout_ms", 60_000),
            body_idle_timeout: timeout(section, "body_idle_timeout_ms", 60_000),
            idle_timeout: timeout(section, "idle_timeout_ms", 4_000),
            max_idle: section.number("max_idle", 128, 0..=10_000),
            max_connections: section.number("max_connections", 512, 1..=60_000),
        }
    }
}

/// Whom an https app is believed by, and what it is shown.
fn read_trust(section: &Section<'_, '_>, address: &Upstream) -> (Option<PathBuf>, Option<CertificateFiles>) {
    let ca = section.text("ca", "", parse::file_or_none);
    let (certificate, key) = (
        section.text("client_certificate", "", parse::file_or_none),
        section.text("client_key", "", parse::file_or_none),
    );
    if certificate.is_some() != key.is_some() {
        let what = "client_certificate and client_key belong together";
        section.reading.fault(&section.span, what, "Write both of them, or none.");
    }
    let is_idle = !matches!(address, Upstream::Https { .. }) && (ca.is_some() || certificate.is_some());
    if is_idle {
        let what = "ca and client_certificate are for an app that is reached by https";
        section.reading.fault(&section.span_of("url"), what, "Write url = \"https://…\", or leave them out.");
    }
    (ca, certificate.zip(key).map(|(certificate, key)| CertificateFiles { certificate, key }))
}

fn timeout(section: &Section<'_, '_>, key: &'static str, default_ms: u32) -> Duration {
    Duration::from_millis(section.number(key, default_ms, 1..=TIMEOUT_MS_MAX).into())
}
