//! Answers of the app that go on for long, and whoever asked for them is shut out meanwhile (KEY-3, ID-11, AC-12).

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tenantry_core::email::EmailAddress;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users;
use tenantry_platform::permit::{Acting, Actor, Origin};

use crate::app::{TestApp, Wanted};
use crate::client::{Call, Slow};

const PATH: &str = "/api/products";
const FLOWS: [&str; 3] = ["quiet", "events", "flood"];

/// Room for a thousand at a time, from one address.
const ROOM: &str = "\n[upstream]\nmax_connections = 4000\n[limits.tiers.api_key]\nlimit = 1000000\n\
    [limits.tiers.api_ip]\nlimit = 1000000\n[limits.tiers.page_ip]\nlimit = 1000000\n";

fn flowing<'a>(call: Call<'a>, flow: &str) -> Call<'a> {
    call.with("answer-stream", flow)
}

/// An answer that has begun.
async fn flow(call: Call<'_>, flow: &str) -> Slow {
    let mut begun = flowing(call, flow).read_slowly().await;
    assert!(begun.more().await > 0);
    begun
}

#[tokio::test]
async fn a_revoked_key_hears_no_more_of_any_answer_and_another_one_does() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, kept, revoked) =
        (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await, acme.key(["products:read"]).await);
    let (mut staying, mut leaving) = (Vec::new(), Vec::new());
    for kind in FLOWS {
        staying.push(flow(kept.call("GET", "api", PATH), kind).await);
        leaving.push(flow(revoked.call("GET", "api", PATH), kind).await);
    }
    manager.delete(&format!("/-/api/v1/keys/{}", revoked.id)).await.expect(200);
    for stream in leaving {
        assert!(!stream.rest().await.ends_with("0\r\n\r\n"), "nobody takes it for whole");
    }
    for stream in &mut staying[1..] {
        assert!(stream.more().await > 0);
    }
}

/// What waits in buffers is not heard either: the connection is reset where nobody reads.
#[tokio::test]
async fn an_answer_that_its_client_does_not_read_is_broken_off_too() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, key) = (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await);
    let stalled = flow(key.call("GET", "api", PATH), "flood").await;
    manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    stalled.breaks().await;
}

/// As of a long poll: the app takes its time, and would then answer somebody who may not hear it.
#[tokio::test]
async fn whoever_waits_for_an_answer_meanwhile_gets_none() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, key) = (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await);
    let held = flowing(key.call("GET", "api", PATH), "late").hold_open().await;
    manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    held.finish().await.problem(401, "revoked_meanwhile");
}

#[tokio::test]
async fn what_ends_a_power_ends_its_answers() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let signed_in = flow(owner.call("GET", "acme", PATH), "events").await;
    let (bob, removed) = ("bob@acme.example", "max@acme.example");
    let deactivated = flow(acme.stand_in(bob, "MEMBER").await.call("GET", "acme", PATH), "quiet").await;
    let demoted = flow(acme.stand_in(removed, "MEMBER").await.call("GET", "acme", PATH), "events").await;
    let suspended = flow(globex.full_key().await.call("GET", "api", PATH), "quiet").await;

    let id = app.person(removed).await;
    owner.post("app", &acme.console(&format!("members/{id}/remove")), &[("confirm", removed)]).await.expect(303);
    demoted.rest().await;
    deactivate(&app, bob).await;
    deactivated.rest().await;
    owner.post::<&str>("app", "/-/sign-out", &[]).await.expect(303);
    signed_in.rest().await;
    globex.suspend().await;
    suspended.rest().await;
}

async fn deactivate(app: &TestApp, email: &str) {
    let ground = &app.db.ground;
    let person = users::named(ground, &EmailAddress::parse(email).unwrap()).await.unwrap();
    let by = Acting { actor: Actor::system("test", "test"), origin: Origin::default() };
    users::deactivate(ground, by, person, &Reason::parse("lost laptop").unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_over_hears_no_more() {
    let app = TestApp::new().await;
    let streams =
        flow(app.tenant("acme").await.stand_in("ada@acme.example", "MEMBER").await.call("GET", "acme", PATH), "quiet");
    let stream = streams.await;
    app.advance(400 * 24 * 3600);
    stream.rest().await;
}

/// A thousand connections of one key, WebSockets and answers of each kind.
#[expect(clippy::print_stdout, reason = "its figures are for whoever runs it by hand")]
#[tokio::test]
async fn a_thousand_connections_of_a_revoked_key_are_closed_together() {
    let app = TestApp::with(Wanted { settings: ROOM, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (manager, key) = (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await);
    let mut sockets = join_all((0..250).map(async |_| key.call("GET", "api", PATH).open().await.unwrap())).await;
    let streams = join_all((0..750).map(async |at| flow(key.call("GET", "api", PATH), FLOWS[at % 2]).await)).await;
    manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    let begun = Instant::now();
    let closing = join_all(sockets.iter_mut().map(async |socket| while let Some(Ok(_)) = socket.next().await {}));
    let ending = join_all(streams.into_iter().map(Slow::rest));
    tokio::join!(closing, ending);
    // A second by itself; this machine does other things meanwhile.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    println!("a thousand were closed {:?} after the answer", begun.elapsed());
    app.server.stop().await;
}
