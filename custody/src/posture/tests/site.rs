//! A site that answers as Tenantry would, and lies on demand.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use url::form_urlencoded;
use uuid::Uuid;

use super::site_team::Key;

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
    LostStore,
    EndlessForms,
    OneRequestId,
    UnquotedRequestId,
    OpenMetrics,
    OpenCors,
    CookieCors,
    ScriptCookie,
    WideCookie,
    NoContact,
    OldContact,
    PrivateKey,
    NoKey,
    PendingSignsIn,
    EagerSignUp,
    LinkTwice,
    EndlessLink,
    KnownAddress,
    QuickUnknown,
    MailToNobody,
    StoredLink,
    LongToken,
    AnyToken,
    SameToken,
    ReusedToken,
    LivingTree,
    OtherSessions,
    OldPassword,
    DeactivatedPerson,
    Wildcard,
    LargePage,
    WordlessPage,
    AnyMode,
    MixedModes,
    AnyPrefix,
    SilentTeam,
    VagueTeam,
    NamelessInvitation,
    EmptyExport,
    FormulaExport,
    CutExport,
    NoHsts,
    ShortHsts,
    NarrowHsts,
    LongExchange,
    AnyBody,
    WordlessBody,
    AnyKind,
    NoBlock,
    LongBlock,
}

/// The site. What it knows of keys and people it reads from the database, as an administrator.
pub(super) struct Site {
    pub(super) lie: Mutex<Lie>,
    counter: AtomicU32,
    /// Forms by address and path.
    forms: Mutex<HashMap<(IpAddr, String), u32>>,
    /// Since when each block is known: the test's clock stands, and a block ends by the true one.
    blocks: Mutex<HashMap<Uuid, Instant>>,
    pub(super) database: tokio_postgres::Client,
    pub(super) ground: Ground,
}

