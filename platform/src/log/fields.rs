//! The values of an event or span, masked while they are taken.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Debug;

use serde_json::Value;
use tenantry_core::mask::{REDACTED, is_sensitive_name, mask, mask_field};
use tracing::Event;
use tracing::field::{Field, Visit};
use uuid::Uuid;

use super::access;

/// A value is cut here, after masking: a line is for reading.
const VALUE_BYTES_MOST: usize = 4 * 1024;
/// Causes of an error that are told.
const CAUSES_MOST: usize = 8;

/// Names with their values as JSON.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
    pub(crate) values: Vec<(&'static str, String)>,
    /// Of a request's line: its values, as JSON and masked already.
    pub(super) members: String,
    is_access: bool,
}

impl Fields {
    /// Takes what an event says.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut fields = Self { is_access: event.metadata().target() == access::TARGET, ..Self::default() };
        event.record(&mut fields);
        fields
    }

    /// Takes the members of a request's line apart, for whoever wants its values one by one.
    pub(super) fn take_apart(&mut self) {
        let members = std::mem::take(&mut self.members);
        let known: serde_json::Map<String, Value> = serde_json::from_str(&format!("{{{members}}}")).unwrap_or_default();
        let apart = access::NAMES.iter().filter_map(|name| Some((*name, known.get(*name)?.to_string())));
        self.values.extend(apart);
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "message" => self.message = shortened(&mask(text)).to_owned(),
            "request_id" => self.request_id = Some(shown_id(text).into_owned()),
            name => self.put(name, quoted(shortened(&mask_field(name, text)))),
        }
    }

    fn number(&mut self, field: &Field, number: impl ToString) {
        let hidden = is_sensitive_name(field.name());
        self.put(field.name(), if hidden { quoted(REDACTED) } else { number.to_string() });
    }

    /// The last value of a name counts.
    fn put(&mut self, name: &'static str, json: String) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json,
            None => self.values.push((name, json)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.is_access && field.name() == access::MEMBERS {
            value.clone_into(&mut self.members);
        } else {
            self.text(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let (mut told, mut cause) = (value.to_string(), value.source());
        for _ in 0..CAUSES_MOST {
            let Some(error) = cause else { break };
            told.push_str(": ");
            told.push_str(&error.to_string());
            cause = error.source();
        }
        self.text(field, &told);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.text(field, &value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.text(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity and no NaN.
        if value.is_finite() { self.number(field, value) } else { self.text(field, &value.to_string()) }
    }
}

/// A request's name. Most are ours, and hide nothing.
pub(super) fn shown_id(text: &str) -> Cow<'_, str> {
    if Uuid::try_parse(text).is_ok() { text.into() } else { shortened(&mask(text)).to_owned().into() }
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    // A string always has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}

/// The same behind what is there already. Most text needs no escapes.
pub(super) fn push_quoted(text: &mut String, value: &str) {
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&quoted(value));
    }
}

pub(super) fn shortened(text: &str) -> &str {
    let end = (0..=VALUE_BYTES_MOST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
