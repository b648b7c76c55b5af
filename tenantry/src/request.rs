//! The life of a request: one function, a line a step, in the order of ARCHITECTURE.md.
//!
//! Identity and edge meet here and nowhere else. Every step is answered from memory; what is not known there is
//! looked up once, on the other runtime, while this thread goes on with other requests.

mod answer;
mod arrival;
mod ask;
mod count;
mod guard;
mod host;
mod offence;
mod own;
mod stay;

pub use count::Counts;
pub use offence::Guessers;
pub use stay::Turns;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tenantry_core::path::CleanPath;
use tenantry_edge::gateway::contract::Consumed;
use tenantry_edge::gateway::{
    AppRoute, Body, Found, Handshake, Inbound, Luggage, Passage, Peer, Pool, StillMay, Upgrade, admit, cors, forward,
    front, held, origin,
};
use tenantry_edge::limits::{Charges, too_many};
use tenantry_platform::config::BodySchema;
use tenantry_platform::page::Nonce;
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::telemetry::Trace;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::operations;
use crate::routes::Routers;
use answer::Visit;
use stay::{Holder, Standing, check_origin};

/// Whether the process lives does not depend on the database.
const HEALTH: &str = "/-/health/";
/// How long a request waits for a node that is behind. Renewals come four times a second.
const CATCH_UP_WITHIN: std::time::Duration = std::time::Duration::from_millis(500);

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everybody's.
    Public,
    /// That of whoever runs Tenantry.
    Operations,
}

/// What one gateway thread holds: the shared app, and connections to the upstream of its own.
#[derive(Debug)]
pub struct Thread {
    app: Arc<App>,
    routers: Routers,
    pool: Rc<Pool>,
}

/// What all threads serve: swapped whole when another configuration comes into force.
#[derive(Debug)]
pub struct Served {
    app: Arc<App>,
    routers: Routers,
}

impl Served {
    /// Everything that requests of this app meet.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), routers: Routers::new(app) }
    }
}

/// A gateway thread's place: what it serves now, with its connections to the upstream.
#[derive(Debug)]
pub struct Seat {
    served: Arc<ArcSwap<Served>>,
    thread: RefCell<Rc<Thread>>,
}

impl Seat {
    /// To be made on the thread itself.
    pub fn new(served: &Arc<ArcSwap<Served>>) -> Self {
        Self { served: Arc::clone(served), thread: RefCell::new(Thread::new(&served.load())) }
    }

    /// What the next request meets. Those in flight keep what they began with.
    pub fn thread(&self) -> Rc<Thread> {
        let now = self.served.load();
        let mut thread = self.thread.borrow_mut();
        if !Arc::ptr_eq(&thread.app, &now.app) {
            *thread = Thread::new(&now);
        }
        Rc::clone(&thread)
    }
}

impl Thread {
    /// To be made on the thread itself.
    fn new(served: &Served) -> Rc<Self> {
        let Served { app, routers } = served;
        Rc::new(Self {
            app: Arc::clone(app),
            routers: routers.clone(),
            pool: Pool::new(app.dial.clone(), &app.ground.metrics),
        })
    }

    /// Answers a request, whatever happens to it.
    pub async fn live(self: Rc<Self>, request: Request<Incoming>, peer: Peer, door: Door) -> Response<Body> {
        let mut visit = Visit::accept(&self.app, &request, peer, door);
        let outcome = match door {
            // In boxes: what most requests do not need takes no room of theirs.
            Door::Operations => Box::pin(self.oversee(&mut visit, request)).await,
            Door::Public if ask::is_asked(&self.app, &request, peer) => {
                Box::pin(self.advise(&mut visit, request)).await
            }
            Door::Public => self.judge(&mut visit, request, false).await,
        };
        let outcome = outcome.map_err(|problem| visit.veil(&self.app, problem));
        visit.look(&self.app).await;
        visit.finish(&self.app, outcome)
    }

    /// The same steps for a proxy that asks and forwards by itself.
    async fn advise(&self, visit: &mut Visit, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let original = ask::original(request)?;
        visit.stand_for(&original);
        self.judge(visit, original, true).await
    }

    /// What the listener of operations has: metrics and health for whoever can reach it, by any name, and the pages of
    /// platform staff under the same guard as everywhere.
    async fn oversee(&self, visit: &mut Visit, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let app = &*self.app;
        if let Some(answer) = operations::metrics(app, &request)? {
            return Ok(answer);
        }
        if request.uri().path().starts_with(HEALTH) {
            visit.site = Some(host::central(app));
            return own::answer(app, &self.routers, visit, request).await;
        }
        visit.catch_up(app).await?;
        visit.site = Some(host::site(app, request.headers(), request.uri()).await?);
        if !visit.is_central() {
            return Err(Problem::not_found());
        }
        own::answer(app, &self.routers, visit, request).await
    }

