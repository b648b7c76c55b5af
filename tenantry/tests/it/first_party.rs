//! First-party tokens (KEY-6, ID-8): what a session is exchanged for, what they open, and what ends them at once.

use futures_util::StreamExt as _;
use http::HeaderValue;
use serde_json::{Value, json};
use tenantry_core::token::{Algorithm, SigningKey};
use tenantry_platform::signing::Purpose;

use crate::app::{TestApp, Wanted};
use crate::client::{Answer, Browser};
use crate::echo::seen;
use crate::verifier::verified;

/// For keys and tokens, for tokens alone, and for sessions alone.
const ROUTES: &str = r#"
[[routes]]
path = "/partner/me"
methods = "any"
guard = ["key", "jwt"]
cors = "*"
[[routes]]
path = "/partner/products"
methods = ["GET", "POST"]
guard = "jwt"
permission = "products:write"
[[routes]]
path = "/pages/me"
guard = "session"
[[routes]]
path = "/open"
guard = "public"
public_because = "a test"
"#;
const ME: &str = "/partner/me";

async fn app() -> TestApp {
    TestApp::with(Wanted { settings: ROUTES, ..Wanted::default() }).await
}

/// A token of the central host's session.
async fn token_in(browser: &mut Browser<'_>, slug: &str, mode: &str) -> String {
    let answer = browser.fetch("POST", "app", &format!("/-/console/{slug}/{mode}/token")).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let issued = answer.json();
    assert_eq!((issued["token_type"].as_str(), issued["expires_in"].as_u64()), (Some("Bearer"), Some(300)));
    issued["access_token"].as_str().unwrap().to_owned()
}

async fn show(app: &TestApp, host: &str, path: &str, token: &str) -> Answer {
    app.call("GET", host, path).bearer(token).send().await
}

async fn is_refused(app: &TestApp, token: &str) {
    show(app, "api", ME, token).await.problem(401, "token_refused");
}

/// Claims as ours, signed by whatever key signs first-party tokens now, with some of them otherwise.
fn forged(app: &TestApp, like: &str, changed: &[(&str, Value)]) -> String {
    let mut claims = said(like);
    for (name, value) in changed {
        claims[*name] = value.clone();
    }
    app.db.ground.signing.sign(Purpose::FirstParty, &claims, app.db.ground.now()).unwrap()
}

/// What a token says.
fn said(token: &str) -> Value {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_session_is_exchanged_on_either_host_for_what_it_opens_there() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    let mut ada = acme.owner().await;
    ada.hand_off("acme").await.expect(303);
    let central = token_in(&mut ada, "acme", "live").await;
    let child = ada.fetch("POST", "acme", "/-/token").await.expect(200).json();
    for token in [central.as_str(), child["access_token"].as_str().unwrap()] {
        for host in ["api", "acme"] {
            let saw = show(&app, host, ME, token).await.expect(200).json();
            assert!(seen(&saw, "authorization").is_empty(), "the app sees no token of ours");
            let who = verified(&app, &saw).await;
            let named = (who["actor"].as_str(), who["tenant"]["slug"].as_str(), who["mode"].as_str());
            assert_eq!(named, (Some("token"), Some("acme"), Some("live")));
            assert_eq!(who["sub"], acme.person().id.to_string());
            assert_eq!(who["roles"], json!(["OWNER"]));
        }
    }
    app.call("POST", "app", "/-/console/acme/live/token").same_origin().send().await.expect(401);
    app.call("POST", "acme", "/-/token").same_origin().send().await.expect(401);
    app.tenant("globex").await;
    ada.fetch("POST", "app", "/-/console/globex/live/token").await.expect(404);
}

