//! JSON that conditions ask for: its keys, and what each should hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::harvest::closed;

/// Documents that these texts speak of, the fullest first: `known` says what a key holds of which nothing is asked.
pub(super) fn asked<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    known: impl Fn(&str) -> Option<String>,
) -> Vec<Value> {
    let mut keys: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for text in texts {
        for (key, value) in spoken(text) {
            let entry = keys.entry(key).or_default();
            *entry = value.or(entry.take());
        }
    }
    if keys.is_empty() {
        return Vec::new();
    }
    let whole: Map<String, Value> = keys
        .into_iter()
        .map(|(key, value)| {
            let value = value.or_else(|| known(&key).map(Value::String)).unwrap_or(Value::Bool(true));
            (key, value)
        })
        .collect();
    let truths = |truth: Option<bool>| -> Value {
        let changed = whole.iter().filter_map(|(key, value)| match (value, truth) {
            (Value::Bool(_), None) => None,
            (Value::Bool(_), Some(truth)) => Some((key.clone(), Value::Bool(truth))),
            _ => Some((key.clone(), value.clone())),
        });
        Value::Object(changed.collect())
    };
    let mut found = vec![Value::Object(whole.clone()), truths(None), truths(Some(false))];
    found.dedup();
    found
}

/// A longer text is not looked through.
const LONGEST: usize = 100_000;

/// Keys in a text, with what is asked of each.
fn spoken(text: &str) -> Vec<(String, Option<Value>)> {
    let mut found = Vec::new();
    if text.len() > LONGEST {
        return found;
    }
    for (at, operator) in ["->> '", "-> '", "? '", "->>'", "->'", "?'"].iter().flat_map(|op| text.match_indices(op)) {
        let Some((key, rest)) = closed(&text[at + operator.len()..]) else { continue };
        let before = &text[text.floor_char_boundary(at.saturating_sub(60))..at];
        let is_type = before.rfind("typeof(").is_some_and(|start| !before[start..].contains(" = "));
        let value = if operator.starts_with('?') { None } else { asked_of(rest, is_type) };
        found.push((key, value));
    }
    for path in text.match_indices("'{").filter_map(|(at, _)| closed(&text[at + 1..])) {
        match serde_json::from_str::<Value>(&path.0) {
            Ok(Value::Object(object)) => found.extend(object.into_iter().map(|(key, value)| (key, Some(value)))),
            _ => continue,
        }
    }
    found
}

/// What stands after a key: a cast, and a comparison.
fn asked_of(rest: &str, is_type: bool) -> Option<Value> {
    let rest = rest.strip_prefix("::text").unwrap_or(rest).trim_start_matches(')');
    let (cast, rest) = match rest.strip_prefix("::") {
        Some(cast) => cast.split_at(cast.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(cast.len())),
        None => ("", rest),
    };
    let rest = rest.trim_start_matches(')').trim_start();
    if let Some((literal, _)) = rest.strip_prefix("@> '").and_then(closed) {
        return serde_json::from_str(&literal).ok();
    }
    if let Some((word, _)) = rest.strip_prefix("? '").and_then(closed) {
        return Some(Value::Array(vec![Value::String(word)]));
    }
    let asked = rest.trim_start_matches(['<', '>', '=', '!']).trim_start();
    if asked.len() == rest.len() {
        return matches!(cast, "boolean" | "bool").then_some(Value::Bool(true));
    }
    if let Some((word, _)) = asked.strip_prefix('\'').and_then(closed) {
        return Some(match (is_type, word.as_str()) {
            (true, "array") => Value::Array(Vec::new()),
            (true, "object") => Value::Object(Map::new()),
            (true, "number") => 3.into(),
            (true, "boolean") => Value::Bool(true),
            (true, _) => return None,
            (false, _) => Value::String(word),
        });
    }
    let digits: String = asked.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<i64>().ok().map(|number| Value::from(number.saturating_add(i64::from(!rest.starts_with('=')))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::asked;

    #[test]
    fn what_is_asked_of_a_document_is_in_it() {
        let text = "((((consent ->> 'version'::text))::integer >= 2) AND ((consent -> 'scopes'::text) @> '[\"research\"]'::jsonb) \
                    AND (NOT COALESCE(((consent ->> 'withdrawn'::text))::boolean, false)))";
        let found = asked([text], |_| None);
        assert_eq!(found[0], json!({"version": 3, "scopes": ["research"], "withdrawn": true}));
        assert_eq!(found[1], json!({"version": 3, "scopes": ["research"]}));
        let check = "CHECK (((jsonb_typeof((c -> 'tags'::text)) = 'array'::text) AND (c ? 'id'::text)))";
        assert_eq!(asked([check], |_| Some("x".to_owned()))[0], json!({"tags": [], "id": "x"}));
        assert_eq!(asked(["flags @> '{\"open\": true}'::jsonb"], |_| None)[0], json!({"open": true}));
        assert_eq!(asked(["p ->> 'kind' = 'all'"], |_| None)[0], json!({"kind": "all"}));
        assert!(asked(["(a = 'x')"], |_| None).is_empty());
    }
}
