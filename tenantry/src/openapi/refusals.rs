//! What every operation may answer besides its own words: the gateway's refusals, described once.

use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const SCHEMA: &str = "Problem";

/// Refusals that come before any handler.
const ALWAYS: [(&str, &str); 7] = [
    ("400", "The request cannot be understood: its path, a header or a parameter"),
    ("401", "No key, or one that does not work"),
    ("403", "The key may not do this"),
    ("404", "There is nothing here for this key"),
    ("408", "The request came too slowly"),
    ("429", "Too many requests; `Retry-After` says when to go on"),
    ("503", "It cannot be done now; `Retry-After` says when to try again"),
];
/// Refusals of what carries a body.
const OF_BODIES: [(&str, &str); 3] =
    [("413", "The body is too large"), ("415", "The body is not JSON"), ("422", "A field is wrong; `errors` names it")];
/// Refusals of what takes parameters.
const OF_PARAMETERS: [(&str, &str); 1] = [("422", "A parameter is out of range; `errors` names it")];

/// Adds the schema of a problem (RFC 9457), and to each operation the refusals that it may meet.
pub(super) fn describe(document: &mut Value) {
    document["components"]["schemas"][SCHEMA] = schema();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(operations) {
        let has_body = operation.get("requestBody").is_some();
        let has_parameters = operation.get("parameters").is_some();
        let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        add(answers, &ALWAYS);
        add(answers, if has_body { &OF_BODIES } else { &[] });
        add(answers, if has_parameters { &OF_PARAMETERS } else { &[] });
        answers.iter_mut().filter(|(status, _)| status.as_str() >= "400").for_each(|(_, answer)| shape(answer));
    }
}

fn operations(item: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    item.iter_mut()
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .filter_map(|(_, item)| item.as_object_mut())
}

/// The operation's own words stay.
fn add(answers: &mut Map<String, Value>, refusals: &[(&str, &str)]) {
    for (status, sentence) in refusals {
        let answer = answers.entry(*status).or_insert_with(|| json!({ "description": sentence }));
        if answer["description"].as_str().is_none_or(str::is_empty) {
            answer["description"] = json!(sentence);
        }
    }
}

fn shape(answer: &mut Value) {
    answer["content"] =
        json!({ "application/problem+json": { "schema": { "$ref": format!("#/components/schemas/{SCHEMA}") } } });
}

fn schema() -> Value {
    let text = |sentence: &str| json!({ "type": "string", "description": sentence });
    let fault = json!({
        "type": "object",
        "required": ["field", "message"],
        "properties": { "field": text("Which field, as a path."), "message": text("What to write instead.") },
    });
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text("Names the kind, as a path of this host."),
            "title": text("The kind, for people."),
            "status": { "type": "integer", "description": "The status of the answer." },
            "code": text("The kind, for programs: stable."),
            "detail": text("What to do about it, for people."),
            "errors": { "type": "array", "items": fault, "description": "The fields that are wrong." },
            "request_id": text("Finds this request in logs; send it with a question."),
        },
    })
}
