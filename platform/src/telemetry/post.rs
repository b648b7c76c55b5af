//! The way out: a body by POST, over a connection of its own, with TLS where the address says so.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

/// From the first byte of a connection to the head of the answer.
const WITHIN: Duration = Duration::from_secs(10);

/// An address that cannot be posted to.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is none.
    #[error("TENANTRY_SENTRY_DSN is no DSN: write https://KEY@HOST/PROJECT, as the project's settings show it")]
    Dsn,
    /// No header can carry it.
    #[error("TENANTRY_OTLP_AUTHORIZATION cannot be sent as a header: write one line of ASCII")]
    Authorization,
    /// TLS cannot be set up.
    #[error("TLS to whoever watches cannot be set up: {0}")]
    Tls(String),
    /// The thread cannot be started.
    #[error("the thread that sends what is watched cannot be started: {0}")]
    Thread(std::io::Error),
}

/// Why nobody took a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("it cannot be reached: {0}")]
    Away(String),
    #[error("it answered {0}")]
    Answered(StatusCode, Option<Duration>),
}

impl Refused {
    /// Whether it may take the same later (OTLP 1.x, "Failures"; Sentry says 429 in the same sense).
    pub(super) fn may_pass_later(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Answered(status, _) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
        }
    }

    /// What it said of when.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(_, after) => *after,
            Self::Away(_) => None,
        }
    }
}

/// Where bodies go.
pub(super) struct Post {
    host: String,
    port: u16,
    path: String,
    headers: HeaderMap,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Post {
    /// To an address, with these headers.
    pub(super) fn to(url: &Url, mut headers: HeaderMap) -> Result<Self, Unusable> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let named = HeaderValue::from_str(&url[url::Position::BeforeHost..url::Position::AfterPort]);
        headers.insert(header::HOST, named.map_err(|fault| Unusable::Tls(fault.to_string()))?);
        let tls = if url.scheme() == "https" { Some(tls(&host)?) } else { None };
        Ok(Self { host, port, path: url.path().to_owned(), headers, tls })
    }

    /// Posts a body once.
    pub(super) async fn send(&self, body: Vec<u8>) -> Result<(), Refused> {
        let sent = timeout(WITHIN, self.try_send(body)).await;
        sent.map_err(|_| Refused::Away(format!("it took longer than {} s", WITHIN.as_secs())))?
    }

    async fn try_send(&self, body: Vec<u8>) -> Result<(), Refused> {
        let host = self.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.port)).await.map_err(away)?;
        match &self.tls {
            Some((tls, name)) => self.ask(tls.connect(name.clone(), stream).await.map_err(away)?, body).await,
            None => self.ask(stream, body).await,
        }
    }

    async fn ask<S>(&self, stream: S, body: Vec<u8>) -> Result<(), Refused>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(away)?;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.parse().map_err(away)?;
        request.headers_mut().clone_from(&self.headers);
        // It ends with the sender: nothing of the answer but its head is looked at.
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(away);
        connection.abort();
        let answer = answer?;
        let after = answer.headers().get(header::RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Refused::Answered(answer.status(), after.map(Duration::from_secs)))
    }
}

fn away(fault: impl std::fmt::Display) -> Refused {
    Refused::Away(fault.to_string())
}

/// With the authorities that the system trusts.
fn tls(host: &str) -> Result<(TlsConnector, ServerName<'static>), Unusable> {
    let wrong = |fault: &dyn std::fmt::Display| Unusable::Tls(fault.to_string());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.map_err(|fault| wrong(&fault))?.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|fault| wrong(&fault))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
