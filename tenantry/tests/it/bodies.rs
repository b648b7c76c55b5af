//! Bodies that are held against a schema before the app hears of them (WEB-7).

use http::HeaderValue;
use serde_json::{Value, json};

use crate::app::{Key, TestApp, Wanted};
use crate::client::{Answer, Call};
use crate::echo::seen;

/// `examples/order.schema.json`, with a small limit.
const ROUTES: &str = r#"
[[routes]]
path = "/api/checked"
methods = "any"
guard = "key"
body_schema = "examples/order.schema.json"
body_schema_max_bytes = 4000
[forward_auth]
trusted = ["127.0.0.0/8"]
"#;
const CHECKED: &str = "/api/checked";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn app() -> TestApp {
    TestApp::with(Wanted { settings: ROUTES, ..Wanted::default() }).await
}

fn post<'a>(key: &Key<'a>, body: impl Into<bytes::Bytes>) -> Call<'a> {
    key.call("POST", "api", CHECKED).bytes(JSON, body)
}

/// The places that a refusal names.
fn places(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_body_that_fits_reaches_the_app_byte_for_byte() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let body = "  {\"quantity\" : 2.0e0,\n \"note\":\"caf\\u00e9 \u{1f6d2}\", \"product\":\"tea-1\"}\t";
    for kind in ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"] {
        let saw = post(&key, "").bytes(HeaderValue::from_static(kind), body).send().await.expect(200).json();
        assert_eq!(saw["body"], body);
        assert_eq!(seen(&saw, "content-length"), [body.len().to_string()]);
        assert_eq!(seen(&saw, "content-type"), [kind]);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_place_and_never_repeated() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    for (body, wrong) in [
        (json!({ "product": "Not A Slug, but secret-4711", "quantity": 1 }), vec!["/product"]),
        (json!({ "product": "tea", "quantity": 0 }), vec!["/quantity"]),
        (json!({ "product": "tea", "quantity": "secret-4711" }), vec!["/quantity"]),
        (json!({ "product": "tea", "quantity": 1, "contact": "secret-4711" }), vec!["/contact"]),
        (json!({ "product": "tea" }), vec![""]),
        (json!([{ "product": "tea", "quantity": 1 }]), vec![""]),
        (json!({ "product": 1, "quantity": 1001 }), vec!["/product", "/quantity"]),
    ] {
        let refused = post(&key, body.to_string()).send().await.problem(422, "body_invalid");
        let mut named = places(&refused);
        named.sort();
        assert_eq!(named, wrong, "{body}");
        assert!(!refused.body.contains("secret-4711"), "{}", refused.body);
    }
    let extra = post(&key, r#"{"product":"tea","quantity":1,"admin":true}"#).send().await.problem(422, "body_invalid");
    assert!(extra.body.contains("admin"), "{}", extra.body);
}

/// Two readers could read it in two ways, or one of them not at all.
#[tokio::test]
async fn what_is_no_json_to_every_reader_is_refused() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let fits = r#"{"product":"tea","quantity":1}"#;
    let nested = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let bodies: [&[u8]; 11] = [
        b"{",
        b" ",
        b"{\"product\":\"tea\",\"quantity\":1,\"quantity\":2}",
        b"{\"product\":\"tea\",\"quantity\":1,\"quantit\\u0079\":2}",
        b"{\"product\":\"tea\",\"quantity\":1,\"note\":\"\xff\"}",
        b"{\"product\":\"tea\",\"quantity\":1,\"note\":\"\\ud800\"}",
        b"{\"product\":\"tea\",\"quantity\":NaN}",
        b"{\"product\":\"tea\",\"quantity\":1}{}",
        b"{\"product\":\"tea\",\"quantity\":1,}",
        b"\xef\xbb\xbf{\"product\":\"tea\",\"quantity\":1}",
        nested.as_bytes(),
    ];
    for body in bodies {
        let refused = post(&key, body.to_vec()).send().await;
        refused.problem(400, "not_json");
    }
    post(&key, fits).send().await.expect(200);
}

#[tokio::test]
async fn another_type_or_coding_than_plain_json_is_refused() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let fits = r#"{"product":"tea","quantity":1}"#;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "+json",
        "application/+json",
    ] {
        post(&key, "").bytes(HeaderValue::from_static(kind), fits).send().await.problem(415, "unsupported_type");
    }
    post(&key, fits).with("content-type", "text/plain").send().await.problem(415, "unsupported_type");
    post(&key, fits).with("content-encoding", "gzip").send().await.problem(415, "unsupported_type");
}

#[tokio::test]
async fn a_body_is_held_up_to_its_limit_and_asked_for_where_a_method_needs_one() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let filled = |length: usize| {
        let body = r#"{"product":"tea","quantity":1,"note":""#.to_owned() + "\"}";
        let rest = length - body.len();
        body + &" ".repeat(rest)
    };
    post(&key, filled(4_000)).send().await.expect(200);
    post(&key, filled(4_001)).send().await.problem(413, "too_large");
    for method in ["POST", "PUT", "PATCH"] {
        let empty = key.call(method, "api", CHECKED).send().await.problem(422, "body_invalid");
        assert_eq!(places(&empty), [""]);
    }
    for method in ["GET", "DELETE"] {
        key.call(method, "api", CHECKED).send().await.expect(200);
        let with_body = key.call(method, "api", CHECKED).bytes(JSON, r#"{"product":"tea"}"#);
        with_body.send().await.problem(422, "body_invalid");
    }
}

/// Who may not pass learns nothing of the schema, and who may no more when the body is here does not pass.
#[tokio::test]
async fn whoever_may_not_pass_is_refused_before_and_after_the_body_came() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    let (key, manager) = (acme.key(["orders:read"]).await, acme.full_key().await);
    app.call("POST", "api", CHECKED).bytes(JSON, "{").send().await.problem(401, "unauthorized");
    let fits = r#"{"product":"tea","quantity":1}"#;
    let (held, kept) = (post(&key, fits).hold_open().await, post(&manager, fits).hold_open().await);
    manager.delete(&format!("/-/api/v1/keys/{}", key.id)).await.expect(200);
    held.finish().await.problem(401, "key_refused");
    kept.finish().await.expect(200);
}

/// A proxy that asks shows no body, and a yes would let one pass that nobody looked at.
#[tokio::test]
async fn a_proxy_that_asks_is_told_to_send_the_request_itself() {
    let app = app().await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let call = app.call("GET", "app", "/-/forward-auth").bearer(&key.plaintext);
    let call = call.with("x-forwarded-method", "POST").with("x-forwarded-uri", CHECKED);
    call.with("x-forwarded-host", app.authority("acme")).send().await.problem(403, "body_unseen");
}

#[tokio::test]
async fn a_page_of_another_site_reads_what_was_wrong() {
    let app = TestApp::with(Wanted {
        settings: "[[routes]]\npath = \"/partner/orders\"\nmethods = [\"POST\"]\nguard = \"key\"\ncors = \"*\"\nbody_schema = \"examples/order.schema.json\"\n",
        ..Wanted::default()
    })
    .await;
    let key = app.tenant("acme").await.key(["orders:read"]).await;
    let call = key.call("POST", "api", "/partner/orders").json(&json!({ "product": "tea" }));
    let refused = call.with("origin", "https://any.example").send().await.problem(422, "body_invalid");
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    assert_eq!(refused.json()["errors"][0]["field"], Value::from(""));
}
