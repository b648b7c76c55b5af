//! A new key: drawn, kept as its digest, shown once (KEY-2, KEY-5).

use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::draft::{KEYS_MOST, NewKey};
use super::store::{self, Key};

/// A key in the moment of its making.
#[derive(Debug)]
pub struct CreatedKey {
    /// What is kept.
    pub key: Key,
    /// What its maker gets, once.
    pub plaintext: SecretString,
}

/// Makes a key of the transaction's tenant, with its audit row and event. The end belongs to the caller.
///
/// # Errors
/// 409 when the tenant has [`KEYS_MOST`] keys that work.
pub async fn create<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, new: &NewKey) -> Result<CreatedKey, Problem> {
    let tenant = tx.context().tenant.ok_or_else(|| Problem::internal("a key needs a permit that names its tenant"))?;
    let now = ground.now();
    if store::count_live(tx, now).await? >= KEYS_MOST {
        return Err(too_many());
    }
    let drawn = ApiKey::generate(M::MODE, tenant, &ground.entropy);
    let created_by = tx.context().person;
    let key = store::row(KeyId::new(&ground.clock, &ground.entropy), new, drawn.parsed().start(), created_by, now);
    store::insert(tx, &key, &drawn.parsed().digest()).await?;
    note(tx, ground, &key).await?;
    Ok(CreatedKey { key, plaintext: drawn.into_plaintext() })
}

async fn note<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, key: &Key) -> Result<(), DbFault> {
    let facts = serde_json::json!({
        "name": key.name, "start": key.start, "scopes": key.scopes,
        "expires_at": key.expires_at.map(|at| at.to_string()),
    });
    record::append(tx, ground, Act::new("api_key.created", "api_key", key.id).with(facts.clone())).await?;
    record::emit(tx, ground, "api_key.created", event(key, facts)).await.map(drop)
}

/// What an event tells of a key: what its audit row tells, and which key it is.
pub(super) fn event(key: &Key, mut facts: serde_json::Value) -> serde_json::Value {
    facts["id"] = serde_json::json!(key.id);
    facts["created_by"] = serde_json::json!(key.created_by.map(PersonId::uuid));
    facts
}

fn too_many() -> Problem {
    let text = format!(
        "The workspace has {KEYS_MOST} keys that work in this mode, as many as it may have. Revoke one that nobody uses."
    );
    Problem::new(Kind::Conflict, text).code("too_many_keys")
}
