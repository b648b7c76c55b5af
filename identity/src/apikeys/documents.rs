//! Keys as programs send and read them.

use serde::{Deserialize, Deserializer, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_platform::db::Mode;
use tenantry_platform::feed;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Key, KeyState};

/// A key, without what it is known by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyDocument {
    pub(super) id: Uuid,
    name: String,
    /// `live` or `test`.
    mode: &'static str,
    /// The first eight characters of the key's random part, to tell keys apart.
    start: String,
    scopes: Vec<String>,
    /// Networks that it works from; empty: from anywhere.
    allowed_networks: Vec<String>,
    state: StateWord,
    /// The person who made it; absent when another key did. They may have left: the key belongs to the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// The key that made it; absent when a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by_key: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Absent: it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// To about a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// The key whose successor it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated_from: Option<Uuid>,
    /// Its successor. It works until `expires_at`, and cannot be rotated again.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<Uuid>,
    /// Grows with every change; send it as `If-Match: "3"` with yours.
    pub(super) version: i64,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateWord {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A page of keys, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyPage {
    /// The keys.
    pub(super) data: Vec<KeyDocument>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_after: Option<Uuid>,
}

/// Which keys.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_after` of the page before.
    #[param(value_type = Option<Uuid>)]
    pub(super) after: Option<KeyId>,
    /// Keys of the answer, 1 to 200; 50 unless said.
    pub(super) limit: Option<u16>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What people will call it, 1 to 100 characters.
    pub(super) name: String,
    /// Permissions, such as `orders:read`. None that the caller lacks.
    pub(super) scopes: Vec<String>,
    /// When it ends, no later than the key that makes it. Absent: after the installation's usual time, 90 days unless it
    /// says otherwise, or with the key that makes it. `null`: never by itself, where that may be.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) expires_at: Option<Option<Timestamp>>,
    /// Addresses and networks that it works from, such as `203.0.113.0/24` or `2001:db8::/32`, 32 at most. Empty or
    /// absent: from anywhere; for a key that makes a key, from its own networks.
    #[serde(default)]
    pub(super) allowed_networks: Vec<String>,
}

/// A field that is there with `null` says something else than one that is not there.
fn said<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// What shall be other than it is; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateKey {
    /// What people call it, 1 to 100 characters.
    pub(super) name: Option<String>,
    /// Networks that it works from; an empty list: from anywhere. More of them than before need every scope of the key.
    pub(super) allowed_networks: Option<Vec<String>>,
}

/// How a key is to be rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// For how many seconds both keys work, 0 to 604800 (seven days); 86400 (a day) unless said. With 0 the old key is
    /// revoked at once.
    #[schema(minimum = 0, maximum = 604_800)]
    pub(super) overlap_s: Option<u64>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct CreatedDocument {
    pub(super) key: KeyDocument,
    /// The key itself. Shown here once; nobody can show it again. Absent in a replayed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    /// Why there is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notice: Option<&'static str>,
}

/// A key and its successor.
#[derive(Serialize, ToSchema)]
pub struct RotatedDocument {
    /// The new key.
    pub(super) key: KeyDocument,
    /// The new key itself. Shown here once; nobody can show it again. Absent in a replayed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    /// Why there is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notice: Option<&'static str>,
    /// The old key. It works until its `expires_at`.
    pub(super) predecessor: KeyDocument,
    /// Who has heard of the old key's end. Absent in a replayed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reach: Option<Reach>,
}

/// What stands in a replayed answer for the secret.
pub(super) const SHOWN_BEFORE: &str =
    "The key was shown in the first answer alone. If that answer was lost, revoke this key and create another one.";

/// A key that was revoked or changed, and who has heard of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedKey {
    pub(super) key: KeyDocument,
    /// Absent in a replayed answer: it was true when the first one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reach: Option<Reach>,
}

/// How far a change has come when the call returns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reach {
    /// Nodes that know of it.
    applied: u32,
    /// Nodes that do not, and whose lease on believing what they knew before is over.
    lapsed: u32,
    /// Until when one of those may at the very most believe what was before, because it serves while the database is
    /// down. Absent: nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    may_accept_until: Option<Timestamp>,
}

impl KeyDocument {
    pub(super) fn of<M: Mode>(key: Key, now: Timestamp) -> Self {
        Self {
            id: key.id.uuid(),
            mode: M::MODE.as_str(),
            state: key.state(now).into(),
            name: key.name,
            start: key.start,
            scopes: key.scopes,
            allowed_networks: key.networks.lines(),
            created_by: key.created_by.map(PersonId::uuid),
            created_by_key: key.created_by_key.map(KeyId::uuid),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            rotated_from: key.rotated_from.map(KeyId::uuid),
            replaced_by: key.replaced_by.map(KeyId::uuid),
            version: key.version,
        }
    }
}

impl From<KeyState> for StateWord {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Active => Self::Active,
            KeyState::Expired => Self::Expired,
            KeyState::Revoked => Self::Revoked,
        }
    }
}

impl From<feed::Reach> for Reach {
    fn from(reach: feed::Reach) -> Self {
        Self { applied: reach.applied, lapsed: reach.lapsed, may_accept_until: reach.may_accept_until }
    }
}
