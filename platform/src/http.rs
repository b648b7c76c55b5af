//! What handlers take from a request: strict bodies, cookies, and who calls.
//!
//! [`Caller`] is put into the request's extensions by the one function that runs a request's life; a handler
//! that asks for a [`Permit`] gets it from there or is never run.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_core::mode::Mode as ModeWord;

use crate::db::{Control, Mode};
use crate::feed::Belief;
use crate::permit::{ManagementPermission, Origin, OwnAccount, Permission, Permit, Principal, TenantRef};
use crate::problem::{Kind, Problem};

/// Bodies of forms and of the management API. The largest is a key with all its scopes, a few KB.
pub const BODY_MOST: usize = 64 * 1024;
/// A client's words about itself are cut here before they are stored.
const USER_AGENT_MOST: usize = 256;

/// What kind of host a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `{app}.{base}`: console, sign-in, sign-up. Never proxies the app.
    Central,
    /// `api.{base}`: keys and tokens; the tenant comes from the credential.
    Api,
    /// `{slug}.{base}` or `{slug}--test.{base}`: the app, and hand-off.
    Tenant(ModeWord),
}

/// Who calls, over what, and where: known before a handler runs.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `x-request-id`.
    pub request_id: Arc<str>,
    /// The client's address, behind trusted proxies.
    pub ip: IpAddr,
    /// What kind of host was asked for.
    pub surface: Surface,
    /// Scheme, host and port as the browser sees them: `https://app.example.com`.
    pub public_origin: Arc<str>,
    /// This answer's CSP nonce.
    pub nonce: Arc<str>,
    /// The tenant that the host or the path names, if it names one.
    pub tenant: Option<Arc<TenantRef>>,
    /// Who the guard verified, if anybody.
    pub principal: Option<Arc<Principal>>,
    /// The workspaces of the person who is signed in.
    pub workspaces: Arc<[TenantRef]>,
    /// The client's own words, cut.
    pub user_agent: Option<Arc<str>>,
    /// What the verdict on them depends on, for an answer that streams.
    pub belief: Belief,
    /// Whether the pages of platform staff are where this was asked.
    pub has_staff_pages: bool,
}

impl Caller {
    /// For the audit log.
    pub fn origin(&self) -> Origin {
        Origin {
            request_id: Some(self.request_id.to_string()),
            ip: Some(self.ip),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
        }
    }

    /// Who the guard verified.
    ///
    /// # Errors
    /// 401 when nobody was.
    pub fn principal(&self) -> Result<&Principal, Problem> {
        self.principal.as_deref().ok_or_else(Problem::unauthorized)
    }
}

/// `User-Agent`, printable and cut, for logs and sessions.
pub fn user_agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= USER_AGENT_MOST).unwrap_or(text.len());
    Some(Arc::from(&text[..end]))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal("a route was mounted outside the life of a request"))
    }
}

impl<S: Send + Sync, P: Permission, M: Mode> FromRequestParts<S> for Permit<P, M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.principal()?.permit(&caller.origin())
    }
}

/// A permit in the control plane: a type of its own, so that a mode's permit cannot be taken for it.
#[derive(Debug)]
pub struct ControlPermit<P>(pub Permit<P, Control>);

impl<S: Send + Sync, P: Permission> FromRequestParts<S> for ControlPermit<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self(caller.principal()?.control_permit(&caller.origin())?))
    }
}

/// A permit of the platform's own app, for a list of the whole platform.
#[derive(Debug)]
pub struct ManagementPermit<P>(pub Permit<P, Control>);

impl<S: Send + Sync, P: ManagementPermission> FromRequestParts<S> for ManagementPermit<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self(caller.principal()?.management_permit(&caller.origin())?))
    }
}

/// A permit for one's own account.
#[derive(Debug)]
pub struct OwnPermit(pub Permit<OwnAccount, Control>);

impl<S: Send + Sync> FromRequestParts<S> for OwnPermit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self(caller.principal()?.own_permit(&caller.origin())?))
    }
}

