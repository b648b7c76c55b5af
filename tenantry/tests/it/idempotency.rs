//! `Idempotency-Key`: what is sent again has its effect once (WEB-8).

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenantry::openapi;
use tenantry::routes::{OwnRoute, OwnRoutes};
use tenantry_platform::idempotency;
use tokio_postgres::Client;

use crate::app::{Key, Tenant, TestApp};
use crate::client::{Answer, Call};

const KEYS: &str = "/-/api/v1/keys";
const TOKEN: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn asked(name: &str) -> Value {
    json!({ "name": name, "scopes": ["products:read"] })
}

fn create<'a>(key: &Key<'a>, token: &str, name: &str) -> Call<'a> {
    key.call("POST", "api", KEYS).with("idempotency-key", token).json(&asked(name))
}

async fn maker<'a>(tenant: &Tenant<'a>) -> Key<'a> {
    tenant.key(["keys:manage", "keys:read", "products:read"]).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// A claim that somebody else's connection holds, as another node would.
async fn claimed_elsewhere(app: &TestApp, tenant: &Tenant<'_>, token: &str) -> Client {
    let other = app.db.login("tenantry_live").await;
    other.batch_execute(&format!("begin; set local tenantry.tenant = '{}'", tenant.id())).await.unwrap();
    let claim = "select doors.claim_idempotency('live', sha256(convert_to($1::text, 'UTF8')), 'api_key:x', 'POST /', sha256('x'), $2, $2::timestamptz + interval '1 day')";
    other.execute(claim, &[&token, &app.db.ground.now()]).await.unwrap();
    other
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_its_effect_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = maker(&acme).await;
    let first = create(&key, &format!("\"{TOKEN}\""), "CI").send().await.expect(201);
    let rows = [app.count("live.api_keys").await, app.count("live.audit").await, app.count("live.events").await];
    let again = create(&key, TOKEN, "CI").send().await.expect(201);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(first.json()["key"], again.json()["key"]);
    let now = [app.count("live.api_keys").await, app.count("live.audit").await, app.count("live.events").await];
    assert_eq!(rows, now, "no key, no audit row, no event");
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_in_no_replay_and_the_answer_says_so() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let first = create(&key, TOKEN, "CI").send().await.expect(201).json();
    let again = create(&key, TOKEN, "CI").send().await.expect(201);
    assert!(!again.body.contains(first["secret"].as_str().unwrap()));
    assert!(again.json()["secret"].is_null() && again.json()["notice"].as_str().unwrap().contains("revoke this key"));
    assert!(first["notice"].is_null());
}

#[tokio::test]
async fn of_twins_at_the_same_moment_one_acts_and_all_get_its_answer() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let before = app.count("live.api_keys").await;
    let twins = join_all((0..6).map(|_| create(&key, TOKEN, "CI").send())).await;
    assert!(twins.iter().all(|answer| answer.status == 201), "{twins:?}");
    assert_eq!(twins.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    assert!(twins.iter().all(|answer| answer.json()["key"] == twins[0].json()["key"]));
    assert_eq!(app.count("live.api_keys").await, before + 1);
}

#[tokio::test]
async fn a_twin_waits_within_a_bound_and_is_told_to_come_again() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = maker(&acme).await;
    let other = claimed_elsewhere(&app, &acme, TOKEN).await;
    let busy = create(&key, TOKEN, "CI").send().await.problem(409, "idempotency_in_progress");
    assert_eq!(busy.header("retry-after"), "1");
    // Whoever dies between claim and commit leaves nothing behind.
    drop(other);
    let answer = create(&key, TOKEN, "CI").send().await.expect(201);
    assert!(!is_replayed(&answer));
}

#[tokio::test]
async fn another_principal_gets_nothing_of_the_first_answer() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, other) = (maker(&acme).await, maker(&acme).await);
    let first = create(&key, TOKEN, "CI").send().await.expect(201).json();
    let refused = create(&other, TOKEN, "CI").send().await.problem(422, "idempotency_key_reused");
    assert!(!refused.body.contains("CI") && !refused.body.contains(first["key"]["id"].as_str().unwrap()));
}

#[tokio::test]
async fn another_payload_or_route_with_the_same_key_is_refused() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = maker(&acme).await;
    let made = create(&key, TOKEN, "CI").send().await.expect(201).json();
    create(&key, TOKEN, "Deploy").send().await.problem(422, "idempotency_key_reused");
    let path = format!("{KEYS}/{}", made["key"]["id"].as_str().unwrap());
    let revoke = key.call("DELETE", "api", &path).with("idempotency-key", TOKEN);
    revoke.send().await.problem(422, "idempotency_key_reused");
    assert_eq!(key.get(&path).await.expect(200).json()["state"], "active");
    let query = key.call("POST", "api", &format!("{KEYS}?x=1")).with("idempotency-key", TOKEN).json(&asked("CI"));
    query.send().await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn the_same_members_in_another_order_are_the_same_payload() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    create(&key, TOKEN, "CI").send().await.expect(201);
    let body = "{ \"scopes\": [\"products:read\"], \"name\": \"CI\" }";
    let again = key.call("POST", "api", KEYS).with("idempotency-key", TOKEN);
    assert!(is_replayed(&again.bytes("application/json".parse().unwrap(), body).send().await.expect(201)));
}

