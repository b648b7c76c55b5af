//! What is settled before a route is looked for: the request's name, and methods that mean no resource.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use tenantry_core::clock::Clock;
use tenantry_core::ids::uuid7;
use tenantry_core::random::Entropy;
use tenantry_core::route::Methods;
use tenantry_platform::problem::{Kind, Problem};

use super::body::Body;
use super::contract::REQUEST_ID;

/// A request id of a trusted proxy is kept up to this length: it goes into every log line.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The request's name in all logs [OBS-1]: a trusted proxy's, if it is one word, else a new one.
pub fn request_id(headers: &HeaderMap, is_from_trusted: bool, clock: &Clock, entropy: &Entropy) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| is_from_trusted && is_word(id.as_bytes()));
    given.cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let id = uuid7(clock, entropy).hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

fn is_word(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(is_plain)
}

/// Answers `OPTIONS *`, which asks about the server and not about anything on it (RFC 9110, section 9.3.7).
pub fn answer_asterisk<B>(request: &Request<B>) -> Option<Response<Body>> {
    let is_asterisk = *request.method() == Method::OPTIONS && request.uri().path() == "*";
    is_asterisk.then(|| {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        answer.headers_mut().insert(header::ALLOW, allow(Methods::ALL));
        answer
    })
}

/// A path that is declared for other methods: 405, and the value of its `Allow` header (RFC 9110, section 15.5.6).
pub fn other_methods(methods: Methods) -> (Problem, HeaderValue) {
    let detail = format!("This address takes {methods}. Use one of these methods.");
    (Problem::new(Kind::MethodNotAllowed, detail), allow(methods))
}

fn allow(methods: Methods) -> HeaderValue {
    HeaderValue::try_from(methods.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
