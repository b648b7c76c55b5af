//! The handlers of signing in to a tenant's host, and of signing out anywhere.

use std::sync::Arc;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, header};
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tenantry_core::mode::Mode;
use tenantry_core::redirect::ReturnTo;
use tenantry_platform::http::{Caller, Form, Json, Query, Surface, see_other};
use tenantry_platform::page::render;
use tenantry_platform::permit::TenantRef;
use tenantry_platform::problem::Problem;
use url::form_urlencoded::Serializer;

use super::first_party::Issued;
use super::handoff::Offer;
use super::page::{Handoff, HiddenField, SignedOut};
use super::staff::StaffSession;
use crate::Identity;

/// Where the central host asks for a password.
pub const SIGN_IN_PATH: &str = "/-/sign-in";
/// Where codes are given on the central host, and redeemed on a tenant's.
pub const HANDOFF_PATH: &str = "/-/handoff";

/// The session that the guard found, from the request's extensions, where the life of the request puts it
/// beside the [`Caller`].
#[derive(Clone, Debug, Default)]
pub struct SignedIn(pub Option<Arc<StaffSession>>);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Arc<StaffSession>>().cloned()))
    }
}

/// `?return_to=/orders`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    return_to: Option<String>,
}

/// `?code=…`, and the form that sends it back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    code: String,
}

impl Target {
    /// The target, or the front page for none and for one that leads elsewhere.
    pub fn checked(&self) -> ReturnTo {
        self.return_to.as_deref().and_then(|text| ReturnTo::parse(text).ok()).unwrap_or_else(ReturnTo::home)
    }
}

/// `GET /-/sign-in` on a tenant's host: off to the central host.
pub async fn start(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    headers: HeaderMap,
    Query(target): Query<Target>,
) -> Result<Response, Problem> {
    let (tenant, mode) = tenant_of(&caller)?;
    if session.is_some() {
        return Ok(see_other(target.checked().as_str()));
    }
    let asked = identity.sessions.ask(&headers, tenant, mode, &target.checked())?;
    Ok(with_cookies(see_other(&asked.location), vec![asked.cookie]))
}

/// `GET /-/handoff` on the central host: back with a code, or to the password first.
pub async fn offer(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(offer): Query<Offer>,
) -> Result<Response, Problem> {
    let Some(session) = session else { return Ok(see_other(&sign_in_first(&offer))) };
    Ok(see_other(&identity.sessions.offer(&session, &offer, caller.origin()).await?))
}

/// `GET /-/handoff` on a tenant's host: a page whose form redeems the code. Looking at it changes nothing.
pub async fn arrive(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
    Query(Code { code }): Query<Code>,
) -> Result<Response, Problem> {
    let (tenant, mode) = tenant_of(&caller)?;
    // Only the browser that a code was given to reads the name: whoever else holds a link to this page need not be a
    // member, and a name is words of whoever signed up.
    let place = (tenant.id, mode);
    let is_member = identity.sessions.is_expected(&headers, &caller.public_origin, place, &code, caller.origin()).await;
    let page = Handoff {
        chrome: identity.visit(&caller).page(Handoff::TITLE),
        workspace: if is_member { tenant.name.clone() } else { tenant.slug.clone() },
        slug: if is_member { tenant.slug.clone() } else { String::new() },
        action: HANDOFF_PATH.to_owned(),
        fields: vec![HiddenField { name: "code", value: code }],
    };
    Ok(render(&page))
}

/// `POST /-/handoff` on a tenant's host: a session there.
pub async fn redeem(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    headers: HeaderMap,
    Form(Code { code }): Form<Code>,
) -> Result<Response, Problem> {
    let (tenant, mode) = tenant_of(&caller)?;
    let place = (tenant.id, mode);
    match identity.sessions.redeem(&headers, &caller.public_origin, place, &code, caller.origin()).await {
        Ok(redeemed) => Ok(with_cookies(see_other(redeemed.return_to.as_str()), redeemed.opened.cookies)),
        // Another tab was faster, and this browser is signed in already.
        Err(_) if session.is_some() => Ok(see_other(ReturnTo::home().as_str())),
        Err(problem) => Err(problem),
    }
}

/// `POST /-/token` on a tenant's host, `POST /-/console/{slug}/{mode}/token` on the central one: a token of the session's
/// workspace for the app's API (KEY-6).
pub async fn token(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
) -> Result<Json<Issued>, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    identity.sessions.exchange(&session, caller.principal()?).map(Json)
}

/// `POST /-/sign-out` on any host: the end of the whole tree.
pub async fn sign_out(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cookies = identity.sessions.sign_out(&headers, &caller.public_origin, caller.origin()).await?;
    let answer = match caller.surface {
        Surface::Central => see_other(SIGN_IN_PATH),
        Surface::Tenant(_) | Surface::Api => {
            render(&SignedOut { chrome: identity.visit(&caller).page(SignedOut::TITLE) })
        }
    };
    Ok(with_cookies(answer, cookies))
}

/// Adds `Set-Cookie` headers to an answer.
pub fn with_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response.into_response()
}

fn tenant_of(caller: &Caller) -> Result<(&TenantRef, Mode), Problem> {
    match (&caller.tenant, caller.surface) {
        (Some(tenant), Surface::Tenant(mode)) => Ok((tenant, mode)),
        _ => Err(Problem::not_found()),
    }
}

/// The sign-in page, which leads back to this very offer.
fn sign_in_first(offer: &Offer) -> String {
    let offer = Serializer::new(String::new())
        .append_pair("host", &offer.host)
        .append_pair("challenge", &offer.challenge)
        .append_pair("return_to", &offer.return_to)
        .finish();
    let query = Serializer::new(String::new()).append_pair("return_to", &format!("{HANDOFF_PATH}?{offer}")).finish();
    format!("{SIGN_IN_PATH}?{query}")
}
