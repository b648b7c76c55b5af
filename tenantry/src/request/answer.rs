//! What is known of one request, and step 9: what every answer says.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tenantry_core::mode::Mode;
use tenantry_core::route::Methods;
use tenantry_custody::audit::observe::Sight;
use tenantry_edge::csp::INERT;
use tenantry_edge::gateway::contract::Way;
use tenantry_edge::gateway::origin::Own;
use tenantry_edge::gateway::{self as edge, AppRoute, AtEnd, Body, Carried, Peer, Place, cors, front};
use tenantry_edge::limits::{Charges, Line, Tariff, Verdict, Whom, announce, too_many};
use tenantry_identity::sessions::{ACCESS_COOKIE, Known, REFRESH_COOKIE, StaffSession};
use tenantry_platform::config::{Cors, Kind as RouteKind, Per, Scheme, TierId};
use tenantry_platform::feed::Belief;
use tenantry_platform::http::{Caller, Surface, clear_cookie, user_agent};
use tenantry_platform::log::{Access, Tunnel};
use tenantry_platform::metrics;
use tenantry_platform::page::{self, Nonce, ProblemPage, render_with};
use tenantry_platform::permit::{Credential, Origin, Principal, TenantRef};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::telemetry::Trace;
use uuid::Uuid;

use super::Door;
use super::host::Site;
use crate::app::App;
use crate::dev::team_page;
use crate::routes::{Access as RouteAccess, OwnRoute};

/// What the renewal of a session costs, once in the life of an access token.
const RENEWAL: &[TierId] = &[TierId::PAGE_IP];

/// One request, from its first byte to its log line.
#[derive(Debug)]
pub(super) struct Visit {
    pub request_id: HeaderValue,
    pub ip: IpAddr,
    pub site: Option<Site>,
    /// Made when a page asks for it: most requests are none.
    nonce: OnceCell<Arc<str>>,
    pub principal: Option<Arc<Principal>>,
    /// Whoever showed a good credential, also where it did not let them pass.
    pub shown: Option<Arc<Principal>>,
    pub verdict: Option<Verdict>,
    /// What the session room wants said to the browser: renewed or ended sessions.
    pub cookies: Vec<HeaderValue>,
    /// Whether the route answers everybody, also at an address that is blocked.
    pub is_spared: bool,
    /// Whether the answer warns of what comes.
    pub is_warned: bool,
    /// Whether limits are told in every answer.
    is_api: bool,
    /// Which pages of other origins may read, and of which origin this one is.
    cors: Cors,
    page_origin: Option<HeaderValue>,
    /// Which listener it came in by.
    pub door: Door,
    /// Where it is counted, once its route is known.
    pub route: Option<Arc<metrics::Route>>,
    /// Whether a browser was sent to sign in.
    pub is_sent_away: bool,
    /// Whether it went to the app.
    pub is_passed: bool,
    /// When the app was asked, after the head of the request, and how long it took to give the head of its answer.
    pub asked: Option<(Duration, Duration)>,
    /// Whether the peer is a trusted proxy.
    pub is_from_trusted: bool,
    /// Where it belongs, where requests are traced.
    pub trace: Option<Trace>,
    tiers: Vec<TierId>,
    cost: u32,
    is_shadow: bool,
    /// The app's route, by the name that counters know it by.
    counted_as: Option<Uuid>,
    allow: Option<HeaderValue>,
    is_own: bool,
    /// Whether it is a request to the app or the management API: what usage counts.
    pub is_counted: bool,
    is_https: bool,
    pub method: Method,
    path: String,
    /// Path and query: where somebody goes on after signing in.
    target: String,
    is_navigation: bool,
    user_agent: Option<Arc<str>>,
    pub started: Instant,
}

impl Visit {
    /// Step 1 and the first half of 3: the request's name, and the client behind proxies that we trust.
    pub(super) fn accept(app: &App, request: &Request<Incoming>, peer: Peer, door: Door) -> Self {
        let headers = request.headers();
        let socket = peer.address.ip();
        let forwarded = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
        let is_from_trusted = app.trusted.contains(socket);
        let request_id = front::request_id(headers, is_from_trusted, &app.ground.clock, &app.ground.entropy);
        let trace = app.telemetry.trace(headers, is_from_trusted, &request_id, &app.ground.entropy);
        Self {
            request_id,
            ip: app.trusted.client_ip(socket, forwarded),
            site: None,
            nonce: OnceCell::new(),
            principal: None,
            shown: None,
            verdict: None,
            cookies: Vec::new(),
            is_spared: false,
            is_warned: false,
            is_api: false,
            door,
            cors: Cors::Own,
            page_origin: headers.get(header::ORIGIN).cloned(),
            route: None,
            is_sent_away: false,
            is_passed: false,
            asked: None,
            is_from_trusted,
            trace,
            tiers: Vec::new(),
            cost: 1,
            is_shadow: false,
            counted_as: None,
            allow: None,
            is_own: false,
            is_counted: true,
            is_https: app.config.hosts.scheme == Scheme::Https,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            target: target(request),
            is_navigation: is_navigation(request.method(), headers),
            user_agent: user_agent(headers),
            started: Instant::now(),
        }
    }

