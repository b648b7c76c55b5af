//! `[[routes]]` and `[cron]`: what exists behind the gateway, and who may pass [AC-15, WEB-1, WEB-5].

use std::time::Duration;

use ipnet::IpNet;
use tenantry_core::permission::Permission;
use tenantry_core::route::{Found, Method, Methods, Pattern, Table};

use super::access::Permissions;
use super::document::{At, Choice, Section, Span};
use super::limits::{Limits, Per, TierId};
use super::parse;
use super::upstream::{BODY_BYTES_MAX, TIMEOUT_MS_MAX};

/// Who is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Guard {
    /// A person of the tenant, signed in.
    Session,
    /// An API key of the tenant.
    Key,
    /// Whoever knows the cron secret.
    Cron,
    /// Anybody, for a reason that is written beside it.
    Public,
}

impl Choice for Guard {
    const WORDS: &'static [(&'static str, Self)] =
        &[("session", Self::Session), ("key", Self::Key), ("cron", Self::Cron), ("public", Self::Public)];
}

impl Guard {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// The guards of a route: one of them has to let the request through. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guards(u8);

impl Guards {
    /// Whether this guard is among them.
    pub const fn contains(self, guard: Guard) -> bool {
        self.0 & (1 << guard as u8) != 0
    }

    /// Whether everybody passes.
    pub const fn is_public(self) -> bool {
        self.contains(Guard::Public)
    }

    /// The guards, in the order in which they are tried.
    pub fn iter(self) -> impl Iterator<Item = Guard> {
        Guard::WORDS.iter().map(|(_, guard)| *guard).filter(move |guard| self.contains(*guard))
    }
}

impl FromIterator<Guard> for Guards {
    fn from_iter<I: IntoIterator<Item = Guard>>(guards: I) -> Self {
        Self(guards.into_iter().fold(0, |bits, guard| bits | (1 << guard as u8)))
    }
}

/// What is served: it decides the limits and the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Api,
    Page,
    Asset,
}

impl Choice for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[("api", Self::Api), ("page", Self::Page), ("asset", Self::Asset)];
}

impl Kind {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Whose content security policy an HTML answer carries [WEB-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Csp {
    /// Ours, with a fresh nonce that the app writes into its scripts.
    Nonce,
    /// Ours, with the hashes of the scripts that the answer contains.
    Hashes,
    /// The app's own.
    Keep,
    /// Ours, which reports and does not yet forbid.
    ReportOnly,
}

impl Choice for Csp {
    const WORDS: &'static [(&'static str, Self)] =
        &[("nonce", Self::Nonce), ("hashes", Self::Hashes), ("keep", Self::Keep), ("report-only", Self::ReportOnly)];
}

impl Csp {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

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
    /// Origins of browsers that may call it from elsewhere.
    pub cors: Vec<String>,
    /// Until the head of the app's answer.
    pub response_timeout: Duration,
    pub max_body_bytes: u64,
    /// Every limit that applies.
    pub tiers: Vec<TierId>,
    /// Where it stands in the file.
    pub line: usize,
}

/// Directives that a route may widen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CspDirective {
    Connect,
    Font,
    FormAction,
    Frame,
    Img,
    Manifest,
    Media,
    Script,
    Style,
    Worker,
}

impl Choice for CspDirective {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("connect-src", Self::Connect),
        ("font-src", Self::Font),
        ("form-action", Self::FormAction),
        ("frame-src", Self::Frame),
        ("img-src", Self::Img),
        ("manifest-src", Self::Manifest),
        ("media-src", Self::Media),
        ("script-src", Self::Script),
        ("style-src", Self::Style),
        ("worker-src", Self::Worker),
    ];
}

impl CspDirective {
    /// The directive's name.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
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

/// More routes than this are generated, and a pattern would say it better.
const ROUTES_MAX: usize = 2_000;
/// Paths that Tenantry answers itself on every host.
const RESERVED: [&str; 5] = ["/-", "/-/*", "/security", "/security/*", "/.well-known/*"];
/// A path whose last segment ends so is a file of the page.
const ASSET_ENDINGS: [&str; 14] =
    ["css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff2", "webmanifest"];

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

