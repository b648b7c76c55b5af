//! The pages of somebody new, on the central host.

use std::sync::Arc;

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::http::{Caller, Form, Query, see_other};
use tenantry_platform::page::{Nonce, render, render_asking};
use tenantry_platform::problem::Problem;

use super::browser::Browser;
use super::draft::Draft;
use super::page::{CheckMail, SignUp, SignUpForm, Verify};
use super::sign_up::{SLUG_TAKEN, closed};
use super::verify::{NotVerified, Shown};
use crate::Identity;
use crate::sessions::SignedIn;
use crate::sessions::http::with_cookies;

const HOUR_S: u64 = 3_600;

/// `?token=…`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    token: String,
}

/// The form behind the link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    token: String,
    password: Option<SecretString>,
}

/// `GET /-/sign-up`
pub async fn form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
) -> Result<Response, Problem> {
    if session.is_some() {
        return Ok(see_other("/"));
    }
    if !identity.options.sign_up.is_open {
        return Err(closed());
    }
    Ok(page(&identity, &caller, StatusCode::OK, SignUpForm::default()))
}

/// `POST /-/sign-up`
pub async fn sign_up(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
    Form(draft): Form<Draft>,
) -> Result<Response, Problem> {
    let account = match draft.check(&identity.options) {
        Ok(account) => account,
        Err(form) => return Ok(page(&identity, &caller, StatusCode::UNPROCESSABLE_ENTITY, *form)),
    };
    let browser = Browser::known(&identity.ground, &headers).unwrap_or_else(|| Browser::fresh(&identity.ground));
    let email = account.email.as_str().to_owned();
    match identity.sign_up(account, &browser, caller.origin()).await {
        Ok(()) => Ok(check_mail(&identity, &caller, &browser, email)),
        Err(problem) if problem.code == SLUG_TAKEN => {
            Ok(page(&identity, &caller, StatusCode::UNPROCESSABLE_ENTITY, draft.slug_taken()))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /-/verify`: looking changes nothing, so a mail scanner that follows links does no harm.
pub async fn look(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
    Query(Linked { token }): Query<Linked>,
) -> Result<Response, Problem> {
    let shown = identity.look_at_link(&token, &headers, caller.origin()).await?;
    Ok(confirm_page(&identity, &caller, StatusCode::OK, token, shown, String::new()))
}

/// `POST /-/verify`
pub async fn verify(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    headers: HeaderMap,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem> {
    let password = sent.password.as_ref().filter(|password| !password.expose_secret().is_empty());
    match identity.verify(&sent.token, password, &headers, caller.origin()).await {
        Ok(verified) => {
            identity.sessions.leave_previous(&headers, &caller.public_origin, caller.origin()).await;
            Ok(with_cookies(see_other(&format!("/-/console/{}", verified.tenant.slug)), verified.cookies))
        }
        Err(NotVerified::Password(shown, why)) => {
            Ok(confirm_page(&identity, &caller, StatusCode::UNPROCESSABLE_ENTITY, sent.token, shown, why))
        }
        Err(NotVerified::Problem(problem)) => Err(problem),
    }
}

fn page(identity: &Identity, caller: &Caller, status: StatusCode, form: SignUpForm) -> Response {
    let page = SignUp {
        chrome: identity.visit(caller).page(SignUp::TITLE),
        form,
        host_suffix: format!(".{}", identity.options.hosts.base),
        password_min: identity.options.password_policy().min(),
    };
    render_asking(status, &page, &Nonce::given(&caller.nonce))
}

fn check_mail(identity: &Identity, caller: &Caller, browser: &Browser, email: String) -> Response {
    let lifetime_s = identity.options.sign_up.link_lifetime.as_secs();
    let page = CheckMail {
        chrome: identity.visit(caller).page(CheckMail::TITLE),
        email,
        hours: usize::try_from(lifetime_s / HOUR_S).unwrap_or(usize::MAX),
        mailbox_href: identity.options.mailbox_href.clone(),
    };
    with_cookies(render(&page), vec![browser.cookie(&identity.ground, lifetime_s)])
}

fn confirm_page(
    identity: &Identity,
    caller: &Caller,
    status: StatusCode,
    token: String,
    shown: Shown,
    why: String,
) -> Response {
    let page = Verify {
        chrome: identity.visit(caller).page(Verify::TITLE),
        token,
        email: shown.email,
        workspace: shown.workspace,
        asks_password: shown.asks_password,
        password_error: why,
        password_min: identity.options.password_policy().min(),
    };
    render_asking(status, &page, &Nonce::given(&caller.nonce))
}
