//! Successors, edits and the end of the record (KEY-1, KEY-3, KEY-5, AC-3).

use std::net::IpAddr;

use http::Method;
use serde_json::{Value, json};
use tenantry_core::ids::KeyId;
use tenantry_identity::apikeys::{self, KEYS_MOST, Overlap, Presented, Refusal, Rotated};
use tenantry_identity::users::Enrolled;
use tenantry_platform::db::{Live, Test};
use tenantry_platform::permit::{ManageKeys, ReadKeys};
use tenantry_platform::problem::Problem;

use super::{house, insert_all, refusal, revoke, unranked};
use crate::calls::{HERE, all, made_up};
use crate::house::House;

async fn rotate(house: &House, of: &Enrolled, id: KeyId, overlap_s: u64) -> Result<Rotated, Problem> {
    let ceiling = all(&house.identity);
    let mut tx = house.permit::<ManageKeys, Live>(of).begin(&house.db.ground);
    let overlap = Overlap::of(Some(overlap_s))?;
    let rotated =
        apikeys::rotate(&mut tx, &house.db.ground, id, overlap, (unranked(&ceiling), &house.identity.options)).await?;
    tx.commit_and_fence(&house.db.ground).await?;
    Ok(rotated)
}

fn secret(answer: &Value) -> String {
    answer["secret"].as_str().expect("the key").to_owned()
}

#[tokio::test]
async fn both_keys_work_until_the_overlap_ends_and_memory_knows_the_new_end() {
    let (house, acme) = house().await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage", "orders:read"]).await;
    let (key, old) = house.key::<Live>(&acme).await;
    // In memory, without an end.
    house.principal(&old).await;
    let program = house.principal(&manager).await;
    let path = format!("/-/api/v1/keys/{}/rotate", key.id);
    let rotated = house.ask(&program, Method::POST, &path, json!({ "overlap_s": 600 })).await;
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    let new = secret(&rotated.json());
    assert_eq!(rotated.json()["key"]["rotated_from"], json!(key.id));
    assert_eq!(rotated.json()["predecessor"]["replaced_by"], rotated.json()["key"]["id"]);
    assert_eq!(house.principal(&new).await.parts().permissions, house.principal(&old).await.parts().permissions);
    house.advance(599);
    house.principal(&old).await;
    house.advance(1);
    assert_eq!(refusal(&house.present(&old).await), Some(&Refusal::Expired));
    house.principal(&new).await;
}

#[tokio::test]
async fn an_overlap_never_lengthens_a_life_and_none_ends_it_at_once() {
    let (house, acme) = house().await;
    let (short, _) = house.key_until::<Live>(&acme, 3_600).await;
    let rotated = rotate(&house, &acme, short.id, 600_000).await.expect("rotated");
    assert_eq!(rotated.predecessor.expires_at, short.expires_at);
    assert_eq!(rotated.successor.key.expires_at, short.expires_at, "as long as it was meant to live");
    let (key, old) = house.key::<Live>(&acme).await;
    house.principal(&old).await;
    rotate(&house, &acme, key.id, 0).await.expect("rotated");
    assert_eq!(refusal(&house.present(&old).await), Some(&Refusal::Unknown));
    assert_eq!(Overlap::of(Some(604_801)).expect_err("too long").fields[0].field, "overlap_s");
}

