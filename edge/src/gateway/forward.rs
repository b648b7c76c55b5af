//! Step 8 of a request's life: to the app and back, by the contract.

use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode};
use tenantry_platform::page::Nonce;
use tenantry_platform::problem::Problem;
use tenantry_platform::telemetry::TRACEPARENT;

use super::body::Body;
use super::contract::{self, CSP_NONCE, Consumed, IDENTITY, REQUEST_ID, Way};
use super::cors;
use super::fault::Fault;
use super::headers::Site;
use super::held::Inbound;
use super::passage::Passage;
use super::pool::Pool;
use super::relay::{Progress, Relay, Upload};
use super::tunnel::{StillMay, Tunnel};
use super::upgrades::Ticket;
use super::upstream::{Switch, exchange, switch};
use super::vigil::Vigil;
use super::websocket::Handshake;

/// What travels with a request besides itself.
pub struct Luggage<'a> {
    pub way: Way<'a>,
    pub site: Site,
    /// The signed identity; also of nobody, on public routes.
    pub identity: HeaderValue,
    pub request_id: &'a HeaderValue,
    pub consumed: Consumed,
    /// Whether the peer's word about the request is believed: a trusted proxy.
    pub is_from_trusted: bool,
    /// Our own `traceparent`, where requests are traced.
    pub trace: Option<HeaderValue>,
    /// Fresh, where [`AppRoute::wants_nonce`](super::AppRoute::wants_nonce).
    pub nonce: Option<Nonce>,
    /// The WebSocket that the request asks for.
    pub upgrade: Option<Upgrade>,
    /// Asked for as long as the answer goes on, or the WebSocket is open.
    pub still_may: StillMay,
}

impl std::fmt::Debug for Luggage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Luggage").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// A WebSocket that may be opened.
#[derive(Debug)]
pub struct Upgrade {
    pub handshake: Handshake,
    /// Its place among the open ones.
    pub ticket: Ticket,
}

/// Sends the request to the app and returns its answer, both by the contract.
///
/// # Errors
/// 502, 503 or 504 about the app, 400, 408 or 413 about the client's body, 401 when whoever asks may not any more.
pub fn forward(
    passage: Passage<'_>,
    request: Request<Inbound>,
    pool: &Rc<Pool>,
    mut luggage: Luggage<'_>,
) -> impl Future<Output = Result<Response<Body>, Problem>> {
    let policy = page_policy(&passage, luggage.nonce.as_ref());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let outgoing = Outgoing::new(&passage, request, pool, &mut luggage, policy.as_ref());
    let Luggage { site, request_id, still_may, .. } = luggage;
    // What is needed while the app answers, and nothing else: it has its place with each request in flight.
    async move {
        let route = &passage.route().route;
        let answer = match outgoing? {
            Outgoing::Switch(request, upgrade) => {
                Box::pin(open(pool, request, route.response_timeout, upgrade, (still_may, request_id))).await
            }
            Outgoing::Plain(request, progress) => {
                let answer = exchange(pool, request, route.response_timeout, progress.as_deref(), &still_may).await;
                answer.map(|answer| watched(answer, still_may, request_id))
            }
        };
        let mut answer = answer.map_err(|fault| failed(pool, fault))?;
        finish(&passage, &mut answer, (site, request_id), policy.as_ref());
        cors::mark(&route.cors, origin.as_ref(), answer.headers_mut());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            Handshake::grant(answer.headers_mut());
        }
        Ok(answer)
    }
}

/// Counted under its word.
fn failed(pool: &Pool, fault: Fault) -> Problem {
    if let Some(word) = fault.word() {
        pool.metrics.upstream_errors.of(word).add_one();
    }
    fault.into_problem()
}

/// What is sent to the app.
enum Outgoing {
    Plain(Request<Upload>, Option<Rc<Progress>>),
    Switch(Request<()>, Upgrade),
}

