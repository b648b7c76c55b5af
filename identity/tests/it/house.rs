//! A whole house for a story: database, rooms, the hosts' routes, and browsers that keep cookies as browsers do.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tenantry_core::email::EmailAddress;
use tenantry_core::host::{Host, HostName};
use tenantry_core::mode::Mode;
use tenantry_core::secret::SecretString;
use tenantry_core::slug::Slug;
use tenantry_core::token::{Algorithm, SigningKey};
use tenantry_identity::members::invitation_page;
use tenantry_identity::sessions::Known;
use tenantry_identity::users::{Draft, Enrolled};
use tenantry_identity::{Identity, Options, account, authn, sessions, users};
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::feed::Belief;
use tenantry_platform::http::{Caller, Surface};
use tenantry_platform::jobs::Runner;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Origin, PersonRef};
use tenantry_platform::signing::{LoadedKey, Purpose};
use tower::ServiceExt as _;

pub(crate) const CENTRAL: &str = "http://app.localhost:8600";
pub(crate) const PASSWORD: &str = "plum orbit kettle seven";

/// Hashes as small as the configuration allows.
const SETTINGS: &str = "[passwords]\nmemory_kib = 7168\niterations = 5\nworkers = 2\n";

pub(crate) struct House {
    pub(crate) db: TestDb,
    pub(crate) identity: Arc<Identity>,
    central: Router,
    tenant: Router,
}

