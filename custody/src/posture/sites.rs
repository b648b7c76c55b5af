//! Requests to the running system: by loopback, with the Host that a browser would send.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration as Span;
use serde_json::Value;
use tenantry_core::certificate::not_after;
use tenantry_core::clock::Timestamp;
use tenantry_core::random::Entropy;
use tenantry_core::secret::SecretString;
use tenantry_platform::config::Config;
use tokio::net::{TcpSocket, TcpStream};
use url::Url;

use super::entry::{Entry, Stream};
use super::probe::Inconclusive;

/// Until the whole answer is there.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pages are some ten KB.
const BODY_MOST: usize = 512 * 1024;

/// Where the system is served. Hosts are as the `Host` header names them, with their port.
#[derive(Clone, Debug)]
pub struct Sites {
    /// Whom to connect to, whatever the Host: `*.localhost` need not resolve.
    pub connect: SocketAddr,
    /// Whom to be: an address of this process's checks alone, so that they use up nobody's limits.
    from: Option<Ipv4Addr>,
    /// What a connection begins with.
    entry: Entry,
    /// `https` or `http`: as browsers see it.
    pub scheme: String,
    /// The central host.
    pub console: String,
    /// The API's host.
    pub api: String,
    /// A tenant's host.
    pub tenant: Option<String>,
    /// Another tenant's host.
    pub other_tenant: Option<String>,
    /// A key of the first tenant.
    pub api_key: Option<SecretString>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Sites {
    /// Where this configuration listens, asked over loopback.
    pub fn of(config: &Config) -> Self {
        let host = |name: &str| authority(&config.hosts.origin(name)).unwrap_or_default();
        Self {
            connect: loopback(config.listen.address),
            from: None,
            entry: Entry::of(&config.listen),
            scheme: scheme(&config.hosts.origin(&config.hosts.central())),
            console: host(&config.hosts.central()),
            api: host(&config.hosts.api()),
            tenant: None,
            other_tenant: None,
            api_key: None,
        }
    }

    /// With a tenant's host, another's, and a key of the first: base URLs such as `tenantry dev` announces.
    #[must_use]
    pub fn with_tenants(mut self, tenant: &str, other_tenant: &str, api_key: Option<SecretString>) -> Self {
        (self.tenant, self.other_tenant, self.api_key) = (authority(tenant), authority(other_tenant), api_key);
        self
    }

    /// From another loopback address, where this machine has more than one.
    #[must_use]
    pub(super) fn seen_from_elsewhere(&self, entropy: &Entropy) -> Self {
        let [second, third, last] = entropy.bytes::<3>();
        // From 127.64 on, and never the network's or the broadcast's own: nobody else is there.
        let address = Ipv4Addr::new(127, second | 64, third, last.clamp(1, 254));
        let may = self.connect.ip() == Ipv4Addr::LOCALHOST && std::net::TcpListener::bind((address, 0)).is_ok();
        Self { from: may.then_some(address), ..self.clone() }
    }

    /// Whether requests come from an address of their own.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.from.is_some()
    }

    /// A host where tenants' routes are: a tenant's own, or the API's.
    pub(super) fn routes_host(&self) -> &str {
        self.tenant.as_deref().unwrap_or(&self.api)
    }

    /// `https://host`, as a browser writes it into `Origin`.
    pub(super) fn origin(&self, host: &str) -> String {
        format!("{}://{host}", self.scheme)
    }

    /// A GET without a credential.
    pub(super) async fn fetch(&self, host: &str, path: &str) -> Result<Answer, Inconclusive> {
        self.send(host, Method::GET, path, &[], "").await
    }

    /// One request on a connection of its own.
    pub(super) async fn send(
        &self,
        host: &str,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Inconclusive> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| Inconclusive(error.to_string()))?;
        tokio::time::timeout(TIMEOUT, self.exchange(host, request))
            .await
            .map_err(|_| Inconclusive(format!("{} did not answer within {} s", self.connect, TIMEOUT.as_secs())))?
    }
}

impl Sites {
    async fn exchange(&self, host: &str, request: Request<Full<Bytes>>) -> Result<Answer, Inconclusive> {
        let away = |error: &dyn std::fmt::Display| Inconclusive(format!("{} cannot be asked: {error}", self.connect));
        let stream = self.open(host).await.map_err(|error| away(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| away(&error))?;
        let driving = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| away(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_MOST).collect().await.map_err(|error| away(&error))?.to_bytes();
        driving.abort();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// A connection over which a host can be asked.
    async fn open(&self, host: &str) -> io::Result<Stream> {
        let socket = connect(self.from, self.connect).await?;
        self.entry.pass(socket, name_of(host)).await
    }
}

/// A certificate that ends sooner should have been replaced: most are after two thirds of their 90 days.
const ENDS_SOON: Span = Span::from_hours(14 * 24);

impl Sites {
    /// What is wrong with TLS that ends here; `None` where a proxy ends it.
    pub(super) async fn tls_faults(&self, now: Timestamp) -> Result<Option<Vec<String>>, Inconclusive> {
        if !self.entry.is_secured() {
            return Ok(None);
        }
        let asked = async {
            let old = self.entry.speaks_old_versions(connect(self.from, self.connect).await?).await?;
            let shown = self.open(&self.console).await?;
            let ends = shown.certificate().and_then(not_after);
            let is_late = ends.is_none_or(|ends| ends < now + ENDS_SOON);
            let late = || format!("the certificate of {} ends within 14 days, or nobody can tell", self.console);
            let old = old.then(|| "a client of TLS 1.1 is answered".to_owned());
            Ok(Some(old.into_iter().chain(is_late.then(late)).collect()))
        };
        let away = |error: io::Error| Inconclusive(format!("{} cannot be asked: {error}", self.connect));
        let within = tokio::time::timeout(TIMEOUT, asked).await;
        within.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(away)
    }
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

async fn connect(from: Option<Ipv4Addr>, to: SocketAddr) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(to).await };
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

impl Answer {
    /// A header's value, where it is there once and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(first)
    }

    /// Its body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Its body as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

fn loopback(listening: SocketAddr) -> SocketAddr {
    if listening.ip().is_unspecified() { (IpAddr::V4(Ipv4Addr::LOCALHOST), listening.port()).into() } else { listening }
}

/// Host and port of a base URL; the port only where it is written.
fn authority(base: &str) -> Option<String> {
    let url = Url::parse(base).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn scheme(base: &str) -> String {
    base.split_once("://").map_or("https", |(scheme, _)| scheme).to_owned()
}
