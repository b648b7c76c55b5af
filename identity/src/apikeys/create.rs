//! A new key: drawn, kept as its digest, shown once (KEY-2, KEY-5).

use tenantry_core::allow_list::AllowList;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, OnConstraint as _, Problem};
use tenantry_platform::record::{self, Act};

use super::draft::{KEYS_MOST, NewKey};
use super::maker::{self, Behind};
use super::rotate::replaced_meanwhile;
use super::store::{self, Key, ONE_SUCCESSOR};
use crate::events;

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
/// 409 when the tenant has [`KEYS_MOST`] keys that work; 403 where a key that works from some networks alone would
/// make one that works from others, or one that ends make one that outlives it; 401 where the key that acts works no more.
pub async fn create<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, new: &NewKey) -> Result<CreatedKey, Problem> {
    let now = ground.now();
    if store::count_live(tx, now).await? >= KEYS_MOST {
        return Err(too_many());
    }
    let acting = maker::acting(tx, now).await?;
    let networks = maker::bounded(acting.as_ref(), new.networks())?;
    let draft = Making {
        name: new.name(),
        scopes: new.scopes().iter().map(|scope| scope.as_str().to_owned()).collect(),
        networks,
        expires_at: maker::ending(acting.as_ref(), new)?,
        behind: Behind::of(acting.as_ref(), tx.context().person, new.role()),
        rotated_from: None,
    };
    draw(tx, ground, draft).await
}

/// What a key is made of, however it came to be.
pub(super) struct Making<'a> {
    pub(super) name: &'a str,
    pub(super) scopes: Vec<String>,
    pub(super) networks: AllowList,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) behind: Behind,
    pub(super) rotated_from: Option<KeyId>,
}

/// Draws a key and keeps its digest, with its audit row and event.
pub(super) async fn draw<M: Mode>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    making: Making<'_>,
) -> Result<CreatedKey, Problem> {
    let tenant = tx.context().tenant.ok_or_else(|| Problem::internal("a key needs a permit that names its tenant"))?;
    let drawn = ApiKey::generate(M::MODE, tenant, &ground.entropy);
    let key = Key {
        id: KeyId::new(&ground.clock, &ground.entropy),
        name: making.name.to_owned(),
        start: drawn.parsed().start().to_owned(),
        scopes: making.scopes,
        networks: making.networks,
        created_by: tx.context().person,
        created_by_key: maker::key_of(tx.acting()),
        behind: making.behind,
        created_at: ground.now(),
        expires_at: making.expires_at,
        revoked_at: None,
        last_used_at: None,
        rotated_from: making.rotated_from,
        replaced_by: None,
        version: 1,
    };
    store::insert(tx, &key, &drawn.parsed().digest())
        .await
        .on_constraint(ONE_SUCCESSOR, || replaced_meanwhile(None))?;
    note(tx, ground, &key).await?;
    Ok(CreatedKey { key, plaintext: drawn.into_plaintext() })
}

async fn note<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, key: &Key) -> Result<(), DbFault> {
    let facts = serde_json::json!({
        "name": key.name, "start": key.start, "scopes": key.scopes, "allowed_networks": key.networks.lines(),
        "expires_at": key.expires_at.map(|at| at.to_string()), "rotated_from": key.rotated_from,
    });
    record::append(tx, ground, Act::new("api_key.created", "api_key", key.id).with(facts.clone())).await?;
    record::emit(tx, ground, &events::API_KEY_CREATED, event(key, facts)).await.map(drop)
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
