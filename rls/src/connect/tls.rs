//! TLS to the server, by rustls: what is verified, and the channel binding that SCRAM asks for.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::asked::{Check, Roots};
use crate::fault::Fault;

/// Makes connections that are encrypted, and verified as far as was asked.
#[derive(Clone)]
pub(super) struct MakeTls(Arc<ClientConfig>);

impl MakeTls {
    /// For what was asked.
    pub(super) fn new(check: Check, roots: &Roots) -> Result<Self, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (named, inner) = match check {
            Check::Nothing => (Vec::new(), None),
            Check::Chain | Check::Name => verifier(roots, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Fault::Refused(format!("TLS cannot be set up: {error}")))?;
        let verifier = Arc::new(Verifier { named, inner, check, provider });
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// The certificates that were named, and what verifies by them.
type ByRoots = (Vec<CertificateDer<'static>>, Option<Arc<WebPkiServerVerifier>>);

fn verifier(roots: &Roots, provider: &Arc<CryptoProvider>) -> Result<ByRoots, Fault> {
    let mut store = RootCertStore::empty();
    let named = match roots {
        Roots::System => Vec::new(),
        Roots::File(path) => certificates(path)?,
    };
    match roots {
        Roots::System => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        Roots::File(_) => drop(store.add_parsable_certificates(named.iter().cloned())),
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
    let none = |error| {
        format!("no authority is known to verify the server by ({error}): name one with sslrootcert=FILE in --url.")
    };
    Ok((named, Some(built.map_err(|error| Fault::Refused(none(error)))?)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let unusable = |reason: String| {
        let path = path.display();
        Fault::Refused(format!("sslrootcert {path} cannot be used: {reason}. It has to hold certificates as PEM."))
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() { Err(unusable("there is no certificate in it".to_owned())) } else { Ok(found) }
}

/// Verifies what was asked, and the handshake's signature always.
#[derive(Debug)]
struct Verifier {
    /// Of a file: a server that shows one of these itself, signed by itself, is the one that was meant.
    named: Vec<CertificateDer<'static>>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        if self.named.iter().any(|named| named == certificate) {
            if self.check == Check::Name {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match inner.verify_server_cert(certificate, others, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Chain => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for MakeTls {
    type Stream = Encrypted<S>;
    type TlsConnect = Connect;
    type Error = io::Error;

    /// A socket in the file system has no name; nothing is encrypted there.
    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Connect> {
        Ok(Connect { tls: TlsConnector::from(Arc::clone(&self.0)), name: ServerName::try_from(domain.to_owned()).ok() })
    }
}

/// One handshake to come.
pub(super) struct Connect {
    tls: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connect {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name =
                self.name.ok_or_else(|| io::Error::other("the host has no name that a certificate could be for"))?;
            Ok(Encrypted(Box::new(self.tls.connect(name, stream).await?)))
        })
    }
}

/// An encrypted stream.
pub(super) struct Encrypted<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        let hash = certificates.and_then(|all| all.first()).and_then(|certificate| end_point(certificate));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

/// `tls-server-end-point` (RFC 5929, section 4): the certificate's hash, by the function of its own signature, and
/// SHA-256 where that would be MD5 or SHA-1. None where its signature has none of its own, as that of Ed25519.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    /// Signatures with RSA, and with ECDSA, and the last byte of their identifiers.
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    let identifier = signature_algorithm(certificate)?;
    let (last, family) = identifier.split_last()?;
    match (family, last) {
        (RSA, 0x04 | 0x05 | 0x0b) | (ECDSA, 0x02) => Some(Sha256::digest(certificate).to_vec()),
        (RSA, 0x0c) | (ECDSA, 0x03) => Some(Sha384::digest(certificate).to_vec()),
        (RSA, 0x0d) | (ECDSA, 0x04) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … }`
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (whole, _) = element(certificate, 0x30)?;
    let (_, after) = element(whole, 0x30)?;
    let (algorithm, _) = element(after, 0x30)?;
    element(algorithm, 0x06).map(|(identifier, _)| identifier)
}

/// The content of a DER element of this tag, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..0x80 => (usize::from(*length), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().try_fold(0usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?, rest)
        }
    };
    (*first == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// What was wrong with a certificate, when that is why no connection came about.
pub(super) fn refusal(error: &tokio_postgres::Error) -> Option<String> {
    let io = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    match io.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(why) => Some(why.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::end_point;

    /// RFC 5929: by the certificate's own hash function; none for what has none.
    #[test]
    fn a_channel_is_bound_by_the_hash_of_the_certificate() {
        let signed_with = |algorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            rcgen::CertificateParams::new(vec!["db".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec()
        };
        let ecdsa = signed_with(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(end_point(&ecdsa), Some(Sha256::digest(&ecdsa).to_vec()));
        assert_eq!(end_point(&signed_with(&rcgen::PKCS_ECDSA_P384_SHA384)).unwrap().len(), 48);
        assert_eq!(end_point(&signed_with(&rcgen::PKCS_ED25519)), None);
        for cut in 0..40 {
            assert_eq!(end_point(&ecdsa[..cut]), None, "a certificate that ends early is no reason to end");
        }
    }
}
