//! Hosts, modes and credentials that are not what they should be (AC-10, AC-14, KEY-3, ID-5).

use secrecy::ExposeSecret as _;
use serde_json::json;
use tenantry::routes::Access;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::management_key::ManagementKey;
use tenantry_core::mode::Mode;

use crate::app::{CRON_SECRET, TestApp, Wanted};
use crate::verifier::verified;

/// The key's prefix decides; only the host of the test mode names one itself.
#[tokio::test]
async fn a_key_acts_in_its_own_mode_wherever_it_is_shown() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (live, test) =
        (acme.key(["products:read", "keys:read"]).await, acme.test_key(["products:read", "keys:read"]).await);
    for (key, host, mode) in
        [(&live, "acme", "live"), (&test, "acme", "test"), (&test, "acme--test", "test"), (&test, "api", "test")]
    {
        let saw = key.call("GET", host, "/api/whoami").send().await.expect(200).json();
        assert_eq!(verified(&app, &saw).await["mode"], mode, "{mode} at {host}");
        let keys = key.call("GET", host, "/-/api/v1/keys").send().await.expect(200).json();
        assert_eq!(keys["data"].as_array().unwrap().len(), 1, "{mode} keys at {host}");
    }
    live.call("GET", "acme--test", "/api/whoami").send().await.problem(404, "not_found");
    live.call("GET", "acme--test", "/-/api/v1/keys").send().await.problem(404, "not_found");
    live.get(&format!("/-/api/v1/keys/{}", test.id)).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, key) = (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await);
    key.get("/api/products").await.expect(200);
    let revoked = manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    assert_eq!(revoked.json()["key"]["state"], "revoked");
    key.get("/api/products").await.problem(401, "key_refused");
    key.call("GET", "acme", "/api/products").send().await.problem(401, "key_refused");
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let app = TestApp::new().await;
    let maker = app.tenant("acme").await.key(["keys:manage", "products:read"]).await;
    let ends = app.db.ground.now().checked_add(std::time::Duration::from_secs(600)).unwrap();
    let draft = json!({ "name": "Short", "scopes": ["products:read"], "expires_at": ends.to_string() });
    let made = maker.call("POST", "api", "/-/api/v1/keys").json(&draft).send().await.expect(201).json();
    let ask = || app.call("GET", "api", "/api/products").bearer(made["secret"].as_str().unwrap());
    ask().send().await.expect(200);
    app.advance(599);
    ask().send().await.expect(200);
    app.advance(1);
    ask().send().await.problem(401, "key_refused");
}

/// Every route that changes something, except of the keys, which each mode has of its own [AC-14].
#[tokio::test]
async fn a_test_key_of_every_scope_changes_nothing_that_both_modes_have() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (test, live) = (acme.full_test_key().await, acme.full_key().await);
    let changing = app.server.app.own.routes.iter().filter(|route| {
        route.takes_idempotency_key() && matches!(route.access, Access::Key(_)) && !route.path.contains("/v1/keys")
    });
    let mut tried = 0;
    for route in changing {
        let path = route.path.replace("{id}", &acme.person().id.to_string());
        for body in [json!({ "name": "Acme of a test" }), json!({})] {
            let call = test.call(route.method.as_str(), "api", &path).json(&body);
            let answer = call.send().await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "live_only"), "{} {path}", route.method.as_str());
        }
        tried += 1;
    }
    assert!(tried > 6, "members, invitations, roles and the workspace itself: {tried}");
    assert_eq!(live.get("/-/api/v1/tenant").await.expect(200).json()["name"], "acme Works");
}

/// Refused ends the request: a good session beside a bad key is no way in.
#[tokio::test]
async fn a_refused_credential_never_falls_through_to_another() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let key = acme.key(["products:read"]).await;
    let altered = format!("{}x", key.plaintext);
    for token in [altered.as_str(), "nonsense", ""] {
        owner.call("GET", "acme", "/api/products").bearer(token).send().await.expect(401);
    }
    owner
        .call("GET", "acme", "/api/products")
        .with("authorization", "Basic YTpi")
        .send()
        .await
        .problem(401, "credential_unclear");
    let twice = key.call("GET", "acme", "/api/products").bearer(&key.plaintext);
    twice.send().await.problem(401, "credential_unclear");
    owner.call("GET", "acme", "/api/products").send().await.expect(200);
}

