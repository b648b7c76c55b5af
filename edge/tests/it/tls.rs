//! TLS that ends here: by files that change, for the host that was asked for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned};
use tempfile::TempDir;
use tenantry_core::certificate::not_after;
use tenantry_platform::config::{CertificateFiles, Config, Tls};

use crate::kit::{App, EVERYTHING, Front, PATIENCE, config, header, status};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Certificates that an authority of the test's own has made, as files.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) roots: RootCertStore,
    pub(crate) dir: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let own = wanted.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ca.pem"), own.pem()).unwrap();
        Self { issuer: rcgen::Issuer::new(wanted, key), roots, dir }
    }

    /// A certificate for these names, in the files of `file`.
    pub(crate) fn certify(&self, file: &str, names: &[&str]) -> CertificateFiles {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let path = |kind: &str| self.dir.path().join(format!("{file}.{kind}"));
        let files = CertificateFiles { certificate: path("pem"), key: path("key") };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        write_key(&files.key, &key.serialize_pem());
        files
    }
}

fn write_key(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What serves everything over TLS with these certificates.
pub(crate) fn secured(app: &App, files: Vec<CertificateFiles>, listen: &str) -> Config {
    let lines = format!("[upstream]\nurl = \"http://{}\"\n[listen]\nthreads = 1\n{listen}\n{EVERYTHING}", app.address);
    let mut config = config(&lines);
    config.listen.tls = Tls::Files(files);
    config
}

/// How a browser would, that believes the test's authority.
pub(crate) fn client(authority: &Authority, protocols: &[&str]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = builder.with_root_certificates(authority.roots.clone()).with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(client)
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A connection for a name.
pub(crate) fn open(front: &Front, client: &Arc<ClientConfig>, name: &str) -> Secured {
    let socket = TcpStream::connect(front.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(client), name).unwrap(), socket)
}

fn ask(stream: &mut Secured, host: &str) -> std::io::Result<String> {
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The certificate that is shown for a name.
fn shown(front: &Front, client: &Arc<ClientConfig>, name: &str) -> CertificateDer<'static> {
    let mut stream = open(front, client, name);
    assert_eq!(status(&ask(&mut stream, name).unwrap()), 200);
    stream.conn.peer_certificates().unwrap()[0].clone()
}

fn held(files: &CertificateFiles) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.certificate).unwrap()
}

#[test]
fn each_name_is_shown_its_own_certificate() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let (wild, other) = (authority.certify("wild", &["*.example.com"]), authority.certify("other", &["shop.example"]));
    let front = Front::of(&secured(&app, vec![wild.clone(), other.clone()], ""));
    let client = client(&authority, &["http/1.1"]);
    assert_eq!(shown(&front, &client, "acme.example.com"), held(&wild));
    assert_eq!(shown(&front, &client, "shop.example"), held(&other));
    assert!(ask(&mut open(&front, &client, "elsewhere.example"), "elsewhere.example").is_err(), "of nobody's name");
}

#[test]
fn a_request_for_another_host_than_the_handshakes_is_misdirected() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let front = Front::of(&secured(&app, vec![authority.certify("wild", &["*.example.com"])], ""));
    let client = client(&authority, &[]);
    for host in ["globex.example.com", "acme.example.com.evil.example", "example.com"] {
        let answer = ask(&mut open(&front, &client, "acme.example.com"), host).unwrap();
        assert_eq!((status(&answer), header(&answer, "x-content-type-options")), (421, Some("nosniff")), "{answer}");
        assert!(answer.contains("misdirected") && header(&answer, "x-request-id").is_some(), "{answer}");
    }
    assert!(app.heard_nothing());
    for host in ["acme.example.com", "ACME.example.com:443"] {
        assert_eq!(status(&ask(&mut open(&front, &client, "acme.example.com"), host).unwrap()), 200);
    }
}

#[test]
fn a_new_certificate_is_in_force_for_the_next_handshake_and_drops_no_connection() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let files = authority.certify("site", &["acme.example.com"]);
    let front = Front::of(&secured(&app, vec![files.clone()], ""));
    let client = client(&authority, &["http/1.1"]);
    let before = shown(&front, &client, "acme.example.com");
    let mut open = open(&front, &client, "acme.example.com");
    open.conn.complete_io(&mut open.sock).unwrap();

    authority.certify("site", &["acme.example.com"]);
    front.gateway.certificates().unwrap().look();
    let fresh = self::client(&authority, &["http/1.1"]);
    assert_ne!(shown(&front, &fresh, "acme.example.com"), before);
    assert_eq!(shown(&front, &fresh, "acme.example.com"), held(&files));
    assert_eq!(status(&ask(&mut open, "acme.example.com").unwrap()), 200, "the one that was open");
}