    /// The steps, in order. Whoever returns early was refused, or answered by Tenantry itself.
    async fn judge(
        &self,
        visit: &mut Visit,
        request: Request<Incoming>,
        is_asked: bool,
    ) -> Result<Response<Body>, Problem> {
        let app = &*self.app;
        if let Some(answer) = front::answer_asterisk(&request) {
            return Ok(answer);
        }
        if !request.uri().path().starts_with(HEALTH) {
            visit.catch_up(app).await?;
        }
        let handshake = if is_asked { None } else { Handshake::read(&request)? };
        let generation = app.ground.feed.generation();
        let uri = request.uri().clone();
        let path = CleanPath::parse(uri.path()).map_err(unclear_path)?;
        visit.meet(app)?;
        visit.site = Some(host::site(app, request.headers(), request.uri()).await?);
        let is_preflight = origin::is_preflight(request.method(), request.headers());
        let found = if visit.is_central() { Found::Reserved } else { app.table.find(request.method(), &path) };
        if is_asked && (is_preflight || matches!(found, Found::Reserved)) {
            return Err(ask::not_the_apps());
        }
        if is_preflight {
            return Ok(preflight(app, &request, &path));
        }
        let route = match found {
            Found::Reserved => return own::answer(app, &self.routers, visit, request).await,
            Found::Route(route) => route,
            Found::OtherMethods(methods) => return Err(visit.other_methods(methods)),
            Found::Ambiguous | Found::Nothing => return Err(Problem::not_found()),
        };
        visit.take_route(route);
        let is_upgrade = handshake.is_some() || (is_asked && origin::is_upgrade(request.headers()));
        let let_in = self.let_in(visit, route, &request, is_upgrade).await?;
        visit.spend(app, visit.charges(app, visit.principal.as_deref())).await?;
        if is_asked {
            ask::refuse_unseen_body(&route.route)?;
        }
        let (request, LetIn { passage, holder, consumed }) = match &route.route.body_schema {
            Some(schema) => Box::pin(self.look_at_body(visit, route, schema, request, let_in)).await?,
            None => (Inbound::of(request), let_in),
        };
        let identity =
            app.tokens.header(&app.ground, visit.principal.as_ref(), visit.tenant().as_ref(), visit.mode())?;
        if is_asked {
            visit.trust(app)?;
            visit.note_passage(app, route);
            return Ok(ask::yes(identity, &visit.request_id));
        }
        if let Some(page) = visit.await_app(app)? {
            return Ok(page);
        }
        visit.trust(app)?;
        let upgrade = handshake.map(|handshake| stay::grant(app, visit, handshake)).transpose()?;
        let still_may = Standing::of(&self.app, visit, &request, generation, holder);
        let beside = Beside { identity, consumed, upgrade, still_may };
        visit.note_passage(app, route);
        visit.is_passed = true;
        let sent = self.send(visit, passage, request, beside);
        let asked = Instant::now();
        let answer = sent.await;
        visit.asked = Some((asked.duration_since(visit.started), asked.elapsed()));
        answer
    }

    /// Step 8: to the app, and its answer.
    fn send(
        &self,
        visit: &Visit,
        passage: Passage<'_>,
        request: Request<Inbound>,
        Beside { identity, consumed, upgrade, still_may }: Beside,
    ) -> impl Future<Output = Result<Response<Body>, Problem>> {
        let app = &*self.app;
        let nonce = passage.route().wants_nonce(request.headers()).then(|| Nonce::given(visit.nonce(app)));
        let (way, site, request_id) = (visit.way(), visit.reach(app), &visit.request_id);
        let (is_from_trusted, trace) = (visit.is_from_trusted, visit.trace.as_ref().map(Trace::header));
        let luggage =
            Luggage { way, site, identity, request_id, consumed, is_from_trusted, trace, nonce, upgrade, still_may };
        forward(passage, request, &self.pool, luggage)
    }
}

/// What is found out about a request before it is sent, and travels beside it.
struct Beside {
    identity: HeaderValue,
    consumed: Consumed,
    upgrade: Option<Upgrade>,
    still_may: StillMay,
}

/// Who was let in to a route, and by what.
struct LetIn<'r> {
    passage: Passage<'r>,
    /// The credential itself, for what outlives the request.
    holder: Option<Holder>,
    consumed: Consumed,
}