    fn is_ambiguous(&self, at: usize, path: &str, method: Method) -> bool {
        let (found, lax) = (&self.routes[at], self.table.lax_reading(path));
        let is_narrower = lax.iter().any(|(_, other)| {
            !self.routes[*other].pattern.reads_like(&found.pattern)
                && found.pattern.covers(&self.routes[*other].pattern)
        });
        let is_same = |other: &Route| other.guards == found.guards && other.permission == found.permission;
        is_narrower && !lax.iter().any(|(methods, other)| methods.contains(method) && is_same(&self.routes[*other]))
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

/// What a route's reader needs to know of the rest of the file.
pub(super) struct Surroundings<'c> {
    pub(super) permissions: &'c Permissions,
    pub(super) limits: &'c Limits,
    pub(super) response_timeout: Duration,
    pub(super) max_body_bytes: u64,
}

impl Route {
    /// Reads one route. `None`: it has no path or no guard, and that was noted.
    pub(super) fn read(section: &Section<'_, '_>, around: &Surroundings<'_>) -> Option<At<Self>> {
        let span = if section.has("path") { section.span_of("path") } else { section.span.clone() };
        let pattern = section.required("path", "\"/api/orders\"", None, str::parse::<Pattern>);
        let name =
            pattern.as_ref().map_or_else(|| "route".to_owned(), |pattern| format!("route {:?}", pattern.as_str()));
        let reader = Reader { section, name, span: span.clone() };
        let (methods, guards) = (reader.methods(), reader.guards());
        let permission = reader.permission(guards, around.permissions);
        let public_because = reader.public_because(guards);
        let kind = section.maybe_choice("kind").or_else(|| Some(usual_kind(pattern.as_ref()?, guards?)));
        let csp = section.choice("csp", Csp::Nonce);
        let (csp_sources, cors) = (reader.csp_sources(), section.list("cors", parse::origin));
        let timeout_ms = section.maybe_number("timeout_ms", 1..=TIMEOUT_MS_MAX);
        let max_body_bytes =
            section.maybe_number("max_body_bytes", 0..=BODY_BYTES_MAX).unwrap_or(around.max_body_bytes);
        let tiers = reader.tiers(kind, guards, around.limits);
        let response_timeout = timeout_ms.map_or(around.response_timeout, |ms| Duration::from_millis(ms.into()));
        let (pattern, guards, kind, line) = (pattern?, guards?, kind?, section.reading.line(&span));
        reader.refuse_reserved(&pattern);
        let value = Self {
            pattern,
            methods,
            guards,
            permission,
            public_because,
            kind,
            csp,
            csp_sources,
            cors,
            response_timeout,
            max_body_bytes,
            tiers,
            line,
        };
        Some(At { value, span })
    }
}

/// Keys with a secret are the API's; `/assets/…` and files are assets; the rest are pages.
fn usual_kind(pattern: &Pattern, guards: Guards) -> Kind {
    let path = pattern.as_str();
    let is_api =
        path == "/api" || path.starts_with("/api/") || guards.contains(Guard::Key) || guards.contains(Guard::Cron);
    let ending = path.rsplit_once('/').and_then(|(_, file)| file.rsplit_once('.')).map(|(_, ending)| ending);
    let is_asset = path.starts_with("/assets/")
        || path.starts_with("/static/")
        || ending.is_some_and(|ending| ASSET_ENDINGS.contains(&ending));
    match (is_api, is_asset) {
        (true, _) => Kind::Api,
        (false, true) => Kind::Asset,
        (false, false) => Kind::Page,
    }
}

/// The parts of one route.
struct Reader<'s, 'r, 't> {
    section: &'s Section<'r, 't>,
    /// `route "/api/orders"`, for messages.
    name: String,
    span: Span,
}

