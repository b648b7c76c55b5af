//! What bad input gets: a clear answer, and nothing half done (WEB-7).

use http::HeaderValue;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Answer;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PATH: &str = "/-/api/v1/keys";

/// Bodies, with status, code and the field that is named.
const BAD_BODIES: [(&str, u16, &str, &str); 12] = [
    ("", 400, "malformed", ""),
    ("{", 400, "malformed", ""),
    (r#"{"name": "A", "scopes": ["products:read"]} {}"#, 400, "malformed", ""),
    (r#"["A", ["products:read"], null]"#, 422, "invalid", "."),
    ("{}", 422, "invalid", "."),
    (r#"{"name": 7, "scopes": []}"#, 422, "invalid", "name"),
    (r#"{"name": "A", "scopes": "products:read"}"#, 422, "invalid", "scopes"),
    (r#"{"name": "A", "scopes": ["products:read", 7]}"#, 422, "invalid", "scopes[1]"),
    (r#"{"name": "A", "scopes": ["products:read"], "admin": true}"#, 422, "invalid", "admin"),
    (r#"{"name": "", "scopes": ["products:read"]}"#, 422, "invalid", "name"),
    (r#"{"name": "A", "scopes": ["no:word"]}"#, 422, "invalid", "scopes[0]"),
    (r#"{"name": "A", "scopes": ["products:read"], "expires_at": "yesterday"}"#, 422, "invalid", "expires_at"),
];

fn fields(answer: &Answer) -> String {
    let problem = answer.json();
    let named = problem["errors"]
        .as_array()
        .map(|errors| errors.iter().filter_map(|error| error["field"].as_str()).collect::<Vec<_>>());
    named.unwrap_or_default().join(",")
}

#[tokio::test]
async fn a_body_that_is_wrong_is_named_and_changes_nothing() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.full_key().await;
    let (keys, audit) = (app.count("live.api_keys").await, app.count("live.audit").await);
    for (body, status, code, field) in BAD_BODIES {
        let answer = key.call("POST", "api", PATH).bytes(JSON, body).send().await;
        assert_eq!(
            (answer.status, answer.code().as_str(), fields(&answer).as_str()),
            (status, code, field),
            "{body}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"), "{body}");
    }
    let huge = format!(r#"{{"name": "{}", "scopes": []}}"#, "A".repeat(70_000));
    key.call("POST", "api", PATH).bytes(JSON, huge).send().await.problem(413, "too_large");
    let form = HeaderValue::from_static("text/plain");
    key.call("POST", "api", PATH).bytes(form, "{}").send().await.problem(415, "unsupported_type");
    let deep = "[".repeat(5_000);
    key.call("POST", "api", PATH).bytes(JSON, deep).send().await.problem(422, "invalid");
    assert_eq!(app.count("live.api_keys").await, keys);
    assert_eq!(app.count("live.audit").await, audit);
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_may_do_itself() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["keys:manage", "products:read"]).await;
    let more = json!({ "name": "More", "scopes": ["products:read", "products:write"] });
    let refused = key.call("POST", "api", PATH).json(&more).send().await.expect(403);
    assert!(refused.body.contains("products:write"), "{}", refused.body);
    assert_eq!(app.count("live.api_keys").await, 1);
}

#[tokio::test]
async fn paths_and_queries_that_mean_nothing_are_refused() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.full_key().await;
    for query in ["?limit=0", "?limit=201"] {
        assert_eq!(fields(&key.get(&format!("{PATH}{query}")).await.expect(422)), "limit", "{query}");
    }
    for query in ["?limit=x", "?limit=-1", "?after=7", "?unknown=1", "?limit=1&limit=2"] {
        key.get(&format!("{PATH}{query}")).await.problem(400, "malformed");
    }
    for id in ["7", "x", "00000000000000000000000000000000", "00000000-0000-0000-0000-000000000000"] {
        key.get(&format!("{PATH}/{id}")).await.problem(404, "not_found");
    }
    for path in [
        "/-/api/v1/%6beys",
        "/-/api/v1//keys",
        "/-/api/v1/./keys",
        "/-/api/v1/x/../keys",
        "/-/api/v1/keys;x=1",
        "/-/api/v1\\keys",
        "/-/api/v1/keys%2f7",
        "/-/API/v1/keys",
    ] {
        let head =
            format!("Host: {}\r\nAuthorization: Bearer {}\r\nConnection: close", app.authority("api"), key.plaintext);
        let answer = app.tell(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await;
        assert!(["HTTP/1.1 400", "HTTP/1.1 404"].contains(&&answer[..12]), "{path}: {answer}");
    }
    let other = key.call("PATCH", "api", PATH).send().await.problem(405, "method_not_allowed");
    assert_eq!(other.header("allow"), "GET, HEAD, POST");
}

/// Each could mean two things to two servers: nothing is forwarded, and the connection ends.
#[tokio::test]
async fn ambiguous_http_is_refused() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let host = app.authority("acme");
    let ambiguous = [
        format!("GET /api/status HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
        "GET /api/status HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET http://globex.localhost/api/status HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!(
            "POST /api/status HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("POST /api/status HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        format!("GET /api/status HTTP/1.1\nHost: {host}\n\n"),
        format!("GET /api/status HTTP/1.1\r\nHost: {host}\r\nX-A: b\r\n c\r\n\r\n"),
        format!("GET /api/status HTTP/1.1\r\nHost : {host}\r\n\r\n"),
        format!("GET /api/status HTTP/1.1\r\nHost: {host}\r\nX-A: b\0c\r\n\r\n"),
        format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ];
    for request in ambiguous {
        let answer = app.tell(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?}: {answer:?}");
        assert!(!answer.contains("\"target\""), "the app was asked: {request:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer: {answer:?}");
    }
}

#[tokio::test]
async fn a_link_and_a_form_are_good_once() {
    let app = TestApp::new().await;
    let mut nora = app.browser();
    let form = [
        ("name", "Nora"),
        ("email", "nora@newco.example"),
        ("password", "seven quiet lanterns drift"),
        ("workspace", "New"),
        ("slug", "newco"),
    ];
    nora.post("app", "/-/sign-up", &form).await.expect(200);
    nora.post("app", "/-/sign-up", &form[..4]).await.expect(400);
    let unknown = [&form[..], &[("role", "OWNER")]].concat();
    nora.post("app", "/-/sign-up", &unknown).await.expect(400);
    let mail = app.mail.mailbox().next_to("nora@newco.example").await;
    let (_, path) = app.place("app", &mail.links[0]);
    let token = nora.get("app", &path).await.expect(200).field("token");
    let (mut once, mut twice) = (nora.clone(), nora.clone());
    let sent = [("token", &token)];
    let (first, second) = tokio::join!(once.post("app", "/-/verify", &sent), twice.post("app", "/-/verify", &sent));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404], "{} {}", first.body, second.body);
    assert_eq!(app.count("control.tenants where slug = 'newco'").await, 1);
    let known: Value = nora.get("app", &path).await.expect(404).headers["content-type"].to_str().unwrap().into();
    assert!(known.as_str().unwrap().starts_with("text/html"), "a person reads a page");
}
