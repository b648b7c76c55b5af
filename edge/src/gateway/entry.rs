//! What comes before HTTP: a proxy's word about the client, and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use tenantry_platform::metrics::Unread;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::HTTP_2;
use super::conn::Peer;
use super::proxy;
use super::stream::Stream;

/// What is asked of a connection before its first request.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Peers that begin with a PROXY header. Nobody else may connect where there are any.
    pub(super) proxies: Option<Vec<IpNet>>,
}

/// A connection that may speak HTTP.
pub(super) struct Entered {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    /// The host that the client asked for in its handshake.
    pub(super) server_name: Option<Box<str>>,
    pub(super) is_http2: bool,
}

/// Why a connection ended before it spoke HTTP.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unentered {
    /// Who connected is no proxy that is trusted, or did not say for whom it comes as one does.
    #[error("{0}")]
    Proxy(io::Error),
    /// The TLS handshake failed.
    #[error("{0}")]
    Handshake(io::Error),
    #[error("what comes before HTTP was not there in time")]
    Slow,
}

impl Unentered {
    pub(super) const fn word(&self) -> Unread {
        match self {
            Self::Proxy(_) => Unread::Proxy,
            Self::Handshake(_) => Unread::Handshake,
            Self::Slow => Unread::Slow,
        }
    }
}

impl Entry {
    /// Whether a connection may speak HTTP at once.
    pub(super) const fn is_open(&self) -> bool {
        self.tls.is_none() && self.proxies.is_none()
    }

    /// Waits for all that is asked, for so long.
    pub(super) async fn pass(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<Entered, Unentered> {
        timeout(patience, self.take(socket, address)).await.map_err(|_| Unentered::Slow)?
    }

    async fn take(&self, mut socket: TcpStream, address: SocketAddr) -> Result<Entered, Unentered> {
        let address = self.announced(&mut socket, address).await.map_err(Unentered::Proxy)?;
        match &self.tls {
            Some(tls) => shake_hands(Arc::clone(tls), socket, Peer { address }).await.map_err(Unentered::Handshake),
            None => Ok(Entered::plain(socket, Peer { address })),
        }
    }

    /// The client, by the word of a trusted proxy where there has to be one.
    async fn announced(&self, socket: &mut TcpStream, address: SocketAddr) -> io::Result<SocketAddr> {
        let Some(trusted) = &self.proxies else { return Ok(address) };
        let ip = address.ip().to_canonical();
        let is_trusted = trusted.iter().any(|network| network.contains(&ip));
        if !is_trusted && !ip.is_loopback() {
            return Err(io::Error::other("no trusted proxy"));
        }
        match proxy::read(socket).await? {
            // Programs of this machine may come in their own name: what looks after us must not depend on a proxy.
            Some(_) if !is_trusted => Err(io::Error::other("no trusted proxy, and speaks for others")),
            client => Ok(client.unwrap_or(address)),
        }
    }
}

impl Entered {
    pub(super) const fn plain(socket: TcpStream, peer: Peer) -> Self {
        Self { stream: Stream::Plain(socket), peer, server_name: None, is_http2: false }
    }
}

async fn shake_hands(tls: Arc<ServerConfig>, socket: TcpStream, peer: Peer) -> io::Result<Entered> {
    let stream = TlsAcceptor::from(tls).accept(socket).await?;
    let (_, session) = stream.get_ref();
    let server_name = session.server_name().map(Box::from);
    let is_http2 = session.alpn_protocol() == Some(HTTP_2);
    Ok(Entered { stream: Stream::Tls(Box::new(stream)), peer, server_name, is_http2 })
}
