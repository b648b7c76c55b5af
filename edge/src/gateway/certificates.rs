//! TLS at the front, by certificates from files that may change while they are served [EN-4].
//!
//! What must hold:
//! - Nothing below TLS 1.2, and no early data: a request is never played twice.
//! - A new certificate is in force for the next handshake and touches no open connection.
//! - A broken one changes nothing but the log, which says it loudly.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tenantry_core::certificate::not_after;
use tenantry_platform::config::CertificateFiles;
use tenantry_platform::metrics::Metrics;

/// A chain and a key are some KB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Writing by the group, anything by everybody else.
const OPEN_BITS: u32 = 0o027;

/// The certificates of all names, as they are served now.
pub struct Certificates {
    files: Vec<CertificateFiles>,
    served: ArcSwap<Vec<Arc<CertifiedKey>>>,
    /// How the files looked when they were read last, whatever came of it.
    seen: Mutex<Vec<Looks>>,
    provider: Arc<CryptoProvider>,
    metrics: Metrics,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Certificates {
    /// Reads them all.
    ///
    /// # Errors
    /// A file that cannot be read, holds no certificate or key, or is open to others; a key of another certificate.
    pub fn load(files: &[CertificateFiles], metrics: &Metrics) -> io::Result<Arc<Self>> {
        let provider = Arc::new(default_provider());
        let seen = Mutex::new(looks(files));
        let served = ArcSwap::from_pointee(read_all(files, &provider)?);
        let certificates = Self { files: files.to_vec(), served, seen, provider, metrics: metrics.clone() };
        certificates.tell_ends();
        Ok(Arc::new(certificates))
    }

    /// Reads them again. The ones before stay in force unless all of the new ones are good.
    pub fn reload(&self) {
        *self.seen.lock() = looks(&self.files);
        match read_all(&self.files, &self.provider) {
            Ok(keys) => {
                self.served.store(Arc::new(keys));
                self.tell_ends();
                tracing::info!("new certificates are in force");
            }
            Err(fault) => {
                tracing::error!(%fault, "the certificates were not replaced: those before stay in force, until they end")
            }
        }
    }

    /// When each of them ends, for whoever watches.
    fn tell_ends(&self) {
        for (files, key) in self.files.iter().zip(self.served.load().iter()) {
            if let Some(end) = key.cert.first().and_then(|der| not_after(der)) {
                self.metrics.certificates.of(&files.certificate.display().to_string()).set(end.as_second());
            }
        }
    }

    /// Reads them again if a file has changed.
    pub fn look(&self) {
        let has_changed = *self.seen.lock() != looks(&self.files);
        if has_changed {
            self.reload();
        }
    }

    /// How handshakes are made.
    pub(super) fn server(self: &Arc<Self>) -> io::Result<Arc<ServerConfig>> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let mut server =
            builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        server.alpn_protocols = vec![super::HTTP_2.to_vec(), b"http/1.1".to_vec()];
        // Resumption without memory; the key is replaced every six hours.
        server.ticketer = Ticketer::new().map_err(io::Error::other)?;
        Ok(Arc::new(server))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let served = self.served.load();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| served.iter().find(|key| covers(key, &name)));
        named.or_else(|| served.first()).cloned()
    }
}

fn covers(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

/// A file that is not there looks like nothing, which is a change, too.
fn looks(files: &[CertificateFiles]) -> Vec<Looks> {
    let paths = files.iter().flat_map(|files| [&files.certificate, &files.key]);
    paths
        .map(|path| {
            fs::metadata(path).map_or(Looks { inode: 0, length: 0, modified: (0, 0) }, |file| Looks {
                inode: file.ino(),
                length: file.len(),
                modified: (file.mtime(), file.mtime_nsec()),
            })
        })
        .collect()
}

fn read_all(files: &[CertificateFiles], provider: &CryptoProvider) -> io::Result<Vec<Arc<CertifiedKey>>> {
    files.iter().map(|files| read_pair(files, provider).map(Arc::new)).collect()
}

fn read_pair(files: &CertificateFiles, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
    let (chain, key) = (read_chain(&files.certificate)?, read_key(&files.key)?);
    CertifiedKey::from_der(chain, key, provider).map_err(|fault| {
        let text = format!(
            "{} and {} are no pair: {fault}. Name the key that the certificate was made for.",
            files.certificate.display(),
            files.key.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

/// The certificates of a PEM file, in their order.
pub(super) fn read_chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| useless(path, "a certificate in PEM"))
}

/// The first private key of a PEM file that nobody else may read.
pub(super) fn read_key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    refuse_open(path)?;
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| useless(path, "a private key in PEM"))
}

fn useless(path: &Path, wanted: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} does not hold {wanted}", path.display()))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
    read.map_err(|cause| io::Error::new(cause.kind(), format!("{} cannot be read: {cause}", path.display())))?;
    Ok(text)
}

/// As with every secret that comes in a file.
fn refuse_open(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777);
    if mode & OPEN_BITS == 0 {
        return Ok(());
    }
    let path = path.display();
    let text = format!(
        "{path} is open to others (mode {mode:o}). Run `chmod 600 {path}`, or give it mode 0440: its group may read it, nobody else."
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}
