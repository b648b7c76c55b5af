//! The matrix and its exports: every evidence at its criterion, nothing of an expired attestation in public, the same
//! bytes for the same verdicts [EV-1, EV-2, EV-5].

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse as _;
use serde_json::Value;
use tenantry_custody::Custody;
use tenantry_custody::posture::{
    CONTROLS, CRITERIA, Evidence, Finding, Held, Outcome, Standing, Verdict, beside_noted, http, run_all, to_csv,
    to_oscal,
};
use tenantry_platform::config::{Attested, Config};
use tenantry_platform::kit::{TestDb, start};
use tenantry_platform::page::words::Words;

use super::engine::body;
use super::{config, configured, control, probe};
use crate::stranger;

/// In force on the day of the tests, over, and not yet.
const ATTESTED: &str = r#"
    [[attested]]
    claim = "incident-plan"
    statement = "=We tell you within 72 hours"
    owner = "Dana Lee"
    date = "2026-01-01"
    expires = "2026-06-15"
    evidence = "https://example.com/plan"
    [[attested]]
    claim = "subprocessors"
    statement = "The list is complete"
    owner = "Legal"
    date = "2025-06-14"
    expires = "2026-06-14"
    [[attested]]
    claim = "managed-backups"
    statement = "Restored every month"
    owner = "Dana Lee"
    date = "2026-06-16"
    expires = "2027-06-16"
"#;

fn found(id: &str, verdict: Verdict) -> Held {
    Held::first(Finding { control: control(id), verdict, at: start() })
}

fn today() -> jiff::civil::Date {
    jiff::civil::date(2026, 6, 15)
}

fn evidence<'a>(held: &'a [Held], attested: &'a [Attested]) -> Evidence<'a> {
    Evidence { held, attested, today: today() }
}

fn oscal(held: &[Held], config: &Config) -> String {
    to_oscal(&evidence(held, &config.attested), "Acme", Words::english()).unwrap()
}

#[test]
fn every_control_names_criteria_that_exist() {
    let known: BTreeSet<&str> = CRITERIA.iter().map(|criterion| criterion.id).collect();
    let named: BTreeSet<&str> = CONTROLS.iter().flat_map(|control| control.frameworks.iter().copied()).collect();
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(known.len(), 14);
}

#[test]
fn each_evidence_stands_at_each_of_its_criteria_and_a_criterion_without_any_is_there_too() {
    let (held, config) = ([found("rls-coverage", Verdict::pass("9 facts"))], configured(ATTESTED));
    let lines = evidence(&held, &config.attested).matrix();
    let at = |id: &str| lines.iter().find(|line| line.criterion.id == id).unwrap();
    assert_eq!((at("CC6.1").tested.len(), at("CC8.1").tested.len(), at("CC6.2").tested.len()), (1, 1, 0));
    assert_eq!((at("CC7.4").attested.len(), at("CC7.5").attested.len(), at("CC6.4").attested.len()), (1, 2, 0));
    assert_eq!(lines.len(), CRITERIA.len());
}

