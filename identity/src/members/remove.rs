//! The end of a membership: by somebody else, or by the member (AC-3, AC-16).

use serde_json::{Value, json};
use tenantry_core::ids::PersonId;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::events::EventKind;
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Authenticate, Permit};
use tenantry_platform::problem::{OnConstraint as _, Problem};
use tenantry_platform::record::{self, Act, Note};

use super::role::Granter;
use super::store::{self, Held, Member};
use super::{held, invitations, refusal};
use crate::events;
use crate::sessions;

/// Removes a member, their sessions at the workspace's hosts, and the open invitations that they sent: nobody keeps a
/// way back that they made themselves. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 404 for who is no member; 403 for an owner, for oneself, and for a role above the granter's.
pub async fn remove(
    tx: &mut TenantTx<Control>,
    (ground, roles): (&Ground, &Roles),
    granter: &Granter,
    person: PersonId,
) -> Result<Member, Problem> {
    if granter.person() == Some(person) {
        return Err(refusal::not_oneself());
    }
    let (present, authority, book) = held(tx, (ground, roles), granter, person).await?;
    if present.is_owner {
        return Err(refusal::owner_protected());
    }
    if authority.is_key_of(person) {
        return Err(refusal::not_oneself());
    }
    authority.check_present(&book, &present.role)?;
    let member = store::find_in(tx, person).await?.ok_or_else(Problem::not_found)?;
    let withdrawn = invitations::withdraw_all_of(tx, person, ground.now()).await?;
    let act = Act::new("member.removed", "person", person).with(json!({ "invitations_revoked": withdrawn }));
    end(tx, ground, &present, (act, &events::MEMBER_REMOVED)).await?;
    Ok(member)
}

/// Leaves the workspace. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 404 for who is no member; 409 for the last owner.
pub async fn leave(tx: &mut TenantTx<Control>, ground: &Ground, person: PersonId) -> Result<(), Problem> {
    let present = store::lock(tx, &[person]).await?.pop().ok_or_else(Problem::not_found)?;
    let act = Act::new("member.left", "person", person);
    end(tx, ground, &present, (act, &events::MEMBER_LEFT)).await
}

/// Leaves many workspaces at once, each under its own permit, without an end of sessions: for somebody who is going
/// altogether. Answers which ones, and what to note in each; who was removed from one meanwhile does not leave it. The
/// caller announces the person.
///
/// # Errors
/// 409 for the last owner.
pub(crate) async fn leave_each<'p>(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    workspaces: &'p [Permit<Authenticate, Control>],
) -> Result<Vec<(&'p Permit<Authenticate, Control>, Note)>, Problem> {
    let roles = store::leave_each(tx, person, workspaces).await;
    let roles = roles.on_constraint(store::KEEP_AN_OWNER, refusal::last_owner)?;
    let left = workspaces.iter().zip(roles).filter_map(|(permit, role)| Some((permit, role?)));
    let note = |role: &str| {
        let (act, event) = told(person, role, (Act::new("member.left", "person", person), &events::MEMBER_LEFT));
        Note { act, event: Some(event) }
    };
    Ok(left.map(|(permit, role)| (permit, note(&role))).collect())
}

type Told = (Act, &'static EventKind);

async fn end(tx: &mut TenantTx<Control>, ground: &Ground, present: &Held, told: Told) -> Result<(), Problem> {
    store::remove(tx, present.person).await.on_constraint(store::KEEP_AN_OWNER, refusal::last_owner)?;
    sessions::end_in_tenant(tx, ground, present.person, told.0.action).await?;
    Ok(note(tx, ground, present, told).await?)
}

fn told(person: PersonId, role: &str, (act, event): Told) -> (Act, (&'static EventKind, Value)) {
    (act.changed("role", role, Value::Null), (event, json!({ "person_id": person, "role_before": role })))
}

async fn note(tx: &mut TenantTx<Control>, ground: &Ground, present: &Held, told: Told) -> Result<(), DbFault> {
    let person = present.person;
    let (act, (event, data)) = self::told(person, &present.role, told);
    record::append(tx, ground, act).await?;
    record::emit(tx, ground, event, data).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await
}
