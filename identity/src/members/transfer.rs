//! Another owner: the old one takes the next lower role, in one transaction (AC-3, AC-16).

use serde_json::json;
use tenantry_core::ids::PersonId;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, OnConstraint as _, Problem};
use tenantry_platform::record::{self, Act};

use super::refusal;
use super::store::{self, Held};
use crate::events;
use crate::roles::KnownRole;

/// Hands the workspace of an owner over to another member. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 403 for who owns nothing; 404 for who is no member; 409 where the other one is an owner already, is not active, or
/// where the configuration has no lower role.
pub async fn transfer(
    tx: &mut TenantTx<Control>,
    (ground, roles): (&Ground, &Roles),
    from: PersonId,
    to: PersonId,
) -> Result<(), Problem> {
    let (owners, lower) = ranks(roles)?;
    let held = store::lock(tx, &[from, to]).await?;
    let of = |person: PersonId| held.iter().find(|held| held.person == person);
    let old = of(from).filter(|held| held.is_owner).ok_or_else(refusal::owner_only)?;
    let new = of(to).ok_or_else(Problem::not_found)?;
    if new.is_owner {
        return Err(refusal::already_owner());
    }
    // In this order: at no moment is the workspace nobody's.
    store::change(tx, to, (owners.role.name.as_str(), true)).await?;
    store::change(tx, from, (lower.role.name.as_str(), false))
        .await
        .on_constraint(store::KEEP_AN_OWNER, refusal::not_active)?;
    Ok(note(tx, ground, (old, &lower), (new, &owners)).await?)
}

/// The owner's role, and the one that comes after it.
fn ranks(roles: &Roles) -> Result<(KnownRole, KnownRole), Problem> {
    let mut ranked = roles.iter().map(KnownRole::from);
    let owners = ranked.next().ok_or_else(|| Problem::internal("a configuration without roles"))?;
    let lower = ranked.next().ok_or_else(|| {
        let sentence =
            "There is no role below the owner's, so nobody can step down. Whoever runs this service can configure one.";
        Problem::new(Kind::Conflict, sentence).code("no_lower_role")
    })?;
    Ok((owners, lower))
}

async fn note(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    (old, lower): (&Held, &KnownRole),
    (new, owners): (&Held, &KnownRole),
) -> Result<(), DbFault> {
    let tenant = tx.context().tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    let (owners, lower) = (owners.role.name.as_str(), lower.role.name.as_str());
    let act = Act::new("ownership.transferred", "tenant", tenant)
        .changed("owner", old.person.to_string(), new.person.to_string())
        .changed("role_of_old_owner", old.role.as_str(), lower)
        .changed("role_of_new_owner", new.role.as_str(), owners);
    record::append(tx, ground, act).await?;
    let event = json!({
        "from_person_id": old.person, "from_role": lower, "from_role_before": old.role,
        "to_person_id": new.person, "to_role": owners, "to_role_before": new.role,
    });
    record::emit(tx, ground, &events::OWNERSHIP_TRANSFERRED, event).await?;
    for person in [old.person, new.person] {
        tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await?;
    }
    Ok(())
}
