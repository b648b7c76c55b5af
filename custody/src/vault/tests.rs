//! The vault, from outside: keys by the clock, wrong root keys, a command that prints one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_core::secret::ExposeSecret;
use tenantry_core::token::{Algorithm, Expect, TokenFault};
use tenantry_custody::vault::{Schedule, VaultFault, ensure_canary, root, signing_keys};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::signing::Purpose;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const SCHEDULE: Schedule = Schedule {
    rotate_every: Duration::from_secs(30 * 24 * 60 * 60),
    publish_ahead: Duration::from_secs(15 * 60),
    staff_access: Duration::from_secs(15 * 60),
    identity: Duration::from_secs(90),
    identity_algorithm: Algorithm::EdDsa,
};

#[tokio::test]
async fn a_wrong_root_key_is_told_by_the_canary() {
    let db = TestDb::new().await;
    ensure_canary(&db.ground).await.unwrap();
    ensure_canary(&db.ground).await.unwrap();
    let mut other = db.ground.clone();
    other.sealer = Arc::new(Sealer::new(&RootKey::generate(&Entropy::seeded(99))));
    let fault = ensure_canary(&other).await.unwrap_err();
    assert!(matches!(fault, VaultFault::WrongRootKey(_)));
    assert!(fault.to_string().contains("this root key does not open this database"), "{fault}");
}

#[tokio::test]
async fn the_first_keys_sign_at_once_and_only_one_node_makes_them() {
    let db = TestDb::new().await;
    let nodes: Vec<Ground> = (0..4).map(|_| node(&db)).collect();
    let added = futures_util::future::join_all(nodes.iter().map(|node| signing_keys::ensure(node, &SCHEDULE))).await;
    let added: usize = added.into_iter().map(|added| added.unwrap().len()).sum();
    assert_eq!(added, Purpose::ALL.len());
    for node in &nodes {
        signing_keys::load(node).await.unwrap();
        let token = sign(node);
        assert!(nodes.iter().all(|other| verify(other, &token).is_ok()));
    }
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs() {
    let db = TestDb::new().await;
    let (here, there) = (node(&db), node(&db));
    signing_keys::ensure(&here, &SCHEDULE).await.unwrap();
    let old = kid(&sign(&here));
    db.ground.clock.advance(SCHEDULE.rotate_every - SCHEDULE.publish_ahead - MINUTE);
    assert!(signing_keys::ensure(&here, &SCHEDULE).await.unwrap().is_empty(), "not yet");
    db.ground.clock.advance(MINUTE);
    assert_eq!(signing_keys::ensure(&here, &SCHEDULE).await.unwrap().len(), Purpose::ALL.len());
    assert_eq!(kid(&sign(&here)), old, "published, not yet signing");
    signing_keys::load(&there).await.unwrap();
    assert_eq!(there.signing.jwks(Purpose::Identity, there.now()).len(), 2);
    db.ground.clock.advance(SCHEDULE.publish_ahead);
    let token = sign(&here);
    assert_ne!(kid(&token), old);
    assert!(verify(&there, &token).is_ok(), "a node that loaded it before it signed verifies it");
}

#[tokio::test]
async fn an_old_key_verifies_until_its_last_token_ends_and_not_longer() {
    let db = TestDb::new().await;
    let here = node(&db);
    signing_keys::ensure(&here, &SCHEDULE).await.unwrap();
    signing_keys::rotate_now(&here, &SCHEDULE).await.unwrap();
    db.ground.clock.advance(SCHEDULE.publish_ahead - Duration::from_secs(1));
    let last = sign(&here);
    db.ground.clock.advance(SCHEDULE.identity - Duration::from_secs(1));
    signing_keys::load(&here).await.unwrap();
    assert_ne!(kid(&sign(&here)), kid(&last));
    assert!(verify(&here, &last).is_ok(), "it lives for one more second");
    db.ground.clock.advance(2 * MINUTE);
    signing_keys::load(&here).await.unwrap();
    assert!(matches!(verify(&here, &last), Err(TokenFault::UnknownKey)), "its key is gone");
}

#[tokio::test]
async fn a_rotation_that_nobody_ran_for_a_month_stops_nothing() {
    let db = TestDb::new().await;
    let here = node(&db);
    signing_keys::ensure(&here, &SCHEDULE).await.unwrap();
    db.ground.clock.advance(SCHEDULE.rotate_every + 20 * DAY);
    let late = kid(&sign(&here));
    signing_keys::ensure(&here, &SCHEDULE).await.unwrap();
    assert_eq!(kid(&sign(&here)), late);
    db.ground.clock.advance(SCHEDULE.publish_ahead);
    assert_ne!(kid(&sign(&here)), late);
}

#[tokio::test]
async fn a_key_of_one_purpose_verifies_no_token_of_another() {
    let db = TestDb::new().await;
    let here = node(&db);
    signing_keys::ensure(&here, &SCHEDULE).await.unwrap();
    let expect = Expect { typ: Purpose::StaffAccess.typ(), ..expect(&here) };
    let verified: Result<Value, _> = here.signing.verify(Purpose::StaffAccess, &sign(&here), &expect);
    assert!(matches!(verified, Err(TokenFault::UnknownKey)));
}

#[tokio::test]
async fn a_signing_key_that_was_moved_to_another_row_does_not_open() {
    let db = TestDb::new().await;
    signing_keys::ensure(&db.ground, &SCHEDULE).await.unwrap();
    let outside = db.administrator().await;
    let swap =
        "update control.signing_keys k set sealed = o.sealed from control.signing_keys o where o.purpose <> k.purpose";
    outside.execute(swap, &[]).await.unwrap();
    assert!(matches!(signing_keys::load(&db.ground).await, Err(VaultFault::Sealed { .. })));
    assert!(verify(&db.ground, &sign(&db.ground)).is_ok(), "what was loaded stays");
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gives_the_root_key_or_a_sentence_without_it() {
    let text = RootKey::generate(&Entropy::seeded(3)).to_text().expose_secret().to_owned();
    let key = root::from_command(&["echo".to_owned(), text.clone()]).await.unwrap();
    assert_eq!(key.to_text().expose_secret(), text);
    let fault = root::from_command(&["echo".to_owned(), text[1..].to_owned()]).await.unwrap_err().to_string();
    assert!(fault.contains("printed no root key") && !fault.contains(&text[1..]), "{fault}");
    assert!(root::from_command(&["false".to_owned()]).await.unwrap_err().to_string().contains("failed"));
}

/// Another process on the same database: rings and feed of its own.
fn node(db: &TestDb) -> Ground {
    let of = &db.ground;
    Ground::new(of.db.clone(), of.clock.clone(), of.entropy.clone(), Arc::clone(&of.sealer))
}

fn sign(ground: &Ground) -> String {
    let claims = json!({ "iss": "us", "aud": "app", "exp": ground.clock.now_s() + SCHEDULE.identity.as_secs(), "iat": ground.clock.now_s() });
    ground.signing.sign(Purpose::Identity, &claims, ground.now()).unwrap()
}

fn expect(ground: &Ground) -> Expect<'static> {
    Expect { typ: Purpose::Identity.typ(), iss: "us", aud: "app", now_s: ground.clock.now_s(), leeway_s: 0 }
}

fn verify(ground: &Ground, token: &str) -> Result<Value, TokenFault> {
    ground.signing.verify(Purpose::Identity, token, &expect(ground))
}

/// The token's header: equal for equal keys.
fn kid(token: &str) -> String {
    token.split('.').next().unwrap().to_owned()
}
