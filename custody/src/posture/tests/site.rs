//! A site that answers as Tenantry would, and lies on demand.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
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
use tenantry_platform::kit::{TestDb, start};
use tokio::net::{TcpListener, TcpStream};

/// What the site does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    OpenRoute,
    ForeignKey,
    AnyHost,
    AnyOrigin,
    NoFrameOptions,
    OldNonce,
    UnsafeInline,
    RevokedKey,
    ExpiredKey,
    AnyScope,
    WordlessScope,
    StoppedTenant,
    OpenCall,
    OpenStaff,
    AnyInput,
    WordlessInput,
    UntoldLimits,
    UncountedLimits,
    EndlessForms,
    OneRequestId,
    UnquotedRequestId,
    OpenCors,
    ScriptCookie,
    WideCookie,
    NoContact,
    OldContact,
    PrivateKey,
    NoKey,
}

/// The site. What it knows of keys it reads from the database, as an administrator.
pub(super) struct Site {
    pub(super) lie: Mutex<Lie>,
    counter: AtomicU32,
    /// Forms by address and path.
    forms: Mutex<HashMap<(IpAddr, String), u32>>,
    database: tokio_postgres::Client,
}

/// Headers and body beside the status.
type Reply = (StatusCode, Vec<(&'static str, String)>, String);

const HOSTS: [&str; 4] = ["app.localhost:4000", "api.localhost:4000", "acme.localhost:4000", "globex.localhost:4000"];
const OPENAPI: &str = r#"{"paths":{"/-/api/v1/audit":{"get":{}},"/-/api/v1/keys/{id}":{"get":{},"delete":{},"parameters":[]},"/other":{"get":{}}}}"#;
const COOKIE: &str = "__Host-tenantry=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// Serves on loopback until the test ends.
pub(super) async fn serve(db: &TestDb) -> (Arc<Site>, SocketAddr) {
    let database = db.administrator().await;
    let (lie, counter, forms) = (Mutex::new(Lie::None), AtomicU32::new(0), Mutex::default());
    let site = Arc::new(Site { lie, counter, forms, database });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let answering = Arc::clone(&site);
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(connection(Arc::clone(&answering), stream, peer.ip()));
        }
    });
    (site, at)
}

