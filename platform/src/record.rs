//! Audit rows and events, appended in the transaction of the change (AUD-1, AUD-2, AUD-5).
//!
//! What must always hold:
//!
//! - The row commits with the change or not at all: it is written through the same [`TenantTx`].
//! - Names, addresses and client words are ciphertext under a key of the person they belong to. The row's
//!   hash covers salted digests of them; the salts lie in the ciphertext. Dropping the person's key erases
//!   them and leaves every hash valid.
//! - An address that a row is about is ciphertext under a key of that address, in this log alone: it is erased by
//!   itself, whoever acted, and whether or not it has an account. The key's id is a keyed digest and names nobody.
//! - To be found by its address, a row has a mark of 16 bits under a key of the tenant's log. It is no part of the
//!   hash, and what it tells of an erased person is shared by 65,536 addresses of IPv4.

mod each;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{AuditId, EventId, TenantId};
use tenantry_core::leaf::{ActorKind, Leaf, Personal, Salt};
use tenantry_core::seal::{DataKey, Place, SealFault};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use each::{Note, append_each};

use crate::db::{DbFault, Everywhere, In, Plane, TenantTx, ToSql};
use crate::events::EventKind;
use crate::ground::Ground;
use crate::permit::Acting;

/// The layout of the row and its leaf.
const VERSION: i16 = 1;
/// Subject keys kept open at most: about 100 bytes each.
const SUBJECT_KEYS_MOST: usize = 50_000;
/// Stands among the subjects for the key of a log's address marks. No UUIDv7, so nobody's id.
const MARKS: Uuid = Uuid::from_bytes(*b"audit-ip-marks/1");

crate::sql! {
    AsTenant Everywhere INSERT_AUDIT = "
        insert into audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action,
            entity_type, entity_id, request_id, metadata, changes, personal, digests, leaf_hash, ip_mark, about_id, about)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    AsTenant Everywhere INSERT_EVENT = "insert into events (tenant_id, id, at, type, data) values ($1, $2, $3, $4, $5)";
    AsTenant Everywhere FIND_SUBJECT_KEY = "select sealed from subject_keys where tenant_id = $1 and subject_id = $2";
    AsTenant Everywhere INSERT_SUBJECT_KEY = "
        insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, subject_id) do nothing returning true";
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Act {
    /// `api_key.created`
    pub action: &'static str,
    /// `api_key`
    pub entity_type: &'static str,
    /// Which one.
    pub entity_id: String,
    /// Structured detail without personal data.
    pub metadata: Value,
    /// `{"field": [before, after]}`, without personal data.
    pub changes: Value,
    /// A personal field of somebody else than who acts, and their address: `invited_email`.
    pub about: Option<(&'static str, EmailAddress)>,
}

impl Act {
    /// An act on a thing.
    pub fn new(action: &'static str, entity_type: &'static str, entity_id: impl ToString) -> Self {
        let entity_id = entity_id.to_string();
        Self { action, entity_type, entity_id, metadata: empty(), changes: empty(), about: None }
    }

    /// With structured detail.
    #[must_use]
    pub fn with(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// With the address of somebody whom it is about.
    #[must_use]
    pub fn about(mut self, field: &'static str, address: EmailAddress) -> Self {
        self.about = Some((field, address));
        self
    }

    /// With a changed field.
    #[must_use]
    pub fn changed(mut self, field: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        if let Value::Object(changes) = &mut self.changes {
            changes.insert(field.to_owned(), Value::Array(vec![before.into(), after.into()]));
        }
        self
    }
}

/// What tells something of a person, with the salts of its digests. Only ever stored sealed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PersonalFields {
    /// Field, value, salt in hexadecimal.
    pub fields: BTreeMap<String, (String, String)>,
}

/// Appends an audit row to the tenant of the transaction.
pub async fn append<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    act: Act,
) -> Result<AuditId, DbFault> {
    let tenant = tx.context().tenant.ok_or_else(|| DbFault::Refused("an audit row needs a tenant".to_owned()))?;
    let acting = tx.acting().clone();
    // The log's own key first, so that two that both make it wait for each other in one order.
    let marks = match acting.origin.ip {
        Some(_) => Some(held_key(tx, ground, tenant, MARKS).await?),
        None => None,
    };
    let about = match &act.about {
        Some((_, address)) => {
            let subject = subject_of_address(tx, ground, address).await?;
            Some((subject, held_key(tx, ground, tenant, subject).await?))
        }
        None => None,
    };
    let subject = held_key(tx, ground, tenant, acting.actor.subject).await?;
    let row = AuditRow::new::<M>(ground, tenant, &acting, act, &Keys { marks, subject, about });
    tx.execute(&INSERT_AUDIT, &row.values()).await?;
    ground.metrics.audit_rows.add_one();
    Ok(AuditId::from_uuid(row.id))
}

