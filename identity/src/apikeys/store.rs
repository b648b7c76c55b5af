//! The SQL of API keys.

use std::collections::HashMap;

use tenantry_core::allow_list::AllowList;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_core::keyformat::KeyDigest;
use tenantry_platform::db::{Control, Database, DbFault, HasStore, Mode, Row, TenantBatch, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit, ReadMembers, RunJobs};
use uuid::Uuid;

use super::maker::Behind;
use super::uses::Use;
use super::warn::Ending;

/// Every column of a key that people may see.
macro_rules! columns {
    () => {
        "id, name, start, scopes, allowed_networks, created_by, created_by_key, person_behind, role_behind, created_at, \
         expires_at, revoked_at, last_used_at, rotated_from, replaced_by, version"
    };
}

tenantry_platform::sql! {
    // Two that count at once would both find room; the lock ends with the transaction.
    AsTenant Modes LOCK = "select pg_advisory_xact_lock(hashtextextended('api_keys ' || $1::uuid::text, 0))";
    AsTenant Modes COUNT = "
        select count(*) from api_keys
        where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
    AsTenant Modes INSERT = "
        insert into api_keys (tenant_id, id, name, digest, start, scopes, allowed_networks, created_by, created_by_key,
            person_behind, role_behind, created_at, expires_at, rotated_from)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    AsTenant Modes LIST = concat!(
        "select ", columns!(), " from api_keys where tenant_id = $1 and id < $2 order by id desc limit $3");
    AsTenant Modes FIND = concat!("select ", columns!(), " from api_keys where tenant_id = $1 and id = $2");
    // One lock for whoever acts, so that of two acts of one key on itself neither waits for the other for ever.
    AsTenant Modes HOLD = concat!(
        "select ", columns!(), " from api_keys where tenant_id = $1 and id = $2 for no key update");
    AsTenant Modes NAMES = "select id, name from api_keys where tenant_id = $1 and id = any ($2)";
    AsTenant Modes REVOKE taking = concat!(
        "update api_keys set revoked_at = $3, version = version + 1
         where tenant_id = $1 and id = $2 and revoked_at is null returning ", columns!());
    // Of two at once, the second finds it replaced already.
    AsTenant Modes REPLACE taking = concat!(
        "update api_keys set replaced_by = $3, expires_at = least(coalesce(expires_at, $4), $4), version = version + 1
         where tenant_id = $1 and id = $2 and replaced_by is null and revoked_at is null
           and (expires_at is null or expires_at > $5) returning ", columns!());
    AsTenant Modes UPDATE taking = concat!(
        "update api_keys set name = $3, allowed_networks = $4, version = version + 1
         where tenant_id = $1 and id = $2 and version = $5 and revoked_at is null returning ", columns!());
    AsTenant Modes WARN = concat!(
        "update api_keys set warned_days = $3
         where tenant_id = $1 and id = $2 and revoked_at is null and replaced_by is null and expires_at > $4
           and (warned_days is null or warned_days > $3) returning ", columns!());
    AsDoor OnlyControl ENDING = "select mode, tenant_id, id, days from doors.keys_ending($1, $2, $3, $4)";
    AsDoor OnlyControl CONTACTS = "select person_id, email, role, is_owner from doors.contacts_of_key($1)";
    AsDoor OnlyControl MAKERS = "select person_id, name, is_member from doors.makers_of_keys($1)";
    AsTenant Modes DELETE taking = concat!(
        "delete from api_keys where tenant_id = $1 and id = $2
           and (revoked_at is not null or expires_at <= $3) returning ", columns!());
    // Says nothing of `revoked_at`: with it the planner may take the index of the live keys, without the digest.
    AsTenant Modes BY_DIGEST = "
        select id, digest, scopes, allowed_networks, expires_at, revoked_at
        from api_keys where tenant_id = $1 and digest = $2";
    AsTenant Modes USED = "
        update api_keys set last_used_at = greatest(last_used_at, $3) where tenant_id = $1 and id = $2";
}

/// The index that lets a key have one successor.
pub(super) const ONE_SUCCESSOR: &str = "api_keys_successor";

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
    /// From where it works.
    pub networks: AllowList,
    /// The person who made it; none when another key did. They may have left since: the key stays.
    pub created_by: Option<PersonId>,
    /// The key that made it.
    pub created_by_key: Option<KeyId>,
    /// Whose power it carries.
    pub behind: Behind,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last accepted, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// Whose successor it is.
    pub rotated_from: Option<KeyId>,
    /// Its successor.
    pub replaced_by: Option<KeyId>,
    /// Grows with every change; uses are none.
    pub version: i64,
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

/// Somebody who may be told of a key.
pub(super) struct Contact {
    pub(super) person: PersonId,
    pub(super) email: String,
    pub(super) role: String,
    pub(super) is_owner: bool,
}

/// Somebody who made a key.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) name: String,
    /// Whether they still belong to the tenant.
    pub(super) is_member: bool,
}

/// A row as verification needs it.
pub(super) struct Found {
    pub(super) id: KeyId,
    pub(super) digest: KeyDigest,
    pub(super) scopes: Vec<String>,
    pub(super) networks: AllowList,
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
    let (by_person, by_key) = (key.created_by.map(PersonId::uuid), key.created_by_key.map(KeyId::uuid));
    tx.execute(
        &INSERT,
        &[
            &key.id.uuid(),
            &key.name,
            &digest.as_bytes().as_slice(),
            &key.start,
            &key.scopes,
            &key.networks.lines(),
            &by_person,
            &by_key,
            &key.behind.person.map(PersonId::uuid),
            &key.behind.role,
            &key.created_at,
            &key.expires_at,
            &key.rotated_from.map(KeyId::uuid),
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

/// The key as it stays until the end of the transaction: whoever revokes it waits.
pub(super) async fn hold<M: Mode>(tx: &mut TenantTx<M>, id: KeyId) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&HOLD, &[&id.uuid()]).await?.as_ref().map(read))
}

/// Names of some of the tenant's keys. One that was deleted has none any more.
pub(super) async fn names<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    ids: &[KeyId],
) -> Result<HashMap<KeyId, String>, DbFault>
where
    Database: HasStore<M>,
{
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = permit.read(ground, &NAMES, &[&ids]).await?;
    Ok(rows.iter().map(|row| (KeyId::from_uuid(row.get(0)), row.get(1))).collect())
}

/// `None`: there is no such key, or it was revoked before.
pub(super) async fn revoke<M: Mode>(tx: &mut TenantTx<M>, id: KeyId, now: Timestamp) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&REVOKE, &[&id.uuid(), &now]).await?.as_ref().map(read))
}

