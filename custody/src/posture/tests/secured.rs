//! A site whose TLS ends at itself, and a check that looks at it.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tenantry_custody::posture::{Outcome, Probe, Sites};
use tenantry_platform::config::Tls;
use tenantry_platform::kit::TestDb;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::site::{connection, serve};
use super::{config, expect, probe};

/// On the test's clock it is the middle of June.
const NEXT_WEEK: (i32, u8, u8) = (2026, 6, 22);
const NEXT_YEAR: (i32, u8, u8) = (2027, 6, 1);

fn server((year, month, day): (i32, u8, u8)) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut wanted = CertificateParams::new(vec!["app.localhost".to_owned()]).unwrap();
    wanted.not_after = date_time_ymd(year, month, day);
    let certificate = wanted.self_signed(&key).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()))
}

/// A site over TLS, by a certificate that ends then. A lax one goes on with whoever asks in an old version.
async fn secured(db: &TestDb, ends: (i32, u8, u8), is_lax: bool) -> Arc<Probe> {
    let ((site, _), tls) = (serve(db).await, server(ends));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config().as_ref().clone();
    config.listen.tls = Tls::Files(Vec::new());
    let mut sites = Sites::of(&config);
    sites.connect = listener.local_addr().unwrap();
    sites.scheme = "https".to_owned();
    tokio::spawn(async move {
        while let Ok((mut socket, peer)) = listener.accept().await {
            let (site, tls) = (Arc::clone(&site), tls.clone());
            tokio::spawn(async move {
                let mut hello = [0; 11];
                while socket.peek(&mut hello).await.is_ok_and(|count| (1..11).contains(&count)) {}
                if is_lax && hello[9..] == [3, 2] {
                    let _ = socket.write_all(&[0x16, 3, 2]).await;
                } else if let Ok(stream) = tls.accept(socket).await {
                    connection(site, stream, peer.ip()).await;
                }
            });
        }
    });
    probe(db, Some(sites))
}

#[tokio::test]
async fn tls_that_ends_here_is_looked_at() {
    let db = TestDb::new().await;
    let evidence = expect(&secured(&db, NEXT_YEAR, false).await, "https-only", Outcome::Pass).await;
    assert!(evidence.contains("TLS 1.1 is refused"), "{evidence}");
    let evidence = expect(&secured(&db, NEXT_WEEK, false).await, "https-only", Outcome::Fail).await;
    assert!(evidence.contains("ends within 14 days"), "{evidence}");
    let evidence = expect(&secured(&db, NEXT_YEAR, true).await, "https-only", Outcome::Fail).await;
    assert!(evidence.contains("a client of TLS 1.1 is answered"), "{evidence}");
}
