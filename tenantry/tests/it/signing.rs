//! Signing keys rotate by the clock, and no app loses a request over it (EN-2).

use tenantry_custody::vault::{Schedule, signing_keys};

use crate::app::TestApp;
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