/// Headers and body beside the status.
pub(super) type Reply = (StatusCode, Vec<(&'static str, String)>, String);

/// A request, as far as the site looks at it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: HashMap<String, String>,
    pub(super) form: HashMap<String, String>,
    pub(super) json: serde_json::Value,
    pub(super) cookies: HashMap<&'a str, &'a str>,
    /// The request's id.
    pub(super) id: &'a str,
    pub(super) lie: Lie,
}

impl<'a> Asked<'a> {
    fn new(head: &'a Parts, body: &[u8], id: &'a str, lie: Lie) -> Self {
        let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
        let line = head.headers.get(header::COOKIE).map(|line| line.to_str().unwrap()).unwrap_or_default();
        Self {
            method: &head.method,
            path: head.uri.path(),
            query: pairs(head.uri.query().unwrap_or_default().as_bytes()),
            form: pairs(body),
            json: serde_json::from_slice(body).unwrap_or_default(),
            cookies: line.split("; ").filter_map(|pair| pair.split_once('=')).collect(),
            id,
            lie,
        }
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.form.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether it is about somebody, and no form without anything in it.
    fn is_of_people(&self) -> bool {
        match self.path {
            "/-/sign-in" | "/-/sign-up" | "/-/forgot-password" => !self.form.is_empty(),
            "/-/account" | "/-/account/password" | "/-/reset-password" | "/-/invitation" => true,
            path => path.starts_with("/-/console/"),
        }
    }
}

pub(super) fn plain(status: StatusCode, body: &str) -> Reply {
    (status, Vec::new(), body.to_owned())
}

const HOSTS: [&str; 4] = ["app.localhost:4000", "api.localhost:4000", "acme.localhost:4000", "globex.localhost:4000"];
const OPENAPI: &str = r#"{"paths":{"/-/api/v1/audit":{"get":{}},"/-/api/v1/keys/{id}":{"get":{},"delete":{},"parameters":[]},"/other":{"get":{}}}}"#;
const COOKIE: &str = "__Host-tenantry=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// Serves on loopback until the test ends.
pub(super) async fn serve(db: &TestDb) -> (Arc<Site>, SocketAddr) {
    let database = db.administrator().await;
    let (lie, counter, forms, blocks) = (Mutex::new(Lie::None), AtomicU32::new(0), Mutex::default(), Mutex::default());
    let site = Arc::new(Site { lie, counter, forms, blocks, database, ground: db.ground.clone() });
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

pub(super) async fn connection(
    site: Arc<Site>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: IpAddr,
) {
    let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (site, (head, body)) = (Arc::clone(&site), request.into_parts());
        async move {
            let body = body.collect().await.unwrap().to_bytes();
            Ok::<_, std::convert::Infallible>(site.answer(&head, &body, peer).await)
        }
    });
    // A client that goes away is no matter of the test.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl Site {
    async fn answer(&self, request: &Parts, body: &[u8], peer: IpAddr) -> Response<Full<Bytes>> {
        let lie = *self.lie.lock();
        let number = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let nonce = if lie == Lie::OldNonce { format!("{:022}", 0) } else { format!("{number:022}") };
        let scripts = if lie == Lie::UnsafeInline { "'unsafe-inline'" } else { "" };
        let id = if lie == Lie::OneRequestId { "0".to_owned() } else { number.to_string() };
        let (status, headers, body) = self.reply(request, body, peer, lie, &id).await;
        let mut answer = Response::builder()
            .status(status)
            .header("content-security-policy", format!("script-src 'nonce-{nonce}' {scripts}; frame-ancestors 'none'"))
            .header("x-request-id", id)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .header("permissions-policy", "camera=()");
        if let Some(hsts) = hsts(lie) {
            answer = answer.header("strict-transport-security", hsts);
        }
        if lie != Lie::NoFrameOptions {
            answer = answer.header("x-frame-options", "DENY");
        }
        if lie == Lie::OpenCors {
            answer = answer.header("access-control-allow-origin", "*");
        }
        if lie == Lie::CookieCors {
            answer = answer.header("access-control-allow-credentials", "true");
        }
        for (name, value) in headers {
            answer = answer.header(name, value);
        }
        let body = if body.is_empty() { format!("<script nonce=\"{nonce}\"></script>") } else { body };
        answer.body(Full::from(body)).unwrap()
    }

    async fn reply(&self, request: &Parts, body: &[u8], peer: IpAddr, lie: Lie, id: &str) -> Reply {
        let asked = Asked::new(request, body, id, lie);
        let text = |name: header::HeaderName| request.headers.get(name).map(|value| value.to_str().unwrap());
        let host = text(header::HOST).unwrap();
        let bearer = text(header::AUTHORIZATION).map(|value| value.trim_start_matches("Bearer "));
        let is_own = text(header::ORIGIN) == Some("http://app.localhost:4000") || lie == Lie::AnyOrigin;
        let plain = |status| plain(status, "");
        match (&request.method, request.uri.path()) {
            _ if !HOSTS.contains(&host) && lie != Lie::AnyHost => plain(StatusCode::NOT_FOUND),
            (&Method::POST, "/-/sign-in" | "/-/sign-out" | "/-/sign-up" | "/-/forgot-password") if !is_own => {
                plain(StatusCode::FORBIDDEN)
            }
            _ if asked.is_of_people() => self.of_people(&asked).await,
            (&Method::POST, "/-/sign-out") => signed_out(lie),
            (&Method::POST, path @ ("/-/sign-in" | "/-/sign-up" | "/-/forgot-password")) => self.form(peer, path, lie),
            (_, "/.well-known/security.txt") => security_txt(lie),
            (_, "/metrics") if lie == Lie::OpenMetrics => {
                (StatusCode::OK, Vec::new(), "tenantry_requests_total 1".to_owned())
            }
            (_, "/-/jwks.json") => jwks(lie),
            (_, "/-/api/openapi.json") => (StatusCode::OK, Vec::new(), OPENAPI.to_owned()),
            (_, path) if path.starts_with("/-/operator/") && lie != Lie::OpenStaff => plain(StatusCode::UNAUTHORIZED),
            (_, path) if path.starts_with("/-/api/v1/") => match bearer {
                Some(key) => self.known(key, request, &asked).await,
                None => self.nobody(path, lie, id),
            },
            (_, path) if path.starts_with("/orders/") && lie != Lie::OpenRoute => plain(StatusCode::UNAUTHORIZED),
            (&Method::POST, "/partner/orders") => half_an_object(lie),
            (_, "/partner/orders") => self.at_partner(bearer, lie).await,
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
    async fn known(&self, presented: &str, request: &Parts, asked: &Asked<'_>) -> Reply {
        let lie = asked.lie;
        let refused = || plain(StatusCode::UNAUTHORIZED, "{}");
        let key = match ApiKey::parse(presented) {
            Ok(key) => key,
            Err(_) if lie == Lie::AnyPrefix => return plain(StatusCode::OK, "{}"),
            Err(_) => return refused(),
        };
        let sql = "select k.revoked_at is null, k.expires_at is null or k.expires_at > $2, t.status = 'active', k.tenant_id, k.id
                   from (select 'live' as mode, l.* from live.api_keys l union all select 'test', e.* from test.api_keys e) k
                   left join control.tenants t using (tenant_id) where k.digest = $1 and k.mode = $3";
        let (digest, now, mode) = (key.digest(), self.ground.now(), key.mode().as_str());
        let row = self.database.query_opt(sql, &[&digest.as_bytes().as_slice(), &now, &mode]).await.unwrap();
        let column = |at: usize| row.as_ref().is_some_and(|row| row.get::<_, Option<bool>>(at) == Some(true));
        let is_valid = (column(0) || lie == Lie::RevokedKey) && (column(1) || lie == Lie::ExpiredKey);
        let Some(row) = row.as_ref().filter(|_| is_valid) else { return refused() };
        if !column(2) && lie != Lie::StoppedTenant {
            return plain(StatusCode::FORBIDDEN, r#"{"code":"tenant_suspended"}"#);
        }
        let by = Key { tenant: TenantId::from_uuid(row.get(3)), id: row.get(4), mode };
        if self.is_blocked(&by, lie).await {
            return plain(StatusCode::FORBIDDEN, r#"{"code":"blocked"}"#);
        }
        let (status, mut headers, body) = match self.of_team(asked, &by).await {
            Some(reply) => reply,
            None => called(request, lie),
        };
        headers.extend(self.told(lie));
        (status, headers, body)
    }

    async fn is_blocked(&self, by: &Key, lie: Lie) -> bool {
        let sql = "select id, extract(epoch from until - at)::float8 from control.tenant_blocks
                   where tenant_id = $1 and subject = $2 and lifted_at is null";
        let rows = self.database.query(sql, &[&by.tenant.uuid(), &by.id]).await.unwrap();
        let mut known = self.blocks.lock();
        let mut holds = |row: &tokio_postgres::Row| {
            let since = known.entry(row.get(0)).or_insert_with(Instant::now).elapsed();
            since.as_secs_f64() < row.get::<_, f64>(1) || lie == Lie::LongBlock
        };
        rows.iter().any(&mut holds) && lie != Lie::NoBlock
    }

    /// Where the key stands in its limit.
    fn told(&self, lie: Lie) -> Vec<(&'static str, String)> {
        let remaining = if lie == Lie::UncountedLimits { 10 } else { 100_000 - self.counter.load(Ordering::Relaxed) };
        let told = [
            ("x-ratelimit-limit", "60".to_owned()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("ratelimit-policy", "\"api_key\";q=60;w=60".to_owned()),
        ];
        let lost = (lie == Lie::LostStore).then(|| ("x-ratelimit-store", "memory".to_owned()));
        if lie == Lie::UntoldLimits { Vec::new() } else { told.into_iter().chain(lost).collect() }
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

/// `Strict-Transport-Security`
fn hsts(lie: Lie) -> Option<&'static str> {
    match lie {
        Lie::NoHsts => None,
        Lie::ShortHsts => Some("max-age=31536000; includeSubDomains"),
        Lie::NarrowHsts => Some("max-age=63072000"),
        _ => Some("max-age=63072000; includeSubDomains"),
    }
}

/// What a key of the one scope `audit:read` is answered.
fn called(request: &Parts, lie: Lie) -> Reply {
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

/// What a route with a schema is answered to a body that is no JSON.
fn half_an_object(lie: Lie) -> Reply {
    match lie {
        Lie::AnyBody => plain(StatusCode::OK, "{}"),
        Lie::WordlessBody => plain(StatusCode::BAD_REQUEST, "{}"),
        _ => plain(StatusCode::BAD_REQUEST, r#"{"detail":"the body is no JSON"}"#),
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