/// [KEY-3, RL-1] The budget of an address is 30 in five minutes; whoever guesses spends nobody else's.
#[tokio::test]
async fn guessed_keys_stop_reaching_the_database() {
    const GUESSER: &str = "203.0.113.66";
    let app = TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let ours = acme.key(["products:read"]).await;
    let counts = app.server.app.identity.apikeys.counts();
    let before = counts.looked_up();
    let mut statuses = Vec::new();
    for _ in 0..50 {
        let guess = ApiKey::generate(Mode::Live, acme.id(), &app.db.ground.entropy).into_plaintext();
        let call = app.call("GET", "api", "/api/products").with("x-forwarded-for", GUESSER);
        statuses.push(call.bearer(guess.expose_secret()).send().await.status);
    }
    assert_eq!((&statuses[..30], &statuses[30..39]), ([401; 30].as_slice(), [429; 9].as_slice()));
    // Whoever goes on all the same is blocked (RL-4).
    assert_eq!(statuses[39..], [403; 11]);
    // The posture engine has keys of its own looked up, every five minutes.
    assert!((30..40).contains(&(counts.looked_up() - before)), "{}", counts.looked_up() - before);
    ours.get("/api/products").await.expect(200);
}

/// [RL-1] Each kind of credential that a program shows, each from an address of its own.
#[tokio::test]
async fn whoever_guesses_is_stopped_whatever_they_guess() {
    let app = TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let entropy = &app.db.ground.entropy;
    let api_key = ApiKey::generate(Mode::Live, acme.id(), entropy).into_plaintext();
    let management_key = ManagementKey::generate(entropy).into_plaintext();
    for (address, (method, host, path), guess) in [
        ("203.0.113.1", ("GET", "api", "/api/products"), api_key.expose_secret()),
        ("203.0.113.2", ("GET", "app", "/-/api/v1/users"), management_key.expose_secret()),
        ("203.0.113.3", ("POST", "acme", "/api/cron/nightly"), "the-secret-of-another-scheduler"),
    ] {
        let call = app.call(method, host, path).with("x-forwarded-for", address);
        for _ in 0..30 {
            call.clone().bearer(guess).send().await.expect(401);
        }
        call.bearer(guess).send().await.problem(429, "too_many_requests");
    }
    let nightly = |address: &str| app.call("POST", "acme", "/api/cron/nightly").with("x-forwarded-for", address);
    nightly("203.0.113.3").bearer(CRON_SECRET).send().await.problem(429, "too_many_requests");
    nightly("203.0.113.4").bearer(CRON_SECRET).send().await.expect(200);
}

#[tokio::test]
async fn a_mistyped_key_is_refused_without_a_look_up() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let counts = app.server.app.identity.apikeys.counts();
    let (before, mut mistyped) = (counts.looked_up(), key.plaintext.clone());
    let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
    mistyped.push(last);
    app.call("GET", "api", "/api/products").bearer(&mistyped).send().await.problem(401, "key_refused");
    assert_eq!(counts.looked_up(), before);
}

/// [AC-10, AC-11]
#[tokio::test]
async fn a_host_that_is_nobodys_has_nothing() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    for label in ["nobody", "nobody--test", "acme--live", "acme.acme", "acme--test--test", "xn--acme"] {
        let answer = app.get(label, "/api/status").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_host"), "{label}");
    }
    for host in ["evil.example", "localhost", "127.0.0.1", "[::1]", "acme.localhost.evil.example"] {
        let answer =
            app.tell(format!("GET /api/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{host}: {answer}");
    }
    let answer = app.tell(b"GET /api/status HTTP/1.1\r\nHost: a_b c\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    app.get("ACME", "/api/status").await.expect(200);
}
