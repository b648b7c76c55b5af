//! The engine: what breaks a check never makes it pass, and what fails leaves the page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse as _;
use tenantry_custody::Custody;
use tenantry_custody::posture::{
    CONTROLS, Control, Finding, Held, Inconclusive, Outcome, Probe, Report, Standing, Verdict, run_all, run_one,
    run_within,
};
use tenantry_custody::posture::{http, operator};
use tenantry_platform::kit::TestDb;
use tenantry_platform::page::words::Words;

use super::{config, control, probe};
use crate::stranger;

async fn panics(_: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    panic!("a defect of the check")
}

async fn hangs(_: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    std::future::pending().await
}

fn with(check: tenantry_custody::posture::Check) -> Control {
    Control { check, ..control("tenant-isolation") }
}

#[tokio::test]
async fn a_check_that_panics_is_unknown_and_the_others_go_on() {
    let db = TestDb::new().await;
    let broken = with(|probe| Box::pin(panics(probe)));
    let findings = run_all(&[broken, control("database-version")], &probe(&db, None)).await;
    let outcomes: Vec<Outcome> = findings.iter().map(|finding| finding.verdict.outcome).collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::Pass]);
}

#[tokio::test]
async fn a_check_that_hangs_is_unknown() {
    let db = TestDb::new().await;
    let finding = run_within(Duration::ZERO, with(|probe| Box::pin(hangs(probe))), probe(&db, None)).await;
    assert_eq!(finding.verdict.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_database_that_is_away_makes_every_control_unknown_and_none_pass() {
    let db = TestDb::new().await;
    let mut urls = db.urls();
    for login in [&mut urls.control, &mut urls.live, &mut urls.test, &mut urls.jobs, &mut urls.operator] {
        login.dbname("nowhere");
    }
    db.ground.db.close();
    let probe = Arc::new(Probe::new(db.ground.clone(), config(), urls, None));
    let findings = run_all(CONTROLS, &probe).await;
    // Those that try this very process and nothing beside it.
    let needs_it = |finding: &&Finding| !["masked-logs", "scrubbed-errors"].contains(&finding.control.id);
    for finding in findings.iter().filter(needs_it) {
        assert_eq!(finding.verdict.outcome, Outcome::Unknown, "{}: {}", finding.control.id, finding.verdict.evidence);
    }
    assert!(!Report::new(&findings).has_failed());
}

#[tokio::test]
async fn the_report_has_the_fields_that_programs_read() {
    let db = TestDb::new().await;
    let finding = run_one(control("modes-apart"), probe(&db, None)).await;
    let report: serde_json::Value = serde_json::from_str(&Report::new(&[finding]).to_json()).unwrap();
    let row = report["controls"][0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["at", "claim", "evidence", "id", "verdict"]);
    assert_eq!((&row["id"], &row["claim"], &row["verdict"]), (&"modes-apart".into(), &"AC-7".into(), &"pass".into()));
    assert_eq!(row["at"], "2026-06-15T12:00:00Z");
}

#[tokio::test]
async fn a_claim_leaves_the_page_when_it_fails_and_begins_anew_when_it_returns() {
    let db = TestDb::new().await;
    let (probe, outside, clock) = (probe(&db, None), db.administrator().await, &db.ground.clock);
    let since = |standing: &Standing| {
        let held = standing.in_force(clock.now());
        held.iter().find(|held| held.finding.control.id == "rls-coverage").map(|held| held.since)
    };
    let (standing, start) = (Standing::default(), clock.now());
    standing.renew(&probe).await;
    clock.advance(Duration::from_secs(300));
    standing.renew(&probe).await;
    assert_eq!(since(&standing), Some(start));

    let restarted = Standing::default();
    restarted.renew(&probe).await;
    assert_eq!(since(&restarted), Some(start), "a restart begins nothing anew");

    outside.batch_execute("alter table live.audit no force row level security").await.unwrap();
    standing.renew(&probe).await;
    assert_eq!(since(&standing), None);
    outside.batch_execute("alter table live.audit force row level security").await.unwrap();
    clock.advance(Duration::from_secs(300));
    standing.renew(&probe).await;
    assert_eq!(since(&standing), Some(clock.now()));
}

#[tokio::test]
async fn a_verdict_that_nobody_renewed_is_no_longer_in_force() {
    let db = TestDb::new().await;
    let standing = Standing::default();
    let finding = Finding { control: control("modes-apart"), verdict: Verdict::pass(""), at: db.ground.now() };
    standing.take(vec![Held::first(finding)]);
    assert_eq!(standing.in_force(db.ground.now()).len(), 1);
    db.ground.clock.advance(Duration::from_secs(12 * 60));
    assert!(standing.in_force(db.ground.now()).is_empty());
}

#[test]
fn controls_have_names_of_their_own_and_claims() {
    let mut ids: Vec<&str> = CONTROLS.iter().map(|control| control.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(CONTROLS.iter().all(|control| !control.claims.is_empty() && !control.frameworks.is_empty()));
}

#[tokio::test]
async fn a_failing_control_leaves_no_trace_on_the_trust_page() {
    let db = TestDb::new().await;
    let custody = Custody::new(db.ground.clone(), &config());
    let (holds, fails) = (control("modes-apart"), control("tenant-isolation"));
    let held = |control, verdict| Held::first(Finding { control, verdict, at: db.ground.now() });
    custody
        .standing
        .take(vec![held(holds, Verdict::pass("17 attempts")), held(fails, Verdict::fail("the wall is open"))]);
    let page = http::trust(stranger(), State(custody.clone())).await;
    let page = body(page).await;
    let words = Words::english();
    assert!(page.contains(words.say(holds.statement)));
    let traces = [
        words.say(fails.statement),
        words.say(fails.check_text),
        "AC-9",
        "tenant-isolation",
        "the wall is open",
        "17 attempts",
    ];
    for trace in traces {
        assert!(!page.contains(trace), "{trace}");
    }
    let json = body(http::trust_json(State(custody)).await.into_response()).await;
    assert!(json.contains("modes-apart") && !json.contains("tenant-isolation"), "{json}");
}

#[tokio::test]
async fn the_evidence_is_for_platform_staff_alone() {
    let db = TestDb::new().await;
    let custody = Custody::new(db.ground.clone(), &config());
    let refused = operator::controls(stranger(), State(custody)).await.unwrap_err();
    assert_eq!(refused.status(), 401);
}

pub(super) async fn body(response: axum::response::Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
