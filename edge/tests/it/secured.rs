//! An app that is reached by https: whom it is, and who may reach it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tenantry_platform::config::{CertificateFiles, Config, Upstream};

use crate::kit::{EVERYTHING, Front, PATIENCE, config, status};
use crate::tls::Authority;

/// An app that takes nobody without a certificate of `clients`, and tells how many it was shown.
fn app(files: &CertificateFiles, clients: &Authority) -> (SocketAddr, Receiver<usize>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients.roots.clone()), Arc::clone(&provider));
    let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = builder.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
    let (server, listener, (tell, told)) = (Arc::new(server), TcpListener::bind("127.0.0.1:0").unwrap(), channel());
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&server)).unwrap(), socket);
            let mut lines = BufReader::new(&mut stream).lines();
            // A handshake that fails has no lines.
            if lines.by_ref().map_while(Result::ok).any(|line| line.is_empty()) {
                let _ = tell.send(stream.conn.peer_certificates().map_or(0, <[_]>::len));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            }
        }
    });
    (address, told)
}

fn behind(address: SocketAddr, host: &str, ca: &Authority, client: Option<CertificateFiles>) -> Config {
    let mut config = config(&format!("[listen]\nthreads = 1\n{EVERYTHING}"));
    config.upstream.address = Upstream::Https { host: host.to_owned(), port: address.port() };
    config.upstream.ca = Some(ca.dir.path().join("ca.pem"));
    config.upstream.client = client;
    config
}

fn asked(config: &Config) -> u16 {
    status(&Front::of(config).tell("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"))
}

#[test]
fn the_app_is_believed_by_its_certificate_and_believes_ours() {
    let (theirs, ours, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (address, told) = app(&theirs.certify("app", &["localhost"]), &ours);
    let client = || Some(ours.certify("gateway", &["gateway.internal"]));
    assert_eq!(asked(&behind(address, "localhost", &theirs, client())), 200);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 1);

    assert_eq!(asked(&behind(address, "127.0.0.1", &theirs, client())), 502, "a certificate of another name");
    assert_eq!(asked(&behind(address, "localhost", &strangers, client())), 502, "of an authority that is not believed");
    assert_eq!(asked(&behind(address, "localhost", &theirs, None)), 502, "the app lets nobody else in");
    assert!(told.try_recv().is_err(), "nothing was sent to it");
}

#[test]
fn a_start_with_unusable_files_says_which_one() {
    let theirs = Authority::new();
    let mut config = behind(([127, 0, 0, 1], 9).into(), "localhost", &theirs, None);
    config.upstream.ca = Some("/nowhere/ca.pem".into());
    let said = Front::try_of(&config).err().unwrap().to_string();
    assert!(said.contains("/nowhere/ca.pem cannot be read"), "{said}");
}
