//! The app contract, line by line, as an app meets it (docs/app-contract.md).

use serde_json::{Value, json};

use crate::app::{CRON_SECRET, Tenant, TestApp};
use crate::client::Browser;
use crate::echo::seen;
use crate::verifier::verified;

async fn at_acme(app: &TestApp) -> Browser<'_> {
    signed_in(&app.tenant("acme").await).await
}

async fn signed_in<'a>(tenant: &Tenant<'a>) -> Browser<'a> {
    let mut ada = tenant.owner().await;
    ada.hand_off(tenant.slug()).await.expect(303);
    ada
}

#[tokio::test]
async fn a_person_arrives_with_a_signed_identity_and_without_our_cookies() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut ada = signed_in(&acme).await;
    ada.set("acme", "theme", "dark");
    let saw = ada.call("GET", "acme", "/api/whoami?a=1").send().await.expect(200).json();
    assert_eq!((&saw["method"], &saw["target"]), (&"GET".into(), &"/api/whoami?a=1".into()));
    assert_eq!(seen(&saw, "cookie"), ["theme=dark"]);
    let claims = verified(&app, &saw).await;
    let owner = app.server.app.config.roles.owner();
    let now = app.db.ground.clock.now_s();
    let expected = json!({
        "iss": app.origin("app"), "aud": "app", "iat": now, "exp": now + 90,
        "realm": "staff", "actor": "session", "mode": "live",
        "sub": acme.person().id, "name": "Ada Example", "email": "owner@acme.example",
        "tenant": { "id": acme.id(), "slug": "acme", "name": "acme Works", "plan": acme.of.tenant.plan, "status": "active" },
        "roles": ["OWNER"], "permissions": owner.role.permissions,
        "auth_time": now, "amr": ["pwd"],
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_key_arrives_with_its_scopes_and_is_not_shown_to_the_app() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let saw = key.get("/api/whoami").await.expect(200).json();
    assert!(seen(&saw, "authorization").is_empty() && !saw.to_string().contains(&key.plaintext), "{saw}");
    let claims = verified(&app, &saw).await;
    let facts = json!([
        claims["actor"],
        claims["sub"],
        claims["permissions"],
        claims["roles"],
        claims["mode"],
        claims["email"]
    ]);
    assert_eq!(facts, json!(["api_key", key.id, ["products:read"], [], "live", null]));
}

#[tokio::test]
async fn a_public_route_says_that_nobody_came_and_takes_no_session() {
    let app = TestApp::new().await;
    let ada = at_acme(&app).await;
    for call in [app.call("GET", "acme", "/api/status"), ada.call("GET", "acme", "/api/status")] {
        let saw = call.send().await.expect(200).json();
        let claims = verified(&app, &saw).await;
        let facts =
            json!([claims["actor"], claims["sub"], claims["tenant"]["slug"], claims["permissions"], claims["email"]]);
        assert_eq!(facts, json!(["anonymous", "anonymous", "acme", [], null]));
    }
    let saw = app.get("api", "/api/status").await.expect(200).json();
    assert_eq!(verified(&app, &saw).await["tenant"], Value::Null, "nobody names a tenant there");
}

/// [AC-15]
#[tokio::test]
async fn a_scheduler_with_the_secret_arrives_as_cron_and_nobody_else_does() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let call = |token: &str| app.call("POST", "acme", "/api/cron/nightly").bearer(token);
    let saw = call(CRON_SECRET).send().await.expect(200).json();
    assert!(seen(&saw, "authorization").is_empty(), "{saw}");
    assert_eq!(verified(&app, &saw).await["actor"], "cron");
    for wrong in ["wrong", &CRON_SECRET[1..], &CRON_SECRET.to_uppercase()] {
        call(wrong).send().await.problem(401, "cron_refused");
    }
    app.call("POST", "acme", "/api/cron/nightly").send().await.expect(401);
    app.call("GET", "acme", "/api/products").bearer(CRON_SECRET).send().await.expect(401);
}

