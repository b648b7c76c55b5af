//! The sign-in page of the central host.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::redirect::ReturnTo;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::http::{Caller, Form, Query, see_other};
use tenantry_platform::page::{Field, policy, render_with};
use tenantry_platform::problem::Problem;

use super::page::SignIn;
use super::sign_in::REFUSED;
use crate::Identity;
use crate::sessions::http::{Target, with_cookies};
use crate::sessions::{SignedIn, StaffSession};

/// Marks the answer to a failed sign-in, for the budget that failures are charged to.
#[derive(Clone, Copy, Debug)]
pub struct SignInFailed;

/// What the page posts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    email: String,
    password: SecretString,
    #[serde(default)]
    return_to: String,
}

/// `GET /-/sign-in` on the central host.
pub async fn form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(target): Query<Target>,
) -> Response {
    let target = target.checked();
    if let Some(session) = session {
        return see_other(&onward(&session, &target));
    }
    page(&identity, &caller, &target, Field::default(), "")
}

/// `POST /-/sign-in` on the central host.
pub async fn sign_in(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
    Form(sent): Form<Credentials>,
) -> Result<Response, Problem> {
    let target = ReturnTo::parse(&sent.return_to).unwrap_or_else(|_| ReturnTo::home());
    match identity.sign_in(&sent.email, sent.password.expose_secret(), caller.origin()).await {
        Ok(proven) => {
            identity.sessions.leave_previous(&headers, &caller.public_origin, caller.origin()).await;
            Ok(with_cookies(see_other(&onward(&proven.session, &target)), proven.cookies))
        }
        Err(problem) if problem.code == REFUSED => {
            let mut again = page(&identity, &caller, &target, Field::filled(sent.email), &problem.detail);
            again.extensions_mut().insert(SignInFailed);
            Ok(again)
        }
        Err(problem) => Err(problem),
    }
}

/// Where a person goes who asked for nothing: to their first workspace.
pub(crate) fn onward(session: &StaffSession, target: &ReturnTo) -> String {
    match session.memberships().first() {
        Some(first) if *target == ReturnTo::home() => format!("/-/console/{}", first.tenant.slug),
        _ => target.to_string(),
    }
}

fn page(identity: &Identity, caller: &Caller, target: &ReturnTo, email: Field, refused: &str) -> Response {
    let status = if refused.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let onward = identity.sessions.on_the_way_to(target);
    let visit = identity.visit(caller);
    let page = SignIn {
        chrome: visit.page(SignIn::TITLE),
        email,
        refused: refused.to_owned(),
        return_to: target.to_string(),
        // The address that the person typed: nothing of its tenant.
        workspace: onward.as_deref().and_then(|origin| origin.split("://").nth(1)).unwrap_or_default().to_owned(),
    };
    let mut answer = render_with(status, &page);
    if let Some(Ok(policy)) = onward.map(|origin| HeaderValue::try_from(policy(&visit.nonce, &[&origin]))) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}
