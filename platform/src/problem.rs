//! Errors that people and programs can act on: RFC 9457 problems with two messages, theirs and ours.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::db::DbFault;

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be understood.
    Malformed,
    /// 401: sign in, or send a credential.
    Unauthorized,
    /// 403: ask for more.
    Forbidden,
    /// 404: there is nothing here for you.
    NotFound,
    /// 405: another method.
    MethodNotAllowed,
    /// 408: send faster.
    SlowRequest,
    /// 409: somebody else was faster, or it exists already.
    Conflict,
    /// 412: look at the newer version first.
    Outdated,
    /// 413: send less.
    TooLarge,
    /// 415: another content type.
    UnsupportedType,
    /// 421: this connection is for another host.
    Misdirected,
    /// 422: the fields named are wrong.
    Invalid,
    /// 429: wait.
    TooMany,
    /// 502: the app behind the gateway failed.
    Upstream,
    /// 503: we cannot do it now; wait.
    Unavailable,
    /// 504: the app behind the gateway did not answer in time.
    UpstreamTimeout,
    /// 500: a defect of ours.
    Internal,
    /// 501: not offered.
    NotImplemented,
}

impl Kind {
    /// Status, `code` and title.
    const fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be understood"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Sign in first"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "You may not do this"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing here"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Not this method"),
            Self::SlowRequest => (StatusCode::REQUEST_TIMEOUT, "slow_request", "The request came too slowly"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "That was changed or taken meanwhile"),
            Self::Outdated => (StatusCode::PRECONDITION_FAILED, "changed_meanwhile", "That was changed meanwhile"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large"),
            Self::UnsupportedType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", "Not this content type"),
            Self::Misdirected => {
                (StatusCode::MISDIRECTED_REQUEST, "misdirected", "This connection is for another host")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Some fields need another value"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"),
            Self::Upstream => (StatusCode::BAD_GATEWAY, "upstream_failed", "The app did not answer properly"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This does not work right now"),
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", "The app took too long"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side"),
            Self::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "not_implemented", "This is not offered"),
        }
    }
}

/// A field that was wrong, and the sentence that says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// The field, as a path: `scopes[2]`.
    pub field: String,
    /// What to do.
    pub message: String,
}

/// An error on its way to a caller.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What the caller can do.
    pub kind: Kind,
    /// A stable word for programs, finer than the status.
    pub code: Cow<'static, str>,
    /// The sentence for people, with the fix in it.
    pub detail: Cow<'static, str>,
    /// Wrong fields.
    pub fields: Vec<FieldFault>,
    /// Seconds to wait, rounded up.
    pub retry_after_s: Option<u64>,
    /// Our own message: logged once at the edge, never sent.
    pub ours: Option<String>,
}

/// What goes over the wire.
#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldFault],
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    /// A problem of a kind, with the sentence for people.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let code = Cow::Borrowed(kind.facts().1);
        Self { kind, code, detail: detail.into(), fields: Vec::new(), retry_after_s: None, ours: None }
    }

    /// With a finer word for programs.
    #[must_use]
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// With our own message for the log.
    #[must_use]
    pub fn because(mut self, ours: impl std::fmt::Display) -> Self {
        self.ours = Some(ours.to_string());
        self
    }

    /// With seconds to wait.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// With a wrong field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push(FieldFault { field: field.into(), message: message.into() });
        self
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(Kind::Unauthorized, "Sign in, or send a valid API key as `Authorization: Bearer sk_…`.")
    }

    /// 404, for what is not there and for what is another tenant's.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "Nothing is here, or it is not yours. Check the address.")
    }

    /// 412: the version that the caller read is not the newest.
    pub fn changed_meanwhile() -> Self {
        let sentence = "Somebody changed this after you had read it, and nothing of yours was saved. Read it again, then send your change with the new version.";
        Self::new(Kind::Outdated, sentence)
    }

    /// 403 that names what is missing.
    pub fn missing_permission(word: &str) -> Self {
        Self::new(
            Kind::Forbidden,
            format!("This needs the permission `{word}`. Ask an owner or admin of the workspace, or use a key with that scope."),
        )
        .code("missing_permission")
    }

    /// 422 with one wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, "Mend the fields named in `errors` and send the request again.").field(field, message)
    }

    /// 500: `ours` is logged, the caller gets the request id.
    pub fn internal(ours: impl std::fmt::Display) -> Self {
        Self::new(
            Kind::Internal,
            "This is our fault and was recorded. Try again; if it happens again, send us the request id.",
        )
        .because(ours)
    }

    /// 503 after which the same request may work.
    pub fn unavailable(ours: impl std::fmt::Display) -> Self {
        Self::new(Kind::Unavailable, "The service is busy or restarting. Nothing was changed. Try again in a moment.")
            .retry_after(1)
            .because(ours)
    }

    /// 503 where nobody can say whether the change was made.
    fn unsure(ours: impl std::fmt::Display) -> Self {
        let text =
            "The service stopped while it was saving. Look whether your change is there before you send it again.";
        Self::new(Kind::Unavailable, text).code("unsure").because(ours)
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.kind.facts().0
    }

    /// The title.
    pub const fn title(&self) -> &'static str {
        self.kind.facts().2
    }

    /// The JSON of RFC 9457, with the request id where it is known.
    pub fn to_json(&self, request_id: Option<&str>) -> Vec<u8> {
        let wire = Wire {
            r#type: format!("/-/problems#{}", self.code),
            title: self.title(),
            status: self.status().as_u16(),
            code: &self.code,
            detail: &self.detail,
            errors: &self.fields,
            request_id,
        };
        serde_json::to_vec(&wire).unwrap_or_else(|_| b"{}".to_vec())
    }

    /// The answer as JSON. The problem itself travels in the extensions, so that the edge can log it and,
    /// for a browser, draw it as a page.
    pub fn respond(self, request_id: Option<&str>) -> Response {
        let mut response = Response::new(axum::body::Body::from(self.to_json(request_id)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tenantry\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl From<DbFault> for Problem {
    fn from(fault: DbFault) -> Self {
        match fault {
            DbFault::Unavailable(_) | DbFault::Exhausted | DbFault::Retry(_) => Self::unavailable(fault),
            DbFault::Unsure(_) => Self::unsure(fault),
            DbFault::Constraint { .. } | DbFault::Over | DbFault::Refused(_) => Self::internal(fault),
        }
    }
}

/// Names what a constraint means, where a room expects it to refuse a row.
pub trait OnConstraint<T> {
    /// Turns the refusal of the constraint `name` into `problem`; leaves every other fault.
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T, Problem>;
}

impl<T> OnConstraint<T> for Result<T, DbFault> {
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T, Problem> {
        self.map_err(|fault| if fault.constraint() == Some(name) { problem() } else { fault.into() })
    }
}