/// A JSON body: right content type, within the limit, no unknown field (types say `deny_unknown_fields`).
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        expect_type(request.headers(), "application/json")?;
        let body = read_body(request).await?;
        expect_object(&body)?;
        let mut decoder = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut decoder).map_err(|error| {
            let path = error.path().to_string();
            json_problem(&path, error.inner())
        })?;
        decoder.end().map_err(|error| json_problem(".", &error))?;
        Ok(Self(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
                (headers, bytes).into_response()
            }
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

/// A form body, under the same rules.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        expect_type(request.headers(), "application/x-www-form-urlencoded")?;
        let (parts, body) = request.into_parts();
        let bytes = read_body(Request::from_parts(parts.clone(), body)).await?;
        refuse_nul(&bytes)?;
        let again = Request::from_parts(parts, axum::body::Body::from(bytes));
        let form = axum::Form::from_request(again, state).await.map_err(|error| {
            Problem::new(Kind::Malformed, "The form has a field that is missing, unknown or of the wrong kind. Load the page again and send it once more.")
                .because(error)
        })?;
        Ok(Self(form.0))
    }
}

/// Query parameters; an unknown or malformed one is refused.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        refuse_nul(parts.uri.query().unwrap_or_default().as_bytes())?;
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|error| {
            Problem::new(
                Kind::Malformed,
                "A query parameter is missing, unknown or malformed. Compare them with the API description.",
            )
            .because(error)
        })
    }
}

/// Path parameters, by type. What does not parse names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Problem::not_found())
    }
}

/// `If-Match: "3"`: the version that the caller has read (RFC 9110, section 13.1.1). Without one, or with `*`, whatever
/// stands there is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter();
        let (line, more) = (lines.next(), lines.next());
        let Some(line) = line else { return Ok(Self(None)) };
        let text = line.to_str().ok().filter(|_| more.is_none()).unwrap_or_default();
        if text == "*" {
            return Ok(Self(None));
        }
        let version =
            text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|digits| digits.parse().ok());
        version.map(|version| Self(Some(version))).ok_or_else(|| {
            Problem::new(
                Kind::Malformed,
                "`If-Match` takes one version as the `ETag` of a read gave it, such as \"3\".",
            )
        })
    }
}

/// The `ETag` of a version.
pub fn etag(version: i64) -> HeaderValue {
    // Invariant: digits between quotation marks are a header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// The value of a cookie. Two cookies of one name are refused: nobody can say which one was meant.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// `Set-Cookie` for a host-only cookie: `__Host-`, HttpOnly, Secure, SameSite=Lax (ID-5).
pub fn set_cookie(name: &str, value: &str, max_age_s: u64) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age_s}");
    let mut header = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    // Its `Debug` shows nothing then.
    header.set_sensitive(true);
    header
}

/// `Set-Cookie` that takes it away.
pub fn clear_cookie(name: &str) -> HeaderValue {
    set_cookie(name, "", 0)
}

/// 303, the answer to a form.
pub fn see_other(to: &str) -> Response {
    let location = HeaderValue::try_from(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (
        http::StatusCode::SEE_OTHER,
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
    )
        .into_response()
}

fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedType, format!("Send the body with `Content-Type: {wanted}`.")))
}

/// Every body of ours is an object. A list would pass for one: serde takes its elements for the fields, in order.
fn expect_object(body: &[u8]) -> Result<(), Problem> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid(".", "Send an object with named fields, not a list."));
    }
    Ok(())
}

/// U+0000 in a query or a form, which no text of PostgreSQL can hold: it is the caller's fault and not ours.
fn refuse_nul(encoded: &[u8]) -> Result<(), Problem> {
    let is_there = encoded.contains(&0) || encoded.windows(3).any(|three| three == b"%00");
    let refusal =
        || Problem::new(Kind::Malformed, "A value contains the character U+0000, which no text may. Leave it out.");
    if is_there { Err(refusal()) } else { Ok(()) }
}

pub(crate) async fn read_body(request: Request) -> Result<bytes::Bytes, Problem> {
    use http_body_util::BodyExt as _;
    let limited = http_body_util::Limited::new(request.into_body(), BODY_MOST);
    match limited.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(Kind::TooLarge, format!("The body may have {} KB at most.", BODY_MOST / 1024)))
        }
        Err(error) => {
            Err(Problem::new(Kind::Malformed, "The body ended early or could not be read. Send it again.")
                .because(error))
        }
    }
}

/// What serde said, as a sentence: a syntax fault is 400, a fault of shape is 422 with its field.
fn json_problem(path: &str, error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            let sentence = text.split(" at line ").next().unwrap_or(&text).to_owned();
            Problem::invalid(path, format!("{sentence} ({place})"))
        }
        _ => Problem::new(Kind::Malformed, format!("The body is not valid JSON at {place}.")).because(error),
    }
}
