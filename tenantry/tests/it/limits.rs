//! Limits as clients meet them (RL-1, RL-2).

use tenantry_core::slug::Slug;
use tenantry_core::window::Limit;
use tenantry_edge::limits::StoreState;
use tenantry_identity::tenants::{LimitChange, cli};
use tenantry_platform::kit::redis::TestRedis;

use crate::app::{TestApp, Wanted};

const OFFICE: &str = "203.0.113.9";
/// What 200 people of one office do at nine o'clock.
const PEOPLE: usize = 200;
const ASSETS: usize = 60;

#[tokio::test]
async fn every_answer_of_an_api_says_where_the_caller_stands() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (key, foreign) = (acme.key(["products:read"]).await, globex.full_key().await);
    let calls = [
        (200, key.call("GET", "acme", "/api/products")),
        (401, app.call("GET", "acme", "/api/products")),
        (401, app.call("GET", "api", "/api/products").bearer("sk_live_wrong")),
        (403, key.call("GET", "acme", "/api/orders")),
        (404, foreign.call("GET", "acme", "/api/products")),
        (200, key.call("GET", "api", "/-/api/v1/whoami")),
        (401, app.call("GET", "api", "/-/api/v1/whoami")),
        (403, key.call("GET", "api", "/-/api/v1/keys")),
        (404, foreign.call("GET", "api", "/-/api/v1/keys/00000000-0000-7000-8000-000000000000")),
    ];
    for (status, call) in calls {
        let answer = call.send().await.expect(status);
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            assert!(answer.header(name).parse::<u64>().is_ok(), "{name} of {status} {}", answer.body);
        }
        assert!(!answer.header("ratelimit").is_empty() && !answer.header("ratelimit-policy").is_empty(), "{status}");
    }
}

#[tokio::test]
async fn one_address_with_many_keys_is_limited_too() {
    let app = TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let keys = [acme.full_key().await, acme.full_key().await, acme.full_key().await];
    for number in 0..120 {
        keys[number % 3].call("GET", "api", "/api/products").with("x-forwarded-for", OFFICE).send().await.expect(200);
    }
    let refused = keys[0].call("GET", "api", "/api/products").with("x-forwarded-for", OFFICE).send().await.expect(429);
    assert!(refused.header("ratelimit").starts_with("\"api_ip\";r=0;"), "{}", refused.header("ratelimit"));
    keys[0].call("GET", "api", "/api/products").with("x-forwarded-for", "203.0.113.10").send().await.expect(200);
}

/// Pages and assets have tiers of their own.
#[tokio::test]
async fn two_hundred_people_behind_one_address_load_a_page_with_sixty_assets() {
    let app = TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await;
    let mut ada = app.tenant("acme").await.owner().await;
    ada.hand_off("acme").await.expect(303);
    let crowd = (0..4).map(|_| visits(&app, &ada, PEOPLE / 4));
    futures_util::future::join_all(crowd).await;
}

async fn visits(app: &TestApp, ada: &crate::client::Browser<'_>, people: usize) {
    let mut line = app.line().await;
    for _ in 0..people {
        ada.call("GET", "acme", "/").with("x-forwarded-for", OFFICE).send_on(&mut line).await.expect(200);
        for _ in 0..ASSETS {
            let asset = app.call("GET", "acme", "/assets/shop.css").with("x-forwarded-for", OFFICE);
            asset.send_on(&mut line).await.expect(200);
        }
    }
}

/// [RL-2] Each tier is its own: the one that is spent does not close the others.
#[tokio::test]
async fn signing_in_and_signing_up_have_their_own_limits() {
    let app = TestApp::new().await;
    let mut nobody = app.browser();
    let wrong = [("email", "nobody@acme.example"), ("password", "wrong")];
    for _ in 0..10 {
        nobody.post("app", "/-/sign-in", &wrong).await.expect(422);
    }
    let refused = nobody.post("app", "/-/sign-in", &wrong).await.expect(429);
    assert_eq!(refused.header("retry-after"), "990");
    nobody.get("app", "/-/sign-in").await.expect(200);
    let form = [("name", ""), ("email", ""), ("password", ""), ("workspace", ""), ("slug", "")];
    for _ in 0..5 {
        nobody.post("app", "/-/sign-up", &form).await.expect(422);
    }
    nobody.post("app", "/-/sign-up", &form).await.expect(429);
}

