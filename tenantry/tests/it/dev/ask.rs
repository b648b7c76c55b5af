//! A client of the tests: one connection a request, to whichever loopback host the URL names.

use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

use crate::client::Answer;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A request to be sent.
pub(crate) struct Ask {
    url: Url,
    request: http::request::Builder,
    body: String,
}

impl Ask {
    pub(crate) fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn post(url: &str) -> Self {
        Self::new(Method::POST, url)
    }

    fn new(method: Method, url: &str) -> Self {
        let url: Url = url.parse().unwrap();
        let host = url.authority().to_owned();
        let request =
            Request::builder().method(method).uri(&url[url::Position::BeforePath..]).header(header::HOST, host);
        Self { url, request, body: String::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.json_as("application/json", body)
    }

    /// JSON under a name of its own.
    pub(crate) fn json_as(mut self, kind: &str, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("content-type", kind)
    }

    /// As a browser sends a form of the same page.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = self.url.origin().ascii_serialization();
        self.header("content-type", "application/x-www-form-urlencoded").header("origin", &origin)
    }

    pub(crate) async fn send(self) -> Answer {
        let url = self.url.clone();
        self.try_send().await.unwrap_or_else(|fault| panic!("{url}: {fault}"))
    }

    /// The connection may be refused, or break.
    pub(crate) async fn try_send(self) -> Result<Answer, Fault> {
        let port = self.url.port().ok_or("the URL names no port")?;
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (head, body) =
            sender.send_request(self.request.body(Full::new(Bytes::from(self.body)))?).await?.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

/// What an answer set, as a `Cookie` header sends it back.
pub(crate) fn cookies(answer: &Answer) -> String {
    let pairs = answer.set_cookies().into_iter().filter_map(|cookie| cookie.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}
