//! Whoever is refused again and again, as they meet it over HTTP [RL-4, RL-7, ID-7].

use tenantry_edge::offenders::{Offence, Offender, Standing};

use crate::app::{PASSWORD, TestApp, Wanted};
use crate::client::{Answer, Browser, Call};
use crate::dev::process::until;

const OFFICE: &str = "203.0.113.9";
const HOME: &str = "198.51.100.4";

/// Answers that are held back are not what these tests wait for.
const QUICK: &str = "\n[offenders]\nslow_ms = 1\n";

async fn behind_a_proxy() -> TestApp {
    TestApp::with(Wanted { proxied: true, settings: QUICK, ..Wanted::default() }).await
}

fn from<'a>(address: &str, call: Call<'a>) -> Call<'a> {
    call.with("x-forwarded-for", address)
}

/// Asks with a made-up key.
async fn guess_a_key(app: &TestApp, address: &str) -> Answer {
    from(address, app.call("GET", "api", "/api/products").bearer("sk_live_made_up")).send().await
}

/// Asks with made-up keys until the address is blocked.
async fn get_blocked(app: &TestApp, address: &str) -> Answer {
    for _ in 0..200 {
        let answer = guess_a_key(app, address).await;
        if answer.code() == "blocked" {
            return answer;
        }
    }
    panic!("{address} is never blocked");
}

async fn sign_in(browser: &mut Browser<'_>, address: &str, email: &str, password: &str) -> Answer {
    let form = [("email", email), ("password", password)];
    let call = browser.call("POST", "app", "/-/sign-in").with("accept", "text/html").same_origin().form(&form);
    browser.take("app", from(address, call).send().await)
}

#[tokio::test]
async fn whoever_tries_keys_is_warned_refused_blocked_and_let_in_again() {
    let app = behind_a_proxy().await;
    let mut seen: Vec<(u16, String, bool)> = Vec::new();
    let blocked = loop {
        let answer = guess_a_key(&app, OFFICE).await;
        let step = (answer.status, answer.code(), !answer.header("tenantry-warning").is_empty());
        if seen.last() != Some(&step) {
            seen.push(step);
        }
        if answer.code() == "blocked" {
            break answer;
        }
        assert!(seen.len() < 20, "{seen:?}");
    };
    assert_eq!((blocked.status, blocked.header("retry-after")), (403, "60"));
    let told = blocked.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("12:01:00 UTC") && told.contains("operator"), "{told}");
    guess_a_key(&app, HOME).await.problem(401, "key_refused");
    app.advance(60);
    guess_a_key(&app, OFFICE).await.problem(401, "key_refused");
}

/// The hostile one is behind the same address as everybody else of the office.
#[tokio::test]
async fn one_visitor_of_an_office_shuts_nobody_out_who_is_signed_in_there() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    let (key, mut ada) = (acme.full_key().await, acme.owner().await);
    ada.hand_off("acme").await.expect(303);
    get_blocked(&app, OFFICE).await;
    from(OFFICE, key.call("GET", "api", "/api/products")).send().await.expect(200);
    from(OFFICE, ada.call("GET", "acme", "/")).send().await.expect(200);
    from(OFFICE, ada.call("GET", "app", "/-/account")).send().await.expect(200);
    from(OFFICE, app.call("GET", "acme", "/assets/shop.css")).send().await.expect(200);
    from(OFFICE, app.call("GET", "app", "/-/health/live")).send().await.expect(200);
    let led = from(OFFICE, app.call("GET", "acme", "/").with("accept", "text/html")).send().await;
    assert!(led.location().starts_with("/-/sign-in"));
    let mut grace = app.browser();
    sign_in(&mut grace, OFFICE, &acme.person().email, PASSWORD).await.expect(303);
    for path in ["/-/sign-up", "/security", "/-/nothing"] {
        from(OFFICE, app.call("GET", "app", path)).send().await.problem(403, "blocked");
        assert_ne!(from(HOME, app.call("GET", "app", path)).send().await.code(), "blocked");
    }
}

#[tokio::test]
async fn what_a_key_does_is_the_keys_own_and_its_workspace_lifts_it() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    let (loud, quiet, mut ada) = (acme.full_key().await, acme.full_key().await, acme.owner().await);
    let mut line = app.line().await;
    let blocked = loop {
        let answer = from(OFFICE, loud.call("GET", "api", "/api/products")).send_on(&mut line).await;
        if answer.status != 200 && answer.code() != "too_many_requests" {
            break answer;
        }
    };
    assert!(["slow_down", "blocked"].contains(&blocked.code().as_str()), "{blocked:?}");
    app.advance(60);
    // Points are forgiven by now, and limits begin anew.
    for number in 0..200 {
        let answer = from(OFFICE, loud.call("GET", "api", "/api/products")).send_on(&mut line).await;
        if answer.code() == "blocked" {
            break;
        }
        assert!(number < 199, "{answer:?}");
    }
    let told = from(HOME, loud.call("GET", "api", "/api/products")).send().await.problem(403, "blocked");
    assert!(told.json()["detail"].as_str().unwrap().contains("in the console, under Blocks"));
    from(OFFICE, quiet.call("GET", "api", "/-/api/v1/whoami")).send().await.expect(200);
    from(OFFICE, app.call("GET", "app", "/-/sign-up")).send().await.expect(200);
    let id = until("the block is written, by the node's own writer or here", async || {
        app.server.app.offenders.flush(&app.db.ground).await;
        let page = ada.get("app", &acme.console("blocks?state=now&kind=key")).await.expect(200);
        Some(page.body.split("/blocks/").nth(1)?.split('/').next()?.to_owned())
    })
    .await;
    ada.post("app", &acme.console(&format!("blocks/{id}/lift")), &[("reason", " ")]).await.expect(422);
    ada.post("app", &acme.console(&format!("blocks/{id}/lift")), &[("reason", "our own test")]).await.expect(303);
    app.advance(60);
    from(OFFICE, loud.call("GET", "api", "/-/api/v1/whoami")).send().await.expect(200);
    let again = ada.post("app", &acme.console(&format!("blocks/{id}/lift")), &[("reason", "twice")]).await;
    again.expect(409);
}

