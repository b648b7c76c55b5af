//! Browsers of other origins: answered here by the route's list, and never forwarded [WEB-5].
//!
//! No answer ever allows credentials: cookies belong to one origin, and a key is sent by the page itself. Where every
//! page may read, no cookie passes either way.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tenantry_core::route::Methods;
use tenantry_platform::config::{Cors, Route};

use super::body::Body;

/// How long a browser may remember the answer to a preflight: what a change of the list takes to be felt.
const MAX_AGE_S: &str = "600";

/// Every page may read, of whatever origin.
const EVERYBODY: HeaderValue = HeaderValue::from_static("*");

/// By these a page of the internet asks to reach into a private network (Private Network Access, and its older name).
const INTO_PRIVATE: [HeaderName; 2] = [
    HeaderName::from_static("access-control-request-private-network"),
    HeaderName::from_static("access-control-request-local-network"),
];

/// What pages may send beyond what is always allowed. `*` would not cover `Authorization` (Fetch, section 3.3.4).
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id";

/// What pages may read beyond what is always shown.
const ANSWER_HEADERS: &str = "etag, link, location, ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, \
     x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-store, x-request-id";

/// Headers by which an app would decide over origins itself.
const DECIDED_HERE: [HeaderName; 8] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    HeaderName::from_static("access-control-allow-private-network"),
    HeaderName::from_static("access-control-allow-local-network"),
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
    let route = route.filter(|_| !INTO_PRIVATE.iter().any(|name| request.contains_key(name)));
    let origin = request.get(header::ORIGIN);
    let Some(origin) = route.and_then(|route| allowed(&route.cors, origin)) else { return answer };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    if let Ok(methods) = HeaderValue::try_from(methods.to_string()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    answer
}

/// Says in an answer whether a page of the request's origin may read it.
pub fn mark(cors: &Cors, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
    // Hardly any app says one of them, and a look at the names costs less than eight removals.
    if answer.keys().any(|name| name.as_str().starts_with("access-control-")) {
        DECIDED_HERE.iter().for_each(|name| drop(answer.remove(name)));
    }
    if matches!(cors, Cors::Listed(_)) {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed(cors, origin) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    }
}

/// Where every page may read, no cookie reaches the app or comes from it.
pub(super) fn forget_cookies(cors: &Cors, headers: &mut HeaderMap) {
    if *cors == Cors::Everybody {
        headers.remove(header::COOKIE);
        headers.remove(header::SET_COOKIE);
    }
}

/// The value of `Access-Control-Allow-Origin` for a page of this origin. None: it may not read.
fn allowed(cors: &Cors, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    match cors {
        Cors::Own => None,
        Cors::Everybody => Some(EVERYBODY),
        Cors::Listed(listed) => origin.filter(|origin| is_listed(listed, origin)).cloned(),
    }
}

fn is_listed(listed: &[String], origin: &HeaderValue) -> bool {
    listed.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
}
