//! Browsers of other origins: answered here by the route's list, and never forwarded [WEB-5].
//!
//! No answer ever allows credentials: cookies belong to one origin, and a key is sent by the page itself.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use tenantry_core::route::Methods;
use tenantry_platform::config::Route;

use super::body::Body;

/// How long a browser may remember the answer to a preflight: what a change of the list takes to be felt.
const MAX_AGE_S: &str = "600";

/// What pages may send beyond what is always allowed.
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id";

/// What pages may read beyond what is always shown.
const ANSWER_HEADERS: &str = "etag, link, location, ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, \
     x-ratelimit-remaining, x-ratelimit-reset, x-request-id";

/// Headers by which an app would decide over origins itself.
const DECIDED_HERE: [header::HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// Answers a preflight for a path with these methods. A browser takes the lack of headers for a refusal.
pub fn answer_preflight(route: Option<&Route>, methods: Methods, request: &HeaderMap) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    );
    let Some(origin) = route.and_then(|route| allowed(route, request)) else { return answer };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    if let Ok(methods) = HeaderValue::try_from(methods.to_string()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    answer
}

/// Says in an answer whether a page of the request's origin may read it.
pub fn mark(route: &Route, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
    for name in &DECIDED_HERE {
        answer.remove(name);
    }
    if route.cors.is_empty() {
        return;
    }
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|origin| lists(route, origin)) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    }
}

/// The request's origin, when the route lists it.
fn allowed<'h>(route: &Route, request: &'h HeaderMap) -> Option<&'h HeaderValue> {
    request.get(header::ORIGIN).filter(|origin| lists(route, origin))
}

fn lists(route: &Route, origin: &HeaderValue) -> bool {
    route.cors.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
}
