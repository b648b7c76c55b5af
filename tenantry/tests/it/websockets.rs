//! WebSockets through the whole of it: the guard at the beginning, the revocation in the middle [KEY-3 WEB-3].

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tenantry_identity::apikeys::Presented;
use tenantry_platform::db::PoolOptions;
use tenantry_platform::feed::{Change, ChangeKind};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::app::{TestApp, Wanted};
use crate::client::Browser;
use crate::echo::seen;

/// For a session or a key, with a permission.
const PATH: &str = "/api/products";

/// Lines for a public socket.
const PUBLIC: &str = "\n[[routes]]\npath = \"/live\"\nguard = \"public\"\npublic_because = \"a test\"\n\
    cors = [\"https://friend.example\"]\n";

type Socket = WebSocketStream<TcpStream>;

/// What the app saw of the handshake.
async fn first(socket: &mut Socket) -> Value {
    let said = socket.next().await.unwrap().unwrap();
    serde_json::from_str(said.to_text().unwrap()).unwrap()
}

async fn is_heard(socket: &mut Socket, text: &str) -> bool {
    socket.send(Message::text(text)).await.is_ok()
        && socket.next().await.is_some_and(|said| said.is_ok_and(|said| said == Message::text(text)))
}

/// Waits until it is closed. The app never closes by itself.
async fn is_closed(mut socket: Socket) -> bool {
    while let Some(Ok(_)) = socket.next().await {}
    true
}

/// One that answers, opened from a page of its own host.
async fn open(browser: &Browser<'_>, host: &str) -> Socket {
    let mut socket = browser.call("GET", host, PATH).same_origin().open().await.unwrap();
    first(&mut socket).await;
    assert!(is_heard(&mut socket, "hello").await);
    socket
}

#[tokio::test]
async fn a_page_opens_one_and_the_app_knows_who() {
    let app = TestApp::new().await;
    let ada = app.tenant("acme").await.stand_in("ada@acme.example", "MEMBER").await;
    let mut socket = ada.call("GET", "acme", PATH).same_origin().open().await.unwrap();
    let saw = first(&mut socket).await;
    assert_eq!((seen(&saw, "tenantry-identity").len(), seen(&saw, "cookie").len()), (1, 0));
    for text in ["", "hello", &"x".repeat(300_000)] {
        assert!(is_heard(&mut socket, text).await);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_opens_none() {
    let app = TestApp::with(Wanted { settings: PUBLIC, ..Wanted::default() }).await;
    let ada = app.tenant("acme").await.stand_in("ada@acme.example", "MEMBER").await;
    for origin in ["https://evil.example", "null", &app.origin("globex")] {
        for path in [PATH, "/live"] {
            assert_eq!(ada.call("GET", "acme", path).with("origin", origin).open().await.unwrap_err(), 403);
        }
    }
    assert_eq!(ada.call("GET", "acme", PATH).open().await.unwrap_err(), 403);
    assert_eq!(ada.call("GET", "acme", PATH).with("origin", "https://friend.example").open().await.unwrap_err(), 403);
    let friend = app.call("GET", "acme", "/live").with("origin", "https://friend.example");
    assert!(friend.open().await.is_ok());
}

#[tokio::test]
async fn nobody_opens_one_without_the_credential_that_its_route_takes() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    assert_eq!(app.call("GET", "acme", PATH).same_origin().open().await.unwrap_err(), 401);
    let small = acme.key(["orders:read"]).await;
    assert_eq!(small.call("GET", "acme", PATH).open().await.unwrap_err(), 403);
    let foreign = globex.key(["products:read"]).await;
    assert_eq!(foreign.call("GET", "acme", PATH).open().await.unwrap_err(), 404);
}

#[tokio::test]
async fn a_revoked_key_closes_what_it_opened_and_nothing_else() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (manager, kept, revoked) =
        (acme.key(["keys:manage"]).await, acme.key(["products:read"]).await, acme.key(["products:read"]).await);
    let mut staying = kept.call("GET", "api", PATH).open().await.unwrap();
    let leaving = revoked.call("GET", "api", PATH).open().await.unwrap();
    first(&mut staying).await;
    manager.delete(&format!("/-/api/v1/keys/{}", revoked.id)).await.expect(200);
    assert!(is_closed(leaving).await);
    assert!(is_heard(&mut staying, "still here").await);
}

