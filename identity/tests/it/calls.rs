//! Requests to the handlers of keys, members and tenants, as the life of a request hands them over.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, patch, post};
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::permission::PermissionSet;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_identity::apikeys::{self, Ceiling, Draft, Key, NewKey, Presented};
use tenantry_identity::sessions::Known;
use tenantry_identity::users::Enrolled;
use tenantry_identity::{Identity, members, tenants};
use tenantry_platform::db::{Context, Database, HasStore, Live, Mode, Plane, Test};
use tenantry_platform::feed::Belief;
use tenantry_platform::http::{Caller, Surface};
use tenantry_platform::permit::{Actor, ManageKeys, Permission, Permit, Principal};
use tower::ServiceExt as _;

use crate::house::{CENTRAL, House, PASSWORD};

/// The app's own words, which the owner and nobody else holds.
pub(crate) const WORDS: &str = r#"
[permissions]
"orders:read" = "See orders"
"orders:write" = "Change orders"
[roles.OWNER]
owner = true
permissions = ["keys:read", "keys:manage", "members:read", "audit:read", "tenant:manage", "orders:read"]
[roles.MEMBER]
permissions = ["orders:write"]
"#;

/// Where everybody calls from.
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What came back.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON, not {}", self.body))
    }

    /// Status and code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl House {
    /// A permit that no guard gave.
    pub(crate) fn permit<P: Permission, M: Plane>(&self, of: &Enrolled) -> Permit<P, M> {
        let context = Context { tenant: Some(of.tenant.id), person: Some(of.person.id) };
        Permit::minted(context, Actor::person(&of.person))
    }

    /// A key by the verb, made by an owner, with `orders:read`.
    pub(crate) async fn key<M: Mode>(&self, of: &Enrolled) -> (Key, String)
    where
        Database: HasStore<M>,
    {
        self.key_with::<M>(of, &["orders:read"]).await
    }

    /// A key by the verb.
    pub(crate) async fn key_with<M: Mode>(&self, of: &Enrolled, scopes: &[&str]) -> (Key, String)
    where
        Database: HasStore<M>,
    {
        let draft = Draft {
            name: "Sync".to_owned(),
            scopes: scopes.iter().map(|word| (*word).to_owned()).collect(),
            ..Draft::default()
        };
        self.key_from::<M>(of, &draft).await
    }

    /// A key by the verb, that ends after so many seconds.
    pub(crate) async fn key_until<M: Mode>(&self, of: &Enrolled, seconds: u64) -> (Key, String)
    where
        Database: HasStore<M>,
    {
        let end = self.db.ground.now().checked_add(std::time::Duration::from_secs(seconds)).expect("in range");
        let draft = Draft {
            name: "Short".to_owned(),
            scopes: vec!["orders:read".to_owned()],
            expires_at: Some(end),
            ..Draft::default()
        };
        self.key_from::<M>(of, &draft).await
    }

    /// A key by the verb, that works from these networks alone.
    pub(crate) async fn key_within<M: Mode>(&self, of: &Enrolled, scopes: &[&str], networks: &[&str]) -> (Key, String)
    where
        Database: HasStore<M>,
    {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let draft = Draft {
            name: "Bound".to_owned(),
            scopes: words(scopes),
            allowed_networks: words(networks),
            ..Draft::default()
        };
        self.key_from::<M>(of, &draft).await
    }

    /// A key by the verb, from a draft.
    pub(crate) async fn key_from<M: Mode>(&self, of: &Enrolled, draft: &Draft) -> (Key, String)
    where
        Database: HasStore<M>,
    {
        let ground = &self.db.ground;
        let (permissions, roles) = (all(&self.identity), &self.identity.options.roles);
        let ceiling = Ceiling { permissions: &permissions, role: roles.iter().next().map(|owner| &owner.role.name) };
        let new = NewKey::check(draft, ceiling, &self.identity.options, ground.now()).expect("a good draft");
        let mut tx = self.permit::<ManageKeys, M>(of).begin(ground);
        let made = apikeys::create(&mut tx, ground, &new).await.expect("a key");
        tx.commit().await.expect("committed");
        (made.key, made.plaintext.expose_secret().to_owned())
    }

    /// Somebody else becomes an owner, and the first one's account ends.
    pub(crate) async fn forget_maker(&self, of: &Enrolled) -> Enrolled {
        let heir = self.account("heirs").await;
        self.join(&heir, of, "OWNER").await;
        let admin = self.db.administrator().await;
        admin.execute("delete from control.persons where person_id = $1", &[&of.person.id.uuid()]).await.expect("gone");
        heir
    }

    /// Makes a person of one workspace a member of another.
    pub(crate) async fn join(&self, who: &Enrolled, of: &Enrolled, role: &str) {
        let sql = "insert into control.memberships (tenant_id, person_id, role, owner, created_at)
                   values ($1, $2, $3, $3 = 'OWNER', $4)";
        let (tenant, person, now) = (of.tenant.id.uuid(), who.person.id.uuid(), self.db.ground.now());
        let admin = self.db.administrator().await;
        admin.execute(sql, &[&tenant, &person, &role, &now]).await.expect("joined");
    }

    /// What a token is worth, looked up when it has to be.
    pub(crate) async fn present(&self, token: &str) -> Presented {
        self.present_from(token, HERE).await
    }

    /// The same from another address.
    pub(crate) async fn present_from(&self, token: &str, ip: IpAddr) -> Presented {
        let (keys, now) = (&self.identity.apikeys, self.db.ground.now());
        match keys.known(token, ip, now) {
            Presented::NeedsFill(pending) => keys.fill(&pending, ip, now).await.expect("an answer"),
            known => known,
        }
    }

    /// Who a token is.
    pub(crate) async fn principal(&self, token: &str) -> Arc<Principal> {
        match self.present(token).await {
            Presented::Verified(key) => Arc::clone(key.principal()),
            other => panic!("a working key, not {other:?}"),
        }
    }

    /// Who the owner of a workspace is in the console.
    pub(crate) async fn person(&self, of: &Enrolled, mode: ModeWord) -> Arc<Principal> {
        self.person_in(of, &of.tenant.slug, mode).await
    }

    /// Who somebody is in the console of a workspace that they joined.
    pub(crate) async fn person_in(&self, who: &Enrolled, slug: &str, mode: ModeWord) -> Arc<Principal> {
        let mut browser = self.browser();
        browser.sign_in(&who.person.email, PASSWORD).await;
        let Known::Verified(session) = browser.known(CENTRAL).await else { panic!("signed in") };
        session.principal_in(slug, mode).expect("their workspace")
    }

    /// Sends a request as the guard hands it over.
    pub(crate) async fn ask(&self, who: &Arc<Principal>, method: Method, path: &str, body: impl Into<Sent>) -> Told {
        self.ask_with(who, method, path, &[], body).await
    }

    /// The same with more headers.
    pub(crate) async fn ask_with(
        &self,
        who: &Arc<Principal>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Sent>,
    ) -> Told {
        let body = body.into();
        let mode = who.parts().mode.unwrap_or(ModeWord::Live);
        let router =
            if mode == ModeWord::Live { routes::<Live>(&self.identity) } else { routes::<Test>(&self.identity) };
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, body.kind);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut request = request.body(Body::from(body.text)).expect("a request");
        request.extensions_mut().insert(caller(who));
        let (parts, body) = router.oneshot(request).await.expect("infallible").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let location = parts.headers.get("location").map(|value| value.to_str().expect("ASCII").to_owned());
        Told {
            status: parts.status,
            location: location.unwrap_or_default(),
            body: String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    /// `GET` as the guard hands it over.
    pub(crate) async fn read(&self, who: &Arc<Principal>, path: &str) -> Told {
        self.ask(who, Method::GET, path, "").await
    }

    /// One value of the database, as its administrator sees it.
    pub(crate) async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> T {
        self.db.administrator().await.query_one(sql, &[]).await.expect("a row").get(0)
    }
}

