//! Nothing that a request carries in confidence comes out of the log (OBS-1, OBS-3, ID-1).

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde_json::json;
use tenantry_core::clock::Clock;
use tenantry_edge::offenders::{Ledger, Offence, Offender};
use tenantry_platform::config;
use tenantry_platform::kit;
use tenantry_platform::kit::collector::{Collector, errors, lines, said, spans};
use tenantry_platform::log::{Masked, Style};
use tenantry_platform::telemetry::{Exporter, Secrets, Telemetry};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{CRON_SECRET, TestApp, Wanted};
use crate::client::Answer;
use crate::operations::scrape;

/// In places whose values no log needs.
const CANARY: &str = "canary4word";
const PERSON: &str = "canary.person@canary.example";
const PASSWORD: &str = "canary plum orbit kettle";

/// Everything that leaves this process from here on, whichever thread it is of: as it would be written, and as whoever
/// watches from outside gets it.
struct Out {
    lines: Arc<Mutex<Vec<u8>>>,
    collector: Collector,
    telemetry: Telemetry,
    _exporter: Mutex<Exporter>,
}

fn out() -> &'static Out {
    static OUT: OnceLock<Out> = OnceLock::new();
    OUT.get_or_init(|| {
        let (lines, collector): (Arc<Mutex<Vec<u8>>>, _) = (Arc::default(), Collector::start([]));
        let settings = config::Telemetry { otlp: Some(collector.url()), trace_percent: 100 };
        let secrets = Secrets { sentry_dsn: Some(collector.dsn().into()), otlp_authorization: None };
        let (telemetry, exporter) = Telemetry::start(&settings, &secrets).unwrap();
        let into = Arc::clone(&lines);
        let masked =
            Masked::new(Style::Json, Clock::fixed(kit::start()), move |line: Vec<u8>| into.lock().extend(line));
        // Debug lines of HTTP clients would be of those that send them.
        let outside = Masked::new(Style::Json, Clock::fixed(kit::start()), drop::<Vec<u8>>).also_to(telemetry.clone());
        tracing_subscriber::registry().with(masked).with(outside.with_filter(LevelFilter::INFO)).init();
        Out { lines, collector, telemetry, _exporter: Mutex::new(exporter) }
    })
}

/// At every level, from every crate of the process.
#[tokio::test]
async fn canaries_planted_in_requests_never_come_out() {
    let out = out();
    let watched = "\n[operations]\nlisten = \"127.0.0.1:0\"\n";
    let wanted = Wanted { settings: watched, telemetry: out.telemetry.clone(), ..Wanted::default() };
    let app = TestApp::with(wanted).await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    let answers = [people(&app).await, programs(&app, &key.plaintext).await].concat();
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let cookies = ["app", "acme"].map(|host| owner.cookie(host, "__Host-tenantry").unwrap().clone());

    let last = answers.last().unwrap();
    tracing::error!(request_id = last, cause = format!("{PERSON} said {}", key.plaintext), "{PERSON} failed");
    let text = String::from_utf8(out.lines.lock().clone()).unwrap();
    let left = out.left(last);
    let (metrics, _) = scrape(&app).await;
    let secrets =
        [CANARY, PERSON, PASSWORD, CRON_SECRET, &key.plaintext, &key.plaintext[30..], &cookies[0], &cookies[1]];
    for secret in secrets {
        let at = text.find(secret);
        assert!(
            at.is_none(),
            "{secret} came out: {}",
            at.map(|at| &text[at.saturating_sub(300)..at + secret.len()]).unwrap()
        );
        assert!(!left.contains(secret), "{secret} left for whoever watches");
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
    for id in answers {
        assert!(text.contains(&format!("\"request_id\":\"{id}\"")), "each request has its line: {id}");
    }
}

/// Whoever runs Tenantry finds the block that a line is about, and in no line the address of anybody (RL-4, OBS-1).
#[tokio::test]
async fn a_block_is_said_by_its_id_and_its_network_alone() {
    let out = out();
    let app = TestApp::with(Wanted {
        settings: "
[alerts]
refusals = 10
",
        ..Wanted::default()
    })
    .await;
    let (server, ground) = (&app.server.app, &app.db.ground);
    let ledger = Ledger::new(&server.config, &ground.sealer, &ground.entropy);
    let offend = async |address: &str| {
        let offender = Offender::Address(address.parse().unwrap());
        (0..100).for_each(|_| ledger.note(Offence::Checksum, offender, ground.clock.now_ms()));
        ledger.flush(ground).await;
    };
    offend("198.18.77.205").await;
    let id = "select id::text from control.address_blocks";
    let id: String = app.db.administrator().await.query_one(id, &[]).await.unwrap().get(0);
    ground.db.close();
    offend("198.18.78.205").await;
    let text = String::from_utf8(out.lines.lock().clone()).unwrap();
    let said = |sentence: &str, what: &str| text.lines().any(|line| line.contains(sentence) && line.contains(what));
    assert!(said("an offender is blocked", "198.18.77.0"));
    assert!(said("a block is written", &id) && said("a block is written", "198.18.77.0"));
    assert!(said("a block could not be written", "198.18.78.0"));
    assert!(said("an alert could not be told", "198.18.78.0"));
    assert!(!said("block", ".205"), "a whole address");
}

impl Out {
    /// All that left, once the traces, the lines and the errors of a request are among it.
    fn left(&self, id: &str) -> String {
        let is_of = |attributes: &[_], name: &str| said(attributes, name) == Some(id);
        let taken = self.collector.wait(|taken| {
            spans(taken).iter().any(|span| is_of(&span.attributes, "tenantry.request_id"))
                && lines(taken).iter().any(|line| is_of(&line.attributes, "request_id"))
                && errors(taken).iter().any(|error| error.tags.get("request_id").is_some_and(|tag| tag == id))
        });
        taken.iter().map(|taken| String::from_utf8_lossy(&taken.body).into_owned()).collect()
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
