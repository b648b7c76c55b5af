//! Inviting, sending again, taking back.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::LinkId;
use tenantry_platform::http::{Caller, ControlPermit, Form, Path, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::permit::ManageMembers;
use tenantry_platform::problem::Problem;

use super::super::page::InvitePage;
use super::super::{Granter, Invite};
use super::{base, book, frame, role_choices, sentence, shown};
use crate::roles::RoleBook;
use crate::{Identity, members};

const HOUR_S: u64 = 3_600;

/// What the form posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    email: String,
    role: String,
}

/// A form of one button.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// `GET …/members/invite`
pub async fn form(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
) -> Result<Response, Problem> {
    let role = identity.options.roles.default_role().role.name.as_str().to_owned();
    let book = book(&permit, &identity).await?;
    draw((&identity, &book), &caller, Filled { email: String::new(), role }, None)
}

/// `POST …/members/invite`
pub async fn invite(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Form(filled): Form<Filled>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    let draft = Invite { email: filled.email.clone(), role: filled.role.clone() };
    if let Err(problem) = members::invite(&mut tx, &identity, &granter, &draft).await {
        tx.rollback().await?;
        let problem = shown(problem)?;
        let book = book(&permit, &identity).await?;
        return draw((&identity, &book), &caller, filled, Some(&problem));
    }
    tx.commit().await?;
    identity.wake_queue();
    Ok(see_other(&format!("{}?done=invited", base(&caller)?)))
}

/// `POST …/members/invitations/{id}/resend`
pub async fn resend(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, LinkId)>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    members::resend(&mut tx, &identity, &granter, id).await?;
    tx.commit().await?;
    identity.wake_queue();
    Ok(see_other(&format!("{}?done=invited", base(&caller)?)))
}

/// `POST …/members/invitations/{id}/revoke`
pub async fn revoke(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, LinkId)>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    members::revoke_invitation(&mut tx, &identity, &granter, id).await?;
    tx.commit().await?;
    Ok(see_other(&format!("{}?done=revoked", base(&caller)?)))
}

fn draw(
    (identity, book): (&Identity, &RoleBook<'_>),
    caller: &Caller,
    filled: Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = base(caller)?;
    let of_email = problem.and_then(|problem| problem.fields.iter().find(|fault| fault.field == "email"));
    let page = InvitePage {
        chrome: frame(identity, caller, InvitePage::TITLE),
        action: format!("{here}/invite"),
        back_href: here,
        roles: role_choices(book, caller, &filled.role),
        refused: problem.map(|problem| sentence(problem, "email")).unwrap_or_default(),
        email: Field { value: filled.email, error: of_email.map(|fault| fault.message.clone()).unwrap_or_default() },
        span: identity.visit(caller).words.hours(identity.options.invitations.lifetime.as_secs() / HOUR_S),
    };
    Ok(render_with(problem.map_or(StatusCode::OK, Problem::status), &page))
}
