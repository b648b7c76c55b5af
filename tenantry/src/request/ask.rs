//! `/-/forward-auth`: the same decision for a proxy that forwards by itself (nginx `auth_request`, Traefik, Caddy).
//!
//! The proxy says what it was asked in `X-Forwarded-Method`, `-Uri` and `-Host`. 204 means yes, and carries the
//! headers that the app needs; everything else is the refusal. Only peers in `forward_auth.trusted` are heard:
//! to anybody else the address does not exist.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use tenantry_core::path::CleanPath;
use tenantry_edge::gateway::contract::{IDENTITY, REQUEST_ID};
use tenantry_edge::gateway::{Body, Peer};
use tenantry_platform::config::Route;
use tenantry_platform::problem::{Kind, Problem};

use crate::app::App;

/// Where a proxy asks.
pub(super) const PATH: &str = "/-/forward-auth";

const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const TARGET: HeaderName = HeaderName::from_static("x-forwarded-uri");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a proxy asks that may.
pub(super) fn is_asked(app: &App, request: &Request<Incoming>, peer: Peer) -> bool {
    let ip = peer.address.ip().to_canonical();
    request.uri().path() == PATH && app.config.forward_auth.trusted.iter().any(|network| network.contains(&ip))
}

/// The request that the proxy holds, in place of the question.
///
/// # Errors
/// 400 where the proxy does not say what it was asked.
pub(super) fn original(request: Request<Incoming>) -> Result<Request<Incoming>, Problem> {
    let (mut parts, body) = request.into_parts();
    let method = one(&parts.headers, &METHOD)?.parse::<Method>().map_err(|_| unsaid(&METHOD))?;
    let target = one(&parts.headers, &TARGET)?.to_owned();
    let host = HeaderValue::from_str(one(&parts.headers, &HOST)?).map_err(|_| unsaid(&HOST))?;
    let is_path = target.starts_with('/') && CleanPath::parse(target.split('?').next().unwrap_or_default()).is_ok();
    parts.uri = target.parse::<Uri>().ok().filter(|_| is_path).ok_or_else(|| unsaid(&TARGET))?;
    parts.method = method;
    parts.headers.insert(header::HOST, host);
    Ok(Request::from_parts(parts, body))
}

/// Yes, with what the app must be given.
pub(super) fn yes(identity: HeaderValue, request_id: &HeaderValue) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(IDENTITY, identity);
    answer.headers_mut().insert(REQUEST_ID, request_id.clone());
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What this decision does not cover: Tenantry's own pages, which the proxy sends here whole.
pub(super) fn not_the_apps() -> Problem {
    let text = "This address is Tenantry's own or needs the browser's preflight answered. Send such requests to Tenantry instead of asking about them.";
    Problem::new(Kind::Forbidden, text).code("not_the_apps")
}

/// Whether the body fits is not to be told without it, and a yes would let it pass unseen.
///
/// # Errors
/// 403 on a route with a schema.
pub(super) fn refuse_unseen_body(route: &Route) -> Result<(), Problem> {
    if route.body_schema.is_none() {
        return Ok(());
    }
    let text = "The bodies of this address are held against a schema, and a question carries none. Send such requests to Tenantry instead of asking about them.";
    Err(Problem::new(Kind::Forbidden, text).code("body_unseen"))
}

/// The one value of a header: a second one could be a client's.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().and_then(|value| value.to_str().ok());
    first.filter(|_| values.next().is_none()).ok_or_else(|| unsaid(name))
}

fn unsaid(name: &HeaderName) -> Problem {
    let text = format!("The proxy must say what it was asked: set `{name}` once, to the request's own value.");
    Problem::new(Kind::Malformed, text).code("forward_auth")
}
