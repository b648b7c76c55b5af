//! The pages behind a forgotten password and behind the links of an account. Nobody is signed in there.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::email::EmailAddress;
use tenantry_core::secret::SecretString;
use tenantry_platform::http::{Caller, Form, Query};
use tenantry_platform::page::{Field, render, render_asking, render_with};
use tenantry_platform::problem::Problem;

use super::email::wanted;
use super::link::LinkKind;
use super::page::{Done, Forgot, LinkMailed, ResetPassword, UseAddress};
use super::reset::{NotReset, span_of};
use crate::Identity;
use crate::sessions::http::with_cookies;
use crate::sessions::{SignedIn, no_cookies};

/// `?token=…`, and the form that sends it back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    token: String,
}

/// Whose password is forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    email: String,
}

/// The form behind the link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    token: String,
    password: SecretString,
}

/// `GET /-/forgot-password`
pub async fn forgot_form(State(identity): State<Arc<Identity>>, caller: Caller) -> Response {
    render(&Forgot { chrome: identity.visit(&caller).page(Forgot::TITLE), email: Field::default() })
}

/// `POST /-/forgot-password`: one answer for every address.
pub async fn forgot(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Form(sent): Form<Forgotten>,
) -> Result<Response, Problem> {
    let visit = identity.visit(&caller);
    let Ok(email) = EmailAddress::parse(&sent.email) else {
        let email = Field::refused(sent.email, visit.words.say("forgot.bad_email"));
        return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &Forgot { chrome: visit.page(Forgot::TITLE), email }));
    };
    identity.ask_reset(email.clone(), caller.origin())?;
    let span = span_of(identity.lifetime(LinkKind::Reset).as_secs());
    Ok(render(&LinkMailed {
        lasts: visit.words.fill("forgot.lasts", &[("span", &span)]),
        chrome: visit.page("forgot.sent_title"),
        email: email.as_str().to_owned(),
        mailbox_href: identity.options.mailbox_href.clone(),
    }))
}

/// `GET /-/reset-password`: looking changes nothing, so a mail scanner that follows links does no harm.
pub async fn reset_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Query(Linked { token }): Query<Linked>,
) -> Result<Response, Problem> {
    let opened = identity.open_link(LinkKind::Reset, &token, &caller.origin()).await?;
    Ok(reset_page(&identity, &caller, StatusCode::OK, token, opened.person.email, String::new()))
}

/// `POST /-/reset-password`: leads to signing in, so that it never stands in for a second factor (ASVS 6.4.3).
pub async fn reset(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Form(sent): Form<NewPassword>,
) -> Result<Response, Problem> {
    match identity.reset(&sent.token, &sent.password, &caller.origin()).await {
        Ok(()) => {
            let page = done(&identity, &caller, "reset.done_title", "reset.done_text");
            Ok(with_cookies(render(&page), no_cookies()))
        }
        Err(NotReset::Password(why)) => {
            let opened = identity.open_link(LinkKind::Reset, &sent.token, &caller.origin()).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(reset_page(&identity, &caller, status, sent.token, opened.person.email, why))
        }
        Err(NotReset::Problem(problem)) => Err(problem),
    }
}

/// `GET /-/confirm-email`
pub async fn confirm_email_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Query(Linked { token }): Query<Linked>,
) -> Result<Response, Problem> {
    let opened = identity.open_link(LinkKind::ConfirmEmail, &token, &caller.origin()).await?;
    let chrome = identity.visit(&caller).page("confirm_email.title");
    Ok(render(&UseAddress {
        lead: chrome.t("confirm_email.lead"),
        note: chrome.t("confirm_email.note"),
        submit: chrome.t("confirm_email.submit"),
        chrome,
        action: "/-/confirm-email",
        email: wanted(&opened)?.as_str().to_owned(),
        token,
    }))
}

/// `POST /-/confirm-email`
pub async fn confirm_email(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Form(Linked { token }): Form<Linked>,
) -> Result<Response, Problem> {
    let keep = session.map(|session| session.root_key());
    identity.confirm_email(&token, keep, &caller.origin()).await?;
    Ok(render(&done(&identity, &caller, "confirm_email.done_title", "confirm_email.done_text")))
}

/// `GET /-/undo-email`
pub async fn undo_email_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Query(Linked { token }): Query<Linked>,
) -> Result<Response, Problem> {
    let opened = identity.open_link(LinkKind::UndoEmail, &token, &caller.origin()).await?;
    let chrome = identity.visit(&caller).page("undo_email.title");
    Ok(render(&UseAddress {
        lead: chrome.t("undo_email.lead"),
        note: chrome.t("undo_email.note"),
        submit: chrome.t("undo_email.submit"),
        chrome,
        action: "/-/undo-email",
        email: wanted(&opened)?.as_str().to_owned(),
        token,
    }))
}

/// `POST /-/undo-email`
pub async fn undo_email(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    Form(Linked { token }): Form<Linked>,
) -> Result<Response, Problem> {
    identity.undo_email(&token, &caller.origin()).await?;
    let page = done(&identity, &caller, "undo_email.done_title", "undo_email.done_text");
    Ok(with_cookies(render(&page), no_cookies()))
}

/// The end of a way, with signing in as the next one.
pub(super) fn done(identity: &Identity, caller: &Caller, title: &'static str, text: &'static str) -> Done {
    let chrome = identity.visit(caller).page(title);
    Done { text: chrome.t(text), act: chrome.t("sign_in.submit"), href: "/-/sign-in", chrome }
}

fn reset_page(
    identity: &Identity,
    caller: &Caller,
    status: StatusCode,
    token: String,
    email: String,
    why: String,
) -> Response {
    let visit = identity.visit(caller);
    let page = ResetPassword {
        chrome: visit.page(ResetPassword::TITLE),
        token,
        email,
        password_error: why,
        password_min: identity.options.password_policy().min(),
    };
    render_asking(status, &page, &visit.nonce)
}
