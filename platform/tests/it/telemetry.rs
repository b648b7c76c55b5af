//! What leaves for whoever watches from outside: what is in it, and that nobody waits for it (OBS-1, OBS-2, OBS-3).

use http::{HeaderMap, HeaderValue};
use tenantry_core::clock::Clock;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::config;
use tenantry_platform::kit;
use tenantry_platform::kit::collector::{Collector, errors, lines, said, spans};
use tenantry_platform::log::{Masked, Style};
use tenantry_platform::metrics::{Metrics, Signal};
use tenantry_platform::telemetry::{Exporter, Request, Secrets, Telemetry};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

const ID: &str = "01977a5e-7c00-7000-8000-00000000abcd";
const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// What must be in nothing that leaves.
const CANARIES: [&str; 6] = [
    "canary.person@example.com",
    "+1 415 555 0132",
    "4242424242424242",
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWEtY2FuYXJ5",
    "canary-plain-word",
    // A key by its checksum, of a seed.
    "sk_live_",
];

fn start(collector: &Collector, trace_percent: u8) -> (Telemetry, Exporter) {
    let settings = config::Telemetry { otlp: Some(collector.url()), trace_percent };
    let authorization = Some("Bearer of-the-collector".to_owned().into());
    let secrets = Secrets { sentry_dsn: Some(collector.dsn().into()), otlp_authorization: authorization };
    Telemetry::start(&settings, &secrets).unwrap()
}

/// Logs through what a process logs with.
fn logging(telemetry: &Telemetry, act: impl FnOnce()) {
    let masked = Masked::new(Style::Json, Clock::fixed(kit::start()), |_: Vec<u8>| {}).also_to(telemetry.clone());
    with_default(tracing_subscriber::registry().with(masked), act);
}

fn careless() {
    let [email, phone, card, jwt, word, _] = CANARIES;
    let tenant = TenantId::new(&Clock::fixed(kit::start()), &Entropy::seeded(7));
    let key = ApiKey::generate(Mode::Live, tenant, &Entropy::seeded(7)).into_plaintext();
    let key = key.expose_secret();
    let _request = tracing::info_span!("request", request_id = ID, who = email, token = word).entered();
    tracing::info!("{email} called {phone}, paid with {card}, sent {key} and {jwt}");
    tracing::error!(
        problem = "internal",
        route = "/orders/{id}",
        cause = %format!("could not write {email} with {jwt}"),
        password = word,
        authorization = %format!("Bearer {word}"),
        url = %format!("https://example.com/orders?token={word}&email={email}"),
        "a request failed for {email}"
    );
}

#[test]
fn lines_and_errors_leave_masked_and_name_their_request() {
    let collector = Collector::start([]);
    let (telemetry, exporter) = start(&collector, 0);
    logging(&telemetry, careless);
    drop(exporter);
    let taken = collector.taken();
    let all: String = taken.iter().map(|taken| String::from_utf8_lossy(&taken.body)).collect();
    for canary in CANARIES {
        assert!(!all.contains(canary), "{canary} left: {all}");
    }
    let lines = lines(&taken);
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| said(&line.attributes, "request_id") == Some(ID)));
    assert_eq!((lines[1].severity_text.as_str(), lines[1].severity_number), ("ERROR", 17));
    let [error] = errors(&taken).try_into().expect("one error");
    assert_eq!(error.tags["request_id"], ID);
    assert_eq!((error.tags["problem"].as_str(), error.transaction.as_deref()), ("internal", Some("/orders/{id}")));
    assert!(error.extra["cause"].as_str().unwrap().starts_with("could not write "));
    assert!(error.request.is_none() && error.user.is_none() && error.server_name.is_none());
    let head = |path: &str| taken.iter().find(|taken| taken.path == path).map(|taken| taken.head.clone()).unwrap();
    assert!(head("/v1/logs").contains("authorization: bearer of-the-collector"));
    assert!(head("/api/42/envelope/").contains("sentry_key=publickey"));
}

#[test]
fn a_panic_is_an_error_with_its_place_and_nothing_of_anybody() {
    let collector = Collector::start([]);
    let (telemetry, exporter) = start(&collector, 0);
    logging(&telemetry, || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(tenantry_platform::log::note_panic));
        let _ = std::panic::catch_unwind(|| panic!("could not read {}", CANARIES[0]));
        std::panic::set_hook(before);
    });
    drop(exporter);
    let [error] = errors(&collector.taken()).try_into().expect("one error");
    assert_eq!(error.logger.as_deref(), Some("panic"));
    assert!(error.tags["place"].contains("telemetry.rs") && !format!("{error:?}").contains(CANARIES[0]), "{error:?}");
}