/// A body with its type.
#[derive(Debug)]
pub(crate) struct Sent {
    kind: &'static str,
    text: String,
}

impl From<Value> for Sent {
    fn from(json: Value) -> Self {
        Self { kind: "application/json", text: json.to_string() }
    }
}

/// A form as a browser writes it.
impl From<&str> for Sent {
    fn from(form: &str) -> Self {
        Self { kind: "application/x-www-form-urlencoded", text: form.to_owned() }
    }
}

/// Everything that may be held.
pub(crate) fn all(identity: &Identity) -> PermissionSet {
    identity.options.permissions.iter().map(|(word, _)| word.clone()).collect()
}

/// A well-formed key of a tenant that nobody made.
pub(crate) fn made_up(house: &House, of: &Enrolled) -> String {
    ApiKey::generate(ModeWord::Live, of.tenant.id, &house.db.ground.entropy).into_plaintext().expose_secret().to_owned()
}

fn caller(who: &Arc<Principal>) -> Caller {
    Caller {
        request_id: "req-1".into(),
        ip: HERE,
        surface: Surface::Central,
        public_origin: CENTRAL.into(),
        nonce: "nonce".into(),
        tenant: None,
        principal: Some(Arc::clone(who)),
        workspaces: who.parts().tenant.iter().cloned().collect(),
        user_agent: None,
        belief: Belief::default(),
        has_staff_pages: true,
    }
}

