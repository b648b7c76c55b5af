//! A key that works no more, forgotten (KEY-5). What is to be known of it later stands in the audit log.

use serde_json::json;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::create::event;
use super::store::{self, Key};
use crate::events;

/// Deletes a revoked or expired key of the transaction's tenant. The caller ends with `commit_and_fence`: what a
/// cache still knows of it goes, too.
///
/// # Errors
/// 404 when there is no such key; 409 when it works, and must be revoked first.
pub async fn delete<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, id: KeyId) -> Result<Key, Problem> {
    let Some(key) = store::delete(tx, id, ground.now()).await? else {
        let standing = store::find_in(tx, id).await?;
        return Err(if standing.is_some() { still_works() } else { Problem::not_found() });
    };
    note(tx, ground, &key).await?;
    tx.announce(ground, Change { kind: ChangeKind::Key, subject: id.uuid() }).await?;
    Ok(key)
}

async fn note<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, key: &Key) -> Result<(), DbFault> {
    let facts = json!({ "name": key.name, "start": key.start });
    let text = |at: Option<tenantry_core::clock::Timestamp>| at.map(|at| at.to_string());
    let mut all = facts.clone();
    all["scopes"] = json!(key.scopes);
    all["allowed_networks"] = json!(key.networks.lines());
    all["created_at"] = json!(key.created_at.to_string());
    all["created_by"] = json!(key.created_by.map(PersonId::uuid));
    all["created_by_key"] = json!(key.created_by_key);
    all["expires_at"] = json!(text(key.expires_at));
    all["revoked_at"] = json!(text(key.revoked_at));
    all["last_used_at"] = json!(text(key.last_used_at));
    record::append(tx, ground, Act::new("api_key.deleted", "api_key", key.id).with(all)).await?;
    record::emit(tx, ground, &events::API_KEY_DELETED, event(key, facts)).await.map(drop)
}

fn still_works() -> Problem {
    Problem::new(Kind::Conflict, "This key still works. Revoke it first, then delete it.").code("key_works")
}