/// Asks the app for a WebSocket. What it answers instead passes as it would for any request.
async fn open(
    pool: &Rc<Pool>,
    mut request: Request<()>,
    patience: Duration,
    Upgrade { handshake, ticket }: Upgrade,
    (still_may, request_id): (StillMay, &HeaderValue),
) -> Result<Response<Body>, Fault> {
    handshake.ask(request.headers_mut());
    let request = request.map(|()| Upload::none());
    Ok(match switch(pool, request, &handshake, patience).await? {
        Switch::Declined(answer) => watched(answer, still_may, request_id),
        Switch::Agreed(answer, app) => answer.map(|()| Body::switching(Tunnel::new(app, still_may, ticket))),
    })
}

/// The app's answer, for as long as whoever asked may hear it.
fn watched(mut answer: Response<Relay>, still_may: StillMay, request_id: &HeaderValue) -> Response<Body> {
    answer.body_mut().watch(|| Vigil::new(still_may, request_id.clone()));
    answer.map(Body::from)
}

/// The policy of a page of this route, with this request's nonce where it has one.
fn page_policy(passage: &Passage<'_>, nonce: Option<&Nonce>) -> Option<HeaderValue> {
    let policy = &passage.route().policy;
    match nonce {
        Some(nonce) => policy.with(nonce).ok(),
        None if policy.has_nonce() => None,
        None => policy.fixed().ok(),
    }
}

impl Outgoing {
    fn new(
        passage: &Passage<'_>,
        request: Request<Inbound>,
        pool: &Pool,
        luggage: &mut Luggage<'_>,
        policy: Option<&HeaderValue>,
    ) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let request = outgoing(passage, head, luggage, policy)?;
        if let Some(upgrade) = luggage.upgrade.take() {
            return Ok(Self::Switch(request, upgrade));
        }
        let upload = Upload::new(body, passage.route().route.max_body_bytes);
        let (upload, progress) = upload.map_err(|fault| failed(pool, fault))?;
        Ok(Self::Plain(request.map(|()| upload), progress))
    }
}

/// The request as the app gets it, without its body.
fn outgoing(
    passage: &Passage<'_>,
    parts: Parts,
    luggage: &mut Luggage<'_>,
    policy: Option<&HeaderValue>,
) -> Result<Request<()>, Problem> {
    let mut headers = parts.headers;
    let trailers = contract::announced_by_client(&headers);
    contract::strip_request(&mut headers, &luggage.consumed, luggage.is_from_trusted);
    cors::forget_cookies(&passage.route().route.cors, &mut headers);
    headers.extend(trailers.map(|names| (header::TRAILER, names)));
    if let Some(trace) = luggage.trace.take() {
        headers.insert(TRACEPARENT, trace);
    }
    contract::describe_way(&mut headers, luggage.way).map_err(Problem::internal)?;
    headers.insert(IDENTITY, luggage.identity.clone());
    headers.insert(REQUEST_ID, luggage.request_id.clone());
    headers.remove(header::CONTENT_SECURITY_POLICY);
    if let (Some(nonce), Some(policy)) = (&luggage.nonce, policy) {
        headers.insert(CSP_NONCE, HeaderValue::from_str(nonce.as_str()).map_err(Problem::internal)?);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    if luggage.nonce.is_some() && passage.route().policy.forbids_store() {
        contract::strip_conditions(&parts.method, &mut headers);
    }
    let mut outgoing = Request::new(());
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = origin_form(parts.uri);
    *outgoing.headers_mut() = headers;
    Ok(outgoing)
}

/// Path and query alone: an app is not asked by the name of another server.
fn origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    let path = uri.into_parts().path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(path)
}

/// The answer as the browser gets it.
fn finish(
    passage: &Passage<'_>,
    answer: &mut Response<Body>,
    (site, request_id): (Site, &HeaderValue),
    policy: Option<&HeaderValue>,
) {
    let (route, status) = (passage.route(), answer.status());
    let headers = answer.headers_mut();
    let trailers = contract::announced_by_app(headers);
    contract::strip_answer(headers);
    cors::forget_cookies(&route.route.cors, headers);
    headers.extend(trailers.map(|names| (header::TRAILER, names)));
    if passage.is_guarded() {
        contract::keep_private(headers);
    }
    if route.policy.forbids_store() && crate::csp::is_page(headers) {
        contract::forbid_store(headers);
    }
    route.policy.apply(status, headers, policy);
    route.headers.apply(headers, site, request_id);
}