    /// The question of a proxy stands for the request that it holds.
    pub(super) fn stand_for(&mut self, original: &Request<Incoming>) {
        self.method = original.method().clone();
        self.path = original.uri().path().to_owned();
        self.target = target(original);
        // The proxy wants a status, not a page, and takes nobody to sign in.
        self.is_navigation = false;
    }

    pub(super) fn is_central(&self) -> bool {
        self.site.as_ref().is_some_and(|site| site.surface == Surface::Central)
    }

    pub(super) fn place(&self, principal: Option<&Principal>) -> Place {
        self.site.as_ref().map_or(Place { tenant: None, mode: None }, |site| site.place(principal))
    }

    /// The tenant that the host or the credential names.
    pub(super) fn tenant(&self) -> Option<Arc<TenantRef>> {
        let of_host = self.site.as_ref().and_then(|site| site.tenant.clone());
        of_host.or_else(|| self.principal.as_ref().and_then(|principal| principal.parts().tenant.clone()).map(Arc::new))
    }

    /// The word of this answer's policy, the same however often it is asked for.
    pub(super) fn nonce(&self, app: &App) -> &Arc<str> {
        self.nonce.get_or_init(|| Nonce::fresh(&app.ground.entropy).as_str().into())
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn own(&self) -> Own<'_> {
        Own { is_https: self.is_https, host: self.host() }
    }