impl Thread {
    /// Step 5: who comes, and whether they may pass.
    async fn let_in<'r, B>(
        &self,
        visit: &mut Visit,
        route: &'r AppRoute,
        request: &Request<B>,
        is_upgrade: bool,
    ) -> Result<LetIn<'r>, Problem> {
        let app = &*self.app;
        let guarded = guard::check(app, visit, route, request).await?;
        visit.receive_found(app, &guarded).await?;
        if is_upgrade {
            check_origin(visit, &guarded, &route.route.cors, request)?;
        }
        let place = visit.place(guarded.shown.as_deref());
        let passage = match admit(route, guarded.outcome, place) {
            Ok(passage) => passage,
            Err(problem) => return Err(visit.note_refusal(app, guarded.shown.as_deref(), problem).await),
        };
        visit.principal = passage.principal().cloned();
        Ok(LetIn { passage, holder: guarded.holder, consumed: guarded.consumed })
    }

    /// Step 7: waits for the body of a route that has a schema, and holds it against it. A body may take long, so who was
    /// let in is judged again by what is true then [KEY-3].
    async fn look_at_body<'r>(
        &self,
        visit: &mut Visit,
        route: &'r AppRoute,
        schema: &Arc<BodySchema>,
        request: Request<Incoming>,
        let_in: LetIn<'r>,
    ) -> Result<(Request<Inbound>, LetIn<'r>), Problem> {
        let app = &*self.app;
        let most = schema.most_bytes.min(route.route.max_body_bytes);
        let whose = (visit.tenant().map(|tenant| tenant.id), visit.ip);
        let (request, held) = app.holds.take_in(request, most, whose).await?;
        let Some(held) = held else { return Ok((request.map(|()| Inbound::Nothing), let_in)) };
        let (schema, bytes) = (Arc::clone(schema), held.bytes().clone());
        // It takes time in its length: not for the threads that keep the lease, either.
        let checked = async move { spawn_blocking(move || held::check(&schema, &bytes)).await };
        app.cross(checked).await?.map_err(Problem::internal)??;
        visit.catch_up(app).await?;
        visit.site = Some(host::site(app, request.headers(), request.uri()).await?);
        let let_in = self.let_in(visit, route, &request, false).await?;
        Ok((request.map(|()| Inbound::Held(Box::new(held))), let_in))
    }
}

/// Which origins may ask is the route's matter, and never the app's.
fn preflight(app: &App, request: &Request<Incoming>, path: &CleanPath<'_>) -> Response<Body> {
    let announced = request.headers().get(http::header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    let found = announced.and_then(|method| app.table.find_announced(method, path));
    let methods = found.map(|(_, methods)| methods).unwrap_or_default();
    cors::answer_preflight(found.map(|(route, _)| &route.route), methods, request.headers())
}

fn unclear_path(fault: tenantry_core::path::PathFault) -> Problem {
    Problem::new(Kind::Malformed, fault.to_string()).code("unclear_path")
}

impl Visit {
    /// Before anything cached is looked at: a node that was paused, or that the database kept waiting, hears first what
    /// it missed.
    pub(super) async fn catch_up(&self, app: &App) -> Result<(), Problem> {
        let feed = &app.ground.feed;
        if !feed.trusts(&app.ground.clock) {
            // Whether it came in time is asked next.
            drop(tokio::time::timeout(CATCH_UP_WITHIN, feed.ready(&app.ground.clock)).await);
            return self.trust(app);
        }
        Ok(())
    }

    /// The last look before anything is forwarded: what was cached may be believed, by a lease of a second (KEY-3).
    pub(super) fn trust(&self, app: &App) -> Result<(), Problem> {
        if app.ground.feed.trusts(&app.ground.clock) {
            return Ok(());
        }
        let sentence = "This node has not heard from the database for a moment, and does not know whether you may still do this. Try again.";
        Err(Problem::new(Kind::Unavailable, sentence).code("node_behind").retry_after(1))
    }

    /// Step 6: every window that applies, decided together.
    async fn spend(&mut self, app: &App, charges: Charges) -> Result<(), Problem> {
        let verdict = app.limiter.spend(app.ground.clock.now_ms(), &charges).await;
        app.counts.note_limits(&app.ground.metrics, &verdict);
        if let Some(line) = verdict.shadow() {
            self.note_shadow(app, line);
        }
        let refused = (!verdict.is_admitted()).then(|| too_many(&verdict, app.limiter.limits()));
        let Some(problem) = refused else {
            self.verdict = Some(verdict);
            return Ok(());
        };
        self.exceed(app, &verdict);
        self.verdict = Some(verdict);
        self.note_limit(app);
        Err(problem)
    }
}