#[tokio::test]
async fn of_many_who_rotate_a_key_one_gets_a_successor() {
    let (house, acme) = house().await;
    let (key, _) = house.key::<Live>(&acme).await;
    let all = futures_util::future::join_all((0..6).map(|_| rotate(&house, &acme, key.id, 60))).await;
    let lost: Vec<&Problem> = all.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(lost.len(), 5);
    assert!(lost.iter().all(|problem| problem.code == "already_rotated" && problem.status() == 409), "{lost:?}");
    let rows: i64 = house.one("select count(*) from live.api_keys").await;
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn what_works_no_more_has_no_successor() {
    let (house, acme) = house().await;
    let (revoked, _) = house.key::<Live>(&acme).await;
    revoke(&house, &acme, revoked.id).await.expect("revoked");
    let (expired, _) = house.key_until::<Live>(&acme, 60).await;
    house.advance(60);
    for id in [revoked.id, expired.id] {
        assert_eq!(rotate(&house, &acme, id, 60).await.expect_err("over").code, "key_not_working");
    }
}

#[tokio::test]
async fn where_there_is_no_room_for_both_only_one_may_work() {
    let (house, acme) = house().await;
    let tokens: Vec<String> = (1..KEYS_MOST).map(|_| made_up(&house, &acme)).collect();
    insert_all(&house, &acme, &tokens).await;
    let (key, _) = house.key::<Live>(&acme).await;
    assert_eq!(rotate(&house, &acme, key.id, 60).await.expect_err("full").code, "too_many_keys");
    assert!(rotate(&house, &acme, key.id, 0).await.is_ok());
}

/// [AC-3] The successor's plaintext is worth what the key is worth.
#[tokio::test]
async fn who_may_do_less_than_a_key_gets_no_successor_of_it_and_widens_nothing() {
    let (house, acme) = house().await;
    let (strong, _) = house.key_with::<Live>(&acme, &["orders:write"]).await;
    let (_, weak) = house.key_with::<Live>(&acme, &["keys:manage", "orders:read"]).await;
    let weak = house.principal(&weak).await;
    let path = format!("/-/api/v1/keys/{}", strong.id);
    let rotated = house.ask(&weak, Method::POST, &format!("{path}/rotate"), json!({})).await;
    assert_eq!(rotated.problem(), (403, "above_ceiling".to_owned()));
    let patch =
        async |networks: Value| house.ask(&weak, Method::PATCH, &path, json!({ "allowed_networks": networks })).await;
    assert_eq!(patch(json!(["10.0.0.0/8"])).await.status, 200, "to take away is everybody's who manages keys");
    assert_eq!(patch(json!(["10.1.0.0/16"])).await.status, 200);
    assert_eq!(patch(json!([])).await.problem(), (403, "above_ceiling".to_owned()));
    assert_eq!(patch(json!(["10.0.0.0/8"])).await.problem(), (403, "above_ceiling".to_owned()));
    let rows: i64 = house.one("select count(*) from live.api_keys").await;
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_bound_key_makes_no_key_that_reaches_further() {
    let (house, acme) = house().await;
    let (bound, token) = house.key_within::<Live>(&acme, &["keys:manage", "orders:read"], &["127.0.0.0/8"]).await;
    let (free, _) = house.key::<Live>(&acme).await;
    let program = house.principal(&token).await;
    let make = async |networks: Value| {
        let draft = json!({ "name": "Child", "scopes": ["orders:read"], "allowed_networks": networks });
        house.ask(&program, Method::POST, "/-/api/v1/keys", draft).await
    };
    assert_eq!(make(json!([])).await.json()["key"]["allowed_networks"], json!(["127.0.0.0/8"]), "its maker's own");
    assert_eq!(make(json!(["127.0.0.1"])).await.status, 201);
    assert_eq!(make(json!(["10.0.0.0/8"])).await.problem(), (403, "above_ceiling".to_owned()));
    let own = format!("/-/api/v1/keys/{}", bound.id);
    let widened = house.ask(&program, Method::PATCH, &own, json!({ "allowed_networks": [] })).await;
    assert_eq!(widened.problem(), (403, "above_ceiling".to_owned()));
    let rotated = house.ask(&program, Method::POST, &format!("/-/api/v1/keys/{}/rotate", free.id), json!({})).await;
    assert_eq!(rotated.problem(), (403, "above_ceiling".to_owned()));
}

#[tokio::test]
async fn narrower_networks_reach_a_key_that_memory_holds() {
    let (house, acme) = house().await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage"]).await;
    let (key, token) = house.key::<Live>(&acme).await;
    let office: IpAddr = "203.0.113.9".parse().expect("an address");
    assert!(matches!(house.present_from(&token, office).await, Presented::Verified(_)));
    let program = house.principal(&manager).await;
    let narrow = json!({ "allowed_networks": ["::ffff:127.0.0.0/104"] });
    let told = house.ask(&program, Method::PATCH, &format!("/-/api/v1/keys/{}", key.id), narrow).await;
    assert_eq!(told.json()["key"]["allowed_networks"], json!(["127.0.0.0/8"]), "{}", told.body);
    assert!(matches!(house.identity.apikeys.known(&token, office, house.db.ground.now()), Presented::NeedsFill(_)));
    assert!(matches!(refusal(&house.present_from(&token, office).await), Some(Refusal::Elsewhere(_))));
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().expect("an address");
    assert!(matches!(house.present_from(&token, mapped).await, Presented::Verified(_)));
    assert_eq!(house.identity.apikeys.counts().elsewhere(), 1);
}

#[tokio::test]
async fn of_two_who_edit_one_is_told_that_it_changed_meanwhile() {
    let (house, acme) = house().await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage", "keys:read"]).await;
    let (key, _) = house.key::<Live>(&acme).await;
    let (program, path) = (house.principal(&manager).await, format!("/-/api/v1/keys/{}", key.id));
    let patch = async |name: &str, version: &str| {
        house.ask_with(&program, Method::PATCH, &path, &[("if-match", version)], json!({ "name": name })).await
    };
    assert_eq!(patch("First", "\"1\"").await.json()["key"]["version"], 2);
    assert_eq!(patch("Second", "\"1\"").await.problem(), (412, "changed_meanwhile".to_owned()));
    assert_eq!(house.read(&program, &path).await.json()["name"], "First");
    let changes: Value = house.one("select changes from live.audit where action = 'api_key.updated'").await;
    assert_eq!(changes, json!({ "name": ["Sync", "First"] }));
}

#[tokio::test]
async fn what_is_wrong_in_an_edit_is_named_and_nothing_is_half_done() {
    let (house, acme) = house().await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage"]).await;
    let (key, _) = house.key::<Live>(&acme).await;
    let (program, path) = (house.principal(&manager).await, format!("/-/api/v1/keys/{}", key.id));
    let patch = async |body| house.ask(&program, Method::PATCH, &path, body).await;
    let wrong = patch(json!({ "name": "\n", "allowed_networks": ["10.0.0.1/8", "::/0", "10.0.0.0/8"] })).await;
    let fields: Vec<String> = wrong.json()["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| fault["field"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(fields, ["name", "allowed_networks[0]", "allowed_networks[1]"], "{}", wrong.body);
    let many: Vec<String> = (0..33).map(|n| format!("10.0.{n}.0/24")).collect();
    assert_eq!(patch(json!({ "allowed_networks": many })).await.problem().0, 422);
    assert_eq!(patch(json!({ "scopes": ["orders:write"] })).await.problem().0, 422, "scopes are for ever");
    let acts: i64 = house.one("select count(*) from live.audit where action = 'api_key.updated'").await;
    assert_eq!(acts, 0);
}

#[tokio::test]
async fn a_key_is_deleted_after_its_end_and_the_log_keeps_what_it_was() {
    let (house, acme) = house().await;
    let (_, manager) = house.key_with::<Live>(&acme, &["keys:manage", "keys:read"]).await;
    let (key, token) = house.key::<Live>(&acme).await;
    let (program, path) = (house.principal(&manager).await, format!("/-/api/v1/keys/{}", key.id));
    let delete = async || house.ask(&program, Method::POST, &format!("{path}/delete"), "").await;
    assert_eq!(delete().await.problem(), (409, "key_works".to_owned()));
    assert!(matches!(house.present(&token).await, Presented::Verified(_)));
    house.ask(&program, Method::DELETE, &path, "").await;
    assert_eq!((delete().await.status.as_u16(), delete().await.problem().0), (204, 404));
    assert_eq!(house.read(&program, &path).await.problem().0, 404);
    let kept: Value = house.one("select metadata from live.audit where action = 'api_key.deleted'").await;
    assert_eq!(
        (&kept["name"], &kept["start"], &kept["scopes"]),
        (&json!("Sync"), &json!(key.start), &json!(["orders:read"]))
    );
    assert_eq!(kept["created_by"], json!(acme.person.id));
}

#[tokio::test]
async fn a_successor_that_is_deleted_leaves_its_predecessor_to_be_rotated_again() {
    let (house, acme) = house().await;
    let (key, _) = house.key::<Live>(&acme).await;
    let rotated = rotate(&house, &acme, key.id, 600).await.expect("rotated");
    revoke(&house, &acme, rotated.successor.key.id).await.expect("revoked");
    let mut tx = house.permit::<ManageKeys, Live>(&acme).begin(&house.db.ground);
    apikeys::delete(&mut tx, &house.db.ground, rotated.successor.key.id).await.expect("deleted");
    tx.commit_and_fence(&house.db.ground).await.expect("committed");
    assert!(rotate(&house, &acme, key.id, 600).await.is_ok());
}

#[tokio::test]
async fn another_tenants_key_is_there_for_no_verb() {
    let (house, acme) = house().await;
    let other = house.account("globex").await;
    let (theirs, _) = house.key::<Live>(&acme).await;
    let (in_test, _) = house.key::<Test>(&other).await;
    let (_, manager) = house.key_with::<Live>(&other, &["keys:manage", "keys:read", "orders:read"]).await;
    let program = house.principal(&manager).await;
    for id in [theirs.id, in_test.id] {
        let path = format!("/-/api/v1/keys/{id}");
        for (method, path, body) in [
            (Method::GET, path.clone(), json!({})),
            (Method::PATCH, path.clone(), json!({ "name": "Ours" })),
            (Method::DELETE, path.clone(), json!({})),
            (Method::POST, format!("{path}/rotate"), json!({})),
            (Method::POST, format!("{path}/delete"), json!({})),
        ] {
            let told = house.ask(&program, method.clone(), &path, body).await;
            assert_eq!(told.problem(), (404, "not_found".to_owned()), "{method} {path}");
        }
    }
    let untouched: i64 = house.one("select count(*) from live.api_keys where version > 1").await;
    assert_eq!(untouched, 0);
}

/// [KEY-1] The key belongs to the workspace.
#[tokio::test]
async fn a_key_outlives_whoever_made_it() {
    let (house, acme) = house().await;
    let (key, token) = house.key::<Live>(&acme).await;
    house.forget_maker(&acme).await;
    let keys = apikeys::ApiKeys::new(&house.db.ground, &house.identity.options, &house.identity.tenants);
    let now = house.db.ground.now();
    let Presented::NeedsFill(pending) = keys.known(&token, HERE, now) else { panic!("a memory of its own") };
    assert!(matches!(keys.fill(&pending, HERE, now).await, Ok(Presented::Verified(_))));
    let kept = apikeys::find(&house.permit::<ReadKeys, Live>(&acme), &house.db.ground, key.id).await.expect("there");
    assert_eq!(kept.created_by, Some(acme.person.id));
}
