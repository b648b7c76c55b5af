//! The SQL of API keys.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::keyformat::KeyDigest;
use tenantry_platform::db::{Database, DbFault, HasStore, Mode, Row, TenantBatch, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};
use uuid::Uuid;

use super::draft::NewKey;
use super::uses::Use;

tenantry_platform::sql! {
    // Two that count at once would both find room; the lock ends with the transaction.
    AsTenant Modes LOCK = "select pg_advisory_xact_lock(hashtextextended('api_keys ' || $1::uuid::text, 0))";
    AsTenant Modes COUNT = "
        select count(*) from api_keys
        where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
    AsTenant Modes INSERT = "
        insert into api_keys (tenant_id, id, name, digest, start, scopes, created_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    AsTenant Modes LIST = "
        select id, name, start, scopes, created_by, created_at, expires_at, revoked_at, last_used_at
        from api_keys where tenant_id = $1 and id < $2 order by id desc limit $3";
    AsTenant Modes FIND = "
        select id, name, start, scopes, created_by, created_at, expires_at, revoked_at, last_used_at
        from api_keys where tenant_id = $1 and id = $2";
    AsTenant Modes REVOKE = "
        update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null
        returning id, name, start, scopes, created_by, created_at, expires_at, revoked_at, last_used_at";
    // Says nothing of `revoked_at`: with it the planner may take the index of the live keys, without the digest.
    AsTenant Modes BY_DIGEST = "
        select id, digest, scopes, expires_at, revoked_at from api_keys where tenant_id = $1 and digest = $2";
    AsTenant Modes USED = "
        update api_keys set last_used_at = greatest(last_used_at, $3) where tenant_id = $1 and id = $2";
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Which.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// The first eight characters of its random part.
    pub start: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The person who made it; none when another key did.
    pub created_by: Option<PersonId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last accepted, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl Key {
    /// Whether it works now.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= now => KeyState::Expired,
            _ => KeyState::Active,
        }
    }
}

/// A row as verification needs it.
pub(super) struct Found {
    pub(super) id: KeyId,
    pub(super) digest: KeyDigest,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Option<Timestamp>,
}

/// Keys that work now. Serialised for the tenant until the transaction ends.
pub(super) async fn count_live<M: Mode>(tx: &mut TenantTx<M>, now: Timestamp) -> Result<i64, DbFault> {
    tx.execute(&LOCK, &[]).await?;
    Ok(tx.query_one(&COUNT, &[&now]).await?.get(0))
}

pub(super) async fn count<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    now: Timestamp,
) -> Result<i64, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &COUNT, &[&now]).await?.first().map_or(0, |row| row.get(0)))
}

pub(super) async fn insert<M: Mode>(tx: &mut TenantTx<M>, key: &Key, digest: &KeyDigest) -> Result<(), DbFault> {
    let created_by = key.created_by.map(PersonId::uuid);
    tx.execute(
        &INSERT,
        &[
            &key.id.uuid(),
            &key.name,
            &digest.as_bytes().as_slice(),
            &key.start,
            &key.scopes,
            &created_by,
            &key.created_at,
            &key.expires_at,
        ],
    )
    .await
}

pub(super) async fn list<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    after: Option<KeyId>,
    most: usize,
) -> Result<Vec<Key>, DbFault>
where
    Database: HasStore<M>,
{
    let (before, most) = (after.map_or(Uuid::max(), KeyId::uuid), i64::try_from(most).unwrap_or(i64::MAX));
    Ok(permit.read(ground, &LIST, &[&before, &most]).await?.iter().map(read).collect())
}

pub(super) async fn find<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    id: KeyId,
) -> Result<Option<Key>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &FIND, &[&id.uuid()]).await?.first().map(read))
}

pub(super) async fn find_in<M: Mode>(tx: &mut TenantTx<M>, id: KeyId) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&FIND, &[&id.uuid()]).await?.as_ref().map(read))
}

/// `None`: there is no such key, or it was revoked before.
pub(super) async fn revoke<M: Mode>(tx: &mut TenantTx<M>, id: KeyId, now: Timestamp) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&REVOKE, &[&id.uuid(), &now]).await?.as_ref().map(read))
}

pub(super) async fn by_digest<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    digest: &KeyDigest,
) -> Result<Option<Found>, DbFault>
where
    Database: HasStore<M>,
{
    let rows = permit.read(ground, &BY_DIGEST, &[&digest.as_bytes().as_slice()]).await?;
    Ok(rows.first().and_then(read_found))
}

/// Adds the times of use to a batch.
pub(super) fn note_uses<M: Mode>(batch: &mut TenantBatch<M>, uses: Vec<Use>) {
    for used in uses {
        batch.push(used.tenant, &USED, vec![Box::new(used.key.uuid()), Box::new(used.at)]);
    }
}

/// The row of a new key.
pub(super) fn row(id: KeyId, new: &NewKey, start: &str, created_by: Option<PersonId>, created_at: Timestamp) -> Key {
    Key {
        id,
        name: new.name().to_owned(),
        start: start.to_owned(),
        scopes: new.scopes().iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_by,
        created_at,
        expires_at: new.expires_at(),
        revoked_at: None,
        last_used_at: None,
    }
}

fn read(row: &Row) -> Key {
    Key {
        id: KeyId::from_uuid(row.get("id")),
        name: row.get("name"),
        start: row.get("start"),
        scopes: row.get("scopes"),
        created_by: row.get::<_, Option<Uuid>>("created_by").map(PersonId::from_uuid),
        created_at: row.get("created_at"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
        last_used_at: row.get("last_used_at"),
    }
}

/// `None` for a revoked key: it is as if there were none.
fn read_found(row: &Row) -> Option<Found> {
    if row.get::<_, Option<Timestamp>>("revoked_at").is_some() {
        return None;
    }
    let digest: [u8; 32] = row.get::<_, &[u8]>("digest").try_into().ok()?;
    Some(Found {
        id: KeyId::from_uuid(row.get("id")),
        digest: KeyDigest::from_bytes(digest),
        scopes: row.get("scopes"),
        expires_at: row.get("expires_at"),
    })
}