/// The keys that a row is sealed under.
struct Keys {
    /// Of the log itself; only an address needs it.
    marks: Option<Arc<DataKey>>,
    /// Of whoever acts.
    subject: Arc<DataKey>,
    /// Of the address that the row is about, by the subject that it is in this log.
    about: Option<(Uuid, Arc<DataKey>)>,
}

/// A row as it is stored.
struct AuditRow {
    id: Uuid,
    at: Timestamp,
    actor_type: &'static str,
    acting: Acting,
    act: Act,
    sealed: Vec<u8>,
    about_id: Option<Uuid>,
    about: Option<Vec<u8>>,
    digests: Value,
    hash: Vec<u8>,
    ip_mark: Option<i32>,
}

impl AuditRow {
    fn new<M: Plane>(ground: &Ground, tenant: TenantId, acting: &Acting, act: Act, keys: &Keys) -> Self {
        let id = AuditId::new(&ground.clock, &ground.entropy);
        let personal = personal_fields(ground, acting);
        let told = keys.about.as_ref().zip(act.about.as_ref());
        let told = told.map(|(key, (field, address))| (key, salted(ground, [(*field, address.as_str())])));
        let mut digests: BTreeMap<_, _> = digests(&personal).collect();
        digests.extend(told.iter().flat_map(|(_, fields)| self::digests(fields)));
        let at = ground.now();
        let kind = if acting.actor.system { ActorKind::System } else { ActorKind::User };
        let leaf = Leaf {
            id,
            tenant: Some(tenant),
            plane: M::SCHEMA,
            at,
            actor_kind: kind,
            actor_type: acting.actor.kind,
            actor_id: Some(&acting.actor.id),
            action: act.action,
            entity_type: act.entity_type,
            entity_id: Some(&act.entity_id),
            request_id: acting.origin.request_id.as_deref(),
            metadata: &act.metadata,
            changes: &act.changes,
            personal: &digests.iter().map(|(field, digest)| Personal { field, digest: *digest }).collect::<Vec<_>>(),
        };
        let hash = leaf.hash();
        let stored = digests.iter().map(|(field, digest)| (field.clone(), Value::from(hex(digest))));
        Self {
            id: id.uuid(),
            at,
            actor_type: kind.as_str(),
            acting: acting.clone(),
            act,
            sealed: seal(ground, &keys.subject, tenant, id, &personal),
            about_id: told.as_ref().map(|((subject, _), _)| *subject),
            about: told.as_ref().map(|((_, key), fields)| seal(ground, key, tenant, id, fields)),
            digests: stored.collect::<serde_json::Map<_, _>>().into(),
            hash: hash.to_vec(),
            ip_mark: keys.marks.as_ref().zip(acting.origin.ip).map(|(key, ip)| mark(key, ip)),
        }
    }

    /// From `$2` on.
    fn values(&self) -> [&(dyn ToSql + Sync); 19] {
        let Acting { actor, origin } = &self.acting;
        [
            &self.id,
            &VERSION,
            &self.at,
            &self.actor_type,
            &actor.kind,
            &actor.id,
            &actor.subject,
            &self.act.action,
            &self.act.entity_type,
            &self.act.entity_id,
            &origin.request_id,
            &self.act.metadata,
            &self.act.changes,
            &self.sealed,
            &self.digests,
            &self.hash,
            &self.ip_mark,
            &self.about_id,
            &self.about,
        ]
    }
}

/// Emits an event for the app, in the same transaction. Its kind is declared with [`events!`](crate::events!), in the
/// area's `events.rs`, with each field that `data` has.
pub async fn emit<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    kind: &'static EventKind,
    data: Value,
) -> Result<EventId, DbFault> {
    let row = EventRow::new(ground, kind, data);
    tx.execute(&INSERT_EVENT, &row.values()).await?;
    Ok(EventId::from_uuid(row.id))
}

/// An event as it is stored.
struct EventRow {
    id: Uuid,
    at: Timestamp,
    word: &'static str,
    data: Value,
}

impl EventRow {
    fn new(ground: &Ground, kind: &'static EventKind, data: Value) -> Self {
        if let Some(fault) = kind.fault(&data) {
            // A test of the verb finds it. Where it was not found, the change is worth more than the documentation.
            debug_assert!(fault.is_empty(), "{fault}");
            tracing::error!(fault, "an event is not as it is documented");
        }
        let id = EventId::new(&ground.clock, &ground.entropy).uuid();
        Self { id, at: ground.now(), word: kind.word, data }
    }

