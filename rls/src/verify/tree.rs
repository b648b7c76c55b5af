//! PostgreSQL's parse tree as JSON, for what asks the same of every kind of node.

use serde_json::Value;

use crate::parser;

/// A text as a tree, which keeps it as `text`; none where it does not parse.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut tree = serde_json::to_value(parser::sql(text)?).ok()?;
    tree.as_object_mut()?.insert("text".to_owned(), Value::String(text.to_owned()));
    Some(tree)
}

/// The statements of a parsed text.
pub(super) fn statements(tree: &Value) -> Vec<&Value> {
    let list = tree.get("stmts").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|statement| statement.get("stmt")).collect()
}

/// The first node of a kind, anywhere below.
pub(super) fn find<'t>(tree: &'t Value, kind: &str) -> Option<&'t Value> {
    match tree {
        Value::Object(fields) => fields.get(kind).or_else(|| fields.values().find_map(|value| find(value, kind))),
        Value::Array(items) => items.iter().find_map(|value| find(value, kind)),
        _ => None,
    }
}

/// The kind and the content of a node.
pub(super) fn node(value: &Value) -> Option<(&str, &Value)> {
    let node = value.get("node")?.as_object()?;
    node.iter().next().map(|(kind, content)| (kind.as_str(), content))
}

/// A list of a node, empty where there is none.
pub(super) fn list<'t>(value: &'t Value, field: &str) -> &'t [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text of a node, empty where there is none.
pub(super) fn text<'t>(value: &'t Value, field: &str) -> &'t str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Every `String` below, in order: the parts of a name.
pub(super) fn strings(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(tree, &mut found);
    found
}

fn gather(tree: &Value, found: &mut Vec<String>) {
    match tree {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.get("sval").and_then(Value::as_str) {
                    Some(text) if key == "String" => found.push(text.to_owned()),
                    _ => gather(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        _ => {}
    }
}