/// Asking where one stands spends nothing of what it asks about.
#[tokio::test]
async fn a_key_asks_where_it_stands_without_spending() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    key.call("GET", "api", "/api/products").send().await.expect(200);
    let stands = async || {
        let answer = key.call("GET", "api", "/-/api/v1/limits").send().await.expect(200).json();
        let all = answer["limits"].as_array().unwrap().clone();
        ["api_key", "api_ip", "upload_tenant"].map(|name| {
            let one = all.iter().find(|one| one["tier"] == name).unwrap();
            (one["remaining"].as_u64().unwrap(), one["limit"].as_u64().unwrap())
        })
    };
    let first = stands().await;
    assert_eq!(first, [(59, 60), (119, 120), (600, 600)]);
    assert_eq!(stands().await, first);
    app.call("GET", "api", "/-/api/v1/limits").send().await.expect(401);
}

/// A route's own cost, and a tier that is tried before it is in force.
#[tokio::test]
async fn a_route_costs_what_it_says_and_a_tier_in_shadow_refuses_nobody() {
    let settings = "[limits.tiers.ai_key]\nlimit = 1\nshadow = true\n[[routes]]\npath = \"/api/ask\"\nguard = \"key\"\ncost = 20\ntiers = [\"api_key\", \"ai_key\"]\n[limits.tiers.ai_tenant]\nlimit = 200\n";
    let app = TestApp::with(Wanted { settings, ..Wanted::default() }).await;
    let key = app.tenant("acme").await.full_key().await;
    for left in ["40", "20", "0"] {
        let answer = key.call("GET", "api", "/api/ask").send().await.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), left);
        assert!(!answer.header("ratelimit-policy").contains("ai_key"), "nobody is told of a shadow");
    }
    key.call("GET", "api", "/api/ask").send().await.expect(429);
    let shadowed: Vec<u64> = app.server.app.limiter.shadowed().map(|(_, count)| count).collect();
    assert_eq!(shadowed, [3], "each of them costs 20 of a limit of 1");
}

/// What becomes of the store that nodes share is told to callers and to platform staff [RL-3].
#[tokio::test]
async fn a_shared_store_that_dies_is_told_in_answers_and_in_the_platforms_log() {
    let mut redis = TestRedis::start().await;
    let settings = "[limits.redis]\ndeadline_ms = 1000\n";
    let app = TestApp::with(Wanted { redis_url: Some(redis.url()), settings, ..Wanted::default() }).await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let mut state = app.server.app.limiter.store().unwrap();
    state.wait_for(|state| *state == StoreState::Shared).await.unwrap();
    let shared = key.call("GET", "api", "/api/products").send().await.expect(200);
    assert_eq!((shared.header("x-ratelimit-remaining"), shared.header("x-ratelimit-store")), ("59", ""));
    redis.kill().await;
    let alone = key.call("GET", "api", "/api/products").send().await.expect(200);
    assert_eq!((alone.header("x-ratelimit-remaining"), alone.header("x-ratelimit-store")), ("58", "memory"));
    state.wait_for(|state| *state == StoreState::Lost).await.unwrap();
    let lost = "select count(*) from control.platform_log where action = 'limits.store_lost'";
    let administrator = app.db.administrator().await;
    while administrator.query_one(lost, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.count("control.platform_log").await, 1, "that it was there at the start is nothing to tell");
}

