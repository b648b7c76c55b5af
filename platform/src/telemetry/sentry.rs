//! An error as an error tracker takes it (Sentry's envelopes): what happened and where, and nothing of whom (OBS-2).

use std::time::{Duration, SystemTime};

use sentry_types::protocol::v7::{Envelope, Event, Level};
use serde_json::Value;

use super::nanos;
use crate::log::Line;

/// Fields that sort events. The others stand beside them.
const TAGS: [&str; 5] = ["problem", "route", "job", "control", "place"];

/// Everything in a line is masked already.
pub(super) fn event(line: &Line) -> Event<'static> {
    let mut event = Event {
        level: Level::Error,
        logger: Some(line.target.to_owned()),
        message: Some(line.fields.message.clone()),
        release: Some(concat!("tenantry@", env!("CARGO_PKG_VERSION")).into()),
        timestamp: SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos(line.at)),
        ..Event::new()
    };
    event.tags.extend(line.fields.request_id.iter().map(|id| ("request_id".to_owned(), id.clone())));
    for (name, json) in &line.fields.values {
        let value = serde_json::from_str(json).unwrap_or(Value::Null);
        match value {
            Value::String(text) if TAGS.contains(name) => drop(event.tags.insert((*name).to_owned(), text)),
            value => drop(event.extra.insert((*name).to_owned(), value)),
        }
    }
    event.transaction = event.tags.get("route").filter(|route| !route.is_empty()).cloned();
    event
}

/// The event as it travels.
///
/// # Errors
/// Never: memory takes what is written.
pub(super) fn envelope(event: Event<'static>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Envelope::from(event).to_writer(&mut bytes)?;
    Ok(bytes)
}
