//! Whether a person may sign in at all: an act of platform staff or of whoever has the machine (ID-11).

use serde_json::json;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind, Reach};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Acting, Actor, Administer, Origin, Permit};
use tenantry_platform::problem::{Kind, OnConstraint as _, Problem};
use tenantry_platform::record::Act;

use super::store;
use crate::authn::person_by_email;
use crate::events;
use crate::members::KEEP_AN_OWNER;
use crate::sessions::{Told, end_everything, tell_everywhere};
use crate::tenants::Reason;

/// Signs a person out everywhere and lets them in nowhere, until [`reactivate`]. Their memberships stay. No node
/// believes a session of theirs when this returns, or the answer says until when one may.
///
/// # Errors
/// 404 without such a person, 409 when they are not active, or are the last owner of a workspace.
pub async fn deactivate(ground: &Ground, by: Acting, person: PersonId, reason: &Reason) -> Result<Reach, Problem> {
    let mut tx = administering(by, person).begin(ground);
    let (before, after) = ("active", "deactivated");
    change(&mut tx, (before, after)).await?;
    store::void_links(&mut tx, ground.now()).await?;
    let act = Act::new("user.deactivated", "person", person)
        .with(json!({ "reason": reason.as_str() }))
        .changed("status", before, after);
    let told = Told { act, kind: &events::USER_DEACTIVATED, data: json!({ "id": person }) };
    tell_everywhere(ground, &mut tx, &told).await?;
    end_everything(&mut tx, ground, person, "deactivated").await?;
    Ok(tx.commit_and_fence(ground).await?)
}

/// Lets a deactivated person sign in again.
///
/// # Errors
/// 404 without such a person, 409 when they are not deactivated.
pub async fn reactivate(ground: &Ground, by: Acting, person: PersonId) -> Result<(), Problem> {
    let mut tx = administering(by, person).begin(ground);
    let (before, after) = ("deactivated", "active");
    change(&mut tx, (before, after)).await?;
    let act = Act::new("user.reactivated", "person", person).changed("status", before, after);
    let told = Told { act, kind: &events::USER_REACTIVATED, data: json!({ "id": person }) };
    tell_everywhere(ground, &mut tx, &told).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await?;
    tx.commit_and_fence(ground).await?;
    Ok(())
}

/// Who has an address, for a command that names people by it.
///
/// # Errors
/// 404 when nobody has.
pub async fn named(ground: &Ground, address: &EmailAddress) -> Result<PersonId, Problem> {
    let permit = Permit::system(Context::default(), Actor::system("cli", "people"), Origin::default());
    let nobody = || {
        let sentence = format!(
            "Nobody has the address {}. Their workspace's list of members shows the one that they use now.",
            address.as_str()
        );
        Problem::new(Kind::NotFound, sentence)
    };
    person_by_email(&permit, ground, address.lookup()).await?.ok_or_else(nobody)
}

async fn change(tx: &mut TenantTx<Control>, (before, after): (&str, &str)) -> Result<(), Problem> {
    let standing = store::standing(tx).await?.ok_or_else(Problem::not_found)?.status;
    if standing != before {
        let text = format!("This person is {standing}, not {before}: nothing was changed.");
        return Err(Problem::new(Kind::Conflict, text).code("person_status"));
    }
    store::set_standing(tx, after).await.on_constraint(KEEP_AN_OWNER, last_owner)
}

fn last_owner() -> Problem {
    let sentence =
        "This person is the last owner of a workspace. Let them hand it over first, or suspend the workspace.";
    Problem::new(Kind::Conflict, sentence).code("last_owner")
}

fn administering(by: Acting, person: PersonId) -> Permit<Administer, Control> {
    Permit::system(Context { tenant: None, person: Some(person) }, by.actor, by.origin)
}
