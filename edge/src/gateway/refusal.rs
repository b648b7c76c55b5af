//! Answers that are made without the HTTP server, because it never saw the request.

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use tenantry_core::chunked::ChunkFault;
use tenantry_core::head::HeadFault;
use tenantry_platform::metrics::Unread;
use tenantry_platform::problem::{Kind, Problem};

use super::body::Body;
use super::contract::REQUEST_ID;
use super::headers::BASELINE;

/// What the byte check lets through; which of them a path takes, its own 405 says (RFC 9110, section 15.5.6).
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Why a connection is ended before its request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Head(#[from] HeadFault),
    #[error(transparent)]
    Body(#[from] ChunkFault),
    #[error("the head of the request did not arrive in time")]
    SlowHead,
    #[error("the body of the request did not arrive in time")]
    SlowBody,
    #[error("as many connections as may be open are open already; try again in a moment")]
    Full,
    #[error("this connection was opened for another host; open one for the host that you ask")]
    Misdirected,
}

impl Refused {
    /// The status that the client gets.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Head(fault) => StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::SlowHead | Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        }
    }

    /// The same, where the server has the request and its handler answers.
    pub(super) fn problem(self) -> Problem {
        let kind = if self == Self::SlowBody { Kind::SlowRequest } else { Kind::Malformed };
        Problem::new(kind, sentence(self))
    }

    /// The word that it is counted under.
    pub(super) const fn word(self) -> Unread {
        match self {
            Self::Head(_) | Self::Body(_) => Unread::Ambiguous,
            Self::SlowHead | Self::SlowBody => Unread::Slow,
            Self::Full => Unread::Full,
            Self::Misdirected => Unread::Misdirected,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Head(_) | Self::Body(_) => "ambiguous_http",
            Self::SlowHead | Self::SlowBody => "slow_request",
            Self::Full => "unavailable",
            Self::Misdirected => "misdirected",
        }
    }
}

/// A problem by RFC 9457, in the shape of all others.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
}

fn document(refused: Refused, request_id: &str) -> Vec<u8> {
    let (status, code) = (refused.status(), refused.code());
    let document = Document {
        r#type: format!("/-/problems#{code}"),
        title: title(status),
        status: status.as_u16(),
        code,
        detail: sentence(refused),
        request_id,
    };
    // Strings and a number: nothing in it can fail to be written.
    serde_json::to_vec(&document).unwrap_or_default()
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Refused")
}

/// The answer where a server is there to send it.
pub(super) fn answer(refused: Refused, request_id: &str) -> Response<Body> {
    let mut answer = Response::new(Body::from(document(refused, request_id)));
    *answer.status_mut() = refused.status();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in BASELINE {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if refused.status() == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
    }
    answer
}

/// The whole answer, ready for the socket. An empty id is left out.
pub(super) fn refusal(refused: Refused, request_id: &str) -> Vec<u8> {
    let status = refused.status();
    let (title, body) = (title(status), document(refused, request_id));
    let mut answer = format!(
        "HTTP/1.1 {} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\ncache-control: no-store\r\n",
        status.as_u16(),
        body.len(),
    );
    let own = [("x-request-id", request_id)];
    let retry = [("retry-after", "1")];
    let allow = [("allow", ALLOWED)];
    let own = own.iter().filter(|(_, id)| !id.is_empty());
    let retry = retry.iter().filter(|_| refused == Refused::Full);
    let allow = allow.iter().filter(|_| status == StatusCode::METHOD_NOT_ALLOWED);
    for (name, value) in BASELINE.iter().chain(own).chain(retry).chain(allow) {
        answer.push_str(name);
        answer.push_str(": ");
        answer.push_str(value);
        answer.push_str("\r\n");
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(&body);
    answer
}

fn sentence(refused: Refused) -> String {
    let text = refused.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}
