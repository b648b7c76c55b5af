//! Tenantry's own routes: one table of method, path, host, permission, limits and handler.
//!
//! A route without a permission says why it is public. The life of a request reads this table before any
//! handler runs, so a hand-made URL meets the same guard as a link (AC-1, AC-15). The rows stand by audience:
//! `everywhere`, `people` (nobody yet), `account` (oneself), `console` (a workspace), `operator`
//! (platform staff), `api` (keys), `dev`.

mod account;
mod api;
mod console;
mod dev;
mod everywhere;
mod operator;
mod people;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware;
use axum::routing::MethodRouter;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::route::{Clash, Method, Methods, NotAPattern, Pattern, Table};
use tenantry_custody::Custody;
use tenantry_identity::Identity;
use tenantry_platform::config::TierId;
use tenantry_platform::db::{Database, HasStore, Live, Mode, Test};
use tenantry_platform::http::Surface;
use tenantry_platform::idempotency;

use crate::app::App;

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
    /// A management key, with this scope.
    Management(&'static str),
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
    /// What is of no tenant, for programs: the central and the API's host.
    Platform,
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
            On::Platform => matches!(surface, Surface::Central | Surface::Api),
            On::People => matches!(surface, Surface::Central | Surface::Tenant(_)),
        }
    }

    /// Whether programs call it: their answers tell the limits.
    pub fn is_api(&self) -> bool {
        self.path.starts_with("/-/api/") || self.path.ends_with(".json")
    }

    /// Whether it changes something for a program, which may then send the request again (WEB-8).
    pub fn takes_idempotency_key(&self) -> bool {
        self.path.starts_with("/-/api/v1/") && !matches!(self.method, Method::Get | Method::Head | Method::Options)
    }

    /// Whether the listener of operations has it: pages of staff, what signing in to them takes, and health.
    pub fn is_for_operations(&self) -> bool {
        const BESIDE: [&str; 5] =
            ["/-/sign-in", "/-/sign-out", "/-/assets/{name}", "/-/health/live", "/-/health/ready"];
        self.access == Access::Operator || BESIDE.contains(&self.path)
    }

    /// Browsers send reports from pages of any origin, and without cookies.
    pub fn is_told_by_strangers(&self) -> bool {
        self.path == tenantry_edge::csp::REPORTS_PATH
    }

    /// What is answered at a blocked address too: whether the process lives, public keys, what pages are drawn with, and
    /// the ways in for those who have an account. These have limits of their own.
    pub fn is_for_everybody(&self) -> bool {
        const WAYS_IN: [&str; 5] =
            ["/-/sign-in", "/-/sign-out", "/-/handoff", "/-/forgot-password", "/-/reset-password"];
        let is_static = self.path.starts_with("/-/health/") || self.tiers == [TierId::ASSET_IP];
        is_static || WAYS_IN.contains(&self.path)
    }

    /// Test programs ask for a session or move the clock, in `tenantry dev` alone. A browser that does says where from.
    pub fn is_for_programs(&self) -> bool {
        matches!(self.path, dev::SESSION | dev::CLOCK)
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
    let router =
        entries.into_iter().fold(Router::new(), |router, entry| router.route(entry.route.path, entry.mounted()));
    router.with_state(Mounted(Arc::clone(app)))
}

/// A route with what answers it.
struct Entry {
    route: OwnRoute,
    handler: MethodRouter<Mounted>,
}

impl Entry {
    /// The handler, with the layer that its route calls for.
    fn mounted(self) -> MethodRouter<Mounted> {
        match self.route.takes_idempotency_key() {
            true => self.handler.layer(middleware::from_fn(idempotency::read)),
            false => self.handler,
        }
    }
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

const PAGE: &[TierId] = &[TierId::PAGE_IP];
const API: &[TierId] = &[TierId::API_KEY, TierId::API_IP];
/// What reads a whole log is counted for the tenant too.
const EXPORT_PAGE: &[TierId] = &[TierId::PAGE_IP, TierId::EXPORT_TENANT];
const EXPORT_API: &[TierId] = &[TierId::API_KEY, TierId::API_IP, TierId::EXPORT_TENANT];

/// Every route of ours.
fn entries<M: Mode>(is_dev: bool) -> Vec<Entry>
where
    Database: HasStore<M>,
{
    let mut entries = Entries::default();
    entries.everywhere();
    entries.people();
    entries.own_account();
    entries.workspace::<M>();
    entries.platform();
    entries.programs::<M>();
    if is_dev {
        entries.development();
    }
    entries.0
}

#[derive(Default)]
struct Entries(Vec<Entry>);

type Handler = MethodRouter<Mounted>;

/// On which hosts, for whom, and what a call is charged.
type Place = (On, Access, &'static [TierId]);

impl Entries {
    fn add(&mut self, method: Method, path: &'static str, (on, access, tiers): Place, handler: Handler) {
        self.0.push(Entry { route: OwnRoute { method, path, on, access, tiers }, handler });
    }

    /// About oneself, on the central host.
    fn account(&mut self, method: Method, path: &'static str, handler: Handler) {
        self.add(method, path, (On::Central, Access::SignedIn, PAGE), handler);
    }

    /// A page of a workspace, on the central host.
    fn console(&mut self, method: Method, path: &'static str, permission: Option<&'static str>, handler: Handler) {
        self.add(method, path, (On::Central, Access::Workspace(permission), PAGE), handler);
    }

    /// A page of platform staff.
    fn operator(&mut self, method: Method, path: &'static str, handler: Handler) {
        self.add(method, path, (On::Central, Access::Operator, PAGE), handler);
    }

    /// A route of the management API.
    fn api(&mut self, method: Method, path: &'static str, scope: Option<&'static str>, handler: Handler) {
        self.add(method, path, (On::All, Access::Key(scope), API), handler);
    }
}
