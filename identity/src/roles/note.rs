//! What the audit log and the app are told (AC-16).

use serde_json::{Value, json};
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::events::EventKind;
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::record::{self, Act};

use super::store::OwnRole;
use crate::events;

/// A row, an event and its fields.
pub(super) type Told = (Act, &'static EventKind, Value);

pub(super) fn created(role: &OwnRole) -> Told {
    let act = Act::new("role.created", "role", role.id)
        .changed("name", Value::Null, role.name.as_str())
        .changed("description", Value::Null, role.description.as_str())
        .changed("permissions", Value::Null, role.words.clone());
    let event = json!({ "id": role.id, "name": role.name, "permissions": role.words });
    (act, &events::ROLE_CREATED, event)
}

pub(super) fn updated(before: &OwnRole, now: &OwnRole) -> Told {
    let mut act = Act::new("role.updated", "role", now.id).with(json!({ "name": now.name }));
    if before.description != now.description {
        act = act.changed("description", before.description.as_str(), now.description.as_str());
    }
    if before.words != now.words {
        act = act.changed("permissions", before.words.clone(), now.words.clone());
    }
    let event = json!({
        "id": now.id, "name": now.name, "permissions": now.words, "permissions_before": before.words,
    });
    (act, &events::ROLE_UPDATED, event)
}

pub(super) fn deleted(role: &OwnRole) -> Told {
    let act = Act::new("role.deleted", "role", role.id)
        .changed("name", role.name.as_str(), Value::Null)
        .changed("description", role.description.as_str(), Value::Null)
        .changed("permissions", role.words.clone(), Value::Null);
    let event = json!({ "id": role.id, "name": role.name, "permissions_before": role.words });
    (act, &events::ROLE_DELETED, event)
}

/// Row and event; and everybody's sessions in the tenant are loaded anew.
pub(super) async fn note(tx: &mut TenantTx<Control>, ground: &Ground, (act, kind, event): Told) -> Result<(), DbFault> {
    record::append(tx, ground, act).await?;
    record::emit(tx, ground, kind, event).await?;
    match tx.context().tenant {
        Some(tenant) => tx.announce(ground, Change { kind: ChangeKind::Tenant, subject: tenant.uuid() }).await,
        None => Ok(()),
    }
}