/// A mail that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// A house with more settings.
    pub(crate) async fn with(settings: &str) -> Self {
        let db = TestDb::new().await;
        load_signing_key(&db);
        let config =
            Config::for_dev("tenantry.toml", &format!("{SETTINGS}{settings}"), &Dev { port: 8600, upstream: None });
        let options = Options::from_config(&config.expect("a configuration")).expect("host names");
        let identity = Identity::start(db.ground.clone(), options);
        let central = Router::new()
            .route("/-/sign-up", get(users::http::form).post(users::http::sign_up))
            .route("/-/verify", get(users::http::look).post(users::http::verify))
            .route("/-/sign-in", get(authn::http::form).post(authn::http::sign_in))
            .route("/-/invitation", get(invitation_page::look).post(invitation_page::accept))
            .route("/-/forgot-password", get(account::http::forgot_form).post(account::http::forgot))
            .route("/-/reset-password", get(account::http::reset_form).post(account::http::reset))
            .route("/-/confirm-email", get(account::http::confirm_email_form).post(account::http::confirm_email))
            .route("/-/undo-email", get(account::http::undo_email_form).post(account::http::undo_email))
            .route("/-/password-strength", post(account::strength))
            .route("/-/account", get(account::overview))
            .route("/-/account/password", get(account::password_form).post(account::change_password))
            .route("/-/account/email", get(account::email_form).post(account::change_email))
            .route("/-/account/sessions", get(account::sessions))
            .route("/-/account/sessions/revoke-others", post(account::revoke_others))
            .route("/-/account/sessions/{id}/revoke", post(account::revoke))
            .route("/-/account/delete", get(account::delete_form).post(account::delete))
            .route("/-/handoff", get(sessions::http::offer))
            .route("/-/sign-out", post(sessions::http::sign_out))
            .with_state(Arc::clone(&identity));
        let tenant = Router::new()
            .route("/-/sign-in", get(sessions::http::start))
            .route("/-/handoff", get(sessions::http::arrive).post(sessions::http::redeem))
            .route("/-/sign-out", post(sessions::http::sign_out))
            .with_state(Arc::clone(&identity));
        Self { db, identity, central, tenant }
    }

    /// Someone with a workspace, without the mail.
    pub(crate) async fn account(&self, slug: &str) -> Enrolled {
        let account = draft(slug).check(&self.identity.options).expect("a good draft");
        self.identity.create_account(account, Origin::default()).await.expect("an account")
    }

    /// Someone else with an account, in a role of this workspace.
    pub(crate) async fn member(&self, of: &Enrolled, slug: &str, role: &str) -> PersonRef {
        let person = self.account(slug).await.person;
        let email = EmailAddress::parse(&person.email).expect("an address");
        let place = (&of.tenant, Mode::Live);
        self.identity.stand_in(place, &email, role, Origin::default()).await.expect("a member");
        person
    }

    /// Every mail that is due, taken out of the queue.
    pub(crate) async fn mails(&self) -> Vec<Sent> {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut runner = Runner::new(self.db.ground.clone());
        let kept = Arc::clone(&sent);
        runner.on(tenantry_platform::mail::JOB, move |_, job: serde_json::Value| {
            let field = |name: &str| job["mail"][name].as_str().expect("a text").to_owned();
            kept.lock().expect("no panic").push(Sent {
                to: field("to"),
                subject: field("subject"),
                text: field("text"),
            });
            async { Ok(()) }
        });
        runner.run_due().await.expect("the queue");
        drop(runner);
        std::mem::take(&mut *sent.lock().expect("no panic"))
    }

    /// How often each action stands in the log of all tenants.
    pub(crate) async fn actions(&self) -> BTreeMap<String, i64> {
        let rows = self
            .db
            .administrator()
            .await
            .query("select action, count(*) from control.audit group by action", &[])
            .await;
        rows.expect("rows").iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Statements that the control login sent, and hashes computed, so far.
    pub(crate) fn work(&self) -> (u64, u64) {
        (self.db.ground.db.control.statements(), self.identity.hasher.computed())
    }

    /// Statements that the control login sent, and how often it waited for answers, so far.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.db.ground.db.control.statements(), self.db.ground.db.control.flushes())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.db.ground.clock.advance(std::time::Duration::from_secs(seconds));
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { house: self, jars: HashMap::new() }
    }

    /// A request's life, as far as these rooms are concerned.
    async fn serve(&self, origin: &str, mut request: Request<Body>) -> Response<Body> {
        let host = origin.strip_prefix("http://").expect("http");
        let name = Host::parse(host.as_bytes()).expect("a host").name.into_owned();
        let (surface, tenant) = match self.identity.options.names.resolve(&name) {
            HostName::Central => (Surface::Central, None),
            HostName::Tenant { slug, mode } => {
                let found =
                    self.identity.tenants.find(&Slug::from_stored(slug).expect("a slug")).await.expect("an answer");
                (Surface::Tenant(mode), found)
            }
            HostName::Api | HostName::Other(_) => panic!("no story is told at {name}"),
        };
        let mut cookies = Vec::new();
        let safe = request.method() == Method::GET;
        let known = match self.identity.sessions.known(request.headers(), origin) {
            Known::NeedsFill => self.identity.sessions.fill(request.headers(), origin).await.expect("an answer"),
            known => known,
        };
        let session = match known {
            Known::Verified(session) => Some(session),
            Known::Refused(refusal) if refusal.may_refresh() && safe => {
                let refreshed = self
                    .identity
                    .sessions
                    .refresh(request.headers(), origin, Origin::default())
                    .await
                    .expect("an answer");
                cookies = refreshed.cookies;
                refreshed.session
            }
            _ => None,
        };
        let caller = Caller {
            request_id: "req-1".into(),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            surface,
            public_origin: origin.into(),
            nonce: "nonce".into(),
            tenant,
            principal: session.as_ref().map(|session| Arc::clone(session.principal())),
            workspaces: Arc::default(),
            user_agent: Some("Stories/1.0".into()),
            belief: Belief::default(),
            has_staff_pages: true,
        };
        request.extensions_mut().insert(caller);
        if let Some(session) = session {
            request.extensions_mut().insert(session);
        }
        let router = if surface == Surface::Central { &self.central } else { &self.tenant };
        let mut response = router.clone().oneshot(request).await.expect("infallible");
        cookies.into_iter().for_each(|cookie| {
            response.headers_mut().append(SET_COOKIE, cookie);
        });
        response
    }
}

/// What somebody fills in, named after their workspace.
pub(crate) fn draft(slug: &str) -> Draft {
    Draft {
        name: "Ada Example".to_owned(),
        email: format!("ada@{slug}.example"),
        password: SecretString::from(PASSWORD.to_owned()),
        workspace: "Works".to_owned(),
        slug: slug.to_owned(),
    }
}

/// The same as the form's fields.
pub(crate) fn fields(slug: &str) -> Vec<(&'static str, String)> {
    let draft = draft(slug);
    vec![
        ("name", draft.name),
        ("email", draft.email),
        ("password", PASSWORD.to_owned()),
        ("workspace", draft.workspace),
        ("slug", draft.slug),
    ]
}

