//! Traces end to end: from whom they are taken, what the app is told, and what leaves (OBS-1).

use tenantry_platform::config;
use tenantry_platform::kit::collector::{Collector, said, spans};
use tenantry_platform::telemetry::{Exporter, Secrets, Telemetry};

use crate::app::{TestApp, Wanted};
use crate::echo::seen;

const THEIRS: &str = "0af7651916cd43dd8448eb211c80319c";
const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn start(collector: &Collector) -> (Telemetry, Exporter) {
    let settings = config::Telemetry { otlp: Some(collector.url()), trace_percent: 0 };
    Telemetry::start(&settings, &Secrets::default()).unwrap()
}

#[tokio::test]
async fn a_request_is_one_trace_from_the_proxy_to_the_app() {
    let collector = Collector::start([]);
    let (telemetry, exporter) = start(&collector);
    let app = TestApp::with(Wanted { proxied: true, telemetry, ..Wanted::default() }).await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let asked =
        key.call("GET", "api", "/api/products?token=canary").with("traceparent", GIVEN).with("tracestate", "a=b");
    let answer = asked.send().await.expect(200);
    let saw = answer.json();
    let [told] = seen(&saw, "traceparent").try_into().expect("one");
    assert_eq!(seen(&saw, "tracestate"), ["a=b"]);
    drop(exporter);
    let spans = spans(&collector.taken());
    let id = answer.header("x-request-id");
    let own = spans.iter().find(|span| said(&span.attributes, "tenantry.request_id") == Some(id)).expect("its span");
    assert_eq!(hex(&own.trace_id), THEIRS);
    assert_eq!(hex(&own.parent_span_id), "b7ad6b7169203331");
    assert_eq!(own.name, "GET /api/products");
    let ask = spans.iter().find(|span| span.parent_span_id == own.span_id).expect("the app's part");
    assert_eq!(told, format!("00-{THEIRS}-{}-01", hex(&ask.span_id)));
    assert!(!format!("{spans:?}").contains("canary"));
}

fn hex(bytes: &[u8]) -> String {
    tenantry_platform::record::hex(bytes)
}

#[tokio::test]
async fn what_a_stranger_says_of_a_trace_reaches_nobody() {
    let collector = Collector::start([]);
    let (telemetry, _exporter) = start(&collector);
    for (telemetry, told) in [(Telemetry::NONE, 0), (telemetry, 1)] {
        let app = TestApp::with(Wanted { telemetry, ..Wanted::default() }).await;
        let asked = app.call("GET", "acme", "/api/status").with("traceparent", GIVEN).with("tracestate", "a=b");
        app.tenant("acme").await;
        let saw = asked.send().await.expect(200).json();
        let traces: Vec<_> = seen(&saw, "traceparent");
        assert_eq!((traces.len(), seen(&saw, "tracestate").len()), (told, 0), "{saw}");
        assert!(!saw.to_string().contains(THEIRS));
    }
}

#[tokio::test]
async fn a_trusted_proxys_trace_passes_where_nobody_watches() {
    let app = TestApp::with(Wanted { proxied: true, ..Wanted::default() }).await;
    app.tenant("acme").await;
    let asked = app.call("GET", "acme", "/api/status").with("traceparent", GIVEN).with("tracestate", "a=b");
    let saw = asked.send().await.expect(200).json();
    assert_eq!((seen(&saw, "traceparent"), seen(&saw, "tracestate")), (vec![GIVEN], vec!["a=b"]));
}
