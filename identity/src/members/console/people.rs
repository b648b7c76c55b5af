//! Another role, and the end of a membership.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::PersonId;
use tenantry_platform::http::{Caller, ControlPermit, Form, Path, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::permit::{ManageMembers, ReadMembers};
use tenantry_platform::problem::Problem;

use super::super::page::{ChangeRole, Remove};
use super::super::{Granter, Member};
use super::{Confirmation, base, book, frame, mistyped, role_choices, sentence, shown, status_of};
use crate::roles::RoleBook;
use crate::{Identity, members};

/// A member of the path.
type OfMember = Path<(String, String, PersonId)>;

/// What the form of a role posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    role: String,
    version: i64,
}

/// `GET …/members/{id}/role`
pub async fn role_form(
    ControlPermit(_permit): ControlPermit<ManageMembers>,
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
) -> Result<Response, Problem> {
    let member = members::find(&reading, &identity.ground, id).await?;
    let book = book(&reading, &identity).await?;
    draw_role((&identity, &book), &caller, member, None)
}

/// `POST …/members/{id}/role`
pub async fn change_role(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
    Form(sent): Form<Chosen>,
) -> Result<Response, Problem> {
    let granter = Granter::of(caller.principal()?)?;
    let ground = (&identity.ground, &*identity.options.roles);
    let mut tx = permit.begin(&identity.ground);
    if let Err(problem) = members::change_role(&mut tx, ground, &granter, id, &sent.role, Some(sent.version)).await {
        tx.rollback().await?;
        let problem = shown(problem)?;
        let member = members::find(&reading, &identity.ground, id).await?;
        let book = book(&reading, &identity).await?;
        return draw_role((&identity, &book), &caller, member, Some(&problem));
    }
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=role", base(&caller)?)))
}

/// `GET …/members/{id}/remove`
pub async fn confirm_removal(
    ControlPermit(_permit): ControlPermit<ManageMembers>,
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
) -> Result<Response, Problem> {
    let member = members::find(&reading, &identity.ground, id).await?;
    draw_removal(&identity, &caller, member, Field::default())
}

/// `POST …/members/{id}/remove`
pub async fn remove(
    ControlPermit(permit): ControlPermit<ManageMembers>,
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem> {
    let member = members::find(&reading, &identity.ground, id).await?;
    if let Some(again) = mistyped(&identity, &caller, sent.confirm, &member.email) {
        return draw_removal(&identity, &caller, member, again);
    }
    let granter = Granter::of(caller.principal()?)?;
    let mut tx = permit.begin(&identity.ground);
    members::remove(&mut tx, (&identity.ground, &identity.options.roles), &granter, id).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=removed", base(&caller)?)))
}

fn draw_role(
    (identity, book): (&Identity, &RoleBook<'_>),
    caller: &Caller,
    member: Member,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = base(caller)?;
    let page = ChangeRole {
        chrome: frame(identity, caller, ChangeRole::TITLE),
        action: format!("{here}/{}/role", member.id),
        back_href: here,
        roles: role_choices(book, caller, &member.role),
        name: member.name,
        email: member.email,
        role: member.role,
        version: member.version,
        refused: problem.map(|problem| sentence(problem, "")).unwrap_or_default(),
    };
    Ok(render_with(problem.map_or(StatusCode::OK, Problem::status), &page))
}

fn draw_removal(identity: &Identity, caller: &Caller, member: Member, confirm: Field) -> Result<Response, Problem> {
    let here = base(caller)?;
    let page = Remove {
        chrome: frame(identity, caller, Remove::TITLE),
        action: format!("{here}/{}/remove", member.id),
        back_href: here,
        name: member.name,
        email: member.email,
        role: member.role,
        confirm,
    };
    Ok(render_with(status_of(&page.confirm), &page))
}
