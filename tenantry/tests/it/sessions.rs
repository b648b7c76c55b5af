//! Sessions over HTTP: where cookies live, what renews them, and what ends them (ID-5, ID-8, ID-9, ID-11).

use crate::app::{PASSWORD, TestApp};
use crate::client::{Answer, Browser};
use crate::verifier::verified;

const ACCESS: &str = "__Host-tenantry";
const REFRESH: &str = "__Host-tenantry-refresh";
/// Longer than an access token lives.
const STALE_S: u64 = 16 * 60;

/// Signed in on the central host and on acme's.
async fn everywhere(app: &TestApp) -> Browser<'_> {
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    ada
}

async fn is_signed_in(browser: &mut Browser<'_>, host: &str) -> bool {
    let path = if host == "app" { "/-/console/acme/live/keys" } else { "/api/whoami" };
    browser.fetch("GET", host, path).await.status == 200
}

#[tokio::test]
async fn each_host_has_cookies_of_its_own_that_open_no_other_host() {
    let app = TestApp::new().await;
    let (mut ada, globex) = (everywhere(&app).await, app.tenant("globex").await);
    assert!(is_signed_in(&mut ada, "app").await && is_signed_in(&mut ada, "acme").await);
    let central = ada.cookie("app", ACCESS).unwrap().clone();
    let child = ada.cookie("acme", ACCESS).unwrap().clone();
    assert_ne!(central, child);
    for (token, host) in
        [(&central, "acme"), (&child, "app"), (&child, globex.slug()), (&child, "acme--test"), (&child, "api")]
    {
        let mut thief = app.browser();
        thief.set(host, ACCESS, token);
        assert!(!is_signed_in(&mut thief, host).await, "a token of another host at {host}");
    }
}

#[tokio::test]
async fn a_safe_request_renews_a_stale_session_and_a_form_is_told_to_load_the_page_again() {
    let app = TestApp::new().await;
    let mut ada = everywhere(&app).await;
    app.advance(STALE_S);
    let before = ada.cookie("app", REFRESH).unwrap().clone();
    ada.fetch("POST", "app", "/-/console/acme/live/keys/new").await.problem(401, "session_stale");
    assert_eq!(ada.cookie("app", REFRESH), Some(&before), "a refused form changes nothing");
    ada.get("app", "/-/console/acme/live/keys/new").await.expect(200);
    assert_ne!(ada.cookie("app", REFRESH), Some(&before));
    ada.post("app", "/-/console/acme/live/keys/new", &[("name", "Sync"), ("scopes", "products:read")])
        .await
        .expect(200);
    ada.fetch("POST", "acme", "/api/products").await.problem(401, "session_stale");
    ada.fetch("GET", "acme", "/api/products").await.expect(200);
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session_on_every_host() {
    let app = TestApp::new().await;
    let mut ada = everywhere(&app).await;
    let stolen = ada.clone();
    for _ in 0..2 {
        app.advance(STALE_S);
        ada.get("acme", "/api/whoami").await.expect(200);
        ada.get("app", "/-/console/acme/live/keys").await.expect(200);
    }
    let mut thief = stolen;
    thief.fetch("GET", "acme", "/api/whoami").await.expect(401);
    for host in ["app", "acme"] {
        assert!(!is_signed_in(&mut ada, host).await, "{host}");
    }
}

#[tokio::test]
async fn signing_out_on_one_host_signs_out_on_all_of_them() {
    let app = TestApp::new().await;
    for from in ["app", "acme"] {
        let mut ada = if from == "app" { everywhere(&app).await } else { again(&app).await };
        let kept = ada.clone();
        ada.post::<&str>(from, "/-/sign-out", &[]).await;
        assert!(ada.cookie(from, ACCESS).is_none() && ada.cookie(from, REFRESH).is_none());
        for host in ["app", "acme"] {
            assert!(!is_signed_in(&mut kept.clone(), host).await, "{host} after signing out from {from}");
        }
    }
}

async fn again(app: &TestApp) -> Browser<'_> {
    let mut ada = app.browser();
    ada.sign_in("owner@acme.example", PASSWORD).await.expect(303);
    ada.hand_off("acme").await.expect(303);
    ada
}

#[tokio::test]
async fn a_code_opens_one_session_in_the_browser_that_asked_on_the_host_it_was_given_for() {
    let app = TestApp::new().await;
    app.tenant("globex").await;
    let mut ada = app.tenant("acme").await.owner().await;
    let code = ada.code_for("acme", "/orders").await;

    let mut other = app.browser();
    other.get("acme", "/-/sign-in").await.expect(303);
    other.post("acme", "/-/handoff", &[("code", &code)]).await.expect(403);
    assert!(!is_signed_in(&mut other, "acme").await, "another browser");

    let code = ada.code_for("acme", "/orders").await;
    ada.get("globex", "/-/sign-in").await.expect(303);
    ada.post("globex", "/-/handoff", &[("code", &code)]).await.expect(403);
    assert!(!is_signed_in(&mut ada, "globex").await, "another host");

    let code = ada.code_for("acme", "/orders").await;
    app.advance(31);
    ada.post("acme", "/-/handoff", &[("code", &code)]).await.expect(403);

    let code = ada.code_for("acme", "/orders").await;
    let arrived = ada.clone().post("acme", "/-/handoff", &[("code", &code)]).await;
    assert_eq!(arrived.location(), "/orders");
    ada.post("acme", "/-/handoff", &[("code", &code)]).await.expect(403);
    assert!(!is_signed_in(&mut ada, "acme").await, "a second time");
}