/// No cookie opens a route of tokens, no token a route of sessions, and neither of them anything of ours.
#[tokio::test]
async fn a_token_opens_what_takes_it_and_nothing_else() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    let token = token_in(&mut ada, "acme", "live").await;
    ada.fetch("GET", "acme", "/pages/me").await.expect(200);
    ada.fetch("GET", "acme", ME).await.problem(401, "unauthorized");
    show(&app, "acme", "/pages/me", &token).await.problem(401, "unauthorized");
    for path in ["/-/api/v1/whoami", "/-/api/v1/keys"] {
        show(&app, "api", path, &token).await.problem(401, "key_refused");
    }
    show(&app, "app", "/-/console/acme/live/keys", &token).await.expect(401);
    // A token that was refused is not saved by a cookie beside it.
    let both = ada.call("GET", "acme", "/pages/me").bearer(&format!("{token}x")).send().await;
    both.problem(401, "token_refused");
    show(&app, "api", "/partner/products", &token).await.expect(200);
    let member = app.tenant("globex").await.member("MEMBER").await.fetch("POST", "globex", "/-/token").await;
    let small = member.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    let refused = show(&app, "api", "/partner/products", &small).await.problem(403, "missing_permission");
    assert!(refused.body.contains("products:write"));
}

#[tokio::test]
async fn a_token_names_its_workspace_and_its_mode() {
    let app = app().await;
    app.tenant("globex").await;
    let mut ada = app.tenant("acme").await.owner().await;
    let (live, test) = (token_in(&mut ada, "acme", "live").await, token_in(&mut ada, "acme", "test").await);
    for (token, host, mode) in
        [(&live, "acme", "live"), (&test, "acme--test", "test"), (&live, "api", "live"), (&test, "api", "test")]
    {
        let saw = show(&app, host, ME, token).await.expect(200).json();
        assert_eq!(verified(&app, &saw).await["mode"], mode, "{mode} at {host}");
    }
    for (token, host) in [(&live, "acme--test"), (&test, "acme"), (&live, "globex"), (&test, "globex--test")] {
        show(&app, host, ME, token).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_token_lives_five_minutes_and_not_a_second_longer() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    let token = token_in(&mut ada, "acme", "live").await;
    show(&app, "api", ME, &token).await.expect(200);
    app.advance(299);
    show(&app, "api", ME, &token).await.expect(200);
    app.advance(1);
    is_refused(&app, &token).await;
    let unseen = token_in(&mut ada, "acme", "live").await;
    app.advance(300);
    is_refused(&app, &unseen).await;
}

/// Each is signed by one of our keys and says something that is not so.
#[tokio::test]
async fn what_is_signed_by_us_and_says_something_else_is_refused() {
    let app = app().await;
    let globex = app.tenant("globex").await;
    let mut ada = app.tenant("acme").await.owner().await;
    let token = token_in(&mut ada, "acme", "live").await;
    show(&app, "api", ME, &forged(&app, &token, &[])).await.expect(200);
    let now_s = app.db.ground.clock.now_s();
    let nobody = json!("00000000-0000-7000-8000-000000000000");
    for changed in [
        ("aud", json!(app.origin("app"))),
        ("aud", json!(app.origin("acme"))),
        ("iss", json!(app.origin("api"))),
        ("exp", json!(now_s)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("iat", json!(now_s + 60)),
        ("sub", nobody.clone()),
        ("sid", nobody.clone()),
        ("tid", json!(globex.id().to_string())),
        ("mode", json!("both")),
        ("role", json!("ADMIN")),
        ("scope", json!("everything")),
    ] {
        is_refused(&app, &forged(&app, &token, std::slice::from_ref(&changed))).await;
    }
}

/// Tokens of the other kinds are ours too, and open nothing here.
#[tokio::test]
async fn a_token_of_another_kind_is_refused() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    let token = token_in(&mut ada, "acme", "live").await;
    let saw = show(&app, "api", ME, &token).await.expect(200).json();
    let identity = seen(&saw, "tenantry-identity")[0].to_owned();
    let cookies = ["app", "acme"].map(|host| ada.cookie(host, "__Host-tenantry").unwrap().clone());
    for other in cookies.iter().chain([&identity]) {
        is_refused(&app, other).await;
    }
    let claims = said(&token);
    let now = app.db.ground.now();
    for purpose in [Purpose::StaffAccess, Purpose::Identity] {
        is_refused(&app, &app.db.ground.signing.sign(purpose, &claims, now).unwrap()).await;
    }
    // And a first-party token is no cookie.
    let mut thief = app.browser();
    thief.set("acme", "__Host-tenantry", &token);
    thief.fetch("GET", "acme", "/pages/me").await.expect(401);
}

#[tokio::test]
async fn what_is_not_signed_by_our_key_is_refused_however_it_is_spelled() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let app = app().await;
    let token = token_in(&mut app.tenant("acme").await.owner().await, "acme", "live").await;
    let [header, claims, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let head: Value = serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap();
    let headed = |name: &str, value: Value| {
        let mut head = head.clone();
        head[name] = value;
        format!("{}.{claims}.{signature}", BASE64.encode(head.to_string()))
    };
    let own = SigningKey::generate(Algorithm::EdDsa, head["kid"].as_str().unwrap());
    let theirs = own.sign(Purpose::FirstParty.typ(), &said(&token)).unwrap();
    for spelled in [
        headed("alg", json!("none")),
        headed("alg", json!("HS256")),
        headed("alg", json!("ES256")),
        headed("kid", json!("another")),
        headed("crit", json!(["exp"])),
        headed("jwk", json!(own.jwk())),
        headed("typ", json!("JWT")),
        theirs,
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{token}="),
        format!("{token}.{signature}"),
    ] {
        is_refused(&app, &spelled).await;
    }
    show(&app, "api", ME, &token).await.expect(200);
}

/// The call that takes it away has answered: no node accepts it any more.
#[tokio::test]
async fn whatever_ends_the_session_or_changes_the_place_ends_the_token_at_once() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    let manager = acme.full_key().await;
    let mut kept = acme.owner().await;
    let stays = token_in(&mut kept, "acme", "live").await;

    let mut leaving = acme.owner().await;
    let token = token_in(&mut leaving, "acme", "live").await;
    show(&app, "api", ME, &token).await.expect(200);
    leaving.post::<&str>("app", "/-/sign-out", &[]).await.expect(303);
    is_refused(&app, &token).await;

    let mut ben = acme.member("ADMIN").await;
    let member = format!("/-/api/v1/members/{}", app.person("owner@acme-admin.example").await);
    let token = token_in(&mut ben, "acme", "live").await;
    show(&app, "api", ME, &token).await.expect(200);
    manager.call("PATCH", "api", &member).json(&json!({ "role": "MEMBER" })).send().await.expect(200);
    is_refused(&app, &token).await;
    let token = token_in(&mut ben, "acme", "live").await;
    show(&app, "api", "/partner/products", &token).await.problem(403, "missing_permission");
    manager.delete(&member).await.expect(200);
    is_refused(&app, &token).await;

    show(&app, "api", ME, &stays).await.expect(200);
    acme.suspend().await;
    for host in ["api", "acme"] {
        show(&app, host, ME, &stays).await.problem(403, "tenant_suspended");
    }
    kept.fetch("POST", "app", "/-/console/acme/live/token").await.problem(403, "tenant_suspended");
    acme.reactivate().await;
    show(&app, "api", ME, &stays).await.expect(200);
}

