//! What a key passes on: nothing more than it has itself, and nothing once it works no more (KEY-1, KEY-3, AC-3).

use http::Method;
use serde_json::json;
use tenantry_identity::apikeys;
use tenantry_platform::db::Live;
use tenantry_platform::permit::ManageKeys;

use super::{house, revoke};

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
            tx.commit().await.expect("committed");
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