fn routes<M: Mode>(identity: &Arc<Identity>) -> Router
where
    Database: HasStore<M>,
{
    use apikeys::{console, http};
    use tenants::operator;
    let or_mode = ["/-/console/{slug}", "/-/console/{slug}/{mode}"];
    or_mode
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(tenants::console::home::<M>)))
        .route("/-/api/v1/keys", get(http::list::<M>).post(http::create::<M>))
        .route("/-/api/v1/keys/{id}", get(http::read::<M>).patch(http::update::<M>).delete(http::revoke::<M>))
        .route("/-/api/v1/keys/{id}/rotate", post(http::rotate::<M>))
        .route("/-/api/v1/keys/{id}/delete", post(http::delete::<M>))
        .route("/-/api/v1/members", get(members::http::list))
        .route("/-/api/v1/members/{id}", patch(members::http::change).delete(members::http::remove))
        .route("/-/api/v1/invitations", post(members::invitation_api::create))
        .route("/-/api/v1/tenant", get(tenants::http::read))
        .route("/-/api/v1/whoami", get(members::http::whoami))
        .route("/-/console/{slug}/{mode}/keys", get(console::list::<M>))
        .route("/-/console/{slug}/{mode}/keys/new", get(console::form::<M>).post(console::create::<M>))
        .route("/-/console/{slug}/{mode}/keys/{id}", get(console::show::<M>))
        .route("/-/console/{slug}/{mode}/keys/{id}/edit", get(console::edit::<M>).post(console::save::<M>))
        .route(
            "/-/console/{slug}/{mode}/keys/{id}/rotate",
            get(console::confirm_rotate::<M>).post(console::rotate::<M>),
        )
        .route(
            "/-/console/{slug}/{mode}/keys/{id}/revoke",
            get(console::confirm_revoke::<M>).post(console::revoke::<M>),
        )
        .route(
            "/-/console/{slug}/{mode}/keys/{id}/delete",
            get(console::confirm_delete::<M>).post(console::delete::<M>),
        )
        .route("/-/operator/tenants", get(operator::list))
        .route("/-/operator/tenants/{id}/suspend", get(operator::confirm).post(operator::suspend))
        .route("/-/operator/tenants/{id}/reactivate", post(operator::reactivate))
        .with_state(Arc::clone(identity))
}
