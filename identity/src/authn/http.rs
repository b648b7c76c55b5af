//! The sign-in page of the central host.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ::http::StatusCode;
use serde::Deserialize;
use tenantry_core::host::Host;
use tenantry_core::redirect::ReturnTo;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::http::{Caller, Form, Query, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::problem::Problem;

use super::page::SignIn;
use super::sign_in::REFUSED;
use crate::Identity;
use crate::sessions::http::{HANDOFF_PATH, Target, with_cookies};
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
pub async fn form(State(identity): State<Arc<Identity>>, caller: Caller, SignedIn(session): SignedIn, Query(target): Query<Target>) -> Response {
    let target = target.checked();
    if let Some(session) = session {
        return see_other(&onward(&session, &target));
    }
    page(&identity, &caller, &target, Field::default(), "")
}

/// `POST /-/sign-in` on the central host.
pub async fn sign_in(State(identity): State<Arc<Identity>>, caller: Caller, Form(sent): Form<Credentials>) -> Result<Response, Problem> {
    let target = ReturnTo::parse(&sent.return_to).unwrap_or_else(|_| ReturnTo::home());
    match identity.sign_in(&sent.email, sent.password.expose_secret(), caller.origin()).await {
        Ok(signed) => Ok(with_cookies(see_other(&onward(&signed.session, &target)), signed.cookies)),
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
    let page = SignIn {
        chrome: identity.visit(caller).page(SignIn::TITLE),
        email,
        refused: refused.to_owned(),
        return_to: target.to_string(),
        workspace: sent_by(target).unwrap_or_default(),
    };
    render_with(status, &page)
}

/// The host that sent the person here, as they typed it: nothing of its tenant.
fn sent_by(target: &ReturnTo) -> Option<String> {
    let query = target.as_str().strip_prefix(HANDOFF_PATH)?.strip_prefix('?')?;
    let (_, host) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "host")?;
    Host::parse(host.as_bytes()).ok().map(|host| host.name.into_owned())
}
