//! The pages of whoever is signed in, about themselves: `/-/account` and below, on the central host.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::SessionId;
use tenantry_core::secret::SecretString;
use tenantry_platform::http::{Caller, Form, OwnPermit, Path, Query, see_other};
use tenantry_platform::page::{Chrome, Field, FlashKind, console, render, render_asking, render_with};
use tenantry_platform::permit::{Actor, TenantRef};
use tenantry_platform::problem::Problem;

use super::delete::LAST_OWNER;
use super::device::device;
use super::http::done;
use super::link;
use super::page::{Belonging, ChangeEmail, ChangePassword, Delete, Overview, SessionRow, Sessions};
use super::password::NotChanged;
use super::place::{Place, Reach};
use crate::Identity;
use crate::authn::SignInFailed;
use crate::sessions::http::with_cookies;
use crate::sessions::{SignedIn, StaffSession, Tree, end_other_trees, end_tree, no_cookies, trees};

/// What was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

/// The form of another password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    current: SecretString,
    password: SecretString,
}

/// The form of another address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailChange {
    email: String,
    current: SecretString,
}

/// The form of the end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    current: SecretString,
}

/// A form with a button alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// `GET /-/account`
pub async fn overview(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    let mut chrome = console(&identity.visit(&caller), &caller, Overview::TITLE, "account");
    if asked.done == "email" {
        let said = chrome.t("confirm_email.done_title");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    Ok(render(&Overview {
        chrome,
        name: session.person().name.clone(),
        email: session.person().email.clone(),
        workspaces: session.memberships().iter().map(|found| belonging(&found.tenant, &found.role)).collect(),
    }))
}

/// `GET /-/account/password`
pub async fn password_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    let flash = (asked.done == "changed").then_some("change_password.done");
    Ok(password_page(&identity, &caller, &session, flash, None))
}

/// `POST /-/account/password`
pub async fn change_password(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    caller: Caller,
    SignedIn(session): SignedIn,
    Form(sent): Form<PasswordChange>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    let who = (session.person(), session.root_key());
    match identity.change_password(&permit, who, (&sent.current, &sent.password), &caller.origin()).await {
        Ok(_) => Ok(see_other("/-/account/password?done=changed")),
        Err(NotChanged::Field(field, why)) => {
            Ok(marked(field, password_page(&identity, &caller, &session, None, Some((field, why)))))
        }
        Err(NotChanged::Problem(problem)) => Err(problem),
    }
}

/// `GET /-/account/email`
pub async fn email_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    Ok(email_page(&identity, &caller, &session, Field::default(), String::new()))
}

/// `POST /-/account/email`: one answer, whoever has the address.
pub async fn change_email(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    caller: Caller,
    SignedIn(session): SignedIn,
    Form(sent): Form<EmailChange>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    match identity.ask_email(&permit, session.person(), (&sent.current, &sent.email), &caller.origin()).await {
        Ok(email) => {
            let chrome = console(&identity.visit(&caller), &caller, "forgot.sent_title", "account.email");
            let span = super::reset::span_of(identity.lifetime(link::LinkKind::ConfirmEmail).as_secs());
            let text = chrome.t_all("change_email.sent", &[("email", &email.as_str()), ("span", &span)]);
            let chrome = chrome.with_flash(FlashKind::Notice, text);
            Ok(render(&email_form_of(chrome, &session, Field::default(), String::new())))
        }
        Err(NotChanged::Field("email", why)) => {
            Ok(email_page(&identity, &caller, &session, Field::refused(sent.email, why), String::new()))
        }
        Err(NotChanged::Field(field, why)) => {
            Ok(marked(field, email_page(&identity, &caller, &session, Field::filled(sent.email), why)))
        }
        Err(NotChanged::Problem(problem)) => Err(problem),
    }
}

