//! The audit log as its readers ask for it. [AUD-3 RL-4]

use crate::app::TestApp;

const LIST: &str = "/-/api/v1/audit";
const EXPORT: &str = "/-/api/v1/audit/export";

#[tokio::test]
async fn a_filter_that_means_nothing_is_refused_with_its_name() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["audit:read", "audit:export"]).await;
    for (query, field) in [
        ("since=yesterday", "since"),
        ("since=2026-03-02&until=2026-03-01T00:00:00Z", "until"),
        ("action=created", "action"),
        ("entity_type=Api%20Key", "entity_type"),
        ("ip=203.0.113.0/24", "ip"),
    ] {
        for path in [LIST, EXPORT] {
            let refused = key.get(&format!("{path}?{query}")).await.expect(422);
            assert!(refused.body.contains(&format!("\"field\":\"{field}\"")), "{path}?{query}: {}", refused.body);
        }
    }
    key.get(&format!("{LIST}?color=red")).await.expect(400);
    key.get(&format!("{EXPORT}?format=xml")).await.expect(400);
}

#[tokio::test]
async fn pages_of_the_list_follow_one_another() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.key(["audit:read"]).await;
    let first = key.get(&format!("{LIST}?limit=1&actor={}", acme.person().email)).await.expect(200).json();
    let after = first["next_after"].as_str().unwrap();
    let next = key.get(&format!("{LIST}?limit=1&actor={}&after={after}", acme.person().email)).await.expect(200).json();
    assert!(first["data"][0]["id"].as_str() > next["data"][0]["id"].as_str());
    assert_eq!(next["data"][0]["personal"]["actor_email"], acme.person().email.as_str());
}

#[tokio::test]
async fn an_export_comes_in_three_formats_and_is_whole() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["audit:export"]).await;
    for (format, kind, name) in [
        ("jsonl", "application/jsonl", "audit-live.jsonl"),
        ("csv", "text/csv; charset=utf-8; header=present", "audit-live.csv"),
        ("ocsf", "application/jsonl", "audit-live.ocsf.jsonl"),
    ] {
        let file = key.get(&format!("{EXPORT}?format={format}")).await.expect(200);
        assert_eq!((file.header("content-type"), file.header("cache-control")), (kind, "no-store"));
        assert!(file.header("content-disposition").contains(name));
        assert!(file.body.lines().last().unwrap().contains("tenantry/audit-end/v1"), "{format}: {}", file.body);
    }
}

/// Whatever key or person asks: each export reads a whole log.
#[tokio::test]
async fn exports_are_counted_for_the_tenant() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let keys = [acme.key(["audit:export"]).await, acme.key(["audit:export"]).await];
    for number in 0..20 {
        keys[number % 2].get(EXPORT).await.expect(200);
    }
    let refused = keys[0].get(EXPORT).await.expect(429);
    assert!(refused.header("ratelimit").starts_with("\"export_tenant\";r=0;"), "{}", refused.header("ratelimit"));
    globex.key(["audit:export"]).await.get(EXPORT).await.expect(200);
}
