//! `[[routes]]` and `[cron]`: what exists behind the gateway, and who may pass [AC-15, WEB-1, WEB-5].

mod cors;
mod read;
mod schema;
mod words;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tenantry_core::permission::Permission;
use tenantry_core::route::{Found, Method, Methods, Pattern, Table};
use uuid::Uuid;

use super::document::At;
use super::limits::TierId;
use super::parse;
use super::section::Section;

pub use cors::Cors;
pub(super) use read::Surroundings;
pub use schema::{BodyFault, BodySchema};
pub use words::{Csp, CspDirective, Guard, Guards, Kind};

/// What a request may cost: more is a limit that nobody reads any more.
const COST_MAX: u32 = 1_000_000;
/// More routes than this are generated, and a pattern would say it better.
const ROUTES_MAX: usize = 2_000;
/// A route of the app.
#[derive(Clone, Debug)]
pub struct Route {
    pub pattern: Pattern,
    pub methods: Methods,
    pub guards: Guards,
    /// What a person's role or a key's scopes must hold; none: any of the tenant.
    pub permission: Option<Permission>,
    /// Why everybody may pass; only where everybody may.
    pub public_because: Option<String>,
    pub kind: Kind,
    pub csp: Csp,
    /// Sources beyond our own, by directive.
    pub csp_sources: Vec<(CspDirective, Vec<String>)>,
    /// Whose pages may read its answers.
    pub cors: Cors,
    /// Until the head of the app's answer.
    pub response_timeout: Duration,
    pub max_body_bytes: u64,
    /// What a body must be, where one is looked at.
    pub body_schema: Option<Arc<BodySchema>>,
    /// Every limit that applies.
    pub tiers: Vec<TierId>,
    /// What a request spends of each of them.
    pub cost: u32,
    /// Whether its limits only say what they would refuse.
    pub is_shadow: bool,
    /// Its name among those who are counted: the same on every node.
    pub counted_as: Uuid,
    /// Where it stands in the file.
    pub line: usize,
}

/// `[cron]`. The secrets come from the environment.
#[derive(Clone, Debug)]
pub struct Cron {
    /// Networks that may present the secret; empty: any.
    pub allow_from: Vec<IpNet>,
}

impl Cron {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self { allow_from: section.list("allow_from", parse::network) }
    }
}

/// The routes, and the table that finds one.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    table: Table,
}

/// What is known of a path and a method.
#[derive(Clone, Copy, Debug)]
pub enum RouteFound<'r> {
    /// This route, with its place in [`Routes::iter`].
    Route(usize, &'r Route),
    /// The path exists, for these methods.
    OtherMethods(Methods),
    /// An app that ignores case or a last slash would serve a route with another guard: refuse it.
    Ambiguous,
    Nothing,
}

impl Routes {
    /// The route for a path (no query) and a method, by the strictest reading of the path.
    pub fn find(&self, path: &str, method: Method) -> RouteFound<'_> {
        match self.table.find(path, method) {
            Found::Nothing => RouteFound::Nothing,
            Found::OtherMethods(methods) => RouteFound::OtherMethods(methods),
            Found::Route(at) if self.is_ambiguous(at, path, method) => RouteFound::Ambiguous,
            Found::Route(at) => RouteFound::Route(at, &self.routes[at]),
        }
    }

    /// Whether a laxer application could serve another route for it, which asks for what was not asked for here. One that
    /// is wider was there when this one was written as its exception.
    fn is_ambiguous(&self, at: usize, path: &str, method: Method) -> bool {
        let found = &self.routes[at];
        self.table.may_be_read(path, |others| {
            let mut others = others.iter().map(|(methods, other)| (methods, &self.routes[*other]));
            let is_shut = !others.clone().any(|(methods, other)| methods.contains(method) && other.is_open_to(found));
            is_shut && others.any(|(_, other)| !other.pattern.covers_laxly(&found.pattern))
        })
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Route> {
        self.routes.iter()
    }

    /// The route at a place that [`Routes::find`] gave.
    pub fn route(&self, at: usize) -> &Route {
        &self.routes[at]
    }

    pub(super) fn new(section: &Section<'_, '_>, routes: Vec<At<Route>>) -> Self {
        for (at, route) in routes.iter().enumerate().take(ROUTES_MAX) {
            refuse_clashes(section, &routes[..at], route);
        }
        if routes.len() > ROUTES_MAX {
            section.reading.fault(
                &routes[ROUTES_MAX].span,
                format!("more than {ROUTES_MAX} routes"),
                "Say it with {id} and *.",
            );
        }
        let routes: Vec<Route> = routes.into_iter().map(|route| route.value).collect();
        // A clash was noted above, with its lines; this table is then never used.
        let table = Table::new(routes.iter().map(|route| (&route.pattern, route.methods))).unwrap_or_default();
        Self { routes, table }
    }
}

impl Route {
    /// Whether whoever passed `other` passes this one.
    fn is_open_to(&self, other: &Self) -> bool {
        let asks_no_more = self.permission.is_none() || self.permission == other.permission;
        self.guards.is_public() || (other.guards.are_among(self.guards) && asks_no_more)
    }
}

/// A route that another one hides, or that a lax app would take for another one.
fn refuse_clashes(section: &Section<'_, '_>, earlier: &[At<Route>], route: &At<Route>) {
    let this = &route.value;
    let shared = |other: &&At<Route>| {
        other.value.pattern.is_same_as(&this.pattern) && !other.value.methods.intersection(this.methods).is_empty()
    };
    if let Some(other) = earlier.iter().find(shared) {
        let methods = other.value.methods.intersection(this.methods);
        let what = format!(
            "route {:?} is never reached for {methods}: line {} has the same path",
            this.pattern.as_str(),
            other.value.line
        );
        section.reading.fault(&route.span, what, "Leave out the methods or one of the routes.");
        return;
    }
    let protects_otherwise = |other: &Route| other.guards != this.guards || other.permission != this.permission;
    let twin = |other: &&At<Route>| {
        other.value.pattern.reads_like(&this.pattern)
            && !other.value.pattern.is_same_as(&this.pattern)
            && protects_otherwise(&other.value)
    };
    if let Some(other) = earlier.iter().find(twin) {
        let what = format!(
            "route {:?} differs from {:?} on line {} only in case or in a last slash, and has another guard",
            this.pattern.as_str(),
            other.value.pattern.as_str(),
            other.value.line
        );
        section.reading.fault(
            &route.span,
            what,
            "Many apps take both for one path: give both the same guard and permission.",
        );
    }
}
