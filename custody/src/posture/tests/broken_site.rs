//! Controls that send requests, against a site that answers well and one that lies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_custody::posture::{Outcome, Sites};
use tenantry_platform::kit::TestDb;
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::{config, expect, probe};

/// What the site does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    OpenRoute,
    ForeignKey,
    AnyHost,
    AnyOrigin,
    NoFrameOptions,
    OldNonce,
    UnsafeInline,
    RevokedKey,
}

struct Site {
    lie: Mutex<Lie>,
    nonces: AtomicU32,
    /// The login that the site looks keys up with.
    database: tokio_postgres::Client,
}

#[tokio::test]
async fn an_unguarded_route_fails_the_guard_audit() {
    lied_and_mended("guard-audit", &[Lie::OpenRoute, Lie::ForeignKey]).await;
}

#[tokio::test]
async fn a_host_of_nobody_that_answers_is_seen() {
    lied_and_mended("unknown-hosts", &[Lie::AnyHost]).await;
}

#[tokio::test]
async fn a_form_from_elsewhere_that_is_taken_is_seen() {
    lied_and_mended("request-origin", &[Lie::AnyOrigin]).await;
}

#[tokio::test]
async fn a_missing_header_is_seen() {
    lied_and_mended("security-headers", &[Lie::NoFrameOptions]).await;
}

#[tokio::test]
async fn a_nonce_that_is_used_twice_or_undone_is_seen() {
    lied_and_mended("script-policy", &[Lie::OldNonce, Lie::UnsafeInline]).await;
}

#[tokio::test]
async fn a_revoked_key_that_still_works_is_seen() {
    lied_and_mended("key-revocation", &[Lie::RevokedKey]).await;
}

#[tokio::test]
async fn without_an_address_nothing_is_claimed() {
    let db = TestDb::new().await;
    for id in ["guard-audit", "key-revocation", "script-policy"] {
        expect(&probe(&db, None), id, Outcome::Unknown).await;
    }
}

/// The site is honest, lies, and is honest again.
async fn lied_and_mended(id: &str, lies: &[Lie]) {
    let db = TestDb::new().await;
    let (site, at) = serve(&db).await;
    let mut sites = Sites::of(&config());
    sites.connect = at;
    let tenant = tenantry_core::ids::TenantId::from_uuid(Uuid::from_u128(1));
    let key = ApiKey::generate(Mode::Test, tenant, &Entropy::seeded(1)).into_plaintext();
    let sites = sites.with_tenants("http://acme.localhost:4000", "http://globex.localhost:4000", Some(key));
    let probe = probe(&db, Some(sites));
    expect(&probe, id, Outcome::Pass).await;
    for lie in lies {
        *site.lie.lock() = *lie;
        expect(&probe, id, Outcome::Fail).await;
        *site.lie.lock() = Lie::None;
    }
    expect(&probe, id, Outcome::Pass).await;
}

async fn serve(db: &TestDb) -> (Arc<Site>, SocketAddr) {
    let database = db.administrator().await;
    let site = Arc::new(Site { lie: Mutex::new(Lie::None), nonces: AtomicU32::new(0), database });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let answering = Arc::clone(&site);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(Arc::clone(&answering), stream));
        }
    });
    (site, at)
}

async fn connection(site: Arc<Site>, stream: TcpStream) {
    let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (site, (head, _)) = (Arc::clone(&site), request.into_parts());
        async move { Ok::<_, std::convert::Infallible>(site.answer(&head).await) }
    });
    // A client that goes away is no matter of the test.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl Site {
    async fn answer(&self, request: &Parts) -> Response<Full<Bytes>> {
        let lie = *self.lie.lock();
        let nonce = self.nonce(lie);
        let scripts = if lie == Lie::UnsafeInline { "'unsafe-inline'" } else { "" };
        let policy = format!("script-src 'nonce-{nonce}' {scripts}; frame-ancestors 'none'");
        let mut answer = Response::builder()
            .status(self.status(request, lie).await)
            .header("content-security-policy", policy)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .header("permissions-policy", "camera=()");
        if lie != Lie::NoFrameOptions {
            answer = answer.header("x-frame-options", "DENY");
        }
        answer.body(Full::from(format!("<script nonce=\"{nonce}\"></script>"))).unwrap()
    }

    fn nonce(&self, lie: Lie) -> String {
        let number = if lie == Lie::OldNonce { 0 } else { self.nonces.fetch_add(1, Ordering::Relaxed) + 1 };
        format!("{number:022}")
    }

    async fn status(&self, request: &Parts, lie: Lie) -> StatusCode {
        let host = request.headers[header::HOST].to_str().unwrap();
        let known = ["app.localhost:4000", "api.localhost:4000", "acme.localhost:4000", "globex.localhost:4000"];
        let bearer = request
            .headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap().trim_start_matches("Bearer "));
        match (&request.method, request.uri.path()) {
            _ if !known.contains(&host) && lie != Lie::AnyHost => StatusCode::NOT_FOUND,
            (&Method::POST, "/-/sign-in" | "/-/sign-out") if lie != Lie::AnyOrigin => StatusCode::FORBIDDEN,
            (_, "/-/api/v1/audit") => self.look_up(bearer, lie).await,
            (_, path) if path.starts_with("/orders/") && lie != Lie::OpenRoute => StatusCode::UNAUTHORIZED,
            (_, "/api/orders") if bearer.is_none() => StatusCode::UNAUTHORIZED,
            (_, "/api/orders") if host.starts_with("globex") && lie != Lie::ForeignKey => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }

    /// As a gateway without a cache would: known and not revoked.
    async fn look_up(&self, bearer: Option<&str>, lie: Lie) -> StatusCode {
        let Some(key) = bearer else { return StatusCode::UNAUTHORIZED };
        let digest = ApiKey::parse(key).unwrap().digest();
        let sql = "select revoked_at is null from test.api_keys where digest = $1";
        let valid =
            self.database.query_opt(sql, &[&digest.as_bytes().as_slice()]).await.unwrap().is_some_and(|row| row.get(0));
        if valid || lie == Lie::RevokedKey { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    }
}
