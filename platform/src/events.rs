//! The kinds of events that an app can hear of, each with what it says (EV-1).
//!
//! What must always hold:
//!
//! - Only a registered kind can be emitted: [`record::emit`](crate::record::emit) takes one, and [`events!`](crate::events!)
//!   is the only way to make one. `docs/events.md` is written from the registry, and a test compares the two.
//! - An event says ids and words. Of people it tells no more than which one: the app asks the management API, which
//!   knows what has been erased since.

use std::fmt::Write as _;

use serde_json::Value;

/// What kind of value a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A UUID.
    Id,
    /// Words.
    Text,
    /// A list of words.
    Texts,
    /// RFC 3339.
    Time,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
}

/// A field of an event's `data`.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub of: FieldType,
    /// Whether it may be `null` or absent.
    pub is_optional: bool,
    /// What it means, as a sentence.
    pub means: &'static str,
}

/// A kind of event.
#[derive(Debug)]
pub struct EventKind {
    /// `api_key.created`
    pub word: &'static str,
    /// What has happened, as a sentence.
    pub says: &'static str,
    /// What its `data` holds.
    pub fields: &'static [Field],
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Registered(pub &'static EventKind);

inventory::collect!(Registered);

/// Declares kinds of events and registers them:
/// `events! { KEY_CREATED "api_key.created" "A key was made." { must id: Id "Which."; } }`.
#[macro_export]
macro_rules! events {
    ($($name:ident $word:literal $says:literal { $($need:ident $field:ident: $of:ident $means:literal;)* })+) => {$(
        #[doc = $says]
        pub(crate) static $name: $crate::events::EventKind = $crate::events::EventKind {
            word: $word,
            says: $says,
            fields: &[$($crate::events::Field::$need(stringify!($field), $crate::events::FieldType::$of, $means)),*],
        };
        $crate::db::inventory::submit! { $crate::events::Registered(&$name) }
    )+};
}

impl Field {
    /// A field that is always there.
    pub const fn must(name: &'static str, of: FieldType, means: &'static str) -> Self {
        Self { name, of, is_optional: false, means }
    }

    /// A field that may be `null` or absent.
    pub const fn may(name: &'static str, of: FieldType, means: &'static str) -> Self {
        Self { name, of, is_optional: true, means }
    }

    fn fits(&self, value: Option<&Value>) -> bool {
        match value {
            None | Some(Value::Null) => self.is_optional,
            Some(value) => self.of.fits(value),
        }
    }
}

impl FieldType {
    /// The words of the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "UUID",
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Time => "time (RFC 3339)",
            Self::Number => "whole number",
            Self::Flag => "true or false",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Id => value.as_str().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()),
            Self::Text => value.is_string(),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Time => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            Self::Number => value.is_i64() || value.is_u64(),
            Self::Flag => value.is_boolean(),
        }
    }
}

impl EventKind {
    /// What of `data` is not as it is documented; `None` when all is.
    pub fn fault(&self, data: &Value) -> Option<String> {
        let Some(given) = data.as_object() else { return Some(format!("{}: data is no object", self.word)) };
        let unknown = given.keys().find(|name| self.fields.iter().all(|field| field.name != *name));
        let wrong = self.fields.iter().find(|field| !field.fits(given.get(field.name)));
        match (unknown, wrong) {
            (Some(name), _) => Some(format!("{}: {name} is not documented", self.word)),
            (_, Some(field)) => Some(format!("{}: {} is missing or no {}", self.word, field.name, field.of.as_str())),
            (None, None) => None,
        }
    }
}

/// Every kind that the linked crates register, by its word.
pub fn registered() -> Vec<&'static EventKind> {
    let mut kinds: Vec<_> = inventory::iter::<Registered>.into_iter().map(|one| one.0).collect();
    kinds.sort_by_key(|kind| kind.word);
    kinds
}

/// `docs/events.md`.
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    for kind in registered() {
        let _ =
            writeln!(text, "\n## `{}`\n\n{}\n\n| field | type | meaning |\n| --- | --- | --- |", kind.word, kind.says);
        for field in kind.fields {
            let maybe = if field.is_optional { ", or null" } else { "" };
            let _ = writeln!(text, "| `{}` | {}{maybe} | {} |", field.name, field.of.as_str(), field.means);
        }
    }
    text
}

const INTRODUCTION: &str = "# Events

What an app can hear of. Each event is written in the transaction of the change that it tells of: a change without its
event, or an event without its change, does not exist. It belongs to one workspace and has

| field | type | meaning |
| --- | --- | --- |
| `id` | UUID | Version 7. Deduplicate by it. |
| `at` | time (RFC 3339) | When it happened, by the clock of the node that did it. |
| `type` | text | One of the words below. |
| `data` | object | The fields below. A newer version may add some; ignore what you do not know. |

Nothing delivers events yet: they are written and kept, for each workspace and mode, for `[events] retention_months`, three
unless you say otherwise. They lie in the order of their ids, which is that of their times to the millisecond, and not that
of their commits: a change that took long is committed after one that began later, and the clocks of two nodes differ.
Whoever went on from the greatest id that they have seen could miss one. Until they are delivered, an app follows what
changes by the lists of the [management API](management-api.md), which lose nothing. Of people an event says only which one:
ask the management API for the rest.

This page is written from the registry in the code. Run the test `events` with `TENANTRY_ACCEPT=1` to write it anew.
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static KIND: EventKind = EventKind {
        word: "key.made",
        says: "A key was made.",
        fields: &[Field::must("id", FieldType::Id, "Which."), Field::may("at", FieldType::Time, "When.")],
    };

    #[test]
    fn data_is_held_against_its_documentation() {
        let id = "0198a000-0000-7000-8000-000000000001";
        for good in
            [json!({ "id": id }), json!({ "id": id, "at": null }), json!({ "id": id, "at": "2026-06-15T12:00:00Z" })]
        {
            assert_eq!(KIND.fault(&good), None);
        }
        for bad in [
            json!({}),
            json!({ "id": 1 }),
            json!({ "id": id, "at": "now" }),
            json!({ "id": id, "name": "x" }),
            json!([id]),
        ] {
            assert!(KIND.fault(&bad).is_some(), "{bad}");
        }
    }
}