#[tokio::test]
async fn what_a_client_may_not_say_never_reaches_the_app() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let mut call = key.call("GET", "acme", "/api/whoami");
    let spoofed = [
        ("tenantry-identity", "spoof"),
        ("tenantry-csp-nonce", "spoof"),
        ("tenantry_identity", "spoof"),
        ("x-forwarded-for", "198.51.100.66"),
        ("x-forwarded-host", "spoof.example"),
        ("x-forwarded-proto", "spoof"),
        ("x-forwarded-prefix", "/spoof"),
        ("forwarded", "for=198.51.100.66"),
        ("x-real-ip", "198.51.100.66"),
        ("x-request-id", "spoof"),
        ("x-original-url", "/spoof"),
        ("x-http-method-override", "DELETE"),
        ("proxy", "spoof"),
        ("connection", "x-secret"),
        ("x-secret", "spoof"),
    ];
    for (name, value) in spoofed {
        call = call.with(name, value);
    }
    let saw = call.with("x-of-the-client", "kept").send().await.expect(200).json();
    assert!(!saw.to_string().contains("spoof") && !saw.to_string().contains("198.51.100.66"), "{saw}");
    let host = app.authority("acme");
    let port = host.rsplit(':').next().unwrap();
    let client = app.client.to_string();
    let told = [
        ("host", host.as_str()),
        ("x-forwarded-host", &host),
        ("x-forwarded-for", &client),
        ("x-real-ip", &client),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", port),
        ("forwarded", &format!("for={client};host=\"{host}\";proto=http")),
        ("x-of-the-client", "kept"),
    ];
    for (name, value) in told {
        assert_eq!(seen(&saw, name), [value], "{name}");
    }
    assert_eq!(seen(&saw, "tenantry-identity").len(), 1);
}

#[tokio::test]
async fn what_an_app_may_not_say_never_reaches_the_browser() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let mut call = key.call("GET", "acme", "/api/whoami");
    let said = [
        "set-cookie: __Host-tenantry=stolen; Path=/; Secure",
        "set-cookie: __host-TENANTRY-refresh=stolen; Path=/; Secure",
        "set-cookie: wide=stolen; Domain=localhost",
        "set-cookie: theme=dark; Path=/",
        "clear-site-data: \"cookies\"",
        "service-worker-allowed: /",
        "tenantry-identity: stolen",
        "x-request-id: stolen",
        "x-frame-options: SAMEORIGIN",
        "content-security-policy: default-src *",
        "x-of-the-app: kept",
    ];
    for line in said {
        call = call.with("answer-with", line);
    }
    let answer = call.send().await.expect(200);
    assert_eq!(answer.set_cookies(), ["theme=dark; Path=/"]);
    assert_eq!(answer.header("x-of-the-app"), "kept");
    for gone in ["clear-site-data", "service-worker-allowed", "tenantry-identity"] {
        assert_eq!(answer.header(gone), "", "{gone}");
    }
    assert!(!answer.header("x-request-id").is_empty() && answer.header("x-request-id") != "stolen");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn a_guarded_answer_is_private_unless_the_app_says_otherwise() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let call = key.call("GET", "acme", "/api/whoami");
    assert_eq!(call.clone().send().await.header("cache-control"), "private, no-store");
    let said = call.with("answer-with", "cache-control: private, max-age=5").send().await;
    assert_eq!(said.header("cache-control"), "private, max-age=5");
    assert_eq!(app.get("acme", "/api/status").await.expect(200).header("cache-control"), "");
}

/// [WEB-1]
#[tokio::test]
async fn a_page_has_a_fresh_nonce_that_the_app_knew_and_a_304_has_none() {
    let app = TestApp::new().await;
    let ada = at_acme(&app).await;
    let page =
        || ada.call("GET", "acme", "/").with("accept", "text/html").with("answer-with", "content-type: text/html");
    let (first, second) =
        (page().with("if-none-match", "\"1\"").send().await.expect(200), page().send().await.expect(200));
    let nonce = |saw: &Value| seen(saw, "tenantry-csp-nonce")[0].to_owned();
    let (saw, saw_second) = (first.json(), second.json());
    assert_ne!(nonce(&saw), nonce(&saw_second));
    let policy = first.header("content-security-policy");
    assert!(
        policy.contains(&format!("'nonce-{}'", nonce(&saw))) && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(seen(&saw, "content-security-policy"), [policy], "as its request header");
    assert!(seen(&saw, "if-none-match").is_empty(), "no old page comes back to life");
    assert_eq!(first.header("cache-control"), "private, no-store");
    let unchanged = ada.call("GET", "acme", "/api/whoami").with("answer-status", "304").send().await.expect(304);
    assert_eq!(unchanged.header("content-security-policy"), "");
}

#[tokio::test]
async fn a_body_arrives_as_it_was_sent() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["orders:write"]).await;
    let order = json!({ "product_id": 1, "quantity": 2 });
    let saw = key.call("POST", "api", "/api/orders").json(&order).send().await.expect(200).json();
    assert_eq!((&saw["method"], saw["body"].as_str().unwrap()), (&"POST".into(), order.to_string().as_str()));
}
