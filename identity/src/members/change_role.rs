//! Another role for a member (AC-3, AC-16).

use serde_json::json;
use tenantry_core::ids::PersonId;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act};

use super::role::{Granter, grantable};
use super::store::{self, Held, Member};
use super::{held, refusal};
use crate::events;

/// Gives a member another role. The caller ends with `commit_and_fence`. The role that they have already changes
/// nothing. `version` is the one that the caller has read, if they say so.
///
/// # Errors
/// 404 for who is no member; 403 for an owner, for oneself, and where either role stands above the granter's; 412
/// when somebody else was faster; 422 for a role that nobody knows.
pub async fn change_role(
    tx: &mut TenantTx<Control>,
    (ground, roles): (&Ground, &Roles),
    granter: &Granter,
    person: PersonId,
    role: &str,
    version: Option<i64>,
) -> Result<Member, Problem> {
    if granter.person() == Some(person) {
        return Err(refusal::own_role());
    }
    let (present, authority, book) = held(tx, (ground, roles), granter, person).await?;
    if present.is_owner {
        return Err(refusal::owner_protected());
    }
    if authority.is_key_of(person) {
        return Err(refusal::own_role());
    }
    authority.check_present(&book, &present.role)?;
    let wanted = grantable(tx, &book, &authority, role).await?;
    if version.is_some_and(|version| version != present.version) {
        return Err(Problem::changed_meanwhile());
    }
    if present.role != role {
        store::change(tx, person, (role, wanted.is_owner)).await?;
        note(tx, ground, &present, role).await?;
    }
    store::find_in(tx, person).await?.ok_or_else(Problem::not_found)
}

async fn note(tx: &mut TenantTx<Control>, ground: &Ground, before: &Held, role: &str) -> Result<(), DbFault> {
    let person = before.person;
    let act = Act::new("member.role_changed", "person", person).changed("role", before.role.as_str(), role);
    record::append(tx, ground, act).await?;
    let event = json!({ "person_id": person, "role": role, "role_before": before.role });
    record::emit(tx, ground, &events::MEMBER_ROLE_CHANGED, event).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await
}