/// [ID-7]
#[tokio::test]
async fn five_wrong_passwords_stop_sign_ins_from_there_and_lock_nobody_out() {
    const MANY: &str = "\n[limits.tiers.sign_in_ip]\nlimit = 1000\n";
    let app = TestApp::with(Wanted { proxied: true, settings: MANY, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (email, mut thief, mut ada) = (acme.person().email.clone(), app.browser(), app.browser());
    for account in [email.as_str(), "nobody@acme.example"] {
        for _ in 0..5 {
            sign_in(&mut thief, OFFICE, account, "wrong").await.expect(422);
        }
        // Also the right one: it is told before anything is looked up.
        let refused = sign_in(&mut thief, OFFICE, account, PASSWORD).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "900"), "{account}");
        app.advance(900);
    }
    sign_in(&mut ada, HOME, &email, PASSWORD).await.expect(303);
    sign_in(&mut ada, OFFICE, &email, PASSWORD).await.expect(303);
}

#[tokio::test]
async fn a_flood_of_reports_refuses_reports_and_no_visitor() {
    let app = behind_a_proxy().await;
    app.tenant("acme").await;
    let (ledger, now_ms) = (&app.server.app.offenders, app.db.ground.clock.now_ms());
    let office = Offender::Reporter(OFFICE.parse().unwrap());
    (0..100).for_each(|_| ledger.note(Offence::Reports, office, now_ms));
    let report = app.call("POST", "acme", "/-/csp-reports").bytes("application/csp-report".parse().unwrap(), "{}");
    from(OFFICE, report).send().await.problem(403, "blocked");
    from(OFFICE, app.call("GET", "app", "/-/sign-up")).send().await.expect(200);
    assert_eq!(ledger.standing(Offender::Address(OFFICE.parse().unwrap()), now_ms), Standing::Clear);
}

#[tokio::test]
async fn by_hand_everybody_at_an_address_is_refused_until_it_is_lifted() {
    let app = behind_a_proxy().await;
    let (acme, mut staff) = (app.tenant("acme").await, app.operator().await);
    let key = acme.full_key().await;
    let page = "/-/operator/offenders/block";
    let form = |network: &'static str| [("network", network), ("hours", "24"), ("reason", "it attacks us")];
    for wrong in ["somewhere", "0.0.0.0/0", "127.0.0.1", "10.0.0.0/24"] {
        staff.post("app", page, &form(wrong)).await.expect(422);
    }
    staff.post("app", page, &form("203.0.113.0/24")).await.expect(303);
    app.server.app.offenders.load(&app.db.ground).await.unwrap();
    from(OFFICE, key.call("GET", "api", "/api/products")).send().await.problem(403, "blocked");
    from(HOME, key.call("GET", "api", "/api/products")).send().await.expect(200);
    let found = staff.get("app", "/-/operator/offenders?network=203.0.113.9&state=now").await.expect(200);
    let id = found.body.split("/-/operator/offenders/").find(|rest| rest.contains("/lift\"")).unwrap();
    let id = id.split('/').next().unwrap();
    let lifted = staff.post("app", &format!("/-/operator/offenders/{id}/lift"), &[("reason", "they are sorry")]).await;
    lifted.expect(303);
    from(OFFICE, key.call("GET", "api", "/api/products")).send().await.expect(200);
    let mut owner = acme.owner().await;
    owner.get("app", "/-/operator/offenders").await.expect(404);
}

/// What slows is bounded, and the rest is refused.
#[tokio::test]
async fn no_more_answers_are_held_back_than_there_are_places_for() {
    let app = behind_a_proxy().await;
    let ledger = &app.server.app.offenders;
    let office = Offender::Address(OFFICE.parse().unwrap());
    (0..60).for_each(|_| ledger.note(Offence::Limit, office, app.db.ground.clock.now_ms()));
    from(OFFICE, app.call("GET", "app", "/-/sign-up")).send().await.expect(200);
    let places: Vec<_> = std::iter::from_fn(|| ledger.slow()).collect();
    assert_eq!(places.len(), 256);
    from(OFFICE, app.call("GET", "app", "/-/sign-up")).send().await.problem(429, "slow_down");
    drop(places);
    from(OFFICE, app.call("GET", "app", "/-/sign-up")).send().await.expect(200);
    assert_eq!((ledger.counters.slowed(), ledger.counters.refused()), (2, 1));
}
