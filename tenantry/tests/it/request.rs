//! What a request costs, and what its path means, before any handler runs.

use crate::app::{TestApp, Wanted};

const REFRESH: &str = "__Host-tenantry-refresh";

/// [AC-14]
#[tokio::test]
async fn a_console_path_names_its_mode_or_nothing() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    for mode in ["live", "test"] {
        owner.get("app", &format!("/-/console/acme/{mode}/keys")).await.expect(200);
    }
    for word in ["TEST", "Test", "prod", "%74est", "test%20"] {
        for page in ["", "/keys", "/audit"] {
            owner.call("GET", "app", &format!("/-/console/acme/{word}{page}")).send().await.problem(404, "not_found");
        }
    }
    assert_eq!(owner.get("app", "/-/console/acme").await.location(), "/-/console/acme/live");
}

/// [RL-1, ID-8]
#[tokio::test]
async fn a_session_is_renewed_only_within_the_limit() {
    let app = TestApp::with(Wanted { settings: "[limits.tiers.page_ip]\nlimit = 4\n", ..Wanted::default() }).await;
    let owner = app.tenant("acme").await.owner().await;
    app.advance(120);
    let refresh = owner.cookie("app", REFRESH).expect("signed in");
    let call = app.call("GET", "app", "/-/console").with("cookie", format!("{REFRESH}={refresh}"));
    for _ in 0..2 {
        // One for the renewal, one for the page.
        assert_eq!(call.clone().send().await.expect(303).set_cookies().len(), 2);
    }
    let refused = call.send().await.problem(429, "too_many_requests");
    assert!(refused.set_cookies().is_empty(), "nobody asked the database for it");
}

/// [RL-1] Also what a key may not: else its refusals, and their rows in the log, would have no end.
#[tokio::test]
async fn a_refusal_of_somebody_known_is_charged_like_a_passage() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (key, foreign) = (acme.key(["products:read"]).await, globex.full_key().await);
    for _ in 0..30 {
        key.call("GET", "acme", "/api/orders").send().await.problem(403, "missing_permission");
        key.call("GET", "api", "/-/api/v1/members").send().await.problem(403, "missing_permission");
        foreign.call("GET", "acme", "/api/products").send().await.problem(404, "not_found");
        foreign.call("GET", "acme", "/-/api/v1/keys").send().await.problem(404, "not_found");
    }
    for call in [key.call("GET", "acme", "/api/orders"), foreign.call("GET", "acme", "/-/api/v1/keys")] {
        call.send().await.problem(429, "too_many_requests");
    }
}

#[tokio::test]
async fn a_character_that_no_text_can_hold_is_the_callers_fault() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut owner, key) = (acme.owner().await, acme.full_key().await);
    for name in ["actor", "action", "entity"] {
        for path in ["audit", "audit/export"] {
            key.get(&format!("/-/api/v1/{path}?{name}=a%00b")).await.problem(400, "malformed");
        }
    }
    owner.post("app", "/-/sign-in", &[("email", "a\0@acme.example"), ("password", "x")]).await.expect(400);
}
