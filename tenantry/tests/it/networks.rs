//! Keys that work from their own networks alone, over HTTP (KEY-1, RL-1).

use serde_json::{Value, json};

use crate::app::{Key, Tenant, TestApp, Wanted};
use crate::client::Answer;

const OFFICE: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.9";

async fn proxied() -> TestApp {
    TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await
}

/// A key of the office, and its id.
async fn bound(acme: &Tenant<'_>) -> (String, String) {
    let manager = acme.key(["keys:manage", "products:read"]).await;
    let draft = json!({ "name": "Depot", "scopes": ["products:read"], "allowed_networks": ["203.0.113.0/24"] });
    let made = manager.call("POST", "api", "/-/api/v1/keys").json(&draft).send().await.expect(201).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["secret"]), text(&made["key"]["id"]))
}

async fn ask(app: &TestApp, key: &str, path: &str, forwarded_for: &str) -> Answer {
    app.call("GET", "api", path).with("x-forwarded-for", forwarded_for).bearer(key).send().await
}

#[tokio::test]
async fn a_key_works_from_its_networks_alone_for_the_app_and_for_ours() {
    let app = proxied().await;
    let (key, _) = bound(&app.tenant("acme").await).await;
    for path in ["/api/products", "/-/api/v1/whoami"] {
        ask(&app, &key, path, OFFICE).await.expect(200);
        ask(&app, &key, path, "::ffff:203.0.113.9").await.expect(200);
        let refused = ask(&app, &key, path, ELSEWHERE).await;
        assert!(!refused.body.contains("203.0.113"), "the list leaks: {}", refused.body);
        refused.problem(403, "address_not_allowed");
        ask(&app, &key, path, "::ffff:198.51.100.9").await.problem(403, "address_not_allowed");
        ask(&app, &key, path, "2001:db8::1").await.problem(403, "address_not_allowed");
    }
}

/// What a client writes itself stands left of what our proxy adds, and is never looked at.
#[tokio::test]
async fn nobody_gets_in_by_writing_an_address_themselves() {
    let app = proxied().await;
    let (key, _) = bound(&app.tenant("acme").await).await;
    let forged = format!("{OFFICE}, {ELSEWHERE}");
    ask(&app, &key, "/api/products", &forged).await.problem(403, "address_not_allowed");
    let direct = TestApp::new().await;
    let (key, _) = bound(&direct.tenant("acme").await).await;
    ask(&direct, &key, "/api/products", OFFICE).await.problem(403, "address_not_allowed");
    for header in ["x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip"] {
        let value = if header == "forwarded" { format!("for={OFFICE}") } else { OFFICE.to_owned() };
        let call = direct.call("GET", "api", "/api/products").with(header, &value).bearer(&key);
        call.send().await.problem(403, "address_not_allowed");
    }
}

#[tokio::test]
async fn narrower_networks_count_when_the_call_returns() {
    let app = proxied().await;
    let acme = app.tenant("acme").await;
    let (manager, (key, id)) = (acme.key(["keys:manage", "products:read"]).await, bound(&acme).await);
    ask(&app, &key, "/api/products", OFFICE).await.expect(200);
    let narrow = json!({ "allowed_networks": ["203.0.113.64/26"] });
    manager.call("PATCH", "api", &format!("/-/api/v1/keys/{id}")).json(&narrow).send().await.expect(200);
    ask(&app, &key, "/api/products", OFFICE).await.problem(403, "address_not_allowed");
    ask(&app, &key, "/api/products", "203.0.113.65").await.expect(200);
}

/// Whoever stole a key cannot use its limit up from elsewhere; their own budget ends, and the log has two rows.
#[tokio::test]
async fn a_stolen_key_costs_the_thief_and_not_the_key() {
    let settings = "[limits.tiers.api_key]\nlimit = 20\n";
    let app = TestApp::with(Wanted { proxied: true, settings, ..Wanted::default() }).await;
    let (key, id) = bound(&app.tenant("acme").await).await;
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(ask(&app, &key, "/api/products", ELSEWHERE).await.status);
    }
    assert_eq!((&statuses[..30], &statuses[30..]), ([403; 30].as_slice(), [429; 10].as_slice()));
    ask(&app, &key, "/api/products", OFFICE).await.expect(200);
    app.server.app.custody.observer.flush(&app.db.ground).await;
    let admin = app.db.administrator().await;
    let sql = "select count(*), max((metadata->>'count')::int) from live.audit
               where action = 'api_key.address_refused' and actor_id = $1";
    let row = admin.query_one(sql, &[&id]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, Option<i32>>(1)), (2, Some(29)));
}

#[tokio::test]
async fn a_rotated_key_is_refused_when_the_overlap_is_over() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, old): (Key<'_>, Key<'_>) =
        (acme.key(["keys:manage", "products:read"]).await, acme.key(["products:read"]).await);
    old.get("/api/products").await.expect(200);
    let path = format!("/-/api/v1/keys/{}/rotate", old.id);
    let rotated = manager.call("POST", "api", &path).json(&json!({ "overlap_s": 60 })).send().await.expect(201).json();
    let new = rotated["secret"].as_str().unwrap();
    app.call("GET", "api", "/api/products").bearer(new).send().await.expect(200);
    app.advance(59);
    old.get("/api/products").await.expect(200);
    app.advance(1);
    old.get("/api/products").await.problem(401, "key_refused");
    app.call("GET", "api", "/api/products").bearer(new).send().await.expect(200);
    manager.call("POST", "api", &path).json(&json!({})).send().await.problem(409, "already_rotated");
}
