//! The findings as OSCAL assessment results, for programs of auditors (NIST OSCAL 1.2, assessment-results) [EV-2].
//!
//! The same verdicts give the same bytes, whenever they are asked for: times are those since when a verdict holds, what
//! is told of a check is what it found then, and each UUID is the digest of what it names (RFC 9562, version 5).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tenantry_core::clock::Timestamp;
use tenantry_platform::config::Attested;
use tenantry_platform::page::words::Words;
use uuid::Uuid;

use super::attested::{self, Status};
use super::control::Outcome;
use super::matrix::Evidence;
use super::standing::Held;

/// The version of the format.
const OSCAL_VERSION: &str = "1.2.1";
/// Under which our UUIDs are digests. A constant of ours, drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0d_9c1e_52b7_4c0a_9d36_b1a4_70e8_25f3);
/// Whose names the properties are.
const NAMES: &str = "urn:tenantry:posture";
/// The role of whoever answers for an attested practice.
const ATTESTER: &str = "attester";

/// The document, with its keys sorted. `None` before the first check has ended.
pub fn to_json(evidence: &Evidence<'_>, brand: &str, words: &Words) -> Option<String> {
    let changed_at = newest(evidence)?;
    let plan = resource(words);
    let body = json!({
        "metadata": metadata(evidence, brand, changed_at, words),
        "import-ap": { "href": format!("#{}", plan["uuid"].as_str().unwrap_or_default()) },
        "results": [result(evidence, words)],
        "back-matter": { "resources": [plan] },
    });
    // Invariant: a value of texts is JSON. Its maps are sorted by key.
    let text = serde_json::to_string_pretty(&json!({ "assessment-results": named(body) })).expect("a value is JSON");
    Some(text + "\n")
}

/// When the newest of these verdicts became what it is.
fn newest(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.held.iter().map(|held| held.since).max()
}

/// A thing with the digest of all that it says as its UUID.
fn named(mut thing: Value) -> Value {
    let uuid = digest(&thing);
    if let Value::Object(fields) = &mut thing {
        fields.insert("uuid".to_owned(), json!(uuid));
    }
    thing
}

fn digest(thing: &Value) -> Uuid {
    Uuid::new_v5(&NAMESPACE, thing.to_string().as_bytes())
}

fn metadata(evidence: &Evidence<'_>, brand: &str, changed_at: Timestamp, words: &Words) -> Value {
    let owners: BTreeSet<&str> = evidence.attested.iter().map(|one| one.owner.as_str()).collect();
    let mut metadata = json!({
        "title": words.fill("oscal.title", &[("brand", &brand)]),
        "last-modified": changed_at,
        "version": env!("CARGO_PKG_VERSION"),
        "oscal-version": OSCAL_VERSION,
    });
    if !owners.is_empty() {
        metadata["roles"] = json!([{ "id": ATTESTER, "title": words.say("oscal.attester") }]);
        metadata["parties"] = owners.into_iter().map(party).collect();
    }
    metadata
}

fn party(owner: &str) -> Value {
    named(json!({ "type": "person", "name": owner }))
}

/// What stands for the assessment plan: the checks are part of the binary.
fn resource(words: &Words) -> Value {
    named(json!({ "title": words.say("oscal.plan"), "description": words.say("oscal.plan_text") }))
}

fn result(evidence: &Evidence<'_>, words: &Words) -> Value {
    let observations: Vec<Value> = evidence.held.iter().map(|held| observation(held, words)).collect();
    let findings: Vec<Value> =
        evidence.held.iter().zip(&observations).map(|(held, seen)| finding(held, seen, words)).collect();
    let attested: Vec<Value> = evidence.attested.iter().map(|one| attested_observation(one, evidence)).collect();
    let mut result = json!({
        "title": words.say("oscal.result"),
        "description": words.say("oscal.result_text"),
        "start": evidence.held.iter().map(|held| held.since).min(),
        "reviewed-controls": { "control-selections": [{ "include-controls": selected(evidence) }] },
        "observations": observations.into_iter().chain(attested).collect::<Vec<_>>(),
        "findings": findings,
    });
    let in_force = evidence.attested.iter().filter(|one| one.is_in_force(evidence.today));
    let attestations: Vec<Value> = in_force.map(|one| attestation(one, words)).collect();
    if !attestations.is_empty() {
        result["attestations"] = json!(attestations);
    }
    named(result)
}

/// The criteria that anything here is evidence for.
fn selected(evidence: &Evidence<'_>) -> Vec<Value> {
    let lines = evidence.matrix().into_iter().filter(|line| !(line.tested.is_empty() && line.attested.is_empty()));
    lines.map(|line| json!({ "control-id": line.criterion.id.to_lowercase() })).collect()
}

/// What a check does, and what it found when its verdict became what it is.
fn observation(held: &Held, words: &Words) -> Value {
    let control = &held.finding.control;
    named(json!({
        "title": control.id,
        "description": words.say(control.check_text),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "collected": held.since,
        "props": properties(control.claims, control.frameworks),
        "relevant-evidence": [{ "description": held.found_first }],
    }))
}

fn finding(held: &Held, observation: &Value, words: &Words) -> Value {
    let control = &held.finding.control;
    let (state, reason) = match held.finding.verdict.outcome {
        Outcome::Pass => ("satisfied", "pass"),
        Outcome::Fail => ("not-satisfied", "fail"),
        Outcome::Unknown => ("not-satisfied", "other"),
    };
    named(json!({
        "title": control.id,
        "description": words.say(control.statement),
        "props": properties(control.claims, control.frameworks),
        "target": {
            "type": "objective-id",
            "target-id": control.id,
            "status": { "state": state, "reason": reason },
        },
        "related-observations": [{ "observation-uuid": observation["uuid"] }],
    }))
}

fn attested_observation(one: &Attested, evidence: &Evidence<'_>) -> Value {
    let mut props = properties(&[attested::CLAIM], attested::criteria(one.practice));
    props.push(property("status", Status::on(one, evidence.today).as_str()));
    let mut proof = Map::from_iter([("description".to_owned(), json!(one.statement))]);
    if let Some(link) = &one.evidence {
        proof.insert("href".to_owned(), json!(link));
    }
    named(json!({
        "title": one.practice.as_str(),
        "description": one.statement,
        "methods": ["EXAMINE"],
        "types": ["attested"],
        "origins": [{ "actors": [{ "type": "party", "actor-uuid": party(&one.owner)["uuid"] }] }],
        "collected": attested::midnight(one.date),
        "expires": attested::midnight(one.expires.tomorrow().unwrap_or(one.expires)),
        "props": props,
        "relevant-evidence": [proof],
    }))
}

/// What somebody answers for today.
fn attestation(one: &Attested, words: &Words) -> Value {
    let part = json!({
        "name": one.practice.as_str(),
        "title": words.say(attested::word(one.practice)),
        "prose": one.statement,
        "props": properties(&[attested::CLAIM], attested::criteria(one.practice)),
    });
    json!({
        "responsible-parties": [{ "role-id": ATTESTER, "party-uuids": [party(&one.owner)["uuid"]] }],
        "parts": [named(part)],
    })
}

fn properties(claims: &[&str], criteria: &[&str]) -> Vec<Value> {
    let claims = claims.iter().map(|claim| property("claim", claim));
    claims.chain(criteria.iter().map(|criterion| property("criterion", criterion))).collect()
}

fn property(name: &str, value: &str) -> Value {
    json!({ "ns": NAMES, "name": name, "value": value })
}
