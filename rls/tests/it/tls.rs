//! Encrypted connections: through something that ends TLS in front of the real server, as poolers and proxies do.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::bed::{Bed, Run};
use crate::cli::SETTINGS;

/// A bed whose database answers at a port of loopback by TLS alone, with a certificate for `localhost` of an authority of
/// its own, which is in `ca.pem`.
struct Encrypted {
    bed: Bed,
    port: u16,
}

impl Encrypted {
    async fn new() -> Self {
        let bed = Bed::new("create role $p_app login").await.with(SETTINGS);
        let (authority, config) = certified();
        std::fs::write(bed.folder.path().join("ca.pem"), authority).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (url, acceptor) = (bed.url.clone(), TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, acceptor.clone(), url.clone()));
            }
        });
        Self { bed, port }
    }

    async fn verify(&self, host: &str, parameters: &str) -> Run {
        self.run(&["verify"], host, parameters).await
    }

    async fn run(&self, verb: &[&str], host: &str, parameters: &str) -> Run {
        let (_, login) = self.bed.url.split_once("&user=").unwrap();
        let (database, _) = self.bed.url.trim_start_matches("postgresql:///").split_once('?').unwrap();
        let url = format!("postgresql://{host}:{}/{database}?user={login}&{parameters}", self.port);
        let mut command = self.bed.command(&[verb, &["--url", &url]].concat());
        command.env_remove("PGSSLMODE").env_remove("PGSSLROOTCERT").env("HOME", self.bed.folder.path());
        tokio::task::spawn_blocking(move || Run::of(command.output().unwrap())).await.unwrap()
    }
}

fn certified() -> (String, ServerConfig) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    (authority.pem(), builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

/// Answers the client's question for TLS with yes, and passes on what comes out of it.
async fn pass(mut client: TcpStream, acceptor: TlsAcceptor, url: String) {
    let mut question = [0; 8];
    client.read_exact(&mut question).await.unwrap();
    assert_eq!(question, [0, 0, 0, 8, 4, 210, 22, 47], "whoever comes here asks for TLS");
    client.write_all(b"S").await.unwrap();
    let config: tokio_postgres::Config = url.parse().unwrap();
    let Host::Unix(folder) = &config.get_hosts()[0] else { panic!("the cluster listens on a socket") };
    let mut server = UnixStream::connect(folder.join(".s.PGSQL.5432")).await.unwrap();
    // Who does not believe the certificate says so, and goes.
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_unknown_authority_gets_no_password() {
    let encrypted = Encrypted::new().await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let run = encrypted.verify("localhost", &format!("sslmode={mode}")).await;
        assert_eq!(run.code, 2, "{mode}: {}", run.out);
        assert!(run.err.contains("sslrootcert=FILE") && run.err.contains("no-verify"), "{mode}: {}", run.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_authority_is_believed_for_the_name_in_its_certificate() {
    let encrypted = Encrypted::new().await;
    let full = "sslmode=verify-full&sslrootcert=ca.pem";
    let run = encrypted.verify("localhost", full).await;
    assert_eq!(run.code, 0, "{}", run.err);
    let run = encrypted.run(&["attack", "--yes"], "localhost", full).await;
    assert_eq!(run.code, 0, "the connections that attack opens for itself as well: {}", run.err);
    let run = encrypted.verify("127.0.0.1", full).await;
    assert_eq!(run.code, 2, "the certificate is for localhost");
    assert!(run.err.contains("is not to be believed"), "{}", run.err);
    let run = encrypted.verify("127.0.0.1", "sslmode=verify-ca&sslrootcert=ca.pem").await;
    assert_eq!(run.code, 0, "the name is not asked for: {}", run.err);
    let run = encrypted.verify("localhost", "sslmode=verify-full&sslrootcert=rls.toml").await;
    assert_eq!(run.code, 2);
    assert!(run.err.contains("sslrootcert rls.toml cannot be used"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_so_verifies_nothing_and_is_encrypted_still() {
    let encrypted = Encrypted::new().await;
    for mode in ["no-verify", "prefer"] {
        let run = encrypted.verify("127.0.0.1", &format!("sslmode={mode}")).await;
        assert_eq!(run.code, 0, "{mode}: {}", run.err);
    }
}
