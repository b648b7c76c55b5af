//! Nothing that a request carries in confidence comes out of the log (OBS-1, OBS-3, ID-1).

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde_json::json;
use tenantry_core::clock::Clock;
use tenantry_platform::kit;
use tenantry_platform::log::{Masked, Style};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{CRON_SECRET, TestApp};
use crate::client::Answer;

/// In places whose values no log needs.
const CANARY: &str = "canary4word";
const PERSON: &str = "canary.person@canary.example";
const PASSWORD: &str = "canary plum orbit kettle";

/// Everything that this process logs from here on, whichever thread logs it, as it would be written.
fn lines() -> Arc<Mutex<Vec<u8>>> {
    static LINES: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    let install = || {
        let lines = Arc::default();
        let into: Arc<Mutex<Vec<u8>>> = Arc::clone(&lines);
        let masked =
            Masked::new(Style::Json, Clock::fixed(kit::start()), move |line: Vec<u8>| into.lock().extend(line));
        tracing_subscriber::registry().with(masked).init();
        lines
    };
    Arc::clone(LINES.get_or_init(install))
}

/// At every level, from every crate of the process.
#[tokio::test]
async fn canaries_planted_in_requests_never_come_out() {
    let lines = lines();
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    let answers = [people(&app).await, programs(&app, &key.plaintext).await].concat();
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let cookies = ["app", "acme"].map(|host| owner.cookie(host, "__Host-tenantry").unwrap().clone());

    let text = String::from_utf8(lines.lock().clone()).unwrap();
    let secrets =
        [CANARY, PERSON, PASSWORD, CRON_SECRET, &key.plaintext, &key.plaintext[30..], &cookies[0], &cookies[1]];
    for secret in secrets {
        let at = text.find(secret);
        assert!(
            at.is_none(),
            "{secret} came out: {}",
            at.map(|at| &text[at.saturating_sub(300)..at + secret.len()]).unwrap()
        );
    }
    for id in answers {
        assert!(text.contains(&format!("\"request_id\":\"{id}\"")), "each request has its line: {id}");
    }
}

/// What people type and follow, good and bad.
async fn people(app: &TestApp) -> Vec<String> {
    let mut nora = app.browser();
    let form = [("name", CANARY), ("email", PERSON), ("password", PASSWORD), ("workspace", CANARY), ("slug", "newco")];
    let mut answers = vec![nora.post("app", "/-/sign-up", &form).await.expect(200)];
    let mail = app.mail.mailbox().next_to(PERSON).await;
    let (_, path) = app.place("app", &mail.links[0]);
    answers.push(nora.get("app", &path).await.expect(200));
    answers.push(nora.get("app", &format!("/-/verify?token={CANARY}")).await.expect(404));
    answers.push(nora.sign_in(PERSON, PASSWORD).await.expect(422));
    answers.push(nora.sign_in(CANARY, CANARY).await.expect(422));
    answers.push(
        nora.post("app", "/-/sign-in", &[("email", PERSON), ("password", PASSWORD), ("password", CANARY)])
            .await
            .expect(400),
    );
    answers.push(nora.get("app", &format!("/-/sign-in?return_to=/{CANARY}&x={CANARY}")).await.expect(400));
    nora.set("app", "__Host-tenantry", CANARY);
    nora.set("app", "__Host-tenantry-refresh", CANARY);
    answers.push(nora.get("app", "/-/console").await);
    answers.iter().map(request_id).collect()
}

/// What programs send, good and bad.
async fn programs(app: &TestApp, key: &str) -> Vec<String> {
    let path = "/-/api/v1/keys";
    let calls = [
        app.call("GET", "api", &format!("/api/products?token={CANARY}&email={PERSON}")).bearer(key),
        app.call("GET", "api", "/api/products").bearer(&format!("sk_live_{CANARY}")),
        app.call("GET", "api", "/api/products").bearer(&key[..key.len() - 1]),
        app.call("GET", "api", "/api/products").with("authorization", format!("Basic {CANARY}")),
        app.call("POST", "acme", "/api/cron/nightly").bearer(CRON_SECRET),
        app.call("POST", "acme", "/api/cron/nightly").bearer(CANARY),
        app.call("GET", "acme", "/api/status")
            .with("user-agent", PERSON)
            .with("cookie", format!("__Host-tenantry={CANARY}")),
        app.call("POST", "api", path).bearer(key).json(&json!({ "name": CANARY, "scopes": [CANARY] })),
        app.call("POST", "api", path).bearer(key).json(&json!({ "name": 1, "scopes": CANARY })),
        app.call("POST", "api", path).bearer(key).json(&json!(CANARY)),
        app.call("GET", "api", &format!("/-/api/v1/audit?actor={PERSON}")).bearer(key),
        app.call("GET", &format!("{CANARY}-x"), "/"),
    ];
    let mut answers = Vec::new();
    for call in calls {
        answers.push(request_id(&call.send().await));
    }
    answers
}

fn request_id(answer: &Answer) -> String {
    answer.header("x-request-id").to_owned()
}
