//! The way to a tenant's host: bound to host, browser and target, and gone once (ID-5).

use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use tenantry_core::mode::Mode;
use tenantry_identity::sessions::{ACCESS_COOKIE, Known};

use super::signed_in;
use crate::house::{Answer, Browser, CENTRAL, House, PASSWORD};

const TENANT: &str = "http://acme.localhost:8600";
const TEST: &str = "http://acme--test.localhost:8600";
const OTHER: &str = "http://other.localhost:8600";

/// A code, and the browser that asked for it.
async fn code_for(browser: &mut Browser<'_>, tenant: &str) -> String {
    let asked = browser.get(&format!("{tenant}/-/sign-in?return_to=/orders")).await;
    let offered = browser.get(asked.location()).await;
    browser.get(offered.location()).await.field("code")
}

async fn redeem(browser: &mut Browser<'_>, tenant: &str, code: &str) -> Answer {
    browser.post(&format!("{tenant}/-/handoff"), &[("code", code)]).await
}

#[tokio::test]
async fn somebody_who_asks_for_a_page_of_their_tenant_signs_in_and_is_back_on_it() {
    let house = House::new().await;
    house.account("acme").await;
    let mut browser = house.browser();
    let asked = browser.get(&format!("{TENANT}/-/sign-in?return_to=/orders?page=2")).await;
    let first = browser.get(asked.location()).await;
    let form = browser.get(&format!("{CENTRAL}{}", first.location())).await;
    assert!(form.body.contains("acme.localhost") && form.body.contains("type=\"password\""));
    let policy = form.headers[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
    assert!(
        policy.contains(&format!("form-action 'self' {TENANT};")),
        "browsers hold a form's redirects to its policy: {policy}"
    );
    let target = form.field("return_to").replace("&#38;", "&");
    let proof = [("email", "ada@acme.example"), ("password", PASSWORD), ("return_to", target.as_str())];
    let signed = browser.post(&format!("{CENTRAL}/-/sign-in"), &proof).await;
    let offered = browser.get(&format!("{CENTRAL}{}", signed.location())).await;
    let page = browser.get(offered.location()).await;
    assert!(
        page.body.contains("data-autosubmit") && page.body.contains("type=\"submit\""),
        "with and without JavaScript"
    );
    let back = redeem(&mut browser, TENANT, &page.field("code")).await;
    assert_eq!(back.location(), "/orders?page=2");
    let Known::Verified(session) = browser.known(TENANT).await else { panic!("signed in") };
    let parts = session.principal().parts();
    assert_eq!(
        (parts.tenant.as_ref().map(|tenant| tenant.slug.as_str()), parts.mode),
        (Some("acme"), Some(Mode::Live))
    );
    assert!(parts.permissions.contains("keys:manage") && session.principal_in("acme", Mode::Live).is_none());
}

#[tokio::test]
async fn the_test_host_has_a_session_of_its_own_in_test_mode() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    browser.hand_off(TEST).await.location();
    let Known::Verified(session) = browser.known(TEST).await else { panic!("signed in") };
    assert_eq!(session.principal().parts().mode, Some(Mode::Test));
    assert!(!browser.is_signed_in(TENANT).await);
}

#[tokio::test]
async fn a_code_is_worth_nothing_in_another_browser() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let code = code_for(&mut browser, TENANT).await;
    let mut thief = house.browser();
    assert_eq!(redeem(&mut thief, TENANT, &code).await.code(), "handoff_refused", "without a verifier");
    thief.get(&format!("{TENANT}/-/sign-in?return_to=/orders")).await.location();
    assert_eq!(redeem(&mut thief, TENANT, &code).await.code(), "handoff_refused", "with another verifier");
    assert_eq!(
        redeem(&mut browser, TENANT, &code).await.code(),
        "handoff_refused",
        "and the thief's try has used it up"
    );
    assert!(!thief.is_signed_in(TENANT).await);
}

#[tokio::test]
async fn a_code_is_worth_nothing_at_another_host() {
    let house = House::new().await;
    house.account("other").await;
    let mut browser = signed_in(&house).await;
    for elsewhere in [OTHER, TEST] {
        let code = code_for(&mut browser, TENANT).await;
        browser.get(&format!("{elsewhere}/-/sign-in?return_to=/orders")).await.location();
        let verifier = browser.cookie(TENANT, "__Host-tenantry-handoff").expect("a verifier").clone();
        browser.set(elsewhere, "__Host-tenantry-handoff", &verifier);
        assert_eq!(redeem(&mut browser, elsewhere, &code).await.code(), "handoff_refused", "{elsewhere}");
    }
}

