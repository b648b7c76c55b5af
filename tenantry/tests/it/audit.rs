//! The audit log as its readers ask for it. [AUD-3 RL-4]

use crate::app::{Tenant, TestApp};

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

/// Sixteen megabytes of log: more than every buffer on the way holds.
async fn fill(app: &TestApp, acme: &Tenant<'_>) {
    let sql = "insert into live.audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action,
                   entity_type, entity_id, metadata, changes, personal, digests, leaf_hash)
               select a.tenant_id,
                   overlay(doors.uuid7_floor(a.at - n * interval '1 second')::text
                           placing lpad(to_hex(n), 12, '0') from 25 for 12)::uuid,
                   a.version, a.at, a.actor_type, a.actor_kind, a.actor_id, a.subject_id, a.action, a.entity_type, 'old-' || n,
                   jsonb_build_object('pad', repeat('x', 8000)), a.changes, a.personal, a.digests, a.leaf_hash
               from (select * from live.audit where tenant_id = $1 limit 1) a cross join generate_series(1, 2000) n";
    assert_eq!(app.db.administrator().await.execute(sql, &[&acme.id().uuid()]).await.unwrap(), 2_000);
}

/// [KEY-3 ID-11 AC-12]
#[tokio::test]
async fn an_export_breaks_off_when_whoever_downloads_it_is_shut_out() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, other, manager) =
        (acme.key(["audit:export"]).await, acme.key(["audit:export"]).await, acme.full_key().await);
    let (admin, mut owner) = (acme.member("ADMIN").await, acme.owner().await);
    fill(&app, &acme).await;
    let whole = key.get(EXPORT).await.expect(200).body;
    assert!(whole.lines().count() > 2_000 && whole.lines().last().unwrap().contains("tenantry/audit-end/v1"));

    let by_key = key.call("GET", "api", EXPORT).read_slowly().await;
    let by_person = admin.call("GET", "app", &acme.console("audit/export")).read_slowly().await;
    let by_other = other.call("GET", "api", EXPORT).read_slowly().await;
    manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    broke_off(&by_key.rest().await);
    let email = "owner@acme-admin.example";
    let path = acme.console(&format!("members/{}/remove", app.person(email).await));
    owner.post("app", &path, &[("confirm", email)]).await.expect(303);
    broke_off(&by_person.rest().await);
    acme.suspend().await;
    broke_off(&by_other.rest().await);
}

#[track_caller]
fn broke_off(text: &str) {
    let lines = text.matches("tenantry/audit").count();
    assert!(lines > 0 && lines < 2_000, "the first pages, and not all of them: {lines}");
    assert!(!text.contains("tenantry/audit-end/v1") && !text.ends_with("0\r\n\r\n"), "it looks whole");
}
