//! A row as an event of the Open Cybersecurity Schema Framework, version 1.3.0 (schema.ocsf.io/1.3.0).
//!
//! The class and activity of each action stand in [`super::actions`]. What OCSF has no attribute for is in `unmapped`,
//! so that the row can be put together again, and its hash checked, from the event alone.

use serde_json::{Map, Value, json};

use super::actions::{Action, Class, action};
use super::entry::Entry;
use super::export::End;
use super::line::{END, Line};

/// The version whose attributes these are. A newer one is another format, not a change of this.
const VERSION: &str = "1.3.0";
/// `user.type_id`.
const USER: u32 = 1;
const SYSTEM: u32 = 3;

pub(super) fn write(entry: &Entry, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    put(&event(entry), page)
}

/// A base event (class 0) that tells that all came: without it the file was cut off.
pub(super) fn end(end: &End, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let record = json!({
        "activity_id": 99, "category_uid": 0, "class_uid": 0, "type_uid": 99, "severity_id": 1,
        "time": end.at.as_millisecond(),
        "message": "The export is complete.",
        "metadata": metadata(&end.export.to_string(), &end.tenant.to_string()),
        "unmapped": { "schema": END, "end": true, "rows": end.rows },
    });
    put(&record, page)
}

fn put(value: &Value, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *page, value)?;
    page.push(b'\n');
    Ok(())
}

fn event(entry: &Entry) -> Value {
    let (line, action) = (Line::from(entry), action(&entry.action));
    let (class, activity) = (action.class.uid(), activity(&line, &action));
    let mut event = json!({
        "activity_id": activity,
        "category_uid": class / 1000,
        "class_uid": class,
        "type_uid": class * 100 + activity,
        "severity_id": action.weight.severity(),
        "status_id": action.weight.status(),
        "time": entry.at.as_millisecond(),
        "message": if action.meaning.is_empty() { &entry.action } else { action.meaning },
        "metadata": metadata(&line.id.to_string(), &line.tenant_id.to_string()),
        "actor": { "user": actor(entry) },
    });
    if let Value::Object(event) = &mut event {
        about(event, &line, &action);
        origin(event, entry, action.class);
        if let Some(Value::Object(metadata)) = event.get_mut("metadata") {
            metadata.insert("event_code".to_owned(), json!(entry.action));
            metadata.insert("log_name".to_owned(), json!(entry.plane));
            metadata.extend(entry.request_id.iter().map(|id| ("correlation_uid".to_owned(), json!(id))));
        }
        event.insert("unmapped".to_owned(), unmapped(line));
    }
    event
}

/// What the gateway saw is of the kind that the method says: the entity is `GET /orders/{id}`.
fn activity(line: &Line, action: &Action) -> u32 {
    let method = line.entity.id.split(' ').next().unwrap_or_default();
    match (action.class, method) {
        (Class::ApiActivity, "POST") => 1,
        (Class::ApiActivity, "GET" | "HEAD") => 2,
        (Class::ApiActivity, "PUT" | "PATCH") => 3,
        (Class::ApiActivity, "DELETE") => 4,
        _ => action.activity,
    }
}

fn metadata(uid: &str, tenant: &str) -> Value {
    json!({
        "version": VERSION,
        "product": { "name": "Tenantry", "vendor_name": "Tenantry" },
        "uid": uid,
        "tenant_uid": tenant,
    })
}

fn actor(entry: &Entry) -> Value {
    let mut user = Map::new();
    user.insert("uid".to_owned(), json!(entry.actor_id));
    user.insert("type_id".to_owned(), json!(if entry.actor_type == "USER" { USER } else { SYSTEM }));
    for (attribute, field) in [("name", "actor_name"), ("email_addr", "actor_email")] {
        user.extend(entry.personal_field(field).map(|value| (attribute.to_owned(), json!(value))));
    }
    Value::Object(user)
}

/// What each class requires beside the actor.
fn about(event: &mut Map<String, Value>, line: &Line, action: &Action) {
    let entity = json!({ "uid": line.entity.id, "name": line.entity.id, "type": line.entity.r#type });
    let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
    match action.class {
        Class::AccountChange => {
            put("user", json!({ "uid": line.entity.id, "type_id": USER }));
        }
        Class::Authentication => {
            put("user", account(line));
            put("service", json!({ "name": "Tenantry" }));
        }
        Class::EntityManagement => {
            put("entity", entity);
        }
        Class::ApiActivity => {
            put("api", json!({ "operation": line.entity.id }));
            put("resources", json!([entity]));
        }
    }
}

/// Who came or left: the person that the row is about, or whoever did it.
fn account(line: &Line) -> Value {
    let uid = if line.entity.r#type == "person" { &line.entity.id } else { &line.actor.id };
    json!({ "uid": uid, "type_id": USER })
}

/// API activity requires a source; a sum of many requests has none, and an erased one is not known.
fn origin(event: &mut Map<String, Value>, entry: &Entry, class: Class) {
    let source = entry.personal_field("ip").map(|ip| json!({ "ip": ip }));
    let unknown = (class == Class::ApiActivity).then(|| json!({ "name": "unknown" }));
    event.extend(source.or(unknown).map(|source| ("src_endpoint".to_owned(), source)));
    let agent = entry.personal_field("user_agent").map(|agent| json!({ "user_agent": agent }));
    event.extend(agent.map(|agent| ("http_request".to_owned(), agent)));
}

fn unmapped(line: Line) -> Value {
    let mut unmapped = json!({
        "schema": line.schema,
        "at": line.at,
        "actor": { "type": line.actor.r#type, "kind": line.actor.kind, "id": line.actor.id },
        "entity": { "type": line.entity.r#type, "id": line.entity.id },
        "metadata": line.metadata,
        "changes": line.changes,
        "personal_state": line.personal_state,
        "leaf": { "hash": line.leaf.hash, "digests": line.leaf.digests, "salts": line.leaf.salts },
    });
    if let Some(address) = line.personal.get("invited_email") {
        unmapped["invited_email"] = json!(address);
    }
    unmapped
}
