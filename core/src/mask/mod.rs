//! Masking before anything is written down (OBS-3).
//!
//! What tells something of a person or opens a door never reaches a log: e-mail addresses, phone
//! and card numbers, tokens, keys, credentials, cookies, the values of URL queries, and whatever
//! stands under a name that says what it is. [`mask`] reads free text in one pass and copies nothing
//! when there is nothing to hide; [`mask_field`] and [`mask_json`] know the names of values and are
//! the better choice wherever values are still apart.
//!
//! Names are matched by whole words, so that `monkey_count` and `status_code` stay readable. Values
//! are best masked before they are serialised: what stands for them is text, whatever they were.

mod names;
mod scan;

use std::borrow::Cow;

use serde_json::Value;

pub use names::is_sensitive_name;

/// Stands for a value that is not shown.
pub const REDACTED: &str = "[redacted]";

/// Hides what must not be read in free text: a message, a path, a header, a line of anything.
pub fn mask(text: &str) -> Cow<'_, str> {
    scan::Scan::new(text).finish()
}

/// Hides a value by its name, and otherwise what stands in it.
pub fn mask_field<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if is_sensitive_name(name) && !value.is_empty() { REDACTED.into() } else { mask(value) }
}

/// Hides in place: every text in a structure, and whole values under sensitive names.
pub fn mask_json(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| mask_member(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn mask_member(name: &str, value: &mut Value) {
    let says_something = !matches!(value, Value::Null | Value::Bool(_));
    if says_something && is_sensitive_name(name) {
        *value = REDACTED.into();
    } else {
        mask_json(value);
    }
}

/// A request target for the log: the path masked as text, the query with its names and without its values.
pub fn mask_path_and_query(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once(['?', '#']) else { return mask(target) };
    let mut masked = mask(path).into_owned();
    masked.push('?');
    scan::push_query(&mut masked, query);
    masked.into()
}
