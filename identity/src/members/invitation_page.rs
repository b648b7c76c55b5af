//! The page behind a mailed invitation, on the central host: `/-/invitation`.

use std::sync::Arc;

use ::http::{HeaderMap, StatusCode};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::secret::SecretString;
use tenantry_platform::http::{Caller, Form, Query, see_other};
use tenantry_platform::page::{Nonce, render_asking};
use tenantry_platform::problem::Problem;
use url::form_urlencoded::byte_serialize;

use super::accept::{AccountForm, Joined, NewAccount, NotJoined, Shown};
use super::page::Accept;
use crate::Identity;
use crate::sessions::SignedIn;
use crate::sessions::http::{SIGN_IN_PATH, with_cookies};

const PATH: &str = "/-/invitation";

/// `?token=…`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    token: String,
}

/// The form behind the link: the last two from whoever makes an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    token: String,
    #[serde(default)]
    name: String,
    password: Option<SecretString>,
}

/// `GET /-/invitation`: looking changes nothing, so a mail scanner that follows links does no harm.
pub async fn look(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    Query(Linked { token }): Query<Linked>,
) -> Result<Response, Problem> {
    let shown = identity.look_at_invitation(&token, session.as_deref(), caller.origin()).await?;
    Ok(page(&identity, &caller, StatusCode::OK, token, shown, AccountForm::default()))
}

/// `POST /-/invitation`
pub async fn accept(
    State(identity): State<Arc<Identity>>,
    caller: Caller,
    SignedIn(session): SignedIn,
    headers: HeaderMap,
    Form(sent): Form<Answered>,
) -> Result<Response, Problem> {
    if let Some(session) = session {
        let joined = identity.join_signed_in(&sent.token, &session, caller.origin()).await?;
        return Ok(welcome(joined));
    }
    let account = NewAccount { name: sent.name, password: sent.password };
    match identity.join_new(&sent.token, &account, caller.origin()).await {
        Ok(joined) => {
            identity.sessions.leave_previous(&headers, &caller.public_origin, caller.origin()).await;
            Ok(welcome(joined))
        }
        // The page of the link says so, and where to sign in.
        Err(NotJoined::Known) => Ok(see_other(&link(&sent.token))),
        Err(NotJoined::Form(shown, form)) => {
            Ok(page(&identity, &caller, StatusCode::UNPROCESSABLE_ENTITY, sent.token, *shown, *form))
        }
        Err(NotJoined::Problem(problem)) => Err(problem),
    }
}

fn welcome(joined: Joined) -> Response {
    with_cookies(see_other(&format!("/-/console/{}", joined.tenant.slug)), joined.cookies)
}

fn link(token: &str) -> String {
    format!("{PATH}?token={}", byte_serialize(token.as_bytes()).collect::<String>())
}

fn page(
    identity: &Identity,
    caller: &Caller,
    status: StatusCode,
    token: String,
    shown: Shown,
    form: AccountForm,
) -> Response {
    let return_to: String = byte_serialize(link(&token).as_bytes()).collect();
    let page = Accept {
        chrome: identity.visit(caller).page(Accept::TITLE),
        sign_in_href: format!("{SIGN_IN_PATH}?return_to={return_to}"),
        console_href: format!("/-/console/{}", shown.tenant.slug),
        password_min: identity.options.password_policy().min(),
        token,
        shown,
        form,
    };
    render_asking(status, &page, &Nonce::given(&caller.nonce))
}
