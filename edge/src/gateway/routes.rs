//! The app's routes with everything that can be made before a request comes.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{self, InvalidHeaderValue};
use tenantry_core::path::CleanPath;
use tenantry_core::route::{Method, Methods};
use tenantry_platform::config::{Config, Kind, Route, RouteFound, Routes};
use tenantry_platform::metrics::{self, Metrics};

use super::headers::SecurityHeaders;
use crate::csp::Policy;

/// Paths that Tenantry answers itself, on every host: no route of an app is ever looked for there.
const RESERVED: [&str; 3] = ["/-", "/security", "/.well-known"];

/// A route, ready to use.
#[derive(Clone, Debug)]
pub struct AppRoute {
    pub route: Route,
    pub policy: Policy,
    pub headers: SecurityHeaders,
    /// Where its requests are counted.
    pub counted: Arc<metrics::Route>,
}

impl AppRoute {
    /// Whether this request needs a nonce: its answer may be a page. Scripts, pictures and data do without,
    /// and keep their conditional requests.
    pub fn wants_nonce(&self, request: &HeaderMap) -> bool {
        let asks_for_page = || {
            let accepted = request.get_all(header::ACCEPT).iter();
            accepted.into_iter().any(|types| memchr::memmem::find(types.as_bytes(), b"text/html").is_some())
        };
        self.policy.has_nonce() && (self.route.kind == Kind::Page || asks_for_page())
    }
}

/// Every route.
#[derive(Clone, Debug)]
pub struct RouteTable {
    routes: Routes,
    ready: Vec<AppRoute>,
    /// For answers that belong to no route of the app.
    own: SecurityHeaders,
}

/// What is known of a path and a method.
#[derive(Clone, Copy, Debug)]
pub enum Found<'t> {
    Route(&'t AppRoute),
    /// Ours: `/-/`, `/security`, `/.well-known/`.
    Reserved,
    /// The path takes other methods.
    OtherMethods(Methods),
    /// An app that ignores case or a last slash would find a route with another guard.
    Ambiguous,
    Nothing,
}

impl RouteTable {
    /// The table of a configuration.
    ///
    /// # Errors
    /// A configured value that no header can carry.
    pub fn new(config: &Config, metrics: &Metrics) -> Result<Self, InvalidHeaderValue> {
        let ready = config.routes.iter().map(|route| {
            let headers = SecurityHeaders::new(&config.headers, route.kind)?;
            let counted = metrics.route(route.pattern.as_str());
            Ok(AppRoute { route: route.clone(), policy: Policy::new(route), headers, counted })
        });
        Ok(Self {
            ready: ready.collect::<Result<_, InvalidHeaderValue>>()?,
            routes: config.routes.clone(),
            own: SecurityHeaders::new(&config.headers, Kind::Page)?,
        })
    }

    /// The route for a method and a path that has one meaning.
    pub fn find(&self, method: &http::Method, path: &CleanPath<'_>) -> Found<'_> {
        if is_reserved(path) {
            return Found::Reserved;
        }
        let Some(method) = Method::named(method.as_str()) else { return self.methods_of(path) };
        match self.routes.find(path.raw(), method) {
            RouteFound::Route(at, _) => Found::Route(&self.ready[at]),
            RouteFound::OtherMethods(methods) => Found::OtherMethods(methods),
            RouteFound::Ambiguous => Found::Ambiguous,
            RouteFound::Nothing => Found::Nothing,
        }
    }

    /// For a preflight: the route that the announced method would reach, and all methods of the path.
    pub fn find_announced(&self, method: &[u8], path: &CleanPath<'_>) -> Option<(&AppRoute, Methods)> {
        let method = http::Method::from_bytes(method).ok()?;
        let Found::Route(found) = self.find(&method, path) else { return None };
        Some((found, found.route.methods))
    }

    /// The headers of answers that belong to no route of the app.
    pub const fn own_headers(&self) -> &SecurityHeaders {
        &self.own
    }

    fn methods_of(&self, path: &CleanPath<'_>) -> Found<'_> {
        let known = |method: Method| matches!(self.routes.find(path.raw(), method), RouteFound::Route(..));
        let methods = Method::ALL.into_iter().filter(|method| known(*method)).fold(Methods::NONE, Methods::with);
        if methods.is_empty() { Found::Nothing } else { Found::OtherMethods(methods) }
    }
}

/// In any case: an app may not care about case, and nothing of ours shall ever reach it.
fn is_reserved(path: &CleanPath<'_>) -> bool {
    RESERVED.iter().any(|reserved| {
        let start = path.decoded().get(..reserved.len());
        let is_whole = matches!(path.decoded().as_bytes().get(reserved.len()), None | Some(b'/'));
        is_whole && start.is_some_and(|start| start.eq_ignore_ascii_case(reserved))
    })
}
