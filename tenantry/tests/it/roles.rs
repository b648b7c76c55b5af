//! Roles of a workspace's own, over HTTP (AC-1, AC-2, AC-3).

use serde_json::{Value, json};

use crate::app::{Key, Tenant, TestApp};
use crate::client::Answer;

const ROLES: &str = "/-/api/v1/roles";

async fn make(key: &Key<'_>, name: &str, words: &[&str]) -> Value {
    let asked = json!({ "name": name, "permissions": words });
    key.call("POST", "api", ROLES).json(&asked).send().await.expect(201).json()["role"].clone()
}

async fn change(key: &Key<'_>, id: &str, version: &str, words: &[&str]) -> Answer {
    let call = key.call("PATCH", "api", &format!("{ROLES}/{id}")).with("if-match", version);
    call.json(&json!({ "permissions": words })).send().await
}

async fn writer<'a>(acme: &Tenant<'a>) -> Key<'a> {
    acme.key(["members:read", "members:manage", "keys:read", "roles:manage"]).await
}

#[tokio::test]
async fn a_living_session_loses_at_once_what_its_role_loses() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = writer(&acme).await;
    let role = make(&key, "Keeper", &["members:read", "keys:read"]).await;
    let keeper = acme.member("Keeper").await;
    keeper.call("GET", "app", &acme.console("keys")).send().await.expect(200);
    change(&key, role["id"].as_str().unwrap(), "\"1\"", &["members:read"]).await.expect(200);
    keeper.call("GET", "app", &acme.console("keys")).send().await.problem(403, "missing_permission");
    keeper.call("GET", "app", &acme.console("members")).send().await.expect(200);
}

/// [AC-3]
#[tokio::test]
async fn whoever_may_not_even_see_the_members_finds_the_way_out() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    make(&acme.full_key().await, "Guest", &["products:read"]).await;
    let mut guest = acme.member("Guest").await;
    let refused = guest.get("app", &acme.console("members")).await.expect(403);
    assert!(refused.body.contains("<code>members:read</code>"), "{}", refused.body);
    let (account, leave) = (guest.get("app", "/-/account").await.expect(200), acme.console("members/leave"));
    assert!(account.body.contains(&format!("href=\"{leave}\"")), "{}", account.body);
    guest.get("app", &leave).await.expect(200);
    guest.post("app", &leave, &[("confirm", "acme")]).await.expect(303);
    assert!(!guest.get("app", "/-/account").await.expect(200).body.contains(&leave));
    guest.get("app", &acme.console("keys")).await.expect(404);
}

#[tokio::test]
async fn the_app_hears_the_role_and_what_it_may_do() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    make(&acme.full_key().await, "Stock", &["products:read"]).await;
    let stock = acme.member("Stock").await;
    stock.call("GET", "acme", "/api/products").send().await.expect(200);
    stock.call("GET", "acme", "/api/orders").send().await.problem(403, "missing_permission");
}

#[tokio::test]
async fn a_key_writes_roles_as_far_as_its_scopes_go_and_a_test_key_none() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, test) = (writer(&acme).await, acme.test_key(["roles:manage", "members:read"]).await);
    let above = json!({ "name": "Keeper", "permissions": ["keys:manage"] });
    key.call("POST", "api", ROLES).json(&above).send().await.problem(403, "above_ceiling");
    let small = json!({ "name": "Reader", "permissions": ["members:read"] });
    test.call("POST", "api", ROLES).json(&small).send().await.problem(403, "live_only");
    let twin = json!({ "name": "owner", "permissions": [] });
    key.call("POST", "api", ROLES).json(&twin).send().await.problem(409, "role_exists");
}

#[tokio::test]
async fn a_stale_version_changes_nothing_and_a_repeated_request_changes_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = writer(&acme).await;
    let asked = json!({ "name": "Reader", "permissions": ["members:read"] });
    let twice = || key.call("POST", "api", ROLES).with("idempotency-key", "one").json(&asked).send();
    let (first, again) = (twice().await.expect(201).json(), twice().await.expect(201).json());
    assert_eq!(first["role"]["id"], again["role"]["id"]);
    let id = first["role"]["id"].as_str().unwrap();
    change(&key, id, "\"1\"", &[]).await.expect(200);
    change(&key, id, "\"1\"", &["keys:read"]).await.expect(412);
    assert_eq!(key.get(&format!("{ROLES}/{id}")).await.expect(200).header("etag"), "\"2\"");
}

#[tokio::test]
async fn another_workspaces_role_is_nowhere() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (acme.full_key().await, globex.full_key().await);
    let id = make(&ours, "Reader", &["members:read"]).await["id"].as_str().unwrap().to_owned();
    let path = format!("{ROLES}/{id}");
    theirs.get(&path).await.problem(404, "not_found");
    theirs.delete(&path).await.problem(404, "not_found");
    change(&theirs, &id, "\"1\"", &[]).await.problem(404, "not_found");
    let mut owner = globex.owner().await;
    owner.get("app", &globex.console(&format!("roles/{id}/edit"))).await.expect(404);
    owner.get("app", &acme.console("roles")).await.expect(404);
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted_on_its_pages() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    let new = acme.console("roles/new");
    let refused = owner.post("app", &new, &[("name", "admin"), ("permissions", "keys:read")]).await.expect(409);
    assert!(refused.text().contains("There is a role of this name"));
    owner.post("app", &new, &[("name", "Reader"), ("permissions", "keys:read")]).await.expect(303);
    let list = owner.get("app", &acme.console("roles")).await.expect(200);
    assert!(list.text().contains("Reader") && list.text().contains("Built in"));
    let id = list.body.split("/roles/").find_map(|rest| rest.split_once("/edit").map(|(id, _)| id)).unwrap().to_owned();
    let edit = acme.console(&format!("roles/{id}/edit"));
    owner
        .post("app", &edit, &[("version", "1"), ("description", "Reads"), ("permissions", "members:read")])
        .await
        .expect(303);
    owner.post("app", &edit, &[("version", "1"), ("description", "Late")]).await.expect(412);
    let delete = acme.console(&format!("roles/{id}/delete"));
    owner.post("app", &delete, &[("version", "2"), ("confirm", "Writer")]).await.expect(422);
    owner.post("app", &delete, &[("version", "2"), ("confirm", "Reader")]).await.expect(303);
    assert!(!owner.get("app", &acme.console("roles")).await.text().contains("Reader"));
}
