//! The canonical bytes of an audit row (AUD-1, AUD-2, AUD-5, AUD-6).
//!
//! Layout `tenantry/audit-leaf/v1`: every field in the order of [`Leaf`], each preceded by its
//! length, optional ones by a byte that says whether they are there. What tells something of a
//! person enters only as a salted digest: once the value and its salt are erased, the leaf still
//! proves the row and nothing can be guessed back. The layout never changes; a new one gets a new name.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canonical::{self, Fields};
use crate::clock::Timestamp;
use crate::ids::{AuditId, TenantId};
use crate::merkle::{self, Hash};
use crate::random::Entropy;

const LAYOUT: &str = "tenantry/audit-leaf/v1";

/// Who acted: a person, or the system on its own or on behalf of a key (AUD-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActorKind {
    /// A signed-in person.
    User,
    /// A job, a key, an operator's command.
    System,
}

/// Thirty-two random bytes that make a digest of something guessable unguessable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// A field that tells something of a person, as its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Personal<'a> {
    /// Name of the field: `actor_name`, `actor_email`, `ip`, `user_agent`, `invited_email`, …
    pub field: &'a str,
    /// From [`Salt::digest`].
    pub digest: Hash,
}

/// An audit row, without anything personal in the clear.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// The row's id.
    pub id: AuditId,
    /// Whose log it stands in; none for the operator's own.
    pub tenant: Option<TenantId>,
    /// The schema: `control`, `live` or `test`.
    pub plane: &'a str,
    /// When, to the microsecond.
    pub at: Timestamp,
    /// Person or system.
    pub actor_kind: ActorKind,
    /// Which way of acting: `person`, `key`, `job`, `operator`, `cli`, …
    pub actor_type: &'a str,
    /// The actor's id, where it has one.
    pub actor_id: Option<&'a str>,
    /// What was done: `api_key.created`.
    pub action: &'a str,
    /// To what kind of thing: `api_key`.
    pub entity_type: &'a str,
    /// To which one.
    pub entity_id: Option<&'a str>,
    /// The request that did it.
    pub request_id: Option<&'a str>,
    /// Structured detail without personal data.
    pub metadata: &'a Value,
    /// Before and after, without personal data.
    pub changes: &'a Value,
    /// Digests of the personal fields that this row has, in any order.
    pub personal: &'a [Personal<'a>],
}

impl Salt {
    /// Draws a salt: one for each personal field, so that showing one field helps to guess no other.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// A salt as stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store beside the value.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `SHA-256(salt ‖ length of the name ‖ name ‖ value)`; the salt has 32 bytes, the length is a u32, big-endian.
    pub fn digest(&self, field: &str, value: &str) -> Hash {
        let name = Fields::default().text(field);
        Sha256::new_with_prefix(self.0).chain_update(name.as_bytes()).chain_update(value).finalize().into()
    }
}

impl Leaf<'_> {
    /// The bytes that are hashed, and that an exported row is rebuilt into by whoever checks it.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut personal = self.personal.to_vec();
        personal.sort_unstable();
        let fields = Fields::new(LAYOUT)
            .bytes(self.id.uuid().as_bytes())
            .optional(self.tenant.map(TenantId::uuid).as_ref().map(|id| id.as_bytes().as_slice()))
            .text(self.plane)
            .number(self.at.as_microsecond())
            .text(self.actor_kind.as_str())
            .text(self.actor_type)
            .optional(self.actor_id.map(str::as_bytes))
            .text(self.action)
            .text(self.entity_type)
            .optional(self.entity_id.map(str::as_bytes))
            .optional(self.request_id.map(str::as_bytes))
            .text(&canonical::json(self.metadata))
            .text(&canonical::json(self.changes));
        personal.iter().fold(fields, |fields, one| fields.text(one.field).bytes(&one.digest)).into_bytes()
    }

    /// The leaf's hash in the tenant's tree.
    pub fn hash(&self) -> Hash {
        merkle::leaf_hash(&self.canonical_bytes())
    }
}

impl ActorKind {
    /// As stored, exported and hashed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::System => "SYSTEM",
        }
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(…)")
    }
}
