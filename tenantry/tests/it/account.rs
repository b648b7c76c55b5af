//! One's own account over HTTP: forged forms, forged hosts, limits, and other browsers (ID-4, ID-10, RL-2).

use crate::app::{PASSWORD, TestApp};
use crate::client::Browser;

const NEW_PASSWORD: &str = "seven kettles orbit a plum";

async fn is_signed_in(browser: &mut Browser<'_>, host: &str) -> bool {
    let path = if host == "app" { "/-/account" } else { "/api/whoami" };
    browser.fetch("GET", host, path).await.status == 200
}

/// Everything that changes an account, with a form that would do it.
fn forms() -> [(&'static str, Vec<(&'static str, &'static str)>); 5] {
    [
        ("/-/account/password", vec![("current", PASSWORD), ("password", NEW_PASSWORD)]),
        ("/-/account/email", vec![("current", PASSWORD), ("email", "eve@evil.example")]),
        ("/-/account/sessions/revoke-others", vec![]),
        ("/-/account/delete", vec![("current", PASSWORD)]),
        ("/-/password-strength", vec![("password", NEW_PASSWORD)]),
    ]
}

#[tokio::test]
async fn a_form_of_another_site_changes_no_account() {
    let app = TestApp::new().await;
    let ada = app.tenant("acme").await.owner().await;
    for (path, form) in forms() {
        for origin in ["https://evil.example", "null", &app.origin("acme")] {
            let call = app.call("POST", "app", path).with("cookie", ada.cookies("app")).with("origin", origin);
            call.form(&form).send().await.problem(403, "foreign_origin");
        }
        let unsaid = app.call("POST", "app", path).with("cookie", ada.cookies("app")).form(&form);
        unsaid.send().await.expect(403);
    }
    app.browser().sign_in("owner@acme.example", PASSWORD).await.expect(303);
}

#[tokio::test]
async fn account_pages_are_on_the_central_host_alone() {
    let app = TestApp::new().await;
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    for path in ["/-/account", "/-/account/sessions", "/-/forgot-password", "/-/reset-password?token=x"] {
        ada.fetch("GET", "acme", path).await.expect(404);
    }
}

#[tokio::test]
async fn a_forged_host_writes_no_link() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let form = [("email", "owner@acme.example")];
    let forged = app.call("POST", "app", "/-/forgot-password").same_origin().with("x-forwarded-host", "evil.example");
    forged.form(&form).send().await.expect(200);
    let mail = app.mail.mailbox().next_to("owner@acme.example").await;
    assert!(mail.text.contains(&format!("{}/-/reset-password?token=", app.origin("app"))), "{}", mail.text);
    assert!(!mail.text.contains("evil.example"));
}

#[tokio::test]
async fn another_password_signs_other_browsers_out_on_every_host_at_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut here, mut there) = (acme.owner().await, acme.owner().await);
    here.hand_off("acme").await.expect(303);
    there.hand_off("acme").await.expect(303);
    let form = [("current", PASSWORD), ("password", NEW_PASSWORD)];
    here.post("app", "/-/account/password", &form).await.expect(303);
    for host in ["app", "acme"] {
        assert!(is_signed_in(&mut here, host).await && !is_signed_in(&mut there, host).await, "{host}");
    }
}

#[tokio::test]
async fn forgotten_passwords_are_limited_by_address() {
    let app = TestApp::new().await;
    for number in 0..5 {
        let form = [("email", format!("nobody{number}@acme.example"))];
        app.call("POST", "app", "/-/forgot-password").same_origin().form(&form).send().await.expect(200);
    }
    let form = [("email", "nobody@acme.example")];
    app.call("POST", "app", "/-/forgot-password").same_origin().form(&form).send().await.expect(429);
}

#[tokio::test]
async fn guessing_the_present_password_is_as_slow_as_guessing_at_the_sign_in() {
    let app = TestApp::new().await;
    let mut ada = app.tenant("acme").await.owner().await;
    for _ in 0..10 {
        ada.post("app", "/-/account/password", &[("current", "wrong"), ("password", NEW_PASSWORD)]).await.expect(422);
    }
    let form = [("current", PASSWORD), ("password", NEW_PASSWORD)];
    ada.post("app", "/-/account/password", &form).await.expect(429);
    app.advance(1_800);
    ada.get("app", "/-/account/password").await.expect(200);
    ada.post("app", "/-/account/password", &form).await.expect(303);
}

#[tokio::test]
async fn what_is_typed_stands_in_no_answer_and_no_address() {
    let app = TestApp::new().await;
    let call = app.call("POST", "app", "/-/password-strength").same_origin().form(&[("password", NEW_PASSWORD)]);
    let said = call.send().await.expect(200);
    assert!(said.header("cache-control") == "no-store" && !said.body.contains(NEW_PASSWORD));
    app.call("GET", "app", "/-/password-strength?password=x").send().await.expect(405);
}
