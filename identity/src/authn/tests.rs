//! Stories of proving who somebody is (ID-1, ID-2, ID-4).

use std::sync::Arc;

use axum::response::IntoResponse as _;
use http::StatusCode;
use http::header::RETRY_AFTER;
use tenantry_core::password::Password;
use tenantry_core::random::Entropy;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_identity::authn::{Hasher, Verdict};
use tenantry_platform::config::Passwords;

use crate::house::{CENTRAL, House, PASSWORD};

fn recipe(iterations: u32) -> Passwords {
    Passwords { min_length: 15, memory_kib: 7_168, iterations, parallelism: 1, workers: None, queue: 2 }
}

fn password(text: &str) -> Password {
    Password::present(text).expect("a password")
}

#[tokio::test]
async fn unknown_addresses_and_wrong_passwords_get_one_answer_for_the_same_work() {
    let house = House::new().await;
    house.account("acme").await;
    let mut seen = Vec::new();
    for email in ["nobody@acme.example", "ada@acme.example"] {
        let before = house.work();
        let answer = house.browser().sign_in(email, "not the right password").await;
        let after = house.work();
        seen.push((answer.status, answer.body.replace(email, "(address)"), after.0 - before.0, after.1 - before.1));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0].0, seen[0].3), (StatusCode::UNPROCESSABLE_ENTITY, 1));
    assert!(seen[0].1.contains("E-mail address or password is wrong."));
    house.identity.afterwards.settle().await;
    assert_eq!(
        house.actions().await.get("session.refused"),
        Some(&1),
        "the tenant hears of the known one, after the answer"
    );
}

#[tokio::test]
async fn whoever_is_deactivated_is_told_no_more_than_a_stranger() {
    let house = House::new().await;
    house.account("acme").await;
    house
        .db
        .administrator()
        .await
        .batch_execute("update control.persons set status = 'deactivated'")
        .await
        .expect("an update");
    let answer = house.browser().sign_in("ada@acme.example", PASSWORD).await;
    assert!(
        answer.status == StatusCode::UNPROCESSABLE_ENTITY
            && answer.body.contains("E-mail address or password is wrong.")
    );
}

#[tokio::test]
async fn what_the_queue_cannot_hold_is_told_to_come_back() {
    let hasher = Arc::new(Hasher::idle(&recipe(5), Entropy::seeded(1)));
    let ask = |hasher: &Arc<Hasher>| {
        let hasher = Arc::clone(hasher);
        tokio::spawn(async move { hasher.verify(password(PASSWORD), None).await })
    };
    let waiting = [ask(&hasher), ask(&hasher)];
    tokio::task::yield_now().await;
    let refused = hasher.verify(password(PASSWORD), None).await.expect_err("the queue holds two").into_response();
    assert_eq!(
        (refused.status(), refused.headers()[RETRY_AFTER].as_bytes()),
        (StatusCode::SERVICE_UNAVAILABLE, b"2".as_slice())
    );
    hasher.employ(1);
    for answer in waiting {
        assert_eq!(answer.await.expect("no panic").expect("an answer"), Verdict::Wrong);
    }
    assert_eq!(hasher.computed(), 2, "what was refused cost nothing");
}

#[tokio::test]
async fn whoever_goes_away_is_not_hashed_for() {
    let hasher = Hasher::idle(&recipe(5), Entropy::seeded(1));
    let gone = tokio::time::timeout(std::time::Duration::ZERO, hasher.verify(password(PASSWORD), None)).await;
    assert!(gone.is_err());
    hasher.employ(1);
    hasher.hash(password(PASSWORD)).await.expect("a hash");
    assert_eq!(hasher.computed(), 1);
}

#[tokio::test]
async fn a_hash_of_an_older_recipe_is_made_anew_at_the_next_sign_in() {
    let house = House::new().await;
    house.account("acme").await;
    let older = Hasher::start(&recipe(6), Entropy::seeded(2)).hash(password(PASSWORD)).await.expect("a hash");
    let admin = house.db.administrator().await;
    admin.execute("update control.identities set secret = $1", &[&older.expose_secret()]).await.expect("an update");
    assert_eq!(house.browser().sign_in("ada@acme.example", PASSWORD).await.location(), "/-/console/acme");
    let newer: String = admin.query_one("select secret from control.identities", &[]).await.expect("a row").get(0);
    assert!(newer.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{newer}");
    assert_eq!(house.browser().sign_in("ada@acme.example", PASSWORD).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn signing_in_leads_back_to_a_place_of_ours_and_nowhere_else() {
    let house = House::new().await;
    house.account("acme").await;
    let form = [("email", "ada@acme.example"), ("password", PASSWORD)];
    for (target, lands) in [
        ("/-/operator/tenants", "/-/operator/tenants"),
        ("https://evil.example/", "/-/console/acme"),
        ("//evil.example", "/-/console/acme"),
        ("/\\evil.example", "/-/console/acme"),
    ] {
        let answer = house
            .browser()
            .post(&format!("{CENTRAL}/-/sign-in"), &[form.as_slice(), &[("return_to", target)]].concat())
            .await;
        assert_eq!(answer.location(), lands, "{target}");
    }
}