    pub(super) fn way(&self) -> Way<'_> {
        Way { client: self.ip, is_https: self.is_https, host: self.host() }
    }

    pub(super) fn reach(&self, app: &App) -> edge::Site {
        match app.config.hosts.scheme {
            Scheme::Https => edge::Site::Own,
            Scheme::Http => edge::Site::Plain,
        }
    }

    pub(super) fn take_route(&mut self, route: &AppRoute) {
        self.is_api = route.route.kind == RouteKind::Api;
        self.cors = route.route.cors.clone();
        self.is_spared = route.route.kind == RouteKind::Asset;
        self.route = Some(Arc::clone(&route.counted));
        self.tiers.clone_from(&route.route.tiers);
        self.cost = route.route.cost;
        self.is_shadow = route.route.is_shadow;
        self.counted_as = Some(route.route.counted_as);
    }

    pub(super) fn take_own_route(&mut self, route: &OwnRoute, counted: &Arc<metrics::Route>) {
        self.is_api = route.is_api();
        self.route = Some(Arc::clone(counted));
        self.tiers = route.tiers.to_vec();
        self.is_own = true;
        self.is_spared = route.is_for_everybody();
        self.is_counted = matches!(route.access, RouteAccess::Key(_));
    }

    /// 405, with the methods that the path takes.
    pub(super) fn other_methods(&mut self, methods: Methods) -> Problem {
        let (problem, allow) = front::other_methods(methods);
        self.allow = Some(allow);
        problem
    }

    /// The session whose cookies belong to this host. One whose access token is over is renewed by a safe request.
    pub(super) async fn session(
        &mut self,
        app: &App,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<StaffSession>>, Problem> {
        let Some(host) = self.site.as_ref().map(|site| site.origin(app)) else { return Ok(None) };
        let known = match app.identity.sessions.known(headers, &host) {
            Known::NeedsFill => {
                let (identity, headers, host) = (Arc::clone(&app.identity), headers.clone(), Arc::clone(&host));
                app.cross(async move { identity.sessions.fill(&headers, &host).await }).await??
            }
            known => known,
        };
        match known {
            Known::Verified(session) => Ok(Some(session)),
            Known::NotPresented => Ok(None),
            Known::Refused(refusal) if refusal.may_refresh() && is_safe(method) => {
                self.renew(app, headers, &host).await
            }
            Known::Refused(refusal) if refusal.may_refresh() => Err(session_stale()),
            Known::Refused(_) | Known::NeedsFill => {
                self.cookies.extend([clear_cookie(ACCESS_COOKIE), clear_cookie(REFRESH_COOKIE)]);
                Err(session_over())
            }
        }
    }

    /// Charged before: the database is asked here, and the request's own limits are looked at only afterwards.
    async fn renew(
        &mut self,
        app: &App,
        headers: &HeaderMap,
        host: &Arc<str>,
    ) -> Result<Option<Arc<StaffSession>>, Problem> {
        let charges = app.limiter.charges(Tariff::of(RENEWAL), Whom::at(self.ip));
        let verdict = app.limiter.spend(app.ground.clock.now_ms(), &charges).await;
        if !verdict.is_admitted() {
            return Err(too_many(&verdict, app.limiter.limits()));
        }
        let (identity, headers, host, from) =
            (Arc::clone(&app.identity), headers.clone(), Arc::clone(host), self.origin());
        let renewed = app.cross(async move { identity.sessions.refresh(&headers, &host, from).await }).await??;
        self.cookies.extend(renewed.cookies);
        renewed.session.map(Some).ok_or_else(session_over)
    }

    /// Where the request came from, for the audit log.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            request_id: self.request_id.to_str().ok().map(str::to_owned),
            ip: Some(self.ip),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
        }
    }

    /// What a handler of our own is told.
    pub(super) fn caller(&self, app: &App, site: &Site, workspaces: Arc<[TenantRef]>, belief: Belief) -> Caller {
        Caller {
            request_id: self.request_id.to_str().unwrap_or_default().into(),
            ip: self.ip,
            surface: site.surface,
            public_origin: site.origin(app),
            nonce: Arc::clone(self.nonce(app)),
            tenant: self.tenant(),
            principal: self.principal.clone(),
            workspaces,
            user_agent: self.user_agent.clone(),
            belief,
            has_staff_pages: has_staff_pages(app, self.door),
        }
    }

    /// A passage, for the audit log: the first of its kind is a row, later ones are counted.
    pub(super) fn note_passage(&self, app: &App, route: &AppRoute) {
        if let Some(principal) = self.principal.as_deref().filter(|_| self.is_api) {
            self.observe(app, principal, "app.request_allowed", route.route.pattern.as_str());
        }
    }

    /// A refusal by a limit, for the audit log.
    pub(super) fn note_limit(&self, app: &App) {
        if let Some(principal) = self.principal.as_deref() {
            self.observe(app, principal, "limit.exceeded", self.pattern());
        }
    }

    /// A refusal by the guard, and of somebody known also a row in the log of the credential's own tenant.
    pub(super) async fn note_refusal(&mut self, app: &App, shown: Option<&Principal>, problem: Problem) -> Problem {
        if let Err(limited) = self.spend_refused(app, shown).await {
            return limited;
        }
        if let Some(principal) = shown {
            self.observe(app, principal, "access.refused", self.pattern());
        }
        problem
    }

    /// A refusal costs what a passage does: nobody asks for ever what they may not.
    pub(super) async fn spend_refused(&mut self, app: &App, shown: Option<&Principal>) -> Result<(), Problem> {
        // A route's limit is everybody's: whoever may not pass uses nothing of it up.
        let limits = app.limiter.limits();
        let tiers: Vec<_> = self.tiers.iter().copied().filter(|tier| limits.tier(*tier).per != Per::Route).collect();
        self.spend(app, self.charges_of(app, shown, &tiers)).await
    }

    /// What the request's route charges, whoever it is.
    pub(super) fn charges(&self, app: &App, principal: Option<&Principal>) -> Charges {
        self.charges_of(app, principal, &self.tiers)
    }

    fn charges_of(&self, app: &App, principal: Option<&Principal>, tiers: &[TierId]) -> Charges {
        let (cost, is_shadow, route) = (self.cost, self.is_shadow, self.counted_as);
        let host = self.site.as_ref().and_then(|site| site.tenant.as_deref());
        let whom = Whom { client: self.ip, principal, host };
        app.limiter.charges(Tariff { tiers, cost, is_shadow, route }, whom)
    }

    /// What a limit in shadow would have refused: the log has it, and nobody else notices.
    pub(super) fn note_shadow(&self, app: &App, line: Line) {
        let request_id = self.request_id.to_str().unwrap_or_default();
        let tier = &*app.limiter.limits().tier(line.tier).name;
        tracing::info!(request_id, tier, route = self.pattern(), "a limit in shadow would have refused this");
    }

    /// A key from an address that it does not name, for the log of its own tenant.
    pub(super) fn note_address(&self, app: &App, key: &Principal) {
        self.observe(app, key, "api_key.address_refused", self.pattern());
    }

    /// The route as its table writes it; nothing before it is known.
    fn pattern(&self) -> &str {
        self.route.as_ref().map(|route| route.name()).unwrap_or_default()
    }

    fn observe(&self, app: &App, principal: &Principal, action: &'static str, route: &str) {
        let parts = principal.parts();
        let Some(tenant) = &parts.tenant else { return };
        let subject = match (&parts.person, &parts.credential) {
            (Some(person), _) => person.id.uuid(),
            (None, Credential::Key(key)) => key.uuid(),
            _ => return,
        };
        let method = self.method.as_str();
        let mut entity_id = String::with_capacity(method.len() + 1 + route.len());
        entity_id.extend([method, " ", route]);
        let sight = Sight {
            tenant: tenant.id,
            mode: parts.mode.unwrap_or(Mode::Live),
            subject,
            action,
            entity_type: "route",
            entity_id: &entity_id,
        };
        app.custody.observer.note(sight, app.ground.now(), || (principal.actor(), self.origin()));
    }

    /// Step 9: the answer with everything that each answer says, and its log line.
    pub(super) fn finish(mut self, app: &App, outcome: Result<Response<Body>, Problem>) -> Response<Body> {
        self.count(app, outcome.as_ref().err());
        let is_refused = outcome.is_err();
        let mut answer = outcome.unwrap_or_else(|problem| self.refuse(app, problem));
        self.tally(app, &answer);
        self.say_problem(app, &mut answer);
        if is_refused {
            // A page that may read the app's answers reads why it got none, and when to come again.
            cors::mark(&self.cors, self.page_origin.as_ref(), answer.headers_mut());
        }
        if is_refused || self.is_own || self.route.is_none() {
            self.secure(app, answer.headers_mut());
        }
        self.say_limits(app, answer.headers_mut());
        self.say_warning(answer.headers_mut());
        for cookie in self.cookies.drain(..) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        let status = answer.status();
        // A WebSocket has its line when it is over.
        if let Some(visit) = answer.body_mut().tell_at_end(self, |visit| visit.log_at_end(status)) {
            visit.log(status, None);
        }
        answer
    }

    fn log_at_end(self, status: StatusCode) -> AtEnd {
        Box::new(move |Carried { received, sent, ended }| {
            self.log(status, Some(Tunnel { received, sent, ended: ended.as_str() }));
        })
    }

    /// A problem as an answer; a browser that wanted a page of somebody's is sent to sign in.
    fn refuse(&mut self, app: &App, problem: Problem) -> Response<Body> {
        if self.is_sent_to_sign_in(app, &problem) {
            self.is_sent_away = true;
            return self.to_sign_in();
        }
        let mut answer = problem.respond(self.request_id.to_str().ok()).map(Body::from);
        if let Some(allow) = self.allow.take() {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        answer
    }

    pub(super) fn is_sent_to_sign_in(&self, app: &App, problem: &Problem) -> bool {
        problem.kind == Kind::Unauthorized && self.is_navigation && self.can_sign_in(app)
    }

    fn can_sign_in(&self, app: &App) -> bool {
        let takes_session = || app.takes_session(&self.method, &self.path);
        self.site.as_ref().is_some_and(|site| match site.surface {
            Surface::Central => true,
            Surface::Tenant(_) => takes_session(),
            Surface::Api => false,
        })
    }

    fn to_sign_in(&self) -> Response<Body> {
        let return_to: String = url::form_urlencoded::byte_serialize(self.target.as_bytes()).collect();
        tenantry_platform::http::see_other(&format!("/-/sign-in?return_to={return_to}")).map(Body::from)
    }

    /// Logs our own half of a problem, and draws it for a person.
    fn say_problem(&self, app: &App, answer: &mut Response<Body>) {
        let Some(problem) = answer.extensions_mut().remove::<Problem>() else { return };
        let request_id = self.request_id.to_str().unwrap_or_default();
        if let Some(ours) = &problem.ours {
            match problem.kind {
                Kind::Internal => {
                    tracing::error!(request_id, problem = %problem.code, route = self.pattern(), cause = ours, "a request failed")
                }
                _ => tracing::warn!(request_id, problem = %problem.code, cause = ours, "a request was refused"),
            }
        }
        let kept = answer.headers().clone();
        if self.is_navigation {
            *answer = self.draw(app, &problem).map(Body::from);
        } else {
            *answer.body_mut() = Body::from(problem.to_json(Some(request_id)));
        }
        for name in [header::RETRY_AFTER, header::ALLOW, header::WWW_AUTHENTICATE] {
            if let Some(value) = kept.get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        answer.headers_mut().remove(header::CONTENT_LENGTH);
    }

    /// In `tenantry dev`: what is shown in place of an app that does not answer yet, or no longer.
    pub(super) fn await_app(&self, app: &App) -> Result<Option<Response<Body>>, Problem> {
        let Some(team) = app.dev.as_ref().and_then(|dev| dev.team.as_ref()) else { return Ok(None) };
        if !self.is_navigation {
            return team_page::refused(team).map(|()| None);
        }
        let page = team_page::waiting(team, &self.page_visit(app));
        Ok(page.map(|page| {
            let mut page = page.map(Body::from);
            self.secure(app, page.headers_mut());
            page
        }))
    }

    fn page_visit(&self, app: &App) -> page::Visit {
        page::Visit {
            nonce: Nonce::given(self.nonce(app)),
            request_id: self.request_id.to_str().unwrap_or_default().to_owned(),
            now: app.ground.now(),
            brand: Arc::clone(&app.identity.options.brand),
            words: page::words::Words::english(),
        }
    }

    fn draw(&self, app: &App, problem: &Problem) -> axum::response::Response {
        let visit = self.page_visit(app);
        // The first sentence says what happened. Those after it, or ours, what to do.
        let (sentence, help) = match problem.detail.split_once(". ") {
            Some((first, rest)) => (format!("{first}."), rest.to_owned()),
            None => (problem.detail.to_string(), visit.words.say("problem.help").to_owned()),
        };
        // A host of nobody, or of a stopped tenant, leads nowhere.
        let hosts = &app.config.hosts;
        let here = if self.site.is_some() { String::new() } else { hosts.origin(&hosts.central()) };
        let page = ProblemPage {
            chrome: visit.page("problem.title").titled(problem.title()),
            status: problem.status().as_u16(),
            sentence,
            help,
            onward_href: format!("{here}/"),
            onward_label: visit.words.say("problem.onward").to_owned(),
        };
        render_with(problem.status(), &page)
    }

    /// Headers of an answer that is not the app's.
    fn secure(&self, app: &App, headers: &mut HeaderMap) {
        app.table.own_headers().apply(headers, self.reach(app), &self.request_id);
        let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let policy = if is_page { page::policy(&Nonce::given(self.nonce(app)), &[]) } else { INERT.to_owned() };
        if let Ok(policy) = HeaderValue::try_from(policy) {
            // A page that posts to another origin brings a policy that names it.
            headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
        }
    }

    /// Where the caller of an API stands, also when a guard refused before anything was counted.
    pub(super) async fn look(&mut self, app: &App) {
        if self.verdict.is_none() && self.is_api {
            let charges = self.charges(app, self.principal.as_deref());
            self.verdict = Some(app.limiter.stand(app.ground.clock.now_ms(), &charges).await);
        }
    }

    fn say_limits(&self, app: &App, headers: &mut HeaderMap) {
        if let Some(verdict) = &self.verdict {
            announce(verdict, app.limiter.limits(), app.ground.clock.now_ms(), headers);
        }
    }

    fn log(&self, status: StatusCode, tunnel: Option<Tunnel>) {
        let parts = self.principal.as_deref().map(Principal::parts);
        let trace_id = self.trace.as_ref().map(Trace::id);
        let access = Access {
            request_id: self.request_id.to_str().unwrap_or_default(),
            ip: self.ip,
            method: self.method.as_str(),
            host: self.host(),
            target: &self.path,
            status: status.as_u16(),
            duration: self.started.elapsed(),
            tenant: self.tenant().map(|tenant| tenant.id),
            actor: parts.map_or(Credential::Anonymous.kind(), |parts| parts.credential.kind()),
            trace_id: trace_id.as_deref(),
            tunnel,
        };
        access.log();
    }

    fn host(&self) -> &str {
        self.site.as_ref().map(|site| &*site.host).unwrap_or_default()
    }
}

/// Whether a link to a page of staff leads anywhere.
fn has_staff_pages(app: &App, door: Door) -> bool {
    door == Door::Operations || !app.operations_apart
}

fn target(request: &Request<Incoming>) -> String {
    request.uri().path_and_query().map_or_else(|| "/".to_owned(), |target| target.as_str().to_owned())
}

/// A person who follows a link or types an address; a script that fetches is told in JSON.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let accepts = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|types| types.to_str().is_ok_and(|types| types.contains("text/html")));
    let fetches = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    accepts && !fetches && matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A form that was open for longer than the access token lives.
fn session_stale() -> Problem {
    let text = "The page was open for a while. Load it again, then send this once more: your session goes on.";
    Problem::new(Kind::Unauthorized, text).code("session_stale")
}

pub(super) fn session_over() -> Problem {
    Problem::new(Kind::Unauthorized, "Your session is over. Load the page again to sign in.").code("session_over")
}
