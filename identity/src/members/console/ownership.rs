//! Leaving, and handing the workspace over: each asks for the workspace's slug.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use tenantry_core::ids::PersonId;
use tenantry_platform::http::{Caller, ControlPermit, Form, OwnPermit, Path, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::permit::ReadMembers;
use tenantry_platform::problem::Problem;

use super::super::page::{Leave, Transfer};
use super::super::{Member, refusal};
use super::{Confirmation, base, frame, is_owner, mistyped, status_of, tenant};
use crate::{Identity, members};

/// A member of the path.
type OfMember = Path<(String, String, PersonId)>;

/// `GET …/members/leave`
pub async fn confirm_leave(caller: Caller, State(identity): State<Arc<Identity>>) -> Result<Response, Problem> {
    draw_leave(&identity, &caller, Field::default())
}

/// `POST …/members/leave`
pub async fn leave(
    OwnPermit(permit): OwnPermit,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem> {
    if let Some(again) = mistyped(&identity, &caller, sent.confirm, &tenant(&caller)?.slug) {
        return draw_leave(&identity, &caller, again);
    }
    let person = permit.person().ok_or_else(Problem::unauthorized)?;
    let mut tx = permit.begin(&identity.ground);
    members::leave(&mut tx, &identity.ground, person).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other("/-/console"))
}

/// `GET …/members/{id}/transfer`
pub async fn confirm(
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
) -> Result<Response, Problem> {
    if !is_owner(&identity, &caller) {
        return Err(refusal::owner_only());
    }
    let member = members::find(&reading, &identity.ground, id).await?;
    draw_transfer(&identity, &caller, member, Field::default())
}

/// `POST …/members/{id}/transfer`
pub async fn transfer(
    OwnPermit(permit): OwnPermit,
    ControlPermit(reading): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfMember,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem> {
    if !is_owner(&identity, &caller) {
        return Err(refusal::owner_only());
    }
    let member = members::find(&reading, &identity.ground, id).await?;
    if let Some(again) = mistyped(&identity, &caller, sent.confirm, &tenant(&caller)?.slug) {
        return draw_transfer(&identity, &caller, member, again);
    }
    let from = permit.person().ok_or_else(Problem::unauthorized)?;
    let mut tx = permit.begin(&identity.ground);
    members::transfer(&mut tx, (&identity.ground, &identity.options.roles), from, id).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=transferred", base(&caller)?)))
}

fn draw_leave(identity: &Identity, caller: &Caller, confirm: Field) -> Result<Response, Problem> {
    let (here, tenant) = (base(caller)?, tenant(caller)?);
    let page = Leave {
        chrome: frame(identity, caller, Leave::TITLE),
        workspace: tenant.name.clone(),
        slug: tenant.slug.clone(),
        action: format!("{here}/leave"),
        // The list is for who may see the members; the workspace's home is for all.
        back_href: here.trim_end_matches("/members").to_owned(),
        confirm,
    };
    Ok(render_with(status_of(&page.confirm), &page))
}

fn draw_transfer(identity: &Identity, caller: &Caller, member: Member, confirm: Field) -> Result<Response, Problem> {
    let (here, tenant) = (base(caller)?, tenant(caller)?);
    let lower = identity.options.roles.iter().nth(1);
    let page = Transfer {
        chrome: frame(identity, caller, Transfer::TITLE),
        workspace: tenant.name.clone(),
        slug: tenant.slug.clone(),
        action: format!("{here}/{}/transfer", member.id),
        back_href: here,
        name: member.name,
        email: member.email,
        lower_role: lower.map(|role| role.role.name.as_str().to_owned()).unwrap_or_default(),
        confirm,
    };
    Ok(render_with(status_of(&page.confirm), &page))
}
