//! Becoming a member.

use serde_json::json;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::record::{self, Act};

use super::store;

/// Adds a person to the transaction's tenant in a role, or gives them another one. Their sessions are loaded anew.
pub(crate) async fn join(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    role: &str,
) -> Result<(), DbFault> {
    store::join(tx, person, role, ground.now()).await?;
    record::append(tx, ground, Act::new("member.added", "person", person).with(json!({ "role": role }))).await?;
    record::emit(tx, ground, "member.added", json!({ "person_id": person, "role": role })).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await
}
