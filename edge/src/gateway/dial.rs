//! How the app is reached: what it is believed by, and what it is shown.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tenantry_platform::config::{Upstream, UpstreamPool};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::{read_chain, read_key};

/// The way to the app, made once.
#[derive(Clone)]
pub struct Dial {
    pub(super) settings: UpstreamPool,
    secured: Option<Secured>,
}

/// TLS to the app.
#[derive(Clone)]
pub(super) struct Secured {
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Dial {
    /// The way of the settings.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold what it should.
    pub fn new(settings: &UpstreamPool) -> io::Result<Self> {
        let secured = match &settings.address {
            Upstream::Https { host, .. } => Some(Secured::new(host, settings)?),
            Upstream::Http { .. } | Upstream::Unix(_) => None,
        };
        Ok(Self { settings: settings.clone(), secured })
    }

    pub(super) const fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }
}

impl Secured {
    fn new(host: &str, settings: &UpstreamPool) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let builder = builder.with_root_certificates(roots(settings.ca.as_deref())?);
        let mut tls = match &settings.client {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let (chain, key) = (read_chain(&own.certificate)?, read_key(&own.key)?);
                builder.with_client_auth_cert(chain, key).map_err(io::Error::other)?
            }
        };
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), name })
    }

    /// The app's certificate is judged before a byte of a request is sent.
    pub(super) async fn shake_hands(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.tls.connect(self.name.clone(), socket).await
    }
}

fn roots(ca: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in read_chain(path)? {
                roots.add(certificate).map_err(io::Error::other)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("settings", &self.settings).finish_non_exhaustive()
    }
}
