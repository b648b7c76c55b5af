//! A stored row, read back, and whether its hash is still that of its columns.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{AuditId, TenantId};
use tenantry_core::leaf::{self, ActorKind, Leaf};
use tenantry_core::merkle::Hash;
use tenantry_platform::db::Row;
use tenantry_platform::record::PersonalFields;
use uuid::Uuid;

/// The columns that [`Entry::read`] reads, in the order in which every statement names them.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose log.
    pub tenant: TenantId,
    /// `control`, `live` or `test`.
    pub plane: &'static str,
    /// Which row.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// `USER` or `SYSTEM`.
    pub actor_type: String,
    /// `session`, `api_key`, `job`, …
    pub actor_kind: String,
    /// Who.
    pub actor_id: String,
    /// Whose key the personal fields are under.
    pub subject: Uuid,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub entity_type: String,
    /// To which one.
    pub entity_id: String,
    /// In which request.
    pub request_id: Option<String>,
    /// Structured detail.
    pub metadata: Value,
    /// Before and after.
    pub changes: Value,
    /// The ciphertext of the personal fields.
    pub sealed: Vec<u8>,
    /// Digests of the personal fields, in hexadecimal, by name.
    pub digests: BTreeMap<String, String>,
    /// The hash of all of it.
    pub leaf_hash: Vec<u8>,
    /// The personal fields of whoever acted, once they were looked for.
    pub personal: Personal,
    /// Whom it is about, and the ciphertext under their key.
    pub about_sealed: Option<(Uuid, Vec<u8>)>,
    /// Their personal fields, once they were looked for. None: it is about nobody.
    pub about: Option<Personal>,
}

/// What is known of a row's names and addresses.
#[derive(Clone, Debug)]
pub enum Personal {
    /// They were not asked for.
    Sealed,
    /// Opened.
    Known(PersonalFields),
    /// The person's key is gone, and with it what it sealed.
    Erased,
    /// The ciphertext does not open: somebody altered it.
    Damaged,
}

impl Entry {
    /// Reads the columns `id, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type, entity_id,
    /// request_id, metadata, changes, personal, digests, leaf_hash, about_id, about`.
    pub fn read(row: &Row, tenant: TenantId, plane: &'static str) -> Self {
        let digests: Value = row.get(13);
        let about: (Option<Uuid>, Option<Vec<u8>>) = (row.get(15), row.get(16));
        Self {
            tenant,
            plane,
            id: AuditId::from_uuid(row.get(0)),
            at: row.get(1),
            actor_type: row.get(2),
            actor_kind: row.get(3),
            actor_id: row.get(4),
            subject: row.get(5),
            action: row.get(6),
            entity_type: row.get(7),
            entity_id: row.get(8),
            request_id: row.get(9),
            metadata: row.get(10),
            changes: row.get(11),
            sealed: row.get(12),
            digests: serde_json::from_value(digests).unwrap_or_default(),
            leaf_hash: row.get(14),
            personal: Personal::Sealed,
            about: about.0.map(|_| Personal::Sealed),
            about_sealed: about.0.zip(about.1),
        }
    }

    /// Whether the stored hash is the hash of the stored columns.
    pub fn is_intact(&self) -> bool {
        self.computed_hash().is_some_and(|hash| hash.as_slice() == self.leaf_hash)
    }

    /// A personal field, where it is known.
    pub fn personal_field(&self, field: &str) -> Option<&str> {
        self.known().find_map(|personal| personal.fields.get(field)).map(|(value, _)| value.as_str())
    }

    /// What is known of people: of whoever acted, and of whom it is about.
    pub(super) fn known(&self) -> impl Iterator<Item = &PersonalFields> {
        self.people().filter_map(|personal| match personal {
            Personal::Known(personal) => Some(personal),
            Personal::Sealed | Personal::Erased | Personal::Damaged => None,
        })
    }

    /// The people of the row.
    pub(super) fn people(&self) -> impl Iterator<Item = &Personal> {
        std::iter::once(&self.personal).chain(&self.about)
    }

    /// Whether the row says that it came from this address; one that is erased says nothing.
    pub fn is_from(&self, ip: IpAddr) -> bool {
        let told = self.personal_field("ip").and_then(|text| text.parse::<IpAddr>().ok());
        told.is_some_and(|told| told.to_canonical() == ip.to_canonical())
    }

    fn computed_hash(&self) -> Option<Hash> {
        let personal: Vec<(&str, Hash)> =
            self.digests.iter().map(|(field, digest)| Some((field.as_str(), unhex(digest)?))).collect::<Option<_>>()?;
        let personal: Vec<_> =
            personal.iter().map(|(field, digest)| leaf::Personal { field, digest: *digest }).collect();
        let leaf = Leaf {
            id: self.id,
            tenant: Some(self.tenant),
            plane: self.plane,
            at: self.at,
            actor_kind: self.leaf_kind()?,
            actor_type: &self.actor_kind,
            actor_id: Some(&self.actor_id),
            action: &self.action,
            entity_type: &self.entity_type,
            entity_id: Some(&self.entity_id),
            request_id: self.request_id.as_deref(),
            metadata: &self.metadata,
            changes: &self.changes,
            personal: &personal,
        };
        Some(leaf.hash())
    }

    fn leaf_kind(&self) -> Option<ActorKind> {
        [ActorKind::User, ActorKind::System].into_iter().find(|kind| kind.as_str() == self.actor_type)
    }
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != hash.len() * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
