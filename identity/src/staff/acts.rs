//! What platform staff does to a person: signs them out and keeps them out, lets them in again (ID-11).

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::PersonId;
use tenantry_platform::http::{Caller, Form, Path, see_other};
use tenantry_platform::page::{Field, console, render_with};
use tenantry_platform::problem::Problem;

use super::http::{HERE, NAV, find, permit};
use super::page::Deactivate;
use super::store::Found;
use crate::Identity;
use crate::tenants::Reason;
use crate::users;

/// What the page that deactivates posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deactivation {
    reason: String,
    confirm: String,
}

/// `GET /-/operator/people/{id}/deactivate`
pub async fn confirm(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
) -> Result<Response, Problem> {
    let found = find(&identity, &permit(&caller)?, id).await?;
    Ok(draw(&identity, &caller, &found, Field::default(), Field::default()))
}

/// `POST /-/operator/people/{id}/deactivate`
pub async fn deactivate(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
    Form(sent): Form<Deactivation>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    let found = find(&identity, &permit, id).await?;
    let is_confirmed = sent.confirm.trim() == found.email;
    match Reason::parse(&sent.reason) {
        Ok(reason) if is_confirmed => {
            users::deactivate(&identity.ground, permit.acting().clone(), id, &reason).await?;
            Ok(see_other(&format!("{HERE}?q={id}&done=deactivated")))
        }
        reason => {
            let words = identity.visit(&caller).words;
            let wrong = if is_confirmed { "" } else { words.say("component.confirm_wrong") };
            let reason = Field::refused(sent.reason, reason.err().unwrap_or_default());
            Ok(draw(&identity, &caller, &found, reason, Field::refused(sent.confirm, wrong)))
        }
    }
}

/// `POST /-/operator/people/{id}/reactivate`
pub async fn reactivate(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<PersonId>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    users::reactivate(&identity.ground, permit.acting().clone(), id).await?;
    Ok(see_other(&format!("{HERE}?q={id}&done=reactivated")))
}

fn draw(identity: &Identity, caller: &Caller, found: &Found, reason: Field, confirm: Field) -> Response {
    let is_wrong = !reason.error.is_empty() || !confirm.error.is_empty();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Deactivate {
        chrome: console(&identity.visit(caller), caller, Deactivate::TITLE, NAV),
        name: found.name.clone(),
        email: found.email.clone(),
        sessions: usize::try_from(found.sessions).unwrap_or_default(),
        action: format!("{HERE}/{}/deactivate", found.id),
        back_href: format!("{HERE}?q={}", found.id),
        reason,
        confirm,
    };
    render_with(status, &page)
}
