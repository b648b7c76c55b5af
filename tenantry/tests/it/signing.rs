//! Signing keys rotate by the clock, and no app loses a request over it (EN-2).

use tenantry_custody::vault::{Schedule, signing_keys};

use crate::app::{PASSWORD, TestApp, Wanted};
use crate::client::Answer;
use crate::echo::seen;
use crate::verifier::{claims, key_set, kid};

const DAY_S: u64 = 86_400;

fn token(answer: &Answer) -> String {
    seen(&answer.json(), "tenantry-identity")[0].to_owned()
}

#[tokio::test]
async fn an_app_verifies_with_the_old_key_until_its_last_token_ends() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let schedule = Schedule::of(&app.server.app.config);
    let rotate = async || signing_keys::ensure(&app.db.ground, &schedule).await.unwrap();
    let first = kid(&token(&key.get("/api/whoami").await));

    app.advance(schedule.rotate_every.as_secs() - schedule.publish_ahead.as_secs());
    rotate().await;
    let published = key_set(&app).await;
    let last = token(&key.get("/api/whoami").await);
    assert_eq!(kid(&last), first, "the next key is published before it signs");
    assert_eq!(published.keys.len(), 2);

    app.advance(schedule.publish_ahead.as_secs());
    rotate().await;
    let next = token(&key.get("/api/whoami").await);
    assert_ne!(kid(&next), first);
    assert!(claims(&app, &published, &next).is_some(), "an app that fetched the keys ahead knows it");

    app.advance(schedule.rotate_every.as_secs() + DAY_S);
    let set = key_set(&app).await;
    assert!(set.find(&first).is_none(), "its last token ended: {set:?}");
}

#[tokio::test]
async fn a_key_that_is_rotated_by_hand_still_verifies_what_it_signed() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let schedule = Schedule::of(&app.server.app.config);
    let signed = token(&key.get("/api/whoami").await);
    signing_keys::rotate_now(&app.db.ground, &schedule).await.unwrap();
    app.advance(60);
    assert!(claims(&app, &key_set(&app).await, &signed).is_some());
    app.advance(31);
    assert!(claims(&app, &key_set(&app).await, &signed).is_none(), "90 seconds are its life");
    app.advance(schedule.publish_ahead.as_secs());
    assert_ne!(kid(&token(&key.get("/api/whoami").await)), kid(&signed));
}

/// Keys that the vault has, after somebody took them out of memory.
async fn load_again(app: &TestApp) {
    signing_keys::ensure(&app.db.ground, &Schedule::of(&app.server.app.config)).await.unwrap();
}

#[tokio::test]
async fn without_a_key_for_identities_nothing_is_forwarded_and_the_node_is_not_ready() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    app.get("app", "/-/health/ready").await.expect(200);
    app.db.ground.signing.load([]);
    assert!(key.get("/api/products").await.expect(503).header("retry-after") == "1");
    app.get("app", "/-/health/ready").await.expect(503);
    app.get("app", "/-/health/live").await.expect(200);
    load_again(&app).await;
    key.get("/api/products").await.expect(200);
    app.get("app", "/-/health/ready").await.expect(200);
}

/// Nobody gets in or on without a key that signs, and nobody's session is lost by the try.
#[tokio::test]
async fn without_a_key_for_access_tokens_nobody_signs_in_or_renews() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut ada = acme.owner().await;
    let (email, page) = (&acme.of.person.email, acme.console("keys"));
    app.advance(16 * 60);
    app.db.ground.signing.load([]);
    app.browser().sign_in(email, PASSWORD).await.expect(500);
    ada.get("app", &page).await.expect(500);
    load_again(&app).await;
    ada.get("app", &page).await.expect(200);
    app.browser().sign_in(email, PASSWORD).await.expect(303);
}

/// A role with so many words that servers would not take the header.
#[tokio::test]
async fn an_identity_that_is_too_large_is_not_forwarded() {
    let words: Vec<String> = (0..200).map(|number| format!("\"a-thing-with-a-name-{number}:read\"")).collect();
    let sentences: String = words.iter().map(|word| format!("{word} = \"See it\"\n")).collect();
    let usual = ["products:read", "products:write", "orders:read", "orders:write"].map(|word| format!("\"{word}\""));
    let roles = format!(
        "[permissions]\n{}{sentences}
        [roles.OWNER]\nowner = true\npermissions = [{}, {}]
        [roles.ADMIN]\npermissions = [{}, {}]
        [roles.MEMBER]\npermissions = [{}]\n",
        usual.each_ref().map(|word| format!("{word} = \"Do it\"\n")).concat(),
        usual.join(", "),
        words.join(", "),
        usual[0],
        words[..110].join(", "),
        usual[0],
    );
    let app = TestApp::with(Wanted { roles: Some(roles.leak()), ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    for (role, status) in [("OWNER", 500), ("ADMIN", 500), ("MEMBER", 200)] {
        let mut member = acme.stand_in(&format!("{}@acme.example", role.to_lowercase()), role).await;
        member.fetch("GET", "acme", "/api/products").await.expect(status);
    }
}