/// The name of a workspace is for its members: a link to the page between the hosts tells a stranger the slug alone.
#[tokio::test]
async fn the_page_between_the_hosts_names_the_workspace_to_the_browser_of_a_member_alone() {
    let app = TestApp::new().await;
    app.tenant("globex").await;
    let (mut ada, mut other) = (app.tenant("acme").await.owner().await, app.browser());
    other.get("acme", "/-/sign-in").await.expect(303);
    ada.get("globex", "/-/sign-in").await.expect(303);
    let page = format!("/-/handoff?code={}", ada.code_for("acme", "/orders").await);
    assert!(ada.get("acme", &page).await.expect(200).text().contains("Taking you to acme Works (acme)"));
    assert!(ada.get("acme", &page).await.expect(200).text().contains("acme Works"), "looking takes nothing");
    let made_up = page.replace("code=", "code=x");
    for (browser, host, page) in [(&mut other, "acme", &page), (&mut ada, "globex", &page)] {
        assert!(!browser.get(host, page).await.expect(200).text().contains("Works"), "{host}");
    }
    assert!(!ada.get("acme", &made_up).await.expect(200).text().contains("Works"));
    app.advance(31);
    assert!(!ada.get("acme", &page).await.expect(200).text().contains("Works"), "a code that is over");
}

#[tokio::test]
async fn whoever_is_no_member_learns_nothing_from_a_hand_off() {
    let app = TestApp::new().await;
    app.tenant("globex").await;
    let mut ada = app.tenant("acme").await.owner().await;
    let asked = ada.get("globex", "/-/sign-in").await;
    let known = ada.follow("globex", &asked).await.1.expect(404);
    let (_, path) = app.place("globex", asked.location());
    let unknown = ada.get("app", &path.replace("globex", "nobody")).await.expect(404);
    let said = |answer: &Answer, name| answer.text().replace(name, "").replace(answer.header("x-request-id"), "");
    assert_eq!(said(&known, "globex"), said(&unknown, "nobody"));
}

#[tokio::test]
async fn a_tenants_host_never_asks_for_a_password() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let mut nobody = app.browser();
    assert!(nobody.get("acme", "/").await.location().starts_with("/-/sign-in?return_to="));
    let asked = nobody.get("acme", "/-/sign-in").await;
    assert_eq!(app.place("acme", asked.location()).0, "app", "{}", asked.location());
    nobody.post("acme", "/-/sign-in", &[("email", "owner@acme.example"), ("password", PASSWORD)]).await.expect(404);
    let page = nobody.get("app", "/-/sign-in").await.expect(200);
    assert!(page.body.contains("type=\"password\""));
    let handoff = nobody.get("acme", "/-/handoff?code=x").await.expect(200);
    assert!(!handoff.body.contains("password"));
}

#[tokio::test]
async fn two_cookies_of_one_name_are_nobodys() {
    let app = TestApp::new().await;
    let ada = everywhere(&app).await;
    for (host, path) in [("acme", "/api/whoami"), ("app", "/-/console/acme/live/keys")] {
        let (cookies, other) = (ada.cookies(host), format!("{ACCESS}=other; {REFRESH}=other"));
        for twice in [format!("{cookies}; {cookies}"), format!("{cookies}; {other}"), format!("{other}; {cookies}")] {
            app.call("GET", host, path).with("cookie", twice).send().await.expect(401);
        }
        app.call("GET", host, path).with("cookie", &cookies).with("cookie", &cookies).send().await.expect(401);
        app.call("GET", host, path).with("cookie", cookies).send().await.expect(200);
    }
}

/// [AC-14]
#[tokio::test]
async fn test_data_has_a_host_and_a_session_of_its_own() {
    let app = TestApp::new().await;
    let mut ada = everywhere(&app).await;
    let live = ada.cookie("acme", ACCESS).unwrap().clone();
    ada.hand_off("acme--test").await.expect(303);
    let saw = ada.fetch("GET", "acme--test", "/api/whoami").await.expect(200).json();
    assert_eq!(verified(&app, &saw).await["mode"], "test");
    ada.set("acme--test", ACCESS, &live);
    ada.fetch("GET", "acme--test", "/api/whoami").await.expect(401);
}