impl Reader<'_, '_, '_> {
    fn methods(&self) -> Methods {
        let words = self.section.words("methods", &["GET"], "\"GET\", \"POST\", …, or \"any\"");
        super::access::refuse_repeats(self.section, &words);
        if words.iter().any(|word| word.value == "any") {
            return Methods::ALL;
        }
        let methods = words.iter().filter_map(|word| self.section.choose::<Method>("methods", word));
        let methods = methods.fold(Methods::NONE, Methods::with);
        if !methods.is_empty() {
            return methods;
        }
        if self.section.has("methods") && words.is_empty() {
            self.section.reading.fault(
                &self.section.span_of("methods"),
                format!("{} has no method", self.name),
                "Name some, or leave methods out for GET.",
            );
        }
        Methods::NONE.with(Method::Get)
    }

    fn guards(&self) -> Option<Guards> {
        let words = self.section.words("guard", &[], "\"session\", \"key\", \"cron\" or \"public\"");
        super::access::refuse_repeats(self.section, &words);
        let known: Vec<Guard> = words.iter().filter_map(|word| self.section.choose("guard", word)).collect();
        if words.is_empty() {
            let fix = "Add guard = \"session\", \"key\", \"cron\", a list of them, or \"public\" with public_because.";
            self.section.reading.missing(&self.span, format!("{} has no guard", self.name), fix);
        }
        let at = self.section.span_of("guard");
        if known.contains(&Guard::Public) && known.len() > 1 {
            self.section.reading.fault(
                &at,
                format!("{} is public, so its other guards guard nothing", self.name),
                "Leave \"public\" out, or the others.",
            );
        }
        (known.len() == words.len() && !known.is_empty()).then(|| known.into_iter().collect())
    }

    fn permission(&self, guards: Option<Guards>, permissions: &Permissions) -> Option<Permission> {
        let word = self.section.word("permission", None, "one word of [permissions]")?;
        let permission = permissions.resolve(self.section, &word)?;
        if guards.is_some_and(|guards| !guards.contains(Guard::Session) && !guards.contains(Guard::Key)) {
            let what = format!("{} asks for a permission that nobody can show there", self.name);
            self.section.reading.fault(
                &self.section.span_of("permission"),
                what,
                "Permissions belong to sessions and keys: change the guard, or leave permission out.",
            );
        }
        Some(permission)
    }

    fn public_because(&self, guards: Option<Guards>) -> Option<String> {
        let reason = self.section.maybe("public_because", parse::sentence);
        let is_public = guards.is_some_and(Guards::is_public);
        if is_public && !self.section.has("public_because") {
            self.section.reading.missing(
                &self.section.span_of("guard"),
                format!("{} is public and does not say why", self.name),
                "Add public_because = \"…\": whoever reviews the routes asks first for these.",
            );
        }
        if !is_public && guards.is_some() && self.section.has("public_because") {
            self.section.reading.fault(
                &self.section.span_of("public_because"),
                format!("{} says why it is public and is not", self.name),
                "Leave public_because out, or write guard = \"public\".",
            );
        }
        reason
    }

    fn csp_sources(&self) -> Vec<(CspDirective, Vec<String>)> {
        let lists = self.section.lists("csp_sources");
        lists
            .into_iter()
            .filter_map(|(name, sources)| Some((self.section.choose("directive", &name)?, self.sources(sources))))
            .collect()
    }

    fn sources(&self, sources: Vec<At<&str>>) -> Vec<String> {
        let source = |text: At<&str>| {
            let parsed = parse::csp_source(text.value);
            parsed
                .map_err(|why| {
                    self.section.reading.fault(
                        &text.span,
                        format!("{:?} is no source", text.value),
                        format!("Please {why}."),
                    )
                })
                .ok()
        };
        sources.into_iter().filter_map(source).collect()
    }

    fn tiers(&self, kind: Option<Kind>, guards: Option<Guards>, limits: &Limits) -> Vec<TierId> {
        let words = self.section.words("tiers", &[], "names of [limits.tiers]");
        super::access::refuse_repeats(self.section, &words);
        let named: Vec<TierId> = words.iter().filter_map(|word| self.tier(word, guards, limits)).collect();
        if !words.is_empty() {
            return named;
        }
        kind.zip(guards).map_or_else(Vec::new, |(kind, guards)| usual_tiers(kind, guards))
    }

    /// A limit per key on a route without keys would never count.
    fn tier(&self, word: &At<&str>, guards: Option<Guards>, limits: &Limits) -> Option<TierId> {
        let id = limits.resolve(self.section, word)?;
        let needed = match limits.tier(id).per {
            Per::Key => Some(Guard::Key),
            Per::User => Some(Guard::Session),
            Per::Ip | Per::Tenant => None,
        };
        if let (Some(needed), Some(guards)) = (needed, guards)
            && !guards.contains(needed)
        {
            let what = format!(
                "{} has the limit {:?} per {}, and nobody comes with one",
                self.name,
                word.value,
                limits.tier(id).per.as_str()
            );
            self.section.reading.fault(
                &word.span,
                what,
                format!("Add the guard {:?}, or choose a tier per ip.", needed.word()),
            );
        }
        Some(id)
    }

    fn refuse_reserved(&self, pattern: &Pattern) {
        let is_reserved = RESERVED
            .iter()
            .filter_map(|reserved| reserved.parse::<Pattern>().ok())
            .any(|reserved| reserved.covers(pattern));
        if is_reserved {
            self.section.reading.fault(
                &self.span,
                format!("{} is never reached: Tenantry answers there", self.name),
                "/-/, /security and /.well-known/ are reserved; move the route.",
            );
        }
    }
}

/// The limits of a route that names none.
fn usual_tiers(kind: Kind, guards: Guards) -> Vec<TierId> {
    if guards.contains(Guard::Cron) && guards.iter().count() == 1 {
        return vec![TierId::CRON_IP];
    }
    match kind {
        Kind::Api if guards.contains(Guard::Key) => vec![TierId::API_KEY, TierId::API_IP],
        Kind::Api => vec![TierId::API_IP],
        Kind::Page => vec![TierId::PAGE_IP],
        Kind::Asset => vec![TierId::ASSET_IP],
    }
}

impl Choice for Method {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("GET", Self::Get),
        ("HEAD", Self::Head),
        ("POST", Self::Post),
        ("PUT", Self::Put),
        ("PATCH", Self::Patch),
        ("DELETE", Self::Delete),
        ("OPTIONS", Self::Options),
    ];
}
