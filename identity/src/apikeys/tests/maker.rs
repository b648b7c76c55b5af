//! What a key passes on: nothing more than it has itself, and nothing once it works no more (KEY-1, KEY-3, AC-3).

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tenantry_core::mode::Mode;
use tenantry_identity::apikeys::{self, Draft, Key};
use tenantry_identity::users::Enrolled;
use tenantry_platform::db::Live;
use tenantry_platform::permit::{ManageKeys, Principal};

use super::{house, revoke};
use crate::calls::Told;
use crate::house::House;

const KEYS: &str = "/-/api/v1/keys";

/// Whoever was let in before, and acts now: another node, or a request that waited.
#[tokio::test]
async fn a_key_that_works_no_more_makes_rotates_and_widens_nothing() {
    let (house, acme) = house().await;
    let scopes = ["keys:manage", "orders:read"];
    let (bound, _) = house.key_within::<Live>(&acme, &scopes, &["127.0.0.0/8"]).await;
    for is_deleted in [false, true] {
        let (key, token) = house.key_within::<Live>(&acme, &scopes, &["127.0.0.0/8"]).await;
        let program = house.principal(&token).await;
        revoke(&house, &acme, key.id).await.expect("revoked");
        if is_deleted {
            let mut tx = house.permit::<ManageKeys, Live>(&acme).begin(&house.db.ground);
            apikeys::delete(&mut tx, &house.db.ground, key.id).await.expect("deleted");
            tx.commit_and_fence(&house.db.ground).await.expect("committed");
        }
        let before: i64 = house.one("select count(*) from live.api_keys").await;
        let made = json!({ "name": "Child", "scopes": ["orders:read"] });
        let wider = json!({ "allowed_networks": ["10.0.0.0/8"] });
        for (method, path, body) in [
            (Method::POST, KEYS.to_owned(), made),
            (Method::POST, format!("{KEYS}/{}/rotate", bound.id), json!({})),
            (Method::PATCH, format!("{KEYS}/{}", bound.id), wider),
        ] {
            let answer = house.ask(&program, method, &path, body).await;
            assert_eq!(answer.problem(), (401, "key_refused".to_owned()), "{path}");
        }
        assert_eq!(house.one::<i64>("select count(*) from live.api_keys").await, before);
    }
}

/// A key that ends, and who it is.
async fn ending(house: &House, of: &Enrolled, seconds: u64) -> (Key, Arc<Principal>) {
    let end = house.db.ground.now().checked_add(Duration::from_secs(seconds)).expect("in range");
    let scopes = vec!["keys:manage".to_owned(), "orders:read".to_owned()];
    let draft = Draft { name: "Short".to_owned(), scopes, expires_at: Some(end), ..Draft::default() };
    let (key, token) = house.key_from::<Live>(of, &draft).await;
    (key, house.principal(&token).await)
}

fn end_of(told: &Told) -> String {
    assert_eq!(told.status, 201, "{}", told.body);
    told.json()["key"]["expires_at"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_key_that_ends_makes_none_that_outlives_it() {
    let (house, acme) = house().await;
    let (key, program) = ending(&house, &acme, 3_600).await;
    let own = key.expires_at.expect("an end");
    let make = async |mut draft: Value| {
        draft["name"] = json!("Child");
        draft["scopes"] = json!(["orders:read"]);
        house.ask(&program, Method::POST, KEYS, draft).await
    };
    let (sooner, later) = (own - SignedDuration::from_secs(60), own + SignedDuration::from_secs(1));
    assert_eq!(make(json!({ "expires_at": null })).await.problem(), (403, "above_ceiling".to_owned()));
    assert_eq!(make(json!({ "expires_at": later })).await.problem(), (403, "above_ceiling".to_owned()));
    assert_eq!(end_of(&make(json!({ "expires_at": own })).await), own.to_string());
    assert_eq!(end_of(&make(json!({ "expires_at": sooner })).await), sooner.to_string());
    assert_eq!(end_of(&make(json!({})).await), own.to_string(), "the usual end comes later");
    assert_eq!(house.one::<i64>("select count(*) from live.api_keys where expires_at is null").await, 0);
}

#[tokio::test]
async fn a_key_that_rotates_keeps_its_end_and_a_person_or_a_longer_one_renews_it() {
    let (house, acme) = house().await;
    let (key, program) = ending(&house, &acme, 3_600).await;
    let (other, _) = house.key::<Live>(&acme).await;
    house.advance(600);
    let own = key.expires_at.expect("an end").to_string();
    let rotate = async |by: &Arc<Principal>, id: &str| {
        let told = house.ask(by, Method::POST, &format!("{KEYS}/{id}/rotate"), json!({})).await;
        (end_of(&told), told.json()["key"]["id"].as_str().expect("an id").to_owned())
    };
    assert_eq!(rotate(&program, &other.id.to_string()).await.0, own, "another one's successor ends with it");
    let (end, successor) = rotate(&program, &key.id.to_string()).await;
    assert_eq!(end, own, "its own successor too");
    let (_, forever) = house.key_with::<Live>(&acme, &["keys:manage", "orders:read"]).await;
    let (end, successor) = rotate(&house.principal(&forever).await, &successor).await;
    let span = house.db.ground.now().checked_add(Duration::from_secs(3_000)).expect("in range");
    assert_eq!(end, span.to_string(), "as long as it was meant to live");
    house.advance(60);
    let span = house.db.ground.now().checked_add(Duration::from_secs(3_000)).expect("in range");
    assert_eq!(rotate(&house.person(&acme, Mode::Live).await, &successor).await.0, span.to_string());
}
