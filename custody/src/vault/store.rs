//! The vault's rows, by their doors.

use serde_json::Value;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::SigningKeyId;
use tenantry_platform::db::{Context, Control, DbFault, Row};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Origin, Permit, RunJobs};

tenantry_platform::sql! {
    AsDoor OnlyControl CANARY = "select sealed from doors.canary()";
    AsDoor OnlyControl PLANT = "select doors.plant_canary($1, $2)";
    AsDoor OnlyControl KEYS = "
        select id, purpose, algorithm, sealed, signs_from, signs_until, verifies_until from doors.signing_keys($1)";
    AsDoor OnlyControl ADD_KEY = "select doors.add_signing_key($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
}

/// A signing key as stored.
#[derive(Debug)]
pub(super) struct StoredKey {
    pub(super) id: SigningKeyId,
    pub(super) purpose: String,
    pub(super) algorithm: String,
    pub(super) sealed: Vec<u8>,
    pub(super) signs_from: Timestamp,
    pub(super) signs_until: Timestamp,
    pub(super) verifies_until: Timestamp,
}

/// A signing key to be stored.
pub(super) struct NewKey<'a> {
    pub(super) id: SigningKeyId,
    pub(super) purpose: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) jwk: Value,
    pub(super) sealed: &'a [u8],
    pub(super) signs_from: Timestamp,
    pub(super) signs_until: Timestamp,
    pub(super) verifies_until: Timestamp,
    /// How many keys of the purpose the caller saw: with another number there, somebody else was faster.
    pub(super) expected: i64,
}

pub(super) async fn canary(ground: &Ground) -> Result<Option<Vec<u8>>, DbFault> {
    let rows = permit().read(ground, &CANARY, &[]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

pub(super) async fn plant_canary(ground: &Ground, sealed: &[u8]) -> Result<(), DbFault> {
    let mut tx = permit().begin(ground);
    tx.execute(&PLANT, &[&sealed, &ground.now()]).await?;
    tx.commit().await
}

/// The keys that still verify something.
pub(super) async fn keys(ground: &Ground) -> Result<Vec<StoredKey>, DbFault> {
    let rows = permit().read(ground, &KEYS, &[&ground.now()]).await?;
    Ok(rows.iter().map(read_key).collect())
}

/// Adds a key and tells every node, unless somebody else just did.
pub(super) async fn add_key(ground: &Ground, key: &NewKey<'_>) -> Result<bool, DbFault> {
    let mut tx = permit().begin(ground);
    let row = tx
        .query_one(
            &ADD_KEY,
            &[
                &key.id.uuid(),
                &key.purpose,
                &key.algorithm,
                &key.jwk,
                &key.sealed,
                &ground.now(),
                &key.signs_from,
                &key.signs_until,
                &key.verifies_until,
                &key.expected,
            ],
        )
        .await?;
    if !row.get::<_, bool>(0) {
        tx.rollback().await?;
        return Ok(false);
    }
    tx.announce(ground, Change { kind: ChangeKind::SigningKeys, subject: key.id.uuid() }).await?;
    tx.commit_and_fence(ground).await?;
    Ok(true)
}

fn read_key(row: &Row) -> StoredKey {
    StoredKey {
        id: SigningKeyId::from_uuid(row.get(0)),
        purpose: row.get(1),
        algorithm: row.get(2),
        sealed: row.get(3),
        signs_from: row.get(4),
        signs_until: row.get(5),
        verifies_until: row.get(6),
    }
}

fn permit() -> Permit<RunJobs, Control> {
    Permit::system(Context::default(), Actor::system("job", "vault"), Origin::default())
}
