//! Tenantry's own routes: one table of method, path, host, permission, limits and handler.
//!
//! A route without a permission says why it is public. The life of a request reads this table before any
//! handler runs, so a hand-made URL meets the same guard as a link (AC-1, AC-15).

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{MethodRouter, get, post};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::route::{Clash, Method, Methods, NotAPattern, Pattern, Table};
use tenantry_custody::{Custody, audit, posture};
use tenantry_identity::{Identity, apikeys, authn, members, sessions, tenants, users};
use tenantry_platform::config::TierId;
use tenantry_platform::db::{Database, HasStore, Live, Mode, Test};
use tenantry_platform::http::Surface;
use tenantry_platform::page::assets;

use crate::app::App;
use crate::{dev, openapi, site};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, and why.
    Public(&'static str),
    /// Whoever is signed in, about themselves.
    SignedIn,
    /// Whoever is signed in, in the workspace of the path, with this permission.
    Workspace(Option<&'static str>),
    /// Platform staff.
    Operator,
    /// An API key, with this scope.
    Key(Option<&'static str>),
}

/// A set of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The central host alone.
    Central,
    /// Tenants' hosts alone.
    Tenant,
    /// Where people are: central and tenants' hosts.
    People,
    /// Every host.
    All,
}

/// A route of ours.
#[derive(Debug)]
pub struct OwnRoute {
    /// One method.
    pub method: Method,
    /// As axum and the route table write it.
    pub path: &'static str,
    /// On which hosts.
    pub on: On,
    /// For whom.
    pub access: Access,
    /// What it is charged.
    pub tiers: &'static [TierId],
}

impl OwnRoute {
    /// Whether this kind of host has it.
    pub const fn is_on(&self, surface: Surface) -> bool {
        match self.on {
            On::All => true,
            On::Central => matches!(surface, Surface::Central),
            On::Tenant => matches!(surface, Surface::Tenant(_)),
            On::People => matches!(surface, Surface::Central | Surface::Tenant(_)),
        }
    }

    /// Whether programs call it: their answers tell the limits.
    pub fn is_api(&self) -> bool {
        self.path.starts_with("/-/api/") || self.path.ends_with(".json")
    }

    /// Browsers send reports from pages of any origin, and without cookies.
    pub fn is_told_by_strangers(&self) -> bool {
        self.path == tenantry_edge::csp::REPORTS_PATH
    }

    /// Test programs ask for a session, in `tenantry dev` alone. A browser that does says where from.
    pub fn is_for_programs(&self) -> bool {
        self.path == DEV_SESSION
    }
}

/// The table, to look routes up in.
#[derive(Debug)]
pub struct OwnRoutes {
    /// In the order of the table.
    pub routes: Vec<OwnRoute>,
    /// Finds one.
    pub table: Table,
}

/// Why the table is not one: a defect that the first start of a build shows.
#[derive(Debug, thiserror::Error)]
pub enum TableFault {
    /// A path that is no pattern.
    #[error("{0}: {1}")]
    Pattern(&'static str, NotAPattern),
    /// Two routes for one request.
    #[error("two of our own routes clash: {0:?}")]
    Clash(Clash),
}

impl OwnRoutes {
    /// The table, with the routes of `dev` only there.
    ///
    /// # Errors
    /// Two routes clash.
    pub fn new(is_dev: bool) -> Result<Self, TableFault> {
        let routes: Vec<OwnRoute> = entries::<Live>(is_dev).into_iter().map(|entry| entry.route).collect();
        let patterns: Vec<(Pattern, Methods)> = routes.iter().map(pattern).collect::<Result<_, _>>()?;
        let table =
            Table::new(patterns.iter().map(|(pattern, methods)| (pattern, *methods))).map_err(TableFault::Clash)?;
        Ok(Self { routes, table })
    }
}

fn pattern(route: &OwnRoute) -> Result<(Pattern, Methods), TableFault> {
    let pattern = route.path.parse().map_err(|fault| TableFault::Pattern(route.path, fault))?;
    Ok((pattern, Methods::NONE.with(route.method)))
}

/// The handlers, once a mode.
#[derive(Clone, Debug)]
pub struct Routers {
    live: Router,
    test: Router,
}

impl Routers {
    /// Mounts every route.
    pub fn new(app: &Arc<App>) -> Self {
        Self { live: mount::<Live>(app), test: mount::<Test>(app) }
    }

    /// The handlers of a mode.
    pub fn of(&self, mode: ModeWord) -> Router {
        match mode {
            ModeWord::Live => self.live.clone(),
            ModeWord::Test => self.test.clone(),
        }
    }
}

fn mount<M: Mode>(app: &Arc<App>) -> Router
where
    Database: HasStore<M>,
{
    let entries = entries::<M>(app.dev.is_some());
    let router = entries.into_iter().fold(Router::new(), |router, entry| router.route(entry.route.path, entry.handler));
    router.with_state(Mounted(Arc::clone(app)))
}

/// A route with what answers it.
struct Entry {
    route: OwnRoute,
    handler: MethodRouter<Mounted>,
}

/// What handlers are mounted on: each room takes its own part of it.
#[derive(Clone, Debug)]
pub struct Mounted(pub Arc<App>);

impl FromRef<Mounted> for Arc<App> {
    fn from_ref(mounted: &Mounted) -> Self {
        Self::clone(&mounted.0)
    }
}

impl FromRef<Mounted> for Arc<Identity> {
    fn from_ref(mounted: &Mounted) -> Self {
        Self::clone(&mounted.0.identity)
    }
}

impl FromRef<Mounted> for Custody {
    fn from_ref(mounted: &Mounted) -> Self {
        mounted.0.custody.clone()
    }
}

const API: &[TierId] = &[TierId::API_KEY, TierId::API_IP];
const PAGE: &[TierId] = &[TierId::PAGE_IP];
const ASSET: &[TierId] = &[TierId::ASSET_IP];

/// Every route of ours.
fn entries<M: Mode>(is_dev: bool) -> Vec<Entry>
where
    Database: HasStore<M>,
{
    let mut entries = Entries::default();
    entries.everywhere();
    entries.people();
    entries.workspace::<M>();
    entries.operator();
    entries.api::<M>();
    if is_dev {
        entries.dev();
    }
    entries.0
}

#[derive(Default)]
struct Entries(Vec<Entry>);

type Handler = MethodRouter<Mounted>;

impl Entries {
    fn add(
        &mut self,
        method: Method,
        path: &'static str,
        on: On,
        access: Access,
        tiers: &'static [TierId],
        handler: Handler,
    ) {
        self.0.push(Entry { route: OwnRoute { method, path, on, access, tiers }, handler });
    }

    fn everywhere(&mut self) {
        use Access::Public;
        self.add(
            Method::Get,
            "/-/health/live",
            On::All,
            Public("a load balancer asks, and it says one word"),
            PAGE,
            get(site::live),
        );
        self.add(
            Method::Get,
            "/-/health/ready",
            On::All,
            Public("a load balancer asks, and it says one word"),
            PAGE,
            get(site::ready),
        );
        self.add(Method::Get, "/-/jwks.json", On::All, Public("public keys are public"), ASSET, get(site::jwks));
        self.add(
            Method::Get,
            "/-/assets/{name}",
            On::All,
            Public("style sheets and scripts of our own pages"),
            ASSET,
            assets::handler(),
        );
        self.add(
            Method::Post,
            "/-/csp-reports",
            On::All,
            Public("browsers report without cookies"),
            REPORTS,
            post(site::report),
        );
        self.add(
            Method::Get,
            "/.well-known/security.txt",
            On::All,
            Public("strangers report weaknesses (RFC 9116)"),
            PAGE,
            get(site::security_txt),
        );
        self.add(
            Method::Get,
            "/security",
            On::All,
            Public("the trust page is for everybody"),
            PAGE,
            get(posture::http::trust),
        );
        self.add(
            Method::Get,
            "/security.json",
            On::Central,
            Public("the trust page, for programs"),
            PAGE,
            get(posture::http::trust_json),
        );
        self.add(
            Method::Get,
            "/security/disclosure",
            On::All,
            Public("strangers report weaknesses"),
            PAGE,
            get(site::disclosure),
        );
    }

    fn people(&mut self) {
        use Access::Public;
        const SIGN_IN: &str = "whoever signs in is nobody yet";
        const SIGN_UP: &str = "whoever signs up is nobody yet";
        const LINK: &str = "the link in the mail is the credential";
        self.add(
            Method::Get,
            "/",
            On::Central,
            Public("leads to the console or to signing in"),
            PAGE,
            get(site::front),
        );
        self.add(Method::Get, "/-/sign-in", On::People, Public(SIGN_IN), PAGE, get(site::sign_in));
        self.add(Method::Post, "/-/sign-in", On::Central, Public(SIGN_IN), SIGN_IN_TIER, post(authn::http::sign_in));
        self.add(Method::Get, "/-/sign-up", On::Central, Public(SIGN_UP), PAGE, get(users::http::form));
        self.add(Method::Post, "/-/sign-up", On::Central, Public(SIGN_UP), SIGN_UP_TIER, post(users::http::sign_up));
        self.add(Method::Get, "/-/verify", On::Central, Public(LINK), VERIFY_TIER, get(users::http::look));
        self.add(Method::Post, "/-/verify", On::Central, Public(LINK), VERIFY_TIER, post(users::http::verify));
        self.add(
            Method::Get,
            "/-/handoff",
            On::People,
            Public("asks for the session itself, and for a code"),
            PAGE,
            get(site::handoff),
        );
        self.add(
            Method::Post,
            "/-/handoff",
            On::Tenant,
            Public("the code and the verifier are the credential"),
            PAGE,
            post(sessions::http::redeem),
        );
        self.add(
            Method::Post,
            "/-/sign-out",
            On::People,
            Public("signing out twice is no fault"),
            PAGE,
            post(sessions::http::sign_out),
        );
        self.add(Method::Get, "/-/console", On::Central, Access::SignedIn, PAGE, get(site::console));
    }

    fn workspace<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        use Access::Workspace;
        const KEYS: &str = "/-/console/{slug}/{mode}/keys";
        const NEW: &str = "/-/console/{slug}/{mode}/keys/new";
        const REVOKE: &str = "/-/console/{slug}/{mode}/keys/{id}/revoke";
        const AUDIT: &str = "/-/console/{slug}/{mode}/audit";
        let (reads, manages) = (Workspace(Some("keys:read")), Workspace(Some("keys:manage")));
        self.add(Method::Get, "/-/console/{slug}", On::Central, Workspace(None), PAGE, get(site::workspace));
        self.add(
            Method::Get,
            "/-/console/{slug}/{mode}",
            On::Central,
            Workspace(None),
            PAGE,
            get(tenants::console::home::<M>),
        );
        self.add(Method::Get, KEYS, On::Central, reads, PAGE, get(apikeys::console::list::<M>));
        self.add(Method::Get, NEW, On::Central, manages, PAGE, get(apikeys::console::form::<M>));
        self.add(Method::Post, NEW, On::Central, manages, PAGE, post(apikeys::console::create::<M>));
        self.add(Method::Get, REVOKE, On::Central, manages, PAGE, get(apikeys::console::confirm::<M>));
        self.add(Method::Post, REVOKE, On::Central, manages, PAGE, post(apikeys::console::revoke::<M>));
        self.add(Method::Get, AUDIT, On::Central, Workspace(Some("audit:read")), PAGE, get(audit::http::page::<M>));
        self.add(
            Method::Get,
            "/-/console/{slug}/{mode}/audit/export",
            On::Central,
            Workspace(Some("audit:export")),
            PAGE,
            get(audit::http::page_export::<M>),
        );
    }

    fn operator(&mut self) {
        use Access::Operator;
        const SUSPEND: &str = "/-/operator/tenants/{id}/suspend";
        self.add(Method::Get, "/-/operator/tenants", On::Central, Operator, PAGE, get(tenants::operator::list));
        self.add(Method::Get, SUSPEND, On::Central, Operator, PAGE, get(tenants::operator::confirm));
        self.add(Method::Post, SUSPEND, On::Central, Operator, PAGE, post(tenants::operator::suspend));
        self.add(
            Method::Post,
            "/-/operator/tenants/{id}/reactivate",
            On::Central,
            Operator,
            PAGE,
            post(tenants::operator::reactivate),
        );
        self.add(Method::Get, "/-/operator/controls", On::Central, Operator, PAGE, get(posture::http::controls));
    }

    fn api<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        use Access::Key;
        let (reads, manages) = (Key(Some("keys:read")), Key(Some("keys:manage")));
        self.add(
            Method::Get,
            "/-/api/openapi.json",
            On::All,
            Access::Public("the description of the API"),
            PAGE,
            get(openapi::serve),
        );
        self.add(Method::Get, "/-/api/v1/whoami", On::All, Key(None), API, get(members::http::whoami));
        self.add(Method::Get, "/-/api/v1/tenant", On::All, Key(None), API, get(tenants::http::read));
        self.add(Method::Get, "/-/api/v1/members", On::All, Key(Some("members:read")), API, get(members::http::list));
        self.add(Method::Get, "/-/api/v1/keys", On::All, reads, API, get(apikeys::http::list::<M>));
        self.add(Method::Post, "/-/api/v1/keys", On::All, manages, API, post(apikeys::http::create::<M>));
        self.add(Method::Get, "/-/api/v1/keys/{id}", On::All, reads, API, get(apikeys::http::read::<M>));
        self.add(
            Method::Delete,
            "/-/api/v1/keys/{id}",
            On::All,
            manages,
            API,
            axum::routing::delete(apikeys::http::revoke::<M>),
        );
        self.add(Method::Get, "/-/api/v1/audit", On::All, Key(Some("audit:read")), API, get(audit::http::list::<M>));
        self.add(
            Method::Get,
            "/-/api/v1/audit/export",
            On::All,
            Key(Some("audit:export")),
            API,
            get(audit::http::export::<M>),
        );
    }

    /// What only `tenantry dev` has.
    fn dev(&mut self) {
        use Access::Public;
        const DEV: &str = "tenantry dev listens on loopback alone";
        let (list, one) = dev::mailbox_handlers();
        self.add(Method::Get, "/-/dev/mail", On::Central, Public(DEV), PAGE, list);
        self.add(Method::Get, "/-/dev/mail/{id}", On::Central, Public(DEV), PAGE, one);
        self.add(Method::Post, DEV_SESSION, On::Central, Public(DEV), PAGE, post(dev::open_session));
    }
}

const DEV_SESSION: &str = "/-/dev/session";

const REPORTS: &[TierId] = &[TierId::CSP_REPORT_IP];
const SIGN_IN_TIER: &[TierId] = &[TierId::SIGN_IN_IP];
const SIGN_UP_TIER: &[TierId] = &[TierId::SIGN_UP_IP];
const VERIFY_TIER: &[TierId] = &[TierId::VERIFICATION_IP];