#[tokio::test]
async fn another_tenant_and_the_other_mode_know_nothing_of_the_key() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let test = acme.test_key(["keys:manage", "products:read"]).await;
    for key in [maker(&acme).await, maker(&globex).await, test] {
        let answer = create(&key, TOKEN, "CI").send().await.expect(201);
        assert!(!is_replayed(&answer));
    }
}

#[tokio::test]
async fn after_a_day_the_key_is_new_again() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let first = create(&key, TOKEN, "CI").send().await.expect(201).json();
    app.advance(24 * 3600 - 1);
    assert!(is_replayed(&create(&key, TOKEN, "CI").send().await.expect(201)));
    app.advance(1);
    let anew = create(&key, TOKEN, "CI").send().await.expect(201);
    assert!(!is_replayed(&anew) && anew.json()["key"]["id"] != first["key"]["id"]);
}

#[tokio::test]
async fn what_was_fine_when_it_was_asked_is_replayed_when_it_no_longer_would_be() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let body = json!({ "name": "CI", "scopes": ["products:read"], "expires_at": "2026-06-15T13:00:00Z" });
    let call = key.call("POST", "api", KEYS).with("idempotency-key", TOKEN).json(&body);
    call.clone().send().await.expect(201);
    app.advance(2 * 3600);
    assert!(is_replayed(&call.send().await.expect(201)));
}

#[tokio::test]
async fn the_sweep_takes_what_is_expired_and_nothing_else() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    create(&key, "old", "CI").send().await.expect(201);
    app.advance(24 * 3600);
    create(&key, "new", "CI").send().await.expect(201);
    assert_eq!(idempotency::sweep(&app.db.ground).await.unwrap(), 1);
    assert!(is_replayed(&create(&key, "new", "CI").send().await.expect(201)));
}

#[tokio::test]
async fn a_request_that_failed_leaves_its_key_free() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    create(&key, TOKEN, "").send().await.expect(422);
    assert_eq!(app.count("control.idempotency").await, 0);
    assert!(!is_replayed(&create(&key, TOKEN, "CI").send().await.expect(201)));
}

/// Closed: what could be done twice is not done at all.
#[tokio::test]
async fn where_the_store_takes_no_claim_or_no_answer_nothing_is_changed() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let database = app.db.administrator().await;
    let rows =
        async || [app.count("live.api_keys").await, app.count("live.audit").await, app.count("live.events").await];
    let before = rows().await;
    for door in [
        "claim_idempotency(text, bytea, text, text, bytea, timestamptz, timestamptz)",
        "keep_answer(text, bytea, bytea, smallint, bytea)",
    ] {
        database.batch_execute(&format!("revoke execute on function doors.{door} from tenantry_live")).await.unwrap();
        create(&key, TOKEN, "CI").send().await.expect(500);
        assert_eq!((rows().await, app.count("control.idempotency").await), (before, 0), "{door}");
        database.batch_execute(&format!("grant execute on function doors.{door} to tenantry_live")).await.unwrap();
    }
    assert!(!is_replayed(&create(&key, TOKEN, "CI").send().await.expect(201)));
}

#[tokio::test]
async fn the_table_shows_neither_key_nor_answer() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    let name = "a name that stands out";
    let made = create(&key, TOKEN, name).send().await.expect(201).json();
    let row = app.db.administrator().await.query_one("select i::text, i.body from control.idempotency i", &[]).await;
    let (text, body): (String, Vec<u8>) = {
        let row = row.unwrap();
        (row.get(0), row.get(1))
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    for word in [TOKEN, name, made["key"]["start"].as_str().unwrap(), made["secret"].as_str().unwrap()] {
        assert!(!text.contains(word) && !body.contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_answer_that_was_moved_to_another_row_does_not_open() {
    let app = TestApp::new().await;
    let key = maker(&app.tenant("acme").await).await;
    create(&key, "one", "CI").send().await.expect(201);
    create(&key, "two", "CI").send().await.expect(201);
    let swap = "update control.idempotency i set body = (select o.body from control.idempotency o where o.key_digest <> i.key_digest)";
    app.db.administrator().await.execute(swap, &[]).await.unwrap();
    create(&key, "one", "CI").send().await.problem(500, "internal");
}

#[tokio::test]
async fn a_mode_cannot_claim_the_keys_of_the_other() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let test = app.db.login("tenantry_test").await;
    test.batch_execute(&format!("set tenantry.tenant = '{}'", acme.id())).await.unwrap();
    let claim =
        "select doors.claim_idempotency('live', sha256('k'), 'x', 'x', sha256('x'), now(), now() + interval '1 day')";
    let fault = test.execute(claim, &[]).await.unwrap_err();
    assert_eq!(fault.code().map(|code| code.code().to_owned()).as_deref(), Some("42501"));
}

// ------------------------------------------------------------------ every route that changes something

fn changing() -> Vec<OwnRoute> {
    OwnRoutes::new(false).unwrap().routes.into_iter().filter(OwnRoute::takes_idempotency_key).collect()
}

const INVITATIONS: &str = "/-/api/v1/invitations";
const ROLES: &str = "/-/api/v1/roles";

fn invite<'a>(key: &Key<'a>, email: &str) -> Call<'a> {
    key.call("POST", "api", INVITATIONS).json(&json!({ "email": email, "role": "MEMBER" }))
}