    /// From `$2` on.
    fn values(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.id, &self.at, &self.word, &self.data]
    }
}

/// What became of the personal fields of a row.
#[derive(Clone, Debug)]
pub enum Revealed {
    /// They open.
    Known(PersonalFields),
    /// The person has no key: it was erased, and with it all that it sealed.
    Erased,
    /// The person has another key: the one of this row was erased, and they came back.
    ErasedBefore,
}

/// Opens the personal fields of a stored row.
///
/// # Errors
/// [`DbFault::Refused`] where the key is there and they do not open: somebody altered them.
pub async fn reveal<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    subject: Uuid,
    id: AuditId,
    sealed: &[u8],
) -> Result<Revealed, DbFault> {
    let tenant = tx.context().tenant.ok_or_else(|| DbFault::Refused("an audit row needs a tenant".to_owned()))?;
    let Some(key) = find_key(tx, ground, tenant, subject).await? else { return Ok(Revealed::Erased) };
    let scope = tenant.to_string();
    match key.open(&row_place(&scope, id.uuid().as_bytes()), sealed) {
        Ok(plain) => serde_json::from_slice(&plain)
            .map(Revealed::Known)
            .map_err(|_| DbFault::Refused("what was sealed is no set of personal fields".to_owned())),
        Err(SealFault::UnknownKey(_)) => Ok(Revealed::ErasedBefore),
        Err(fault) => Err(DbFault::Refused(fault.to_string())),
    }
}

/// The mark under which this plane's rows of an address are found, `None` where no row has any.
///
/// It narrows the search to about one row in 65,536 of others; the address itself is only in the ciphertext, so whoever
/// searches opens what the mark finds and compares.
pub async fn find_mark<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    ip: IpAddr,
) -> Result<Option<i32>, DbFault> {
    let tenant = tx.context().tenant.ok_or_else(|| DbFault::Refused("an audit row needs a tenant".to_owned()))?;
    Ok(find_key(tx, ground, tenant, MARKS).await?.map(|key| mark(&key, ip)))
}

/// The keys of people in tenants' logs, opened.
#[derive(Default)]
pub(crate) struct SubjectKeys(DashMap<Whose, Arc<DataKey>>);

impl std::fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubjectKeys({})", self.0.len())
    }
}

fn personal_fields(ground: &Ground, acting: &Acting) -> PersonalFields {
    let ip = acting.origin.ip.map(|ip| ip.to_string());
    let found = [
        ("actor_name", acting.actor.name.as_deref()),
        ("actor_email", acting.actor.email.as_deref()),
        ("ip", ip.as_deref()),
        ("user_agent", acting.origin.user_agent.as_deref()),
    ];
    salted(ground, found.into_iter().filter_map(|(field, value)| Some((field, value?))))
}

fn salted<'a>(ground: &Ground, found: impl IntoIterator<Item = (&'a str, &'a str)>) -> PersonalFields {
    let fields = found.into_iter().map(|(field, value)| {
        let salt = hex(Salt::generate(&ground.entropy).as_bytes());
        (field.to_owned(), (value.to_owned(), salt))
    });
    PersonalFields { fields: fields.collect() }
}

/// Sixteen bits: enough to find by, too few to tell an address of the 65,536 of IPv4 that share them.
fn mark(key: &DataKey, ip: IpAddr) -> i32 {
    let digest = match ip.to_canonical() {
        IpAddr::V4(ip) => key.derive("blind-index", &[b"audit.ip"]).sign(&[&ip.octets()]),
        IpAddr::V6(ip) => key.derive("blind-index", &[b"audit.ip"]).sign(&[&ip.octets()]),
    };
    i32::from(u16::from_be_bytes([digest[0], digest[1]]))
}

fn digests(personal: &PersonalFields) -> impl Iterator<Item = (String, [u8; 32])> {
    let digest = |(field, (value, salt)): (&String, &(String, String))| {
        (field.clone(), Salt::from_bytes(unhex(salt)).digest(field, value))
    };
    personal.fields.iter().map(digest)
}

/// The subject that an address is in the log of the transaction's tenant. Whoever erases a person drops this key of
/// their address as well as their own.
///
/// # Errors
/// What the database says.
pub async fn subject_of_address<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    address: &EmailAddress,
) -> Result<Uuid, DbFault> {
    let tenant = tx.context().tenant.ok_or_else(|| DbFault::Refused("an audit row needs a tenant".to_owned()))?;
    let key = held_key(tx, ground, tenant, MARKS).await?;
    let digest = key.derive("blind-index", &[b"audit.address"]).sign(&[address.lookup().as_bytes()]);
    Ok(uuid::Builder::from_custom_bytes(array(&digest)).into_uuid())
}

