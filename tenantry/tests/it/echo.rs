//! An app that answers with what it saw, and says whatever headers the request asks it to say.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// `answer-with: name: value` makes the app answer with this header; it may be given several times.
const ANSWER_WITH: &str = "answer-with";
/// `answer-status: 304`
const ANSWER_STATUS: &str = "answer-status";
/// `answer-stream: quiet` makes an answer that does not end by itself: see [`Flow`].
const ANSWER_STREAM: &str = "answer-stream";
/// Between two events.
const EVENT_EVERY: Duration = Duration::from_millis(20);
/// Larger than any body of a test.
const BODY_MOST: usize = 1 << 20;

/// Listens before it returns; serves as long as the runtime lives.
pub(crate) fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
}

async fn echo(mut request: Request) -> Response {
    if let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) {
        let accepted = derive_accept_key(key.as_bytes());
        let (upgrade, saw) = (hyper::upgrade::on(&mut request), saw(&request.into_parts().0, &[]));
        tokio::spawn(async move { talk(upgrade.await.unwrap(), saw).await });
        let granted = [(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, accepted.as_str())];
        return (StatusCode::SWITCHING_PROTOCOLS, granted).into_response();
    }
    if let Some(flow) = Flow::asked(request.headers()) {
        return flow.answer().await;
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MOST).await.unwrap();
    let saw = saw(&parts, &body);
    let mut answer = (status(&parts.headers), [(CONTENT_TYPE, "application/json")], saw).into_response();
    for line in parts.headers.get_all(ANSWER_WITH) {
        say(answer.headers_mut(), line.to_str().unwrap());
    }
    answer
}

/// An answer without an end.
#[derive(Clone, Copy, Debug)]
enum Flow {
    /// One event, and then silence.
    Quiet,
    /// An event now and then.
    Events,
    /// As many bytes as are taken.
    Flood,
    /// Not even a head.
    Late,
}

impl Flow {
    fn asked(headers: &HeaderMap) -> Option<Self> {
        match headers.get(ANSWER_STREAM)?.to_str().ok()? {
            "quiet" => Some(Self::Quiet),
            "events" => Some(Self::Events),
            "flood" => Some(Self::Flood),
            "late" => Some(Self::Late),
            _ => None,
        }
    }

    async fn answer(self) -> Response {
        if matches!(self, Self::Late) {
            std::future::pending::<()>().await;
        }
        let pieces =
            futures_util::stream::unfold(
                0_usize,
                move |count| async move { Some((self.next(count).await, count + 1)) },
            );
        ([(CONTENT_TYPE, "text/event-stream")], axum::body::Body::from_stream(pieces)).into_response()
    }

    async fn next(self, count: usize) -> Result<Bytes, Infallible> {
        match self {
            Self::Flood => return Ok(Bytes::from_static(&[b'x'; 65_536])),
            _ if count == 0 => {}
            Self::Events => tokio::time::sleep(EVENT_EVERY).await,
            Self::Quiet | Self::Late => std::future::pending().await,
        }
        Ok(Bytes::from_static(b"data: here\n\n"))
    }
}

fn saw(parts: &Parts, body: &[u8]) -> String {
    let saw = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": pairs(&parts.headers),
        "body": String::from_utf8_lossy(body),
    });
    saw.to_string()
}

/// Over a WebSocket: first what it saw, then everything that it is told.
async fn talk(upgraded: Upgraded, saw: String) {
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    socket.send(Message::text(saw)).await.unwrap();
    while let Some(Ok(said)) = socket.next().await {
        if socket.send(said).await.is_err() {
            return;
        }
    }
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