/// `GET /-/account/sessions`
pub async fn sessions(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    let found = trees(&permit, &identity.ground, &identity.options.sessions).await?;
    let mut chrome = console(&identity.visit(&caller), &caller, Sessions::TITLE, "account.sessions");
    if asked.done == "ended" {
        let said = chrome.t("sessions.ended");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let sessions = found.into_iter().map(|tree| row(&chrome, tree, &session)).collect();
    Ok(render(&Sessions { sessions, chrome }))
}

/// `POST /-/account/sessions/{id}/revoke`. Somebody else's session is one that does not exist.
pub async fn revoke(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    Path(id): Path<SessionId>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Problem> {
    let mut tx = permit.begin(&identity.ground);
    if !end_tree(&mut tx, &identity.ground, id).await? {
        return Err(Problem::not_found());
    }
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other("/-/account/sessions?done=ended"))
}

/// `POST /-/account/sessions/revoke-others`
pub async fn revoke_others(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    SignedIn(session): SignedIn,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Problem> {
    let key = session.ok_or_else(Problem::unauthorized)?.root_key();
    let mut tx = permit.begin(&identity.ground);
    end_other_trees(&mut tx, &identity.ground, key).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other("/-/account/sessions?done=ended"))
}

/// `GET /-/account/delete`
pub async fn delete_form(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    delete_page(&identity, &caller, &session, StatusCode::OK, String::new()).await
}

/// `POST /-/account/delete`
pub async fn delete(
    State(identity): State<Arc<Identity>>,
    OwnPermit(permit): OwnPermit,
    caller: Caller,
    SignedIn(session): SignedIn,
    Form(sent): Form<Deletion>,
) -> Result<Response, Problem> {
    let session = session.ok_or_else(Problem::unauthorized)?;
    match identity.delete_account(&permit, session.person(), &sent.current, &caller.origin()).await {
        Ok(()) => {
            let page = done(&identity, &caller, "delete_account.done_title", "delete_account.done_text");
            Ok(with_cookies(render(&page), no_cookies()))
        }
        Err(NotChanged::Field(field, why)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(marked(field, delete_page(&identity, &caller, &session, status, why).await?))
        }
        Err(NotChanged::Problem(problem)) if problem.code == LAST_OWNER => {
            delete_page(&identity, &caller, &session, StatusCode::CONFLICT, String::new()).await
        }
        Err(NotChanged::Problem(problem)) => Err(problem),
    }
}

/// A wrong password is charged like a failed sign-in.
fn marked(field: &str, mut answer: Response) -> Response {
    if field == "current" {
        answer.extensions_mut().insert(SignInFailed);
    }
    answer
}

fn password_page(
    identity: &Identity,
    caller: &Caller,
    session: &StaffSession,
    flash: Option<&'static str>,
    wrong: Option<(&'static str, String)>,
) -> Response {
    let visit = identity.visit(caller);
    let mut chrome = console(&visit, caller, ChangePassword::TITLE, "account.password");
    if let Some(word) = flash {
        let said = chrome.t(word);
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (current, password) = match wrong {
        Some(("current", why)) => (why, String::new()),
        Some((_, why)) => (String::new(), why),
        None => Default::default(),
    };
    let page = ChangePassword {
        chrome,
        email: session.person().email.clone(),
        current_error: current,
        password_error: password,
        password_min: identity.options.password_policy().min(),
    };
    render_asking(status, &page, &visit.nonce)
}

fn email_page(
    identity: &Identity,
    caller: &Caller,
    session: &StaffSession,
    email: Field,
    current_error: String,
) -> Response {
    let chrome = console(&identity.visit(caller), caller, ChangeEmail::TITLE, "account.email");
    let is_refused = !email.error.is_empty() || !current_error.is_empty();
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    render_with(status, &email_form_of(chrome, session, email, current_error))
}

fn email_form_of(chrome: Chrome, session: &StaffSession, email: Field, current_error: String) -> ChangeEmail {
    ChangeEmail { chrome, present: session.person().email.clone(), email, current_error }
}

async fn delete_page(
    identity: &Identity,
    caller: &Caller,
    session: &StaffSession,
    status: StatusCode,
    current_error: String,
) -> Result<Response, Problem> {
    let person = session.person();
    let owned = identity.owned_alone(person.id, Actor::person(person), &caller.origin()).await?;
    let page = Delete {
        chrome: console(&identity.visit(caller), caller, Delete::TITLE, "account"),
        email: session.person().email.clone(),
        owned_alone: owned.into_iter().map(|found| (found.name, format!("/-/console/{}", found.slug))).collect(),
        current_error,
    };
    Ok(render_with(status, &page))
}

fn belonging(tenant: &TenantRef, role: &str) -> Belonging {
    let href = format!("/-/console/{}", tenant.slug);
    let leave_href = format!("{href}/live/members/leave");
    Belonging { name: tenant.name.clone(), slug: tenant.slug.clone(), role: role.to_owned(), href, leave_href }
}

fn row(chrome: &Chrome, tree: Tree, session: &StaffSession) -> SessionRow {
    let place = tree.ip.map(Place::of);
    let reach = match place.map(|place| place.reach) {
        Some(Reach::Loopback) => chrome.t("sessions.loopback"),
        Some(Reach::Private) => chrome.t("sessions.private"),
        Some(Reach::Public) => chrome.t("sessions.public"),
        None => chrome.t("sessions.no_address"),
    };
    let hosts: Vec<&str> = tree.hosts.iter().map(|host| host.split("://").last().unwrap_or(host)).collect();
    SessionRow {
        id: tree.root.to_string(),
        device: device_words(chrome, tree.user_agent.as_deref().unwrap_or_default()),
        network: place.map(|place| place.to_string()).unwrap_or_default(),
        reach,
        hosts: hosts.join(", "),
        since: tree.since,
        last_seen: tree.last_seen,
        is_current: tree.root == session.root,
    }
}

fn device_words(chrome: &Chrome, user_agent: &str) -> String {
    match device(user_agent) {
        (Some(browser), Some(system)) => chrome.t_all("sessions.device", &[("browser", &browser), ("system", &system)]),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => chrome.t("sessions.unknown_device").to_owned(),
    }
}