/// Names the successor and brings the end forward. `None`: it does not work any more, or has a successor already.
pub(super) async fn replace<M: Mode>(
    tx: &mut TenantTx<M>,
    id: KeyId,
    successor: KeyId,
    (until, now): (Timestamp, Timestamp),
) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&REPLACE, &[&id.uuid(), &successor.uuid(), &until, &now]).await?.as_ref().map(read))
}

/// `None`: somebody changed, revoked or deleted it after `version` was read.
pub(super) async fn update<M: Mode>(
    tx: &mut TenantTx<M>,
    id: KeyId,
    (name, networks): (&str, &AllowList),
    version: i64,
) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&UPDATE, &[&id.uuid(), &name, &networks.lines(), &version]).await?.as_ref().map(read))
}

/// `None`: there is no such key, or it still works.
pub(super) async fn delete<M: Mode>(tx: &mut TenantTx<M>, id: KeyId, now: Timestamp) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&DELETE, &[&id.uuid(), &now]).await?.as_ref().map(read))
}

/// Marks that people are told of the end, so many days before it. `None`: they were told, or there is no end to tell of.
pub(super) async fn warn<M: Mode>(
    tx: &mut TenantTx<M>,
    id: KeyId,
    days: i32,
    now: Timestamp,
) -> Result<Option<Key>, DbFault> {
    Ok(tx.query_opt(&WARN, &[&id.uuid(), &days, &now]).await?.as_ref().map(read))
}

/// Keys of all tenants that somebody is to be told of, after one of them, in order of id.
pub(super) async fn ending(
    permit: &Permit<RunJobs, Control>,
    ground: &Ground,
    thresholds: &[i32],
    after: Uuid,
    most: i32,
) -> Result<Vec<Ending>, DbFault> {
    let rows = permit.read(ground, &ENDING, &[&ground.now(), &thresholds, &after, &most]).await?;
    let read = |row: &Row| {
        Some(Ending {
            mode: row.get::<_, &str>("mode").parse().ok()?,
            tenant: TenantId::from_uuid(row.get("tenant_id")),
            id: KeyId::from_uuid(row.get("id")),
            days: row.get("days"),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Who may be told of a key: its maker, while they are a member, and the owners.
pub(super) async fn contacts(
    permit: &Permit<RunJobs, Control>,
    ground: &Ground,
    maker: Option<PersonId>,
) -> Result<Vec<Contact>, DbFault> {
    let rows = permit.read(ground, &CONTACTS, &[&maker.map(PersonId::uuid)]).await?;
    let read = |row: &Row| Contact {
        person: PersonId::from_uuid(row.get("person_id")),
        email: row.get("email"),
        role: row.get("role"),
        is_owner: row.get("is_owner"),
    };
    Ok(rows.iter().map(read).collect())
}

/// Names of people who made keys of the tenant. An account that is gone has none.
pub(super) async fn makers(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    ids: &[PersonId],
) -> Result<HashMap<PersonId, Maker>, DbFault> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = permit.read(ground, &MAKERS, &[&ids]).await?;
    let read = |row: &Row| {
        let maker = Maker { name: row.get("name"), is_member: row.get("is_member") };
        (PersonId::from_uuid(row.get("person_id")), maker)
    };
    Ok(rows.iter().map(read).collect())
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

fn read(row: &Row) -> Key {
    Key {
        id: KeyId::from_uuid(row.get("id")),
        name: row.get("name"),
        start: row.get("start"),
        scopes: row.get("scopes"),
        networks: networks(row),
        created_by: row.get::<_, Option<Uuid>>("created_by").map(PersonId::from_uuid),
        created_by_key: key_id(row, "created_by_key"),
        behind: Behind {
            person: row.get::<_, Option<Uuid>>("person_behind").map(PersonId::from_uuid),
            role: row.get("role_behind"),
        },
        created_at: row.get("created_at"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
        last_used_at: row.get("last_used_at"),
        rotated_from: key_id(row, "rotated_from"),
        replaced_by: key_id(row, "replaced_by"),
        version: row.get("version"),
    }
}

fn key_id(row: &Row, column: &str) -> Option<KeyId> {
    row.get::<_, Option<Uuid>>(column).map(KeyId::from_uuid)
}

fn networks(row: &Row) -> AllowList {
    AllowList::from_stored(&row.get::<_, Vec<String>>("allowed_networks"))
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
        networks: networks(row),
        expires_at: row.get("expires_at"),
    })
}
