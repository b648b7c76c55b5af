//! The end of a key (KEY-3, KEY-5).

use tenantry_core::ids::KeyId;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act};

use super::store::{self, Key};
use crate::events;

/// Revokes a key of the transaction's tenant. The caller ends with `commit_and_fence`.
///
/// Asking again is safe and gives the same answer: whoever lost the first one announces the change again and
/// gets the same certainty, without a second audit row.
///
/// # Errors
/// 404 when there is no such key in this tenant and mode.
pub async fn revoke<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, id: KeyId) -> Result<Key, Problem> {
    let key = match store::revoke(tx, id, ground.now()).await? {
        Some(key) => {
            note(tx, ground, &key).await?;
            key
        }
        None => store::find_in(tx, id).await?.ok_or_else(Problem::not_found)?,
    };
    tx.announce(ground, Change { kind: ChangeKind::Key, subject: id.uuid() }).await?;
    Ok(key)
}

async fn note<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, key: &Key) -> Result<(), DbFault> {
    let facts = serde_json::json!({ "name": key.name, "start": key.start });
    record::append(tx, ground, Act::new("api_key.revoked", "api_key", key.id).with(facts.clone())).await?;
    record::emit(tx, ground, &events::API_KEY_REVOKED, super::create::event(key, facts)).await.map(drop)
}