#[test]
fn what_is_refused_for_now_is_sent_again_and_what_is_refused_is_dropped() {
    let collector = Collector::start(["503 Service Unavailable\r\nretry-after: 0", "200 OK", "400 Bad Request"]);
    let settings = config::Telemetry { otlp: Some(collector.url()), trace_percent: 0 };
    let (telemetry, exporter) = Telemetry::start(&settings, &Secrets::default()).unwrap();
    logging(&telemetry, || tracing::info!("first"));
    collector.wait(|taken| taken.len() == 2);
    logging(&telemetry, || tracing::info!("second"));
    collector.wait(|taken| taken.len() == 3);
    drop(exporter);
    let metrics = Metrics::default();
    telemetry.measure(&metrics);
    let counted = |counts: &tenantry_platform::metrics::By<Signal, tenantry_platform::metrics::Counter>| {
        counts.of(Signal::Logs).total()
    };
    assert_eq!((counted(&metrics.telemetry_sent), counted(&metrics.telemetry_dropped)), (1, 1));
}

/// A collector that takes connections and says nothing.
#[test]
fn a_collector_that_hangs_holds_nobody_up_and_what_is_lost_is_counted() {
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let otlp = Some(format!("http://{}", hangs.local_addr().unwrap()).parse().unwrap());
    let settings = config::Telemetry { otlp, trace_percent: 100 };
    let (telemetry, _exporter) = Telemetry::start(&settings, &Secrets::default()).unwrap();
    // Whoever waited here would wait for ever: more than fits, and nobody takes any.
    logging(&telemetry, || (0..20_000).for_each(|number| tracing::info!(number, "line")));
    let metrics = Metrics::default();
    telemetry.measure(&metrics);
    assert!(metrics.telemetry_dropped.of(Signal::Logs).total() > 10_000);
}

#[test]
fn only_a_trusted_proxy_says_which_trace_it_is() {
    let collector = Collector::start([]);
    let (never, _first) = start(&collector, 0);
    let (always, exporter) = start(&collector, 100);
    let (entropy, id) = (Entropy::seeded(1), HeaderValue::from_static(ID));
    let given = HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), HeaderValue::from_static(GIVEN))]);
    let trace = |telemetry: &Telemetry, is_trusted| telemetry.trace(&given, is_trusted, &id, &entropy).unwrap();

    let theirs = trace(&never, true);
    assert_eq!((theirs.id().as_str(), theirs.is_sampled()), ("0af7651916cd43dd8448eb211c80319c", true));
    let header = theirs.header();
    let header = header.to_str().unwrap();
    assert!(header.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && header.ends_with("-01"), "{header}");
    assert!(!header.contains("b7ad6b7169203331"), "the app's parent is our own span: {header}");

    let ours = trace(&always, false);
    assert_eq!((ours.id(), ours.is_sampled()), (ID.replace('-', ""), true));
    assert!(!trace(&never, false).is_sampled(), "a stranger's decision is no decision");
    let nonsense = [
        "",
        "00-0-0-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ];
    for text in nonsense {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), HeaderValue::from_static(text))]);
        assert_eq!(never.trace(&headers, true, &id, &entropy).unwrap().id(), ID.replace('-', ""), "{text}");
    }
    always.note_request(&request(&ours));
    always.note_request(&request(&theirs));
    drop(exporter);
    let spans = spans(&collector.taken());
    assert_eq!(spans.len(), 4);
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
    assert_eq!(spans[2].parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert_eq!((spans[0].name.as_str(), spans[0].kind, spans[1].kind), ("_OTHER /orders/{id}", 2, 3));
    assert!(spans[1].start_time_unix_nano > spans[0].start_time_unix_nano);
    assert!(spans[1].end_time_unix_nano < spans[0].end_time_unix_nano);
}

fn request(trace: &tenantry_platform::telemetry::Trace) -> Request<'static> {
    use std::time::Duration;
    Request {
        trace: *trace,
        id: ID,
        method: "CANARY",
        route: "/orders/{id}",
        status: 502,
        outcome: "failed",
        tenant: None,
        ended: kit::start(),
        took: Duration::from_millis(30),
        asked: Some((Duration::from_millis(5), Duration::from_millis(20))),
    }
}
