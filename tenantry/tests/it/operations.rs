//! The listener of those who run Tenantry: metrics, health and pages of staff, and nothing of them elsewhere (OBS-1).

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tenantry_platform::jobs;
use tenantry_platform::kit::TestDb;
use tenantry_platform::metrics::Delivery;
use tokio::net::TcpStream;

use crate::app::{CRON_SECRET, PASSWORD, TestApp, Wanted};
use crate::dev::process::until;

const DASHBOARD: &str = include_str!("../../../docs/operations/grafana.json");
const ALERTS: &str = include_str!("../../../docs/operations/alerts.yml");
const RUNBOOKS: &str = include_str!("../../../docs/operations/runbooks.md");

const APART: &str = "\n[operations]\nlisten = \"127.0.0.1:0\"\n";

async fn watched() -> TestApp {
    TestApp::with(Wanted { settings: APART, ..Wanted::default() }).await
}

/// Lines of `/metrics`: name and labels, with the value.
pub(crate) type Lines = BTreeMap<String, f64>;

/// What Prometheus would read, asked by the name that it has for the node.
pub(crate) async fn scrape(app: &TestApp) -> (String, Lines) {
    let stream = TcpStream::connect(app.server.operations_address().unwrap()).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/metrics").header("host", "node-1.internal:9464");
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let lines = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    (text.clone(), lines.collect())
}

