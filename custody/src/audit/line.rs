//! A row as programs read it: the same in the API and in the export, documented in `docs/audit-schema.md`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use tenantry_platform::record::hex;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::{Entry, Personal};
use super::export::End;

/// The name and version of this layout. Fields are only ever added under it.
pub(super) const SCHEMA: &str = "tenantry/audit/v1";

/// The name and version of an export's last record.
pub(super) const END: &str = "tenantry/audit-end/v1";

/// One row of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// `tenantry/audit/v1`.
    pub schema: &'static str,
    /// Ordered by time (UUIDv7): the same in every export.
    pub id: Uuid,
    /// Whose log.
    pub tenant_id: Uuid,
    /// `control` for people and settings, `live` or `test` for what exists once a mode.
    pub plane: &'static str,
    /// RFC 3339, UTC, to the microsecond.
    pub at: String,
    /// Who.
    pub actor: ActorLine,
    /// What: `api_key.created`.
    pub action: String,
    /// To what.
    pub entity: EntityLine,
    /// The `x-request-id` of the request that did it.
    pub request_id: Option<String>,
    /// Structured detail without personal data.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// `{"field": [before, after]}`, without personal data.
    #[schema(value_type = Object)]
    pub changes: Value,
    /// `known`, `erased` or `damaged`: the worst of whoever acted and of whom it is about.
    pub personal_state: &'static str,
    /// `actor_name`, `actor_email`, `ip`, `user_agent`, `invited_email`, where the row has them and they are known.
    pub personal: BTreeMap<String, String>,
    /// What proves the row.
    pub leaf: LeafLine,
}

/// Who acted.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorLine {
    /// `USER` or `SYSTEM`.
    pub r#type: String,
    /// `session`, `api_key`, `operator`, `cron`, `job`, …
    pub kind: String,
    /// A person's or key's id, or a job's name.
    pub id: String,
}

/// What was acted on.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntityLine {
    /// `api_key`, `session`, `route`, …
    pub r#type: String,
    /// Which one.
    pub id: String,
}

/// The row's Merkle leaf (RFC 6962), in hexadecimal.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeafLine {
    /// SHA-256 of the canonical bytes, with the leaf's prefix.
    pub hash: String,
    /// Salted digests of the personal fields: what the hash covers in their place.
    pub digests: BTreeMap<String, String>,
    /// The salts, while the fields are known.
    pub salts: BTreeMap<String, String>,
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let (personal, salts) = opened(entry);
        Self {
            schema: SCHEMA,
            id: entry.id.uuid(),
            tenant_id: entry.tenant.uuid(),
            plane: entry.plane,
            at: entry.at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            actor: ActorLine {
                r#type: entry.actor_type.clone(),
                kind: entry.actor_kind.clone(),
                id: entry.actor_id.clone(),
            },
            action: entry.action.clone(),
            entity: EntityLine { r#type: entry.entity_type.clone(), id: entry.entity_id.clone() },
            request_id: entry.request_id.clone(),
            metadata: entry.metadata.clone(),
            changes: entry.changes.clone(),
            personal_state: state(entry),
            personal,
            leaf: LeafLine { hash: hex(&entry.leaf_hash), digests: entry.digests.clone(), salts },
        }
    }
}

pub(super) fn write(entry: &Entry, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *page, &Line::from(entry))?;
    page.push(b'\n');
    Ok(())
}

/// What a whole export ends with: without it the file was cut off.
pub(super) fn end(end: &End, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let record = json!({ "schema": END, "id": end.export, "tenant_id": end.tenant, "end": true, "rows": end.rows });
    serde_json::to_writer(&mut *page, &record)?;
    page.push(b'\n');
    Ok(())
}

/// The worst of what became of them.
fn state(entry: &Entry) -> &'static str {
    let is = |wanted: fn(&Personal) -> bool| entry.people().any(wanted);
    if is(|personal| matches!(personal, Personal::Sealed | Personal::Damaged)) {
        "damaged"
    } else if is(|personal| matches!(personal, Personal::Erased)) {
        "erased"
    } else {
        "known"
    }
}

fn opened(entry: &Entry) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let fields = entry.known().flat_map(|personal| &personal.fields);
    fields.map(|(field, (value, salt))| ((field.clone(), value.clone()), (field.clone(), salt.clone()))).unzip()
}