async fn connection(site: Arc<Site>, stream: TcpStream, peer: IpAddr) {
    let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (site, (head, _)) = (Arc::clone(&site), request.into_parts());
        async move { Ok::<_, std::convert::Infallible>(site.answer(&head, peer).await) }
    });
    // A client that goes away is no matter of the test.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl Site {
    async fn answer(&self, request: &Parts, peer: IpAddr) -> Response<Full<Bytes>> {
        let lie = *self.lie.lock();
        let number = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let nonce = if lie == Lie::OldNonce { format!("{:022}", 0) } else { format!("{number:022}") };
        let scripts = if lie == Lie::UnsafeInline { "'unsafe-inline'" } else { "" };
        let id = if lie == Lie::OneRequestId { "0".to_owned() } else { number.to_string() };
        let (status, headers, body) = self.reply(request, peer, lie, &id).await;
        let mut answer = Response::builder()
            .status(status)
            .header("content-security-policy", format!("script-src 'nonce-{nonce}' {scripts}; frame-ancestors 'none'"))
            .header("x-request-id", id)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .header("permissions-policy", "camera=()");
        if lie != Lie::NoFrameOptions {
            answer = answer.header("x-frame-options", "DENY");
        }
        if lie == Lie::OpenCors {
            answer = answer.header("access-control-allow-origin", "*");
        }
        for (name, value) in headers {
            answer = answer.header(name, value);
        }
        let body = if body.is_empty() { format!("<script nonce=\"{nonce}\"></script>") } else { body };
        answer.body(Full::from(body)).unwrap()
    }

    async fn reply(&self, request: &Parts, peer: IpAddr, lie: Lie, id: &str) -> Reply {
        let text = |name: header::HeaderName| request.headers.get(name).map(|value| value.to_str().unwrap());
        let host = text(header::HOST).unwrap();
        let bearer = text(header::AUTHORIZATION).map(|value| value.trim_start_matches("Bearer "));
        let is_own = text(header::ORIGIN) == Some("http://app.localhost:4000") || lie == Lie::AnyOrigin;
        let plain = |status| (status, Vec::new(), String::new());
        match (&request.method, request.uri.path()) {
            _ if !HOSTS.contains(&host) && lie != Lie::AnyHost => plain(StatusCode::NOT_FOUND),
            (&Method::POST, "/-/sign-in" | "/-/sign-out" | "/-/sign-up" | "/-/forgot-password") if !is_own => {
                plain(StatusCode::FORBIDDEN)
            }
            (&Method::POST, "/-/sign-out") => signed_out(lie),
            (&Method::POST, path @ ("/-/sign-in" | "/-/sign-up" | "/-/forgot-password")) => self.form(peer, path, lie),
            (_, "/.well-known/security.txt") => security_txt(lie),
            (_, "/-/jwks.json") => jwks(lie),
            (_, "/-/api/openapi.json") => (StatusCode::OK, Vec::new(), OPENAPI.to_owned()),
            (_, path) if path.starts_with("/-/operator/") && lie != Lie::OpenStaff => plain(StatusCode::UNAUTHORIZED),
            (_, path) if path.starts_with("/-/api/v1/") => match bearer {
                Some(key) => self.known(key, request, lie).await,
                None => self.nobody(path, lie, id),
            },
            (_, path) if path.starts_with("/orders/") && lie != Lie::OpenRoute => plain(StatusCode::UNAUTHORIZED),
            (_, "/api/orders") if bearer.is_none() => plain(StatusCode::UNAUTHORIZED),
            (_, "/api/orders") if host.starts_with("globex") && lie != Lie::ForeignKey => plain(StatusCode::NOT_FOUND),
            _ => plain(StatusCode::OK),
        }
    }

    /// A call of the API without a key: refused.
    fn nobody(&self, path: &str, lie: Lie, id: &str) -> Reply {
        let is_open = lie == Lie::OpenCall && path != "/-/api/v1/audit";
        let status = if is_open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        let quoted = if lie == Lie::UnquotedRequestId { "another" } else { id };
        (status, Vec::new(), format!("{{\"request_id\":\"{quoted}\"}}"))
    }

    /// As a gateway without a cache would: known, neither revoked nor over, of a tenant that is served.
    async fn known(&self, key: &str, request: &Parts, lie: Lie) -> Reply {
        let digest = ApiKey::parse(key).unwrap().digest();
        let sql = "select k.revoked_at is null, k.expires_at is null or k.expires_at > $2, t.status = 'active'
                   from test.api_keys k left join control.tenants t using (tenant_id) where k.digest = $1";
        let row = self.database.query_opt(sql, &[&digest.as_bytes().as_slice(), &start()]).await.unwrap();
        let column = |at: usize| row.as_ref().is_some_and(|row| row.get::<_, Option<bool>>(at) == Some(true));
        let is_valid = (column(0) || lie == Lie::RevokedKey) && (column(1) || lie == Lie::ExpiredKey);
        if !is_valid {
            return (StatusCode::UNAUTHORIZED, Vec::new(), "{}".to_owned());
        }
        if !column(2) && lie != Lie::StoppedTenant {
            return (StatusCode::FORBIDDEN, Vec::new(), r#"{"code":"tenant_suspended"}"#.to_owned());
        }
        let (status, mut headers, body) = called(request, lie);
        headers.extend(self.told(lie));
        (status, headers, body)
    }

    /// Where the key stands in its limit.
    fn told(&self, lie: Lie) -> Vec<(&'static str, String)> {
        let remaining = if lie == Lie::UncountedLimits { 10 } else { 100_000 - self.counter.load(Ordering::Relaxed) };
        let told = [
            ("x-ratelimit-limit", "60".to_owned()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("ratelimit-policy", "\"api_key\";q=60;w=60".to_owned()),
        ];
        if lie == Lie::UntoldLimits { Vec::new() } else { told.to_vec() }
    }

    fn form(&self, peer: IpAddr, path: &str, lie: Lie) -> Reply {
        let most = if path == "/-/sign-in" { 10 } else { 5 };
        let mut forms = self.forms.lock();
        let sent = forms.entry((peer, path.to_owned())).or_default();
        *sent += 1;
        let is_too_many = *sent > most && lie != Lie::EndlessForms;
        let status = if is_too_many { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
        (status, vec![("retry-after", "60".to_owned())], String::new())
    }
}

/// What a key of the one scope `audit:read` is answered.
fn called(request: &Parts, lie: Lie) -> Reply {
    let plain = |status, body: &str| (status, Vec::new(), body.to_owned());
    let is_malformed = !matches!(request.uri.query(), None | Some("limit=1"));
    match request.uri.path() {
        "/-/api/v1/keys" if lie == Lie::WordlessScope => plain(StatusCode::FORBIDDEN, "{}"),
        "/-/api/v1/keys" if lie != Lie::AnyScope => plain(StatusCode::FORBIDDEN, r#"{"detail":"needs keys:read"}"#),
        _ if is_malformed && lie == Lie::WordlessInput => plain(StatusCode::BAD_REQUEST, "{}"),
        _ if is_malformed && lie != Lie::AnyInput => {
            plain(StatusCode::BAD_REQUEST, r#"{"detail":"limit is a number from 1 to 200"}"#)
        }
        _ => plain(StatusCode::OK, "{}"),
    }
}

fn signed_out(lie: Lie) -> Reply {
    let cookie = match lie {
        Lie::ScriptCookie => COOKIE.replace("HttpOnly; ", ""),
        Lie::WideCookie => COOKIE.replace("__Host-", ""),
        _ => COOKIE.to_owned(),
    };
    (StatusCode::OK, vec![("set-cookie", COOKIE.to_owned()), ("set-cookie", cookie)], String::new())
}

fn security_txt(lie: Lie) -> Reply {
    let text = match lie {
        Lie::NoContact => "Contact: \nExpires: 2027-01-01T00:00:00Z\n",
        Lie::OldContact => "Contact: mailto:a@b.c\nExpires: 2026-06-15T11:59:59Z\n",
        _ => "Contact: mailto:a@b.c\nExpires: 2027-01-01T00:00:00Z\n",
    };
    (StatusCode::OK, Vec::new(), text.to_owned())
}

fn jwks(lie: Lie) -> Reply {
    let text = match lie {
        Lie::PrivateKey => r#"{"keys":[{"kty":"OKP","x":"x","d":"d"}]}"#,
        Lie::NoKey => r#"{"keys":[]}"#,
        _ => r#"{"keys":[{"kty":"OKP","x":"x"}]}"#,
    };
    (StatusCode::OK, Vec::new(), text.to_owned())
}