fn seal(ground: &Ground, key: &DataKey, tenant: TenantId, id: AuditId, personal: &PersonalFields) -> Vec<u8> {
    let plain = Zeroizing::new(serde_json::to_vec(personal).unwrap_or_default());
    let scope = tenant.to_string();
    key.seal(&row_place(&scope, id.uuid().as_bytes()), &plain, &ground.entropy)
}

async fn held_key<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    tenant: TenantId,
    subject: Uuid,
) -> Result<Arc<DataKey>, DbFault> {
    match find_key(tx, ground, tenant, subject).await? {
        Some(key) => Ok(key),
        None => make_key(tx, ground, tenant, subject).await,
    }
}

async fn find_key<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    tenant: TenantId,
    subject: Uuid,
) -> Result<Option<Arc<DataKey>>, DbFault> {
    let whose = (M::SCHEMA, tenant, subject);
    if let Some(key) = remembered(ground, whose) {
        return Ok(Some(key));
    }
    let Some(row) = tx.query_opt(&FIND_SUBJECT_KEY, &[&subject]).await? else { return Ok(None) };
    open_key(tx, ground, whose, row.get(0)).map(Some)
}

async fn make_key<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    tenant: TenantId,
    subject: Uuid,
) -> Result<Arc<DataKey>, DbFault> {
    let (key, sealed) = new_key(ground, (M::SCHEMA, tenant, subject));
    let made = tx.query_opt(&INSERT_SUBJECT_KEY, &[&subject, &sealed, &ground.now()]).await?;
    if made.is_some() {
        tx.new_subjects().push(subject);
        return Ok(Arc::new(key));
    }
    // Another transaction was faster: its key is there now.
    find_key(tx, ground, tenant, subject).await?.ok_or_else(erased_meanwhile)
}

/// In which plane, in whose log, of whom.
type Whose = (&'static str, TenantId, Uuid);

fn remembered(ground: &Ground, whose: Whose) -> Option<Arc<DataKey>> {
    ground.subject_keys.0.get(&whose).map(|key| Arc::clone(&key))
}

/// Opens a stored key, and remembers it unless this transaction made it: then it may still be rolled back.
fn open_key<M: Plane>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    whose: Whose,
    sealed: &[u8],
) -> Result<Arc<DataKey>, DbFault> {
    let (schema, tenant, subject) = whose;
    let scope = tenant.to_string();
    let place = key_place(&scope, schema, subject.as_bytes());
    let bytes = ground.sealer.open(&place, sealed).map_err(|fault| DbFault::Refused(fault.to_string()))?;
    let key = Arc::new(DataKey::from_bytes(&Zeroizing::new(array(&bytes))));
    if !tx.new_subjects().contains(&subject) {
        remember(ground, whose, &key);
    }
    Ok(key)
}

/// A key, and how it is stored.
fn new_key(ground: &Ground, (schema, tenant, subject): Whose) -> (DataKey, Vec<u8>) {
    let key = DataKey::generate(&ground.entropy);
    let scope = tenant.to_string();
    let place = key_place(&scope, schema, subject.as_bytes());
    let sealed = ground.sealer.seal(&place, key.expose_bytes(), &ground.entropy);
    (key, sealed)
}

fn erased_meanwhile() -> DbFault {
    DbFault::Retry("the subject's key was erased meanwhile".to_owned())
}

fn remember(ground: &Ground, whose: Whose, key: &Arc<DataKey>) {
    if ground.subject_keys.0.len() >= SUBJECT_KEYS_MOST {
        ground.subject_keys.0.clear();
    }
    ground.subject_keys.0.insert(whose, Arc::clone(key));
}

fn key_place<'a>(scope: &'a str, schema: &'static str, subject: &'a [u8; 16]) -> Place<'a> {
    Place { label: "audit-subject", scope, table: schema, column: "subject_keys.sealed", row: subject }
}

fn row_place<'a>(scope: &'a str, id: &'a [u8; 16]) -> Place<'a> {
    Place { label: "audit-personal", scope, table: "audit", column: "personal", row: id }
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> [u8; 32] {
    let mut out = [0_u8; 32];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).unwrap_or(0) as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    out
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0_u8; N];
    let n = bytes.len().min(N);
    out[..n].copy_from_slice(&bytes[..n]);
    out
}