/// Guesses are paid for as those at keys are. Whoever shows what we signed has not guessed: they pass behind the same
/// address, also with a token that nobody has seen, of a session that nobody remembers.
#[tokio::test]
async fn forged_tokens_use_the_budget_of_failures_up_and_good_ones_pass_beyond_it() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    let (mut ada, key) = (acme.owner().await, acme.key(["products:read"]).await);
    let known = token_in(&mut ada, "acme", "live").await;
    show(&app, "api", ME, &known).await.expect(200);
    app.advance(1);
    let unseen = token_in(&mut ada, "acme", "live").await;
    assert_ne!(known, unseen);
    for _ in 0..30 {
        is_refused(&app, &format!("{known}x")).await;
    }
    show(&app, "api", ME, &format!("{known}x")).await.expect(429);
    show(&app, "api", ME, &unseen).await.expect(200);
    show(&app, "api", ME, &known).await.expect(200);
    key.call("GET", "api", ME).send().await.expect(429);
    app.db.ground.feed.void_all();
    app.advance(1);
    let forgotten = token_in(&mut ada, "acme", "live").await;
    app.db.ground.feed.void_all();
    show(&app, "api", ME, &forgotten).await.expect(200);
    ada.post::<&str>("app", "/-/sign-out", &[]).await.expect(303);
    show(&app, "api", ME, &forgotten).await.expect(429);
}

