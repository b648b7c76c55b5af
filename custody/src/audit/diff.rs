//! Before and after, as what was removed and what was added.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fields of fields are told apart this deep; what lies deeper is shown whole.
const DEPTH_MOST: usize = 3;

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path: `limits.requests`.
    pub field: String,
    /// What was taken away and put in, and what of a list stayed.
    pub parts: Vec<Part>,
}

/// A value, or an item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What became of it.
    pub fate: Fate,
    /// As people read it.
    pub text: String,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Removed,
    /// It is new.
    Added,
    /// It is an item of a list that changed around it.
    Kept,
}

impl Part {
    /// For templates.
    pub fn is_removed(&self) -> bool {
        self.fate == Fate::Removed
    }

    /// For templates.
    pub fn is_added(&self) -> bool {
        self.fate == Fate::Added
    }
}

/// The changes of a row: `{"field": [before, after]}`. What has another form is shown as it is.
pub fn changes(changes: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for (field, pair) in changes.as_object().into_iter().flatten() {
        match pair.as_array().map(Vec::as_slice) {
            Some([before, after]) => compare(field, before, after, 0, &mut found),
            _ => compare(field, &Value::Null, pair, 0, &mut found),
        }
    }
    found
}

fn compare(field: &str, before: &Value, after: &Value, depth: usize, found: &mut Vec<Change>) {
    if before == after && depth > 0 {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if depth < DEPTH_MOST => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
                compare(&format!("{field}.{name}"), &of(old), &of(new), depth + 1, found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            found.push(Change { field: field.to_owned(), parts: items(old, new) })
        }
        _ => found.push(Change { field: field.to_owned(), parts: whole(before, after) }),
    }
}

/// Item by item: how often each stood there before and after. A list that has only another order is shown twice.
fn items(old: &[Value], new: &[Value]) -> Vec<Part> {
    let mut left: Vec<&Value> = new.iter().collect();
    let mut parts = Vec::with_capacity(old.len() + new.len());
    for item in old {
        let fate = match left.iter().position(|other| *other == item) {
            Some(at) => {
                left.remove(at);
                Fate::Kept
            }
            None => Fate::Removed,
        };
        parts.push(part(fate, item));
    }
    parts.extend(left.into_iter().map(|item| part(Fate::Added, item)));
    let is_order = old != new && parts.iter().all(|part| part.fate == Fate::Kept);
    if is_order { whole(&Value::from(old), &Value::from(new)) } else { parts }
}

fn whole(before: &Value, after: &Value) -> Vec<Part> {
    let shown = |fate, value: &Value| (!value.is_null()).then(|| part(fate, value));
    [shown(Fate::Removed, before), shown(Fate::Added, after)].into_iter().flatten().collect()
}

fn part(fate: Fate, value: &Value) -> Part {
    Part { fate, text: text(value) }
}

/// A string without its quotation marks, unless there would be nothing to see.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if !text.trim().is_empty() => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Value) -> Vec<String> {
        let sign = |part: &Part| match part.fate {
            Fate::Removed => format!("-{}", part.text),
            Fate::Added => format!("+{}", part.text),
            Fate::Kept => format!(" {}", part.text),
        };
        let line = |change: Change| format!("{}:{}", change.field, change.parts.iter().map(sign).collect::<String>());
        changes(value).into_iter().map(line).collect()
    }

    #[test]
    fn a_value_is_removed_and_another_added() {
        assert_eq!(
            shown(&json!({ "name": ["a", "b"], "note": [null, "new"], "gone": ["x", null] })),
            ["gone:-x", "name:-a+b", "note:+new"]
        );
    }

    #[test]
    fn lists_are_compared_item_by_item_however_often_each_stands_there() {
        assert_eq!(shown(&json!({ "scopes": [["a", "b", "b"], ["b", "c"]] })), ["scopes:-a b-b+c"]);
    }

    #[test]
    fn a_list_in_another_order_is_shown_whole() {
        assert_eq!(shown(&json!({ "list": [["a", "b"], ["b", "a"]] })), ["list:-[\"a\",\"b\"]+[\"b\",\"a\"]"]);
    }

    #[test]
    fn objects_are_told_apart_by_their_fields_and_equal_ones_left_out() {
        let change = json!({ "limits": [{ "a": 1, "b": { "c": true } }, { "a": 2, "b": { "c": true }, "d": "" }] });
        assert_eq!(shown(&change), ["limits.a:-1+2", "limits.d:+\"\""]);
    }

    #[test]
    fn what_has_another_form_is_shown_as_it_is() {
        assert_eq!(shown(&json!({ "odd": "text", "three": [1, 2, 3] })), ["odd:+text", "three:+[1,2,3]"]);
        assert_eq!(shown(&json!("no object")), Vec::<String>::new());
    }
}
