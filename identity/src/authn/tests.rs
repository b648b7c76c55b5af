//! Stories of proving who somebody is (ID-1, ID-2, ID-4).

use std::sync::Arc;

use axum::response::IntoResponse as _;
use http::StatusCode;
use http::header::RETRY_AFTER;
use tenantry_core::email::EmailAddress;
use tenantry_core::password::Password;
use tenantry_core::password_hash::{PasswordHash, Recipe};
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
    // The last owner of a workspace cannot be: the workspace goes first.
    let ends = "delete from control.tenants; update control.persons set status = 'deactivated'";
    house.db.administrator().await.batch_execute(ends).await.expect("an update");
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

/// One password, as other products stored it.
const ELSEWHERE: [&str; 9] = [
    "$2b$08$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm",
    "$pbkdf2-sha256$1000$kNL6X4vRWksJ4fzf.z/H.A$p6V24I/fqHJ8AHb2MWlUYX09HPGjPchbC3wZ21rJhFA",
    "$pbkdf2$1000$LcWYM4bwHuMcg5Dy/t.bkw$9aLo8gUxjyb0rJmLfcdjYHeezTQ",
    "$pbkdf2-sha512$1000$SKl1zhnj3DtnrJVSSqm1tg$5/rgvjzPQW6rlGF6sS0OJzuEJTy6uZnXyQq37xBrz6luezFnczhtTtsSv8o3zVGyRpx1mcNSpPhw15brr4Mcww",
    "$scrypt$ln=12,r=8,p=1$7j2n1No7B+Bcy5mzdk7JeQ$9HX2j5CVbzAhzdV2TIz9ERFKBl+pVTxKFKlkta5X8cw",
    "$argon2i$v=19$m=1024,t=1,p=1$1Kcoc8Ncdj+ando3EiFM/Q$Z4qInWN4IHZkqMrR+f/O8hS8BA6lmsYq6xSZc/bpqJA",
    "$argon2id$v=19$m=1024,t=2,p=2$J3Cr7tgX6rJEB2m0FWVYQA$eK1kVVnFdvVRca9uBhR1CZAAmXpcCTzxjI7WzDf68pU",
    "scrypt:4096:8:1$qY98l0orlQTbr6Ig$43df584dd4157cd223e8fddced952b0faac66135217b6563f636f64cda29d3018596e11faaefa84f69ce51e8703ef31dd7f0fec77c68e0f20b3abaa987709c5d",
    "pbkdf2_sha256$1000$saltsaltsalt$vJV2ESZqBQr6xHc0Ey1T3KJQf1l17jjqo++AgRVfDTU=",
];

#[tokio::test]
async fn a_hash_from_elsewhere_verifies_and_is_stale() {
    let hasher = Hasher::start(&recipe(5), Entropy::seeded(1));
    for written in ELSEWHERE {
        let stored = PasswordHash::import(written).expect("a hash").as_str().to_owned();
        let verdict =
            hasher.verify(password("plum orbit kettle seven"), Some(stored.clone().into())).await.expect("room");
        assert_eq!(verdict, Verdict::Right { stale: true }, "{written}");
        let verdict = hasher.verify(password("plum orbit kettle eight"), Some(stored.into())).await.expect("room");
        assert_eq!(verdict, Verdict::Wrong, "{written}");
    }
}

#[tokio::test]
async fn whoever_brought_a_hash_is_hashed_by_todays_recipe_after_signing_in() {
    let house = House::new().await;
    house.account("acme").await;
    let administrator = house.db.administrator().await;
    administrator.execute("update control.identities set secret = $1", &[&ELSEWHERE[0]]).await.expect("an update");
    assert_eq!(
        house.browser().sign_in("ada@acme.example", "plum orbit kettle seven").await.status,
        StatusCode::SEE_OTHER
    );
    let kinds = administrator.query("select kind from doors.password_hash_kinds()", &[]).await.expect("kinds");
    assert_eq!(kinds[0].get::<_, &str>(0), "$argon2id$v=19$m=7168,t=5,p=1");
    assert_eq!(
        house.browser().sign_in("ada@acme.example", "plum orbit kettle seven").await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn nobody_is_compared_with_the_recipes_that_are_stored() {
    let house = House::new().await;
    house.account("acme").await;
    let administrator = house.db.administrator().await;
    administrator.execute("update control.identities set secret = $1", &[&ELSEWHERE[0]]).await.expect("an update");
    let asked = EmailAddress::parse("nobody@acme.example").expect("an address");
    let before = house.identity.decoys.recipe_of(&asked);
    house.identity.decoys.refresh(&house.identity.ground).await.expect("the kinds");
    assert_eq!(house.identity.decoys.recipe_of(&asked), Some(Recipe::Bcrypt { cost: 8 }));
    assert!(matches!(before, Some(Recipe::Argon2 { .. })));
}
