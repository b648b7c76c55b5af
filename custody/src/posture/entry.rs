//! What a connection to our own listener begins with: a PROXY header, TLS, both or neither.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tenantry_platform::config::{Listen, Tls};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The PROXY protocol, version 2: a connection that speaks for itself.
const LOCAL: &[u8; 16] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// What is asked of whoever connects.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    is_proxied: bool,
    tls: Option<Arc<ClientConfig>>,
}

/// A connection that may speak HTTP.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Entry {
    pub(super) fn of(listen: &Listen) -> Self {
        let is_secured = matches!(listen.tls, Tls::Files(_));
        Self { is_proxied: listen.proxy_protocol, tls: if is_secured { client() } else { None } }
    }

    pub(super) async fn pass(&self, mut socket: TcpStream, host: &str) -> io::Result<Stream> {
        if self.is_proxied {
            socket.write_all(LOCAL).await?;
        }
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(socket)) };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, socket).await?)))
    }
}

/// What a client of TLS 1.1 says first, with a curve and a signature that everybody knows.
const OLD_HELLO: &[u8] = b"\x16\x03\x01\x00\x3f\x01\x00\x00\x3b\x03\x02\
    tenantry asks in an old version.\x00\x00\x02\xc0\x2b\x01\x00\x00\x10\
    \x00\x0a\x00\x04\x00\x02\x00\x1d\x00\x0d\x00\x04\x00\x02\x04\x03";
/// A handshake's record, as opposed to an alert's.
const HANDSHAKE: u8 = 0x16;

impl Entry {
    /// Whether TLS ends here.
    pub(super) const fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether somebody goes on with a client of TLS 1.1.
    pub(super) async fn speaks_old_versions(&self, mut socket: TcpStream) -> io::Result<bool> {
        if self.is_proxied {
            socket.write_all(LOCAL).await?;
        }
        socket.write_all(OLD_HELLO).await?;
        // Closing without a word is a refusal, too.
        Ok(socket.read_u8().await.is_ok_and(|first| first == HANDSHAKE))
    }
}

impl Stream {
    /// The certificate that was shown, in DER.
    pub(super) fn certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }
}

/// None where the library lacks what it was built with, which the check then cannot do without.
fn client() -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().ok()?;
    let anybody = Arc::new(Anybody(provider));
    Some(Arc::new(builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()))
}

/// Over loopback to ourselves, where nothing is said that clear text would give away: whose certificate is shown is
/// another question than what is answered behind it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