fn load_signing_key(db: &TestDb) {
    let now = db.ground.now();
    let year = std::time::Duration::from_secs(366 * 24 * 3_600);
    let (from, until) = (now.checked_sub(year).expect("in range"), now.checked_add(year).expect("in range"));
    let key = LoadedKey {
        key: Arc::new(SigningKey::generate(Algorithm::EdDsa, "k1")),
        signs_from: from,
        signs_until: until,
        verifies_until: until,
    };
    db.ground.signing.load([(Purpose::StaffAccess, key)]);
}

/// Cookies by origin: none of ours is shared between hosts.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    house: &'a House,
    jars: HashMap<String, BTreeMap<String, String>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where a 303 leads.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[LOCATION].to_str().expect("ASCII")
    }

    /// The `code` of a problem.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).expect("a problem");
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// The value of a hidden or filled field.
    pub(crate) fn field(&self, name: &str) -> String {
        let at = self.body.find(&format!("name=\"{name}\" value=\"")).expect("the field");
        let value = self.body[at..].split("value=\"").nth(1).expect("a value");
        value.split('"').next().expect("an end").to_owned()
    }
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        self.send(Method::GET, url, String::new()).await
    }

    pub(crate) async fn post<V: AsRef<str>>(&mut self, url: &str, form: &[(&str, V)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in form {
            body.append_pair(name, value.as_ref());
        }
        self.send(Method::POST, url, body.finish()).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post(&format!("{CENTRAL}/-/sign-in"), &[("email", email), ("password", password)]).await
    }

    /// Follows the hand-off to a tenant's host, whose front page it then asks for. The person is signed in already.
    pub(crate) async fn hand_off(&mut self, tenant: &str) -> Answer {
        let asked = self.get(&format!("{tenant}/-/sign-in?return_to=/orders")).await;
        let offered = self.get(asked.location()).await;
        let page = self.get(offered.location()).await;
        self.post(&format!("{tenant}/-/handoff"), &[("code", page.field("code"))]).await
    }

    pub(crate) fn cookie(&self, origin: &str, name: &str) -> Option<&String> {
        self.jars.get(origin)?.get(name)
    }

    pub(crate) fn set(&mut self, origin: &str, name: &str, value: &str) {
        self.jars.entry(origin.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn forget(&mut self, origin: &str, name: &str) {
        self.jars.entry(origin.to_owned()).or_default().remove(name);
    }

    /// The cookies of an origin as a request carries them.
    pub(crate) fn headers(&self, origin: &str) -> HeaderMap {
        let pairs = self.jars.get(origin).into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
        let line = pairs.collect::<Vec<_>>().join("; ");
        HeaderMap::from_iter([(COOKIE, line.parse().expect("a header"))])
    }

    /// What the cookies of an origin are worth.
    pub(crate) async fn known(&self, origin: &str) -> Known {
        self.house.identity.sessions.fill(&self.headers(origin), origin).await.expect("an answer")
    }

    pub(crate) async fn is_signed_in(&self, origin: &str) -> bool {
        matches!(self.known(origin).await, Known::Verified(_))
    }

    async fn send(&mut self, method: Method, url: &str, body: String) -> Answer {
        let slash = url["http://".len()..].find('/').expect("a path") + "http://".len();
        let (origin, path) = url.split_at(slash);
        let mut request =
            Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.headers_mut().expect("a good request").extend(self.headers(origin));
        let response = self.house.serve(origin, request.body(Body::from(body)).expect("a request")).await;
        let (parts, body) = response.into_parts();
        self.take(origin, parts.headers.get_all(SET_COOKIE));
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("text") }
    }

    /// Keeps cookies as a browser does, and looks at how they are set (ID-5).
    pub(crate) fn take<'v>(&mut self, origin: &str, lines: impl IntoIterator<Item = &'v HeaderValue>) {
        for line in lines {
            let line = line.to_str().expect("ASCII");
            assert!(line.starts_with("__Host-") && line.contains("; Secure; HttpOnly; SameSite=Lax"), "{line}");
            assert!(!line.to_ascii_lowercase().contains("domain="), "{line}");
            let (name, rest) = line.split_once('=').expect("a pair");
            let value = rest.split(';').next().expect("a value");
            if line.ends_with("Max-Age=0") { self.forget(origin, name) } else { self.set(origin, name, value) }
        }
    }
}
