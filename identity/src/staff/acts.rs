//! What platform staff does to a person: signs them out and keeps them out, lets them in again (ID-11).

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::Operator;
use tenantry_platform::http::{Caller, Form, Path, see_other};
use tenantry_platform::page::{Field, console, render_with};
use tenantry_platform::permit::{Operate, Permit};
use tenantry_platform::problem::Problem;

use super::http::{HERE, NAV, find, permit};
use super::page::Deactivate;
use super::store::{self, Found};
use crate::Identity;
use crate::account::LAST_OWNER;
use crate::tenants::Reason;
use crate::users;

/// Where staff sees workspaces.
const TENANTS: &str = "/-/operator/tenants";

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
    let permit = permit(&caller)?;
    let found = find(&identity, &permit, id).await?;
    draw(&identity, &caller, &permit, &found, Asked::default()).await
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
            match users::deactivate(&identity.ground, permit.acting().clone(), id, &reason).await {
                Ok(_) => Ok(see_other(&format!("{HERE}?q={id}&done=deactivated"))),
                Err(problem) if problem.code == LAST_OWNER => {
                    let asked = Asked { status: StatusCode::CONFLICT, ..Asked::default() };
                    draw(&identity, &caller, &permit, &found, asked).await
                }
                Err(problem) => Err(problem),
            }
        }
        reason => {
            let words = identity.visit(&caller).words;
            let wrong = if is_confirmed { "" } else { words.say("component.confirm_wrong") };
            let reason = Field::refused(sent.reason, reason.err().unwrap_or_default());
            let confirm = Field::refused(sent.confirm, wrong);
            let asked = Asked { status: StatusCode::UNPROCESSABLE_ENTITY, reason, confirm };
            draw(&identity, &caller, &permit, &found, asked).await
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

/// The form as it was sent, and what it is answered with.
struct Asked {
    status: StatusCode,
    reason: Field,
    confirm: Field,
}

impl Default for Asked {
    fn default() -> Self {
        Self { status: StatusCode::OK, reason: Field::default(), confirm: Field::default() }
    }
}

async fn draw(
    identity: &Identity,
    caller: &Caller,
    permit: &Permit<Operate, Operator>,
    found: &Found,
    asked: Asked,
) -> Result<Response, Problem> {
    let page = Deactivate {
        chrome: console(&identity.visit(caller), caller, Deactivate::TITLE, NAV),
        name: found.name.clone(),
        email: found.email.clone(),
        owned_alone: owned_alone(identity, permit, found).await?,
        sessions: usize::try_from(found.sessions).unwrap_or_default(),
        action: format!("{HERE}/{}/deactivate", found.id),
        back_href: format!("{HERE}?q={}", found.id),
        reason: asked.reason,
        confirm: asked.confirm,
    };
    Ok(render_with(asked.status, &page))
}

/// The workspaces that stand in the way, by name, and where staff sees each.
async fn owned_alone(
    identity: &Identity,
    permit: &Permit<Operate, Operator>,
    found: &Found,
) -> Result<Vec<(String, String)>, Problem> {
    let acting = permit.acting();
    let owned = identity.owned_alone(found.id, acting.actor.clone(), &acting.origin).await?;
    if owned.is_empty() {
        return Ok(Vec::new());
    }
    let belongs = store::workspaces(permit, &identity.ground, found.id).await?;
    let of_staff = |slug: &str| belongs.iter().find(|of| of.slug == slug).map(|of| format!("{TENANTS}/{}", of.tenant));
    Ok(owned.into_iter().map(|one| (one.name, of_staff(&one.slug).unwrap_or_else(|| TENANTS.to_owned()))).collect())
}
