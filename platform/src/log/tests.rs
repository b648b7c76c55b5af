//! What is logged tells nothing that it should not (OBS-3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tenantry_core::clock::Clock;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::secret::ExposeSecret;
use tenantry_platform::kit;
use tenantry_platform::log::{Access, Logging, Masked, Style, cut, note_panic};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

const EMAIL: &str = "canary.person@example.com";
const JWT: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWEtY2FuYXJ5";
const CARD: &str = "4242424242424242";
const PLAIN: &str = "canary-plain-word";

/// Everything logged while `act` runs, as it would be written.
fn logged(style: Style, act: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&lines);
    let masked = Masked::new(style, Clock::fixed(kit::start()), move |line: Vec<u8>| into.lock().extend(line));
    with_default(tracing_subscriber::registry().with(masked), act);
    let bytes = lines.lock().clone();
    String::from_utf8(bytes).expect("lines are text")
}

fn api_key() -> String {
    let entropy = Entropy::seeded(7);
    let tenant = TenantId::new(&Clock::fixed(kit::start()), &entropy);
    ApiKey::generate(Mode::Live, tenant, &entropy).into_plaintext().expose_secret().to_owned()
}

/// A request of somebody whose address and token are in its path.
fn access() -> Access<'static> {
    Access {
        request_id: "req-1",
        ip: "2001:db8:1:2:3::4".parse().expect("an address"),
        method: "GET",
        host: "acme.example.com",
        target: "/orders/canary.person@example.com?token=canary-plain-word",
        status: 200,
        duration: Duration::from_micros(1_500),
        tenant: None,
        actor: "session",
        trace_id: None,
        tunnel: None,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the outer fault")]
struct Outer(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("rejected {0}")]
struct Inner(String);

fn plant_everywhere(key: &str) {
    let fault = Outer(Inner(format!("{EMAIL} with {key}")));
    let span =
        tracing::info_span!("request", request_id = "req-1", who = EMAIL, token = PLAIN, later = tracing::field::Empty);
    let _within = span.enter();
    span.record("later", JWT);
    tracing::info!("{EMAIL} paid with {CARD}, sent {key} and {JWT}");
    tracing::warn!(error = &fault as &(dyn std::error::Error + 'static), "an error with a cause");
    tracing::info!(password = PLAIN, cookie = PLAIN, authorization = %format!("Bearer {PLAIN}"), session_token = 987_654_u64, "named");
    tracing::info!(
        header = "__Host-tenantry=canary-plain-word; theme=dark",
        "a cookie line in Cookie: __Host-session=canary-plain-word"
    );
    tracing::debug!(list = ?vec![EMAIL, key], url = "https://example.com/a?code=canary-plain-word&x=canary-plain-word", "in lists and addresses");
}

#[test]
fn canaries_planted_anywhere_never_come_out() {
    let key = api_key();
    for style in [Style::Json, Style::Terminal] {
        let text = logged(style, || plant_everywhere(&key));
        for canary in [EMAIL, JWT, CARD, PLAIN, "987654", &key, &key[8..]] {
            assert!(!text.contains(canary), "{canary} came out: {text}");
        }
        assert!(text.contains("the outer fault: rejected"), "what is no secret stays: {text}");
    }
}

#[test]
fn a_request_has_the_same_line_however_it_is_written() {
    let act = || Access { request_id: "req \"1\"", method: "GET", target: "/a?b=c", ..access() }.log();
    let in_one_go = logged(Style::Json, act);
    let in_parts = logged(Style::Json, || tracing::info_span!("around").in_scope(act));
    assert_eq!(in_one_go, in_parts.replace(r#","spans":[{"name":"around"}]"#, ""));
    let read: Value = serde_json::from_str(&in_one_go).expect("a line is JSON");
    assert_eq!(
        (&read["message"], &read["target"], &read["fields"]["path"]),
        (&"request".into(), &"access".into(), &"/a".into())
    );
}

#[test]
fn a_panic_is_logged_masked_and_nowhere_else() {
    let text = logged(Style::Json, || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(note_panic));
        let _ = std::panic::catch_unwind(|| panic!("could not read {EMAIL}"));
        std::panic::set_hook(before);
    });
    assert!(text.contains(r#""target":"panic""#) && text.contains("could not read") && !text.contains(EMAIL), "{text}");
}

#[test]
fn a_line_is_an_object_that_names_its_request() {
    let text = logged(Style::Json, || {
        let _within = tracing::info_span!("request", request_id = "req-1", depth = 1).entered();
        tracing::info!(count = 3, "two\nlines \"quoted\"");
    });
    let line: Value = serde_json::from_str(&text).expect("one object, one line");
    let expected = serde_json::json!({
        "timestamp": "2026-06-15T12:00:00Z", "level": "INFO", "target": "it::log", "message": "two\nlines \"quoted\"",
        "request_id": "req-1", "fields": { "count": 3 }, "spans": [{ "name": "request", "depth": 1 }],
    });
    assert_eq!(line, expected);
}

#[test]
fn an_access_line_keeps_neither_query_nor_household() {
    let line: Value = serde_json::from_str(&logged(Style::Json, || access().log())).expect("an object");
    let fields = &line["fields"];
    assert_eq!(
        (&fields["ip"], &fields["status"], &fields["duration_us"]),
        (&"2001:db8:1::".into(), &200.into(), &1_500.into())
    );
    let path = fields["path"].as_str().expect("a path");
    assert!(path.starts_with("/orders/") && !path.contains('?') && !path.contains("canary"), "{path}");
    assert_eq!(cut("::ffff:192.0.2.77".parse().expect("an address")).to_string(), "192.0.2.0");
}

#[test]
fn the_writer_has_written_everything_when_it_is_dropped() {
    let written = Written::default();
    let logging = Logging::start(written.clone());
    let write = logging.writer();
    (0..1_000).for_each(|n| write(format!("{n}\n").into_bytes()));
    drop(logging);
    assert_eq!(written.0.lock().iter().filter(|byte| **byte == b'\n').count(), 1_000);
}

#[test]
fn lines_that_a_full_disk_refused_are_counted_when_there_is_room_again() {
    let disk = Disk::default();
    let logging = Logging::start(disk.clone());
    let write = logging.writer();
    disk.is_full.store(true, Ordering::SeqCst);
    // Each is more than the writer keeps for later, so that none is in its buffer when there is room.
    (0..3).for_each(|_| write(vec![b'x'; 64 * 1024]));
    logging.settle();
    disk.is_full.store(false, Ordering::SeqCst);
    write(b"room again\n".to_vec());
    drop(logging);
    let text = String::from_utf8(disk.written.0.lock().clone()).expect("lines are text");
    let told = text.strip_suffix("room again\n").expect("the last line").lines();
    let counts = told.map(|line| serde_json::from_str::<Value>(line).expect("an object")["fields"]["count"].as_u64());
    assert_eq!(counts.sum::<Option<u64>>(), Some(3), "{text}");
}

#[derive(Clone, Default)]
struct Disk {
    is_full: Arc<AtomicBool>,
    written: Written,
}

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