/// A bit of everything that is counted.
pub(crate) async fn use_everything(app: &TestApp) {
    let acme = app.tenant("acme").await;
    let key = acme.key(["products:read"]).await;
    key.get("/api/products").await.expect(200);
    key.get("/api/products").await.expect(200);
    app.get("api", "/api/products").await.expect(401);
    app.get("api", "/nowhere").await.expect(404);
    key.call("GET", "api", "/api/products").with("answer-status", "500").send().await.expect(500);
    app.call("POST", "acme", "/api/cron/nightly").bearer(CRON_SECRET).send().await;
    app.tell(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await;
    let mut owner = acme.owner().await;
    owner.sign_in(&acme.of.person.email, "not the password at all").await;
    owner.hand_off("acme").await.expect(303);
    owner.get("acme", "/").await;
    let report = json!({ "csp-report": { "document-uri": "https://x.example/orders", "effective-directive": "script-src-elem", "blocked-uri": "inline", "disposition": "enforce" } });
    let kind = HeaderValue::from_static("application/csp-report");
    app.call("POST", "acme", "/-/csp-reports").bytes(kind, report.to_string()).send().await.expect(204);
    acme.full_key().await.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    app.browser().post("app", "/-/forgot-password", &[("email", &acme.of.person.email)]).await.expect(200);
    app.mail.mailbox().next_to(&acme.of.person.email).await;
    let mails = &app.db.ground.metrics.mails;
    until("the mail is counted", async || (mails.of(Delivery::Sent).total() > 0).then_some(())).await;
    jobs::measure(&app.db.ground).await.unwrap();
}

fn counted(lines: &Lines, name: &str) -> f64 {
    lines.get(name).copied().unwrap_or_else(|| panic!("{name} is not among {:#?}", lines.keys().collect::<Vec<_>>()))
}

#[tokio::test]
async fn what_happens_is_counted_and_nobody_is_named() {
    let app = watched().await;
    use_everything(&app).await;
    let (text, lines) = scrape(&app).await;
    // The posture engine asks meanwhile, so that there may be more.
    let at_least = [
        (r#"tenantry_requests_total{route="/api/products",status="2xx",outcome="passed"}"#, 2.0),
        (r#"tenantry_requests_total{route="/api/products",status="5xx",outcome="passed"}"#, 1.0),
        (r#"tenantry_requests_total{route="/api/products",status="4xx",outcome="unauthorized"}"#, 1.0),
        (r#"tenantry_requests_total{route="none",status="4xx",outcome="refused"}"#, 1.0),
        (r#"tenantry_request_duration_seconds_count{route="/api/products"}"#, 4.0),
        (r#"tenantry_request_duration_seconds_bucket{le="+Inf",route="/api/products"}"#, 4.0),
        ("tenantry_gateway_overhead_seconds_count", 4.0),
        ("tenantry_upstream_duration_seconds_count", 4.0),
        (r#"tenantry_unread_requests_total{reason="ambiguous"}"#, 1.0),
        (r#"tenantry_csp_reports_total{outcome="kept"}"#, 1.0),
        (r#"tenantry_revocations_total{reach="applied"}"#, 1.0),
        ("tenantry_revocation_fence_seconds_count", 1.0),
        (r#"tenantry_mails_total{outcome="sent"}"#, 1.0),
        (r#"tenantry_job_runs_total{outcome="done"}"#, 1.0),
    ];
    for (name, least) in at_least {
        assert!(counted(&lines, name) >= least, "{name}: {}", counted(&lines, name));
    }
    for some in [
        r#"tenantry_cache_lookups_total{cache="keys",outcome="hit"}"#,
        r#"tenantry_limit_decisions_total{tier="api_key",decision="admitted"}"#,
        r#"tenantry_database_connections{login="tenantry_control",state="idle"}"#,
        "tenantry_password_hashes_total",
        "tenantry_audit_rows_total",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(counted(&lines, some) > 0.0, "{some}");
    }
    for name in ["acme", "owner@", PASSWORD, CRON_SECRET, "sk_live_", "127.0.0.2"] {
        assert!(!text.contains(name), "{name} is in the metrics");
    }
}

/// What a limit refused is seen by whoever watches, by its tier alone (RL-7).
#[tokio::test]
async fn a_refusal_by_a_limit_is_counted_under_its_tier() {
    let app = watched().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    for _ in 0..60 {
        key.get("/api/products").await.expect(200);
    }
    key.get("/api/products").await.expect(429);
    let (_, lines) = scrape(&app).await;
    assert!(counted(&lines, r#"tenantry_limit_decisions_total{tier="api_key",decision="refused"}"#) >= 1.0);
    assert!(counted(&lines, r#"tenantry_limit_decisions_total{tier="api_key",decision="admitted"}"#) >= 60.0);
    assert!(counted(&lines, r#"tenantry_refusals_total{reason="too_many"}"#) >= 1.0);
}

/// Whatever strangers ask for makes no new line.
#[tokio::test]
async fn no_request_makes_a_line_of_its_own() {
    let app = watched().await;
    for number in 0..3 {
        app.get("api", &format!("/nowhere-{number}")).await.expect(404);
        app.get(&format!("nobody-{number}"), "/").await.expect(404);
        app.call(&format!("METHOD{number}"), "api", "/nowhere").send().await;
    }
    let (text, lines) = scrape(&app).await;
    let (own, table) = (&app.server.app.own.routes, &app.server.app.config.routes);
    let known: BTreeSet<&str> =
        own.iter().map(|route| route.path).chain(table.iter().map(|route| route.pattern.as_str())).collect();
    let routes = lines.keys().filter_map(|line| line.split_once("route=\"")?.1.split('"').next());
    let unknown: Vec<&str> = routes.filter(|route| *route != "none" && !known.contains(route)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for word in ["nowhere-1", "nobody-1", "METHOD1"] {
        assert!(!text.contains(word), "{word} is in the metrics");
    }
}

/// The names of our metrics in a text, however they are combined.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("tenantry_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn every_number_that_is_drawn_or_rings_is_exported() {
    let app = watched().await;
    use_everything(&app).await;
    // TLS does not end at this app; edge/tests/it/tls.rs holds that a certificate sets it.
    app.db.ground.metrics.certificates.of("site.pem").set(1);
    let (_, lines) = scrape(&app).await;
    let exported: BTreeSet<&str> = lines.keys().map(|line| line.split('{').next().unwrap()).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let drawn = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let chosen =
        dashboard["templating"]["list"].as_array().unwrap().iter().filter_map(|variable| variable["query"].as_str());
    let drawn: Vec<&str> = drawn.map(|target| target["expr"].as_str().unwrap()).chain(chosen).collect();
    let rings: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(drawn.len() > 40 && rings.len() > 15, "{} drawn, {} ring", drawn.len(), rings.len());
    for expression in drawn.into_iter().chain(rings) {
        for name in names(expression) {
            assert!(exported.contains(name), "{name} of {expression} is not exported");
        }
    }
}

#[test]
fn every_alert_has_its_runbook_and_no_runbook_is_left_over() {
    let alerts: BTreeSet<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let links = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("runbook: docs/operations/runbooks.md#"));
    let links: BTreeSet<&str> = links.collect();
    let sections: Vec<&str> = RUNBOOKS.split("\n## ").skip(1).collect();
    let explained: BTreeSet<&str> = sections.iter().map(|section| section.lines().next().unwrap()).collect();
    assert_eq!(alerts, explained);
    let anchors: BTreeSet<String> = alerts.iter().map(|alert| alert.to_lowercase()).collect();
    assert_eq!(links, anchors.iter().map(String::as_str).collect());
    for section in sections {
        let (name, text) = section.split_once('\n').unwrap();
        assert!(text.split_whitespace().count() > 20, "{name} says what it means and what to do");
    }
}

/// A scrape asks memory alone. What only the database knows stays as it was seen last.
#[tokio::test]
async fn a_database_that_is_away_leaves_every_number_but_the_length_of_the_queue_which_stays() {
    let app = watched().await;
    let waiting = r#"tenantry_jobs{state="waiting"}"#;
    // Asked for by nobody, so that no runner takes it.
    let late = "insert into control.jobs (id, kind, payload, due_at, created_at) values (gen_random_uuid(), 'test', '\\x00', now() + interval '1 day', now())";
    app.db.administrator().await.execute(late, &[]).await.unwrap();
    jobs::measure(&app.db.ground).await.unwrap();
    let (_, before) = scrape(&app).await;
    assert!(counted(&before, waiting) >= 1.0);
    app.db.ground.db.close();
    jobs::measure(&app.db.ground).await.unwrap_err();
    let (_, after) = scrape(&app).await;
    assert_eq!(counted(&after, waiting), counted(&before, waiting));
    let names = |lines: &Lines| lines.keys().cloned().collect::<BTreeSet<_>>();
    let missing: Vec<_> = names(&before).difference(&names(&after)).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn pages_of_staff_are_on_the_listener_of_operations_alone() {
    let app = watched().await;
    let mut staff = app.operator().await;
    staff.get("app", "/-/operator/tenants").await.expect(404);
    let console = staff.get("app", "/-/console/staffroom/live").await.expect(200);
    assert!(!console.body.contains("/-/operator/"), "a link that leads nowhere");
    app.get("app", "/metrics").await.expect(404);
    app.get("api", "/metrics").await.expect(404);

    let app = watched().await.at_operations();
    app.get("app", "/-/operator/tenants").await.expect(401);
    let mut staff = app.operator().await;
    let list = staff.get("app", "/-/operator/tenants").await.expect(200);
    assert!(list.body.contains("/-/operator/jobs"), "their navigation");
    let mut stranger = app.tenant("acme").await.owner().await;
    stranger.get("app", "/-/operator/tenants").await.expect(404);
    for (host, path) in [
        ("app", "/-/console"),
        ("app", "/-/account"),
        ("api", "/-/api/v1/keys"),
        ("acme", "/"),
        ("acme", "/-/operator/tenants"),
        ("api", "/api/products"),
    ] {
        stranger.get(host, path).await.expect(404);
    }
    stranger.get("app", "/-/health/live").await.expect(200);
    stranger.get("acme", "/-/health/ready").await.expect(200);
}

#[tokio::test]
async fn a_listener_that_is_taken_stops_the_start_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = format!("\n[operations]\nlisten = \"{}\"\n", taken.local_addr().unwrap()).leak();
    let wanted = Wanted { settings, ..Wanted::default() };
    let refused = TestApp::on(TestDb::with(wanted.pools).await, wanted).await.err().expect("refused");
    assert!(refused.to_string().contains("Write another address"), "{refused}");
}

/// A load balancer that asks here sends nobody to a port that is closed already, while what is in flight ends.
#[tokio::test]
async fn a_node_that_ends_is_not_ready() {
    let app = watched().await;
    let mut stranger = app.tenant("acme").await.owner().await;
    stranger.get("acme", "/-/health/ready").await.expect(200);
    app.server.app.is_ending.store(true, Ordering::Relaxed);
    stranger.get("acme", "/-/health/ready").await.expect(503);
    stranger.get("acme", "/-/health/live").await.expect(200);
}