#[tokio::test]
async fn a_revoked_key_closes_what_it_opened_within_the_second_also_where_nobody_can_look_it_up() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let mut socket = key.call("GET", "api", PATH).open().await.unwrap();
    first(&mut socket).await;
    let mut administrator = app.db.administrator().await;
    // A server that never says no by itself: who waits here waits until he gives up.
    let patient = format!("alter role tenantry_live in database {} set lock_timeout = 0", app.db.name);
    administrator.batch_execute(&patient).await.unwrap();
    administrator.batch_execute(CUT_OFF).await.unwrap();
    let frozen = administrator.transaction().await.unwrap();
    frozen.batch_execute("lock table live.api_keys in access exclusive mode").await.unwrap();
    app.db.ground.feed.apply(&Change { kind: ChangeKind::Key, subject: key.id.uuid() });
    // Also where everything becomes void together with it.
    app.db.ground.feed.void_all();
    let begun = Instant::now();
    assert!(is_closed(socket).await);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}: a statement takes ten seconds", begun.elapsed());
    frozen.rollback().await.unwrap();
}

/// Of the live login's connections, so that new ones are made by what is set now.
const CUT_OFF: &str = "
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename = 'tenantry_live'";

/// One connection, for which nobody waits longer than a moment: of those who ask at once, most get none.
fn narrow() -> PoolOptions {
    PoolOptions { most: 1, wait: Duration::from_millis(200), ..PoolOptions::default() }
}

#[tokio::test]
async fn when_everything_is_void_at_once_those_who_may_stay_do() {
    let app = TestApp::with(Wanted { pools: narrow(), ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let mut open = Vec::new();
    for _ in 0..60 {
        let key = acme.key(["products:read"]).await;
        let mut socket = key.call("GET", "api", PATH).open().await.unwrap();
        first(&mut socket).await;
        open.push((key, socket));
    }
    app.feed_is_read().await;
    let mut administrator = app.db.administrator().await;
    let busy = administrator.transaction().await.unwrap();
    busy.batch_execute("lock table live.api_keys in access exclusive mode").await.unwrap();
    app.db.ground.feed.void_all();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        for (_, socket) in &mut open {
            assert!(is_heard(socket, "still here").await, "nobody is closed for what nobody revoked");
        }
    }
    busy.rollback().await.unwrap();
    let (keys, now) = (&app.server.app.identity.apikeys, app.db.ground.now());
    let is_known = |key: &str| matches!(keys.known(key, app.client, now), Presented::Verified(_));
    while !open.iter().all(|(key, _)| is_known(&key.plaintext)) {
        assert!(is_heard(&mut open[0].1, "still here").await);
    }
    for (_, socket) in &mut open {
        assert!(is_heard(socket, "still here").await);
    }
}

#[tokio::test]
async fn signing_out_closes_what_the_session_opened() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let socket = open(&owner, "acme").await;
    owner.post::<&str>("app", "/-/sign-out", &[]).await.expect(303);
    assert!(is_closed(socket).await);
}

#[tokio::test]
async fn a_suspended_tenant_has_no_open_sockets() {
    let app = TestApp::with(Wanted { settings: PUBLIC, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let ada = open(&acme.stand_in("ada@acme.example", "MEMBER").await, "acme").await;
    let nobody = app.call("GET", "acme", "/live").same_origin().open().await.unwrap();
    acme.suspend().await;
    assert!(is_closed(ada).await && is_closed(nobody).await);
}

#[tokio::test]
async fn a_session_that_is_over_closes_its_sockets() {
    let app = TestApp::new().await;
    let socket = open(&app.tenant("acme").await.stand_in("ada@acme.example", "MEMBER").await, "acme").await;
    app.advance(400 * 24 * 3600);
    assert!(is_closed(socket).await);
}

/// Something changed about whoever opened it, and the database does not say what: closed, and not believed.
#[tokio::test]
async fn one_that_cannot_be_judged_anew_is_closed() {
    let app = TestApp::new().await;
    let socket = open(&app.tenant("acme").await.stand_in("ada@acme.example", "MEMBER").await, "acme").await;
    let database = app.db.administrator().await;
    database.batch_execute("revoke select on control.sessions from tenantry_control").await.unwrap();
    let change = "select doors.announce(gen_random_uuid(), 'person', person_id, now())
                  from control.persons where email = 'ada@acme.example'";
    database.batch_execute(change).await.unwrap();
    assert!(is_closed(socket).await);
}

#[tokio::test]
async fn a_closed_one_frees_its_place() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let mut socket = key.call("GET", "api", PATH).open().await.unwrap();
    first(&mut socket).await;
    assert_eq!(app.server.app.upgrades.len(), 1);
    socket.close(None).await.unwrap();
    assert!(is_closed(socket).await);
    app.server.stop().await;
}