#[test]
fn a_cell_that_would_be_a_formula_is_text() {
    let (held, config) = ([found("rls-coverage", Verdict::fail("-1+2, \"quoted\""))], configured(ATTESTED));
    let csv = to_csv(&evidence(&held, &config.attested).matrix(), Words::english());
    assert!(csv.contains(r#","fail","2026-06-15T12:00:00Z","2026-06-15T12:00:00Z","'-1+2, ""quoted""","",""#), "{csv}");
    assert!(csv.contains(r#","attested","incident-plan","EV-5","'=We tell you within 72 hours","attested","#), "{csv}");
    assert!(csv.contains(r#","subprocessors","EV-5","The list is complete","expired","#), "{csv}");
    assert!(csv.lines().all(|line| line.starts_with("\"CC") || line.starts_with("\"criterion\",")), "{csv}");
}

#[tokio::test]
async fn the_same_verdicts_are_the_same_bytes_whenever_they_are_asked_for() {
    let db = TestDb::new().await;
    let (probe, standing, config) = (probe(&db, None), Standing::default(), configured(ATTESTED));
    standing.renew(&probe).await;
    let first = oscal(&standing.all(), &config);
    db.ground.clock.advance(Duration::from_secs(300));
    standing.renew(&probe).await;
    assert_eq!(oscal(&standing.all(), &config), first);
    let elsewhere = beside_noted(&db.ground, run_all(CONTROLS, &probe).await).await.unwrap();
    assert_eq!(oscal(&elsewhere, &config), first, "a process that only looks says the same");

    db.administrator().await.batch_execute("alter table live.audit no force row level security").await.unwrap();
    standing.renew(&probe).await;
    assert_ne!(oscal(&standing.all(), &config), first);
}

#[test]
fn the_document_has_the_structure_of_assessment_results() {
    let held = [
        found("rls-coverage", Verdict::pass("9 facts")),
        found("modes-apart", Verdict::fail("one")),
        found("guard-audit", Verdict { outcome: Outcome::Unknown, evidence: "away".to_owned() }),
    ];
    let text = oscal(&held, &configured(ATTESTED));
    let document: Value = serde_json::from_str(&text).unwrap();
    let (all, results) = (&document["assessment-results"], &document["assessment-results"]["results"][0]);
    assert_eq!(all["metadata"]["oscal-version"], "1.2.1");
    assert_eq!(all["metadata"]["last-modified"], "2026-06-15T12:00:00Z");
    assert_eq!(all["import-ap"]["href"], format!("#{}", all["back-matter"]["resources"][0]["uuid"].as_str().unwrap()));
    let states: Vec<&Value> = fields(&results["findings"], "/target/status");
    let expected = [("satisfied", "pass"), ("not-satisfied", "fail"), ("not-satisfied", "other")];
    assert!(states.iter().zip(expected).all(|(is, (state, why))| is["state"] == state && is["reason"] == why));
    assert_eq!(results["observations"].as_array().unwrap().len(), 6);
    assert_eq!(results["attestations"].as_array().unwrap().len(), 1, "what is over or not yet is not attested");
    every_reference_is_met(results);
    every_uuid_is_a_digest_of_its_own(&document);
    let sorted = serde_json::to_string_pretty(&document).unwrap() + "\n";
    assert_eq!(text, sorted, "keys are sorted");
}

fn fields<'a>(list: &'a Value, pointer: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap()).collect()
}

fn every_reference_is_met(results: &Value) {
    let known = fields(&results["observations"], "/uuid");
    let named = fields(&results["findings"], "/related-observations/0/observation-uuid");
    assert!(!named.is_empty() && named.iter().all(|uuid| known.contains(uuid)));
}

/// Version 5, and none twice.
fn every_uuid_is_a_digest_of_its_own(document: &Value) {
    let mut found = Vec::new();
    collect(document, &mut found);
    let count = found.len();
    assert!(found.iter().all(|uuid| uuid::Uuid::parse_str(uuid).unwrap().get_version_num() == 5));
    found.sort_unstable();
    found.dedup();
    assert_eq!((found.len(), count > 9), (count, true));
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("uuid").map(|uuid| uuid.as_str().unwrap().to_owned()));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn an_expired_attestation_leaves_the_public_page_by_itself() {
    let db = TestDb::new().await;
    let custody = Custody::new(db.ground.clone(), &configured(ATTESTED));
    let page = body(http::trust(stranger(), State(custody.clone())).await).await;
    assert!(page.contains("=We tell you within 72 hours") && page.contains("https://example.com/plan"), "{page}");
    assert!(!page.contains("The list is complete") && !page.contains("Restored every month"), "{page}");
    let json = body(http::trust_json(State(custody.clone())).await.into_response()).await;
    assert!(json.contains("incident-plan") && !json.contains("subprocessors"), "{json}");

    db.ground.clock.advance(Duration::from_secs(24 * 3600));
    let page = body(http::trust(stranger(), State(custody)).await).await;
    assert!(!page.contains("72 hours") && page.contains("Restored every month"), "{page}");
}

#[tokio::test]
async fn what_is_not_configured_is_not_claimed() {
    let db = TestDb::new().await;
    let page = body(http::trust(stranger(), State(Custody::new(db.ground.clone(), &config()))).await).await;
    assert!(!page.contains("id=\"attested\""), "{page}");
}