#[tokio::test]
async fn a_code_works_once() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let code = code_for(&mut browser, TENANT).await;
    let mut twin = browser.clone();
    assert_eq!(redeem(&mut browser, TENANT, &code).await.location(), "/orders");
    assert_eq!(redeem(&mut twin, TENANT, &code).await.code(), "handoff_refused");
}

#[tokio::test]
async fn a_code_waits_thirty_seconds() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let code = code_for(&mut browser, TENANT).await;
    house.advance(30);
    assert_eq!(redeem(&mut browser, TENANT, &code).await.code(), "handoff_refused");
    let code = code_for(&mut browser, TENANT).await;
    house.advance(29);
    assert_eq!(redeem(&mut browser, TENANT, &code).await.location(), "/orders");
}

#[tokio::test]
async fn a_target_that_was_altered_on_the_way_is_refused() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let asked = browser.get(&format!("{TENANT}/-/sign-in?return_to=/orders")).await;
    let altered = asked.location().replace("%2Forders", "%2Forders%2F1%2Fdelete");
    let offered = browser.get(&altered).await;
    let code = browser.get(offered.location()).await.field("code");
    assert_eq!(redeem(&mut browser, TENANT, &code).await.code(), "handoff_refused");
}

#[tokio::test]
async fn whoever_is_no_member_learns_not_even_whether_the_tenant_exists() {
    let house = House::new().await;
    house.account("other").await;
    let mut browser = signed_in(&house).await;
    let asked = browser.get(&format!("{OTHER}/-/sign-in")).await;
    let refused = browser.get(asked.location()).await;
    let nowhere = browser.get(&asked.location().replace("other.localhost", "nowhere.localhost")).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::NOT_FOUND, "no_membership"));
    assert_eq!(refused.body.replace("other.localhost", "(host)"), nowhere.body.replace("nowhere.localhost", "(host)"));
}

#[tokio::test]
async fn hosts_that_are_no_tenants_get_no_code() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    for host in [
        "app.localhost",
        "api.localhost",
        "evil.example",
        "acme.localhost.evil.example",
        "acme.localhost:8600",
        "acme.localhost%2F@evil.example",
        "",
    ] {
        let answer =
            browser.get(&format!("{CENTRAL}/-/handoff?host={host}&challenge={}&return_to=/", "A".repeat(43))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{host}");
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_not_entered() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let code = code_for(&mut browser, TENANT).await;
    house
        .db
        .administrator()
        .await
        .batch_execute("update control.tenants set status = 'suspended'")
        .await
        .expect("an update");
    assert_eq!(redeem(&mut browser, TENANT, &code).await.code(), "tenant_suspended");
}

#[tokio::test]
async fn no_child_is_born_of_a_session_that_is_over() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let code = code_for(&mut browser, TENANT).await;
    browser.post::<&str>(&format!("{CENTRAL}/-/sign-out"), &[]).await.location();
    assert_eq!(redeem(&mut browser, TENANT, &code).await.code(), "handoff_refused");
}

#[tokio::test]
async fn two_tabs_that_start_at_once_both_come_back() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let (first, second) = (code_for(&mut browser, TENANT).await, code_for(&mut browser, TENANT).await);
    assert_eq!(redeem(&mut browser, TENANT, &first).await.location(), "/orders");
    assert_eq!(redeem(&mut browser, TENANT, &second).await.location(), "/", "signed in already");
    assert!(browser.cookie(TENANT, ACCESS_COOKIE).is_some());
}

#[tokio::test]
async fn however_sign_out_and_hand_off_cross_no_child_outlives_its_root() {
    let house = House::new().await;
    house.account("acme").await;
    for _ in 0..12 {
        let mut leaving = super::sign_in(&house).await;
        let mut arriving = leaving.clone();
        let code = code_for(&mut arriving, TENANT).await;
        let sign_out = format!("{CENTRAL}/-/sign-out");
        let (_, answer) = tokio::join!(leaving.post::<&str>(&sign_out, &[]), redeem(&mut arriving, TENANT, &code));
        assert!(matches!(answer.status, StatusCode::SEE_OTHER | StatusCode::FORBIDDEN), "{}", answer.body);
        assert!(!arriving.is_signed_in(TENANT).await);
    }
    let living = "select count(*) from control.sessions where ended_at is null";
    let living: i64 = house.db.administrator().await.query_one(living, &[]).await.expect("a row").get(0);
    assert_eq!(living, 0);
}
