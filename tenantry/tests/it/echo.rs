//! An app that answers with what it saw, and says whatever headers the request asks it to say.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::UnixListener;

/// `answer-with: name: value` makes the app answer with this header; it may be given several times.
const ANSWER_WITH: &str = "answer-with";
/// `answer-status: 304`
const ANSWER_STATUS: &str = "answer-status";
/// Larger than any body of a test.
const BODY_MOST: usize = 1 << 20;

/// Listens before it returns; serves as long as the runtime lives.
pub(crate) fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
}

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MOST).await.unwrap();
    let saw = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": pairs(&parts.headers),
        "body": String::from_utf8_lossy(&body),
    });
    let mut answer = (status(&parts.headers), [(CONTENT_TYPE, "application/json")], saw.to_string()).into_response();
    for line in parts.headers.get_all(ANSWER_WITH) {
        say(answer.headers_mut(), line.to_str().unwrap());
    }
    answer
}

/// `[["host", "acme.localhost"], …]`: the order and repetitions are part of what was seen.
fn pairs(headers: &HeaderMap) -> Vec<[String; 2]> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| [name.to_string(), text(value)]).collect()
}

fn status(headers: &HeaderMap) -> StatusCode {
    let asked = headers.get(ANSWER_STATUS).and_then(|status| status.to_str().ok()?.parse().ok());
    asked.unwrap_or(StatusCode::OK)
}

/// The type of the answer is replaced, everything else is said besides.
fn say(headers: &mut HeaderMap, line: &str) {
    let (name, value) = line.split_once(": ").unwrap();
    let (name, value) = (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    if name == CONTENT_TYPE {
        headers.insert(name, value);
    } else {
        headers.append(name, value);
    }
}

/// What the app saw of a header: each of its values.
pub(crate) fn seen<'v>(saw: &'v Value, name: &str) -> Vec<&'v str> {
    let pairs = saw["headers"].as_array().unwrap().iter();
    pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}