/// A row that the database does not take is tried again until it does.
#[tokio::test]
async fn what_became_of_the_shared_store_is_noted_when_the_database_takes_it() {
    let mut redis = TestRedis::start().await;
    let settings = "[limits.redis]\ndeadline_ms = 1000\n";
    let app = TestApp::with(Wanted { redis_url: Some(redis.url()), settings, ..Wanted::default() }).await;
    let mut state = app.server.app.limiter.store().unwrap();
    state.wait_for(|state| *state == StoreState::Shared).await.unwrap();
    let administrator = app.db.administrator().await;
    // What a sequence has given is not taken back with the row.
    let refuse = "create sequence public.tries;
        create function public.refuse() returns trigger language plpgsql security definer as
        $$ begin perform nextval('public.tries'); raise exception 'not now'; end $$;
        create trigger refuse before insert on control.platform_log for each row execute function public.refuse()";
    administrator.batch_execute(refuse).await.unwrap();
    redis.kill().await;
    let is_tried = "select is_called from public.tries";
    while !administrator.query_one(is_tried, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    administrator.batch_execute("drop trigger refuse on control.platform_log").await.unwrap();
    while app.count("control.platform_log").await == 0 {
        tokio::task::yield_now().await;
    }
}

const PLANS: &str = "[plans.pro]\nseats = 2\nentitlements = [\"exports\"]\n[plans.pro.limits.api_key]\nlimit = 600\n";

/// What platform staff gives a workspace is in force, everywhere, when the command returns [RL-4].
#[tokio::test]
async fn a_plan_and_limits_of_ones_own_are_in_force_when_the_command_returns() {
    let app = TestApp::with(Wanted { settings: PLANS, ..Wanted::default() }).await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (key, other) = (acme.full_key().await, globex.full_key().await);
    let limit = async |key: &crate::app::Key<'_>| {
        let answer = key.call("GET", "api", "/api/products").send().await.expect(200);
        (answer.header("x-ratelimit-limit").to_owned(), answer.header("ratelimit-policy").to_owned())
    };
    assert_eq!(limit(&key).await.0, "60");
    let (ground, config, slug) = (&app.db.ground, &app.server.app.config, Slug::from_stored("acme").unwrap());
    cli::change_plan(ground, &config.plans, &slug, "gold").await.unwrap_err();
    cli::change_plan(ground, &config.plans, &slug, "pro").await.unwrap();
    let (_, policy) = limit(&key).await;
    assert!(policy.contains("\"api_key\";q=600;w=60"), "{policy}");
    let own = LimitChange { tier: "api_key".to_owned(), limit: Some(Limit { max: 7, window_ms: 3_600_000 }) };
    cli::change_limits(ground, &config.limits, &slug, std::slice::from_ref(&own)).await.unwrap();
    assert_eq!(limit(&key).await, ("7".to_owned(), "\"api_key\";q=7;w=3600, \"api_ip\";q=120;w=60".to_owned()));
    cli::change_limits(ground, &config.limits, &slug, &[LimitChange { limit: None, ..own }]).await.unwrap();
    assert!(limit(&key).await.1.contains("q=600"), "as the plan has it again");
    assert_eq!(limit(&other).await.0, "60", "nobody else's");
    let rows = "select action || ' ' || (changes::text) from control.audit where action like 'tenant.%_changed'";
    let rows = app.db.administrator().await.query(rows, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.contains(&r#"tenant.plan_changed {"plan": ["free", "pro"]}"#.to_owned()), "{rows:?}");
}

/// Entitlements of the plan reach the app with the identity.
#[tokio::test]
async fn the_app_is_told_what_the_plan_entitles_to() {
    let app = TestApp::with(Wanted { settings: PLANS, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let key = acme.key(["products:read"]).await;
    let before = crate::verifier::verified(&app, &key.get("/api/whoami").await.expect(200).json()).await;
    assert_eq!(before["tenant"].get("entitlements"), None);
    let slug = Slug::from_stored("acme").unwrap();
    cli::change_plan(&app.db.ground, &app.server.app.config.plans, &slug, "pro").await.unwrap();
    let after = crate::verifier::verified(&app, &key.get("/api/whoami").await.expect(200).json()).await;
    assert_eq!(after["tenant"]["entitlements"], serde_json::json!(["exports"]));
}