#[tokio::test]
async fn without_a_key_for_tokens_no_session_is_exchanged_and_what_was_given_works() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    let given = token_in(&mut ada, "acme", "live").await;
    show(&app, "api", ME, &given).await.expect(200);
    app.db.ground.signing.load([]);
    ada.fetch("POST", "app", "/-/console/acme/live/token").await.expect(503);
    show(&app, "api", ME, &given).await.expect(200);
}

#[tokio::test]
async fn a_public_route_passes_an_apps_own_token_on_and_never_ours() {
    let app = app().await;
    let token = token_in(&mut app.tenant("acme").await.owner().await, "acme", "live").await;
    let theirs = SigningKey::generate(Algorithm::EdDsa, "theirs").sign("JWT", &json!({ "sub": "x" })).unwrap();
    for (token, passes) in [(&token, false), (&theirs, true)] {
        let saw = show(&app, "acme", "/open", token).await.expect(200).json();
        assert_eq!(!seen(&saw, "authorization").is_empty(), passes);
    }
}

/// What was opened with a token closes with it: when its session ends, and when its five minutes do.
#[tokio::test]
async fn a_socket_closes_with_the_token_that_opened_it() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    for signs_out in [true, false] {
        let mut ada = acme.owner().await;
        let token = token_in(&mut ada, "acme", "live").await;
        let mut socket = app.call("GET", "api", ME).bearer(&token).open().await.unwrap();
        socket.next().await.unwrap().unwrap();
        match signs_out {
            true => drop(ada.post::<&str>("app", "/-/sign-out", &[]).await.expect(303)),
            false => app.advance(300),
        }
        while let Some(Ok(_)) = socket.next().await {}
    }
}

/// Two tokens of a session, and the session itself, do not push each other's identity out.
#[tokio::test]
async fn an_identity_is_signed_once_for_all_tokens_of_a_session() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    let tokens = [token_in(&mut ada, "acme", "live").await, {
        app.advance(1);
        token_in(&mut ada, "acme", "live").await
    }];
    let mut identities = Vec::new();
    for token in tokens.iter().chain(&tokens) {
        let saw = show(&app, "api", ME, token).await.expect(200).json();
        identities.push(HeaderValue::from_str(seen(&saw, "tenantry-identity")[0]).unwrap());
        ada.fetch("GET", "acme", "/pages/me").await.expect(200);
        // Another one would say another second.
        app.advance(1);
    }
    assert!(identities.iter().all(|one| *one == identities[0]));
}

/// The signature of a known token is not looked at again; a token that was never shown needs the key that signed it.
#[tokio::test]
async fn a_signature_is_looked_at_once() {
    let app = app().await;
    let mut ada = app.tenant("acme").await.owner().await;
    let shown = token_in(&mut ada, "acme", "live").await;
    app.advance(1);
    let unseen = token_in(&mut ada, "acme", "live").await;
    show(&app, "api", ME, &shown).await.expect(200);
    app.db.ground.signing.load([]);
    show(&app, "api", ME, &shown).await.expect(200);
    is_refused(&app, &unseen).await;
}
