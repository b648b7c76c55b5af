//! Becoming a member.

use serde_json::{Value, json};
use tenantry_core::ids::{LinkId, PersonId};
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{OnConstraint as _, Problem};
use tenantry_platform::record::{self, Act};

use super::{refusal, store};
use crate::events;
use crate::roles::KnownRole;

/// Adds a person to the transaction's tenant. Their sessions are loaded anew. `false`: they are a member already, and
/// nothing is changed.
pub(crate) async fn join(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    role: &KnownRole,
    invitation: Option<LinkId>,
) -> Result<bool, Problem> {
    let name = role.role.name.as_str();
    let joined = store::join(tx, person, (name, role.is_owner), ground.now()).await;
    if !joined.on_constraint(store::MEMBERSHIPS_MOST, refusal::too_many_workspaces)? {
        return Ok(false);
    }
    note(tx, ground, person, name, invitation).await?;
    Ok(true)
}

/// Adds a person, or gives a member this role: for `tenantry dev` and tests, where nobody's authority is asked.
///
/// # Errors
/// 409 for the last owner.
pub(crate) async fn place(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    role: &KnownRole,
) -> Result<(), Problem> {
    if join(tx, ground, person, role, None).await? {
        return Ok(());
    }
    let name = role.role.name.as_str();
    store::change(tx, person, (name, role.is_owner)).await.on_constraint(store::KEEP_AN_OWNER, refusal::last_owner)?;
    note(tx, ground, person, name, None).await
}

/// The audit row and the event of somebody who belongs now, also of the one who made the workspace.
pub(crate) async fn note(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    role: &str,
    invitation: Option<LinkId>,
) -> Result<(), Problem> {
    let by = invitation.map_or_else(|| json!({}), |id| json!({ "invitation_id": id }));
    record::append(tx, ground, Act::new("member.joined", "person", person).with(by).changed("role", Value::Null, role))
        .await?;
    let mut event = json!({ "person_id": person, "role": role });
    if let Some(id) = invitation {
        event["invitation_id"] = json!(id);
    }
    record::emit(tx, ground, &events::MEMBER_JOINED, event).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await?;
    Ok(())
}