fn make_role<'a>(key: &Key<'a>, name: &str) -> Call<'a> {
    key.call("POST", "api", ROLES).json(&json!({ "name": name, "permissions": ["members:read"] }))
}

/// The path of a new role.
async fn role(key: &Key<'_>, name: &str) -> String {
    let made = make_role(key, name).send().await.expect(201).json();
    format!("{ROLES}/{}", made["role"]["id"].as_str().unwrap())
}

/// The path of a new member.
async fn member(acme: &Tenant<'_>, key: &Key<'_>, role: &str) -> String {
    drop(acme.member(role).await);
    let listed = key.get("/-/api/v1/members").await.expect(200).json();
    let found = listed["data"].as_array().unwrap().iter().find(|member| member["role"] == role).unwrap().clone();
    format!("/-/api/v1/members/{}", found["id"].as_str().unwrap())
}

/// A request of this route that works, once.
async fn example<'a>(acme: &Tenant<'a>, key: &Key<'a>, route: &OwnRoute) -> Call<'a> {
    let method = route.method.as_str();
    match (method, route.path) {
        ("POST", KEYS) => key.call(method, "api", KEYS).json(&asked("CI")),
        ("DELETE", "/-/api/v1/keys/{id}") => {
            key.call(method, "api", &format!("{KEYS}/{}", acme.key(["products:read"]).await.id))
        }
        ("PATCH", "/-/api/v1/keys/{id}") => {
            let path = format!("{KEYS}/{}", acme.key(["products:read"]).await.id);
            key.call(method, "api", &path).json(&json!({ "name": "Renamed" }))
        }
        ("POST", "/-/api/v1/keys/{id}/rotate") => {
            let path = format!("{KEYS}/{}/rotate", acme.key(["products:read"]).await.id);
            key.call(method, "api", &path).json(&json!({}))
        }
        ("POST", "/-/api/v1/keys/{id}/delete") => {
            let path = format!("{KEYS}/{}", acme.key(["products:read"]).await.id);
            key.delete(&path).await.expect(200);
            key.call(method, "api", &format!("{path}/delete"))
        }
        ("PATCH", "/-/api/v1/members/{id}") => {
            key.call(method, "api", &member(acme, key, "MEMBER").await).json(&json!({ "role": "ADMIN" }))
        }
        ("DELETE", "/-/api/v1/members/{id}") => key.call(method, "api", &member(acme, key, "ADMIN").await),
        ("PATCH", "/-/api/v1/tenant") => key.call(method, "api", route.path).json(&json!({ "name": "Acme Works" })),
        ("POST", INVITATIONS) => invite(key, "new@there.example"),
        ("DELETE", "/-/api/v1/invitations/{id}") => {
            let made = invite(key, "other@there.example").send().await.expect(201).json();
            key.call(method, "api", &format!("{INVITATIONS}/{}", made["id"].as_str().unwrap()))
        }
        ("POST", ROLES) => make_role(key, "Billing"),
        ("PATCH", "/-/api/v1/roles/{id}") => key
            .call(method, "api", &role(key, "Auditors").await)
            .json(&json!({ "description": "Look, and change nothing" })),
        ("DELETE", "/-/api/v1/roles/{id}") => key.call(method, "api", &role(key, "Guests").await),
        other => panic!("write here a request of {other:?} that works: the route must be tried"),
    }
}

#[tokio::test]
async fn every_route_that_changes_something_honours_the_key() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    for (at, route) in changing().into_iter().enumerate() {
        let title = format!("{} {}", route.method.as_str(), route.path);
        let call = example(&acme, &key, &route).await;
        call.clone().with("idempotency-key", "a b").send().await.problem(400, "idempotency_key_malformed");
        let call = call.with("idempotency-key", format!("request-{at}"));
        let (first, again) = (call.clone().send().await, call.send().await);
        assert!((200..300).contains(&first.status) && first.status == again.status, "{title}: {first:?} {again:?}");
        assert!(!is_replayed(&first) && is_replayed(&again), "{title} does not honour Idempotency-Key");
    }
}

#[test]
fn every_route_that_changes_something_describes_the_key() {
    let described: Value = serde_json::from_str(openapi::document()).unwrap();
    for route in changing() {
        let operation = &described["paths"][route.path][route.method.as_str().to_lowercase()];
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let is_there = parameters.iter().any(|one| one["in"] == "header" && one["name"] == "Idempotency-Key");
        assert!(is_there, "{} {}", route.method.as_str(), route.path);
    }
}