#[test]
fn a_broken_new_file_leaves_the_old_certificate_in_force() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let files = authority.certify("site", &["acme.example.com"]);
    let front = Front::of(&secured(&app, vec![files.clone()], ""));
    let client = client(&authority, &["http/1.1"]);
    let before = shown(&front, &client, "acme.example.com");
    let ends = not_after(&before).unwrap().as_second();
    let told = || front.metrics.certificates.of(&files.certificate.display().to_string()).value();
    assert_eq!(told(), ends, "whoever watches knows when it ends");
    let break_it: [fn(&CertificateFiles); 5] = [
        |files| fs::write(&files.certificate, "no certificate").unwrap(),
        |files| fs::remove_file(&files.certificate).unwrap(),
        |files| fs::write(&files.key, "no key").unwrap(),
        |files| write_key(&files.key, &rcgen::KeyPair::generate().unwrap().serialize_pem()),
        |files| fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap(),
    ];
    for break_it in break_it {
        authority.certify("site", &["acme.example.com"]);
        break_it(&files);
        front.gateway.certificates().unwrap().reload();
        assert_eq!(shown(&front, &self::client(&authority, &[]), "acme.example.com"), before);
        assert_eq!(told(), ends);
    }
}

#[test]
fn a_start_with_a_broken_certificate_says_which_file_and_what_to_do() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let refused = |files: &CertificateFiles| {
        let config = secured(&app, vec![files.clone()], "");
        Front::try_of(&config).err().expect("it does not start").to_string()
    };
    let files = authority.certify("site", &["acme.example.com"]);
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(&files).contains("is open to others (mode 644). Run `chmod 600 "));
    write_key(&files.key, &rcgen::KeyPair::generate().unwrap().serialize_pem());
    assert!(refused(&files).contains("are no pair"));
    let missing = CertificateFiles { certificate: PathBuf::from("/nowhere/site.pem"), ..files };
    assert!(refused(&missing).contains("/nowhere/site.pem cannot be read"));
}

#[test]
fn sessions_are_resumed_and_old_versions_are_refused() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let front = Front::of(&secured(&app, vec![authority.certify("site", &["acme.example.com"])], ""));
    let client = client(&authority, &["http/1.1"]);
    let kinds: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = open(&front, &client, "acme.example.com");
            ask(&mut stream, "acme.example.com").unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            stream.conn.handshake_kind().unwrap()
        })
        .collect();
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);

    assert_eq!(said_to_hello(&front, 3)[0], 0x16, "TLS 1.2 goes on");
    for older in [2, 1, 0] {
        let said = said_to_hello(&front, older);
        assert_eq!((said[0], said[6]), (0x15, 70), "protocol_version: {said:?}");
    }
}

/// The beginning of the answer to a hello of `3.minor`: a handshake's, or an alert.
fn said_to_hello(front: &Front, minor: u8) -> [u8; 7] {
    let curve_and_signature = [0, 10, 0, 4, 0, 2, 0, 0x1d, 0, 13, 0, 4, 0, 2, 4, 3];
    let body = [&[3, minor][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 16], &curve_and_signature].concat();
    let length = u8::try_from(body.len()).unwrap();
    let mut socket = TcpStream::connect(front.address).unwrap();
    socket.write_all(&[&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()).unwrap();
    let mut said = [0; 7];
    socket.read_exact(&mut said).unwrap();
    said
}

#[test]
fn a_handshake_that_never_comes_is_cut_and_counts_among_connections() {
    let (app, authority) = (App::answering(HELLO), Authority::new());
    let files = vec![authority.certify("site", &["acme.example.com"])];
    let hasty = Front::of(&secured(&app, files.clone(), "head_timeout_ms = 100"));
    let mut silent = TcpStream::connect(hasty.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap_or_default(), 0, "cut");

    let small = Front::of(&secured(&app, files, "max_connections = 1"));
    let silent = TcpStream::connect(small.address).unwrap();
    let client = client(&authority, &[]);
    assert!(ask(&mut open(&small, &client, "acme.example.com"), "acme.example.com").is_err(), "one too many");
    drop(silent);
    let clear = hasty.tell("GET / HTTP/1.1\r\nhost: acme.example.com\r\n\r\n");
    assert!(!clear.contains("HTTP/1.1"), "nothing is said in the clear: {clear}");
    assert!(app.heard_nothing());
}
