//! Clients over a true connection: programs with a key, and browsers that keep cookies as browsers do.
//!
//! A host is named by its label: `app`, `api`, `acme`, `acme--test`. The connection goes to loopback, whatever
//! the label.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tenantry_edge::limits::{Tariff, Whom};
use tenantry_platform::config::TierId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Error as Fault;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::app::TestApp;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that is being written.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    app: &'a TestApp,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A connection that is used again.
pub(crate) struct Line(SendRequest<Full<Bytes>>);

/// A request whose guard has let it in, and half of whose body is still to come.
pub(crate) struct Held {
    stream: TcpStream,
    rest: Bytes,
}

/// An answer that is read slowly.
pub(crate) struct Slow(TcpStream);

impl TestApp {
    /// A request to `host`, which is a label under `localhost`.
    pub(crate) fn call(&self, method: &str, host: &str, path: &str) -> Call<'_> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, self.authority(host).parse().unwrap());
        Call { app: self, method: method.parse().unwrap(), path: path.to_owned(), headers, body: Bytes::new() }
    }

    /// A GET without a credential.
    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        self.call("GET", host, path).send().await
    }

    /// A connection for many requests.
    pub(crate) async fn line(&self) -> Line {
        let (sender, connection) = handshake(TokioIo::new(self.connect().await)).await.unwrap();
        tokio::spawn(connection);
        Line(sender)
    }

    /// What is answered to these very bytes until the connection ends.
    pub(crate) async fn tell(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl TestApp {
    /// What the test's clients may still ask for, of all routes of ours.
    fn budget(&self) -> u32 {
        let (limiter, now_ms) = (&self.server.app.limiter, self.db.ground.clock.now_ms());
        let mut tiers: Vec<TierId> = Vec::new();
        for tier in self.server.app.own.routes.iter().flat_map(|route| route.tiers) {
            if !tiers.contains(tier) {
                tiers.push(*tier);
            }
        }
        let charges = limiter.charges(Tariff::of(&tiers), Whom::at(self.client));
        limiter.ask(now_ms, &charges).lines().iter().map(|line| line.standing.remaining).sum()
    }

    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.client, 0).into()).unwrap();
        socket.connect(self.door).await.unwrap()
    }
}

/// An address of the test's clients alone: the posture engine asks from 127.0.0.1, on that address's limits. Where
/// the machine has no other loopback address, both share them.
pub(crate) fn address() -> IpAddr {
    let own = IpAddr::from([127, 0, 0, 2]);
    let is_there = std::net::TcpListener::bind((own, 0)).is_ok();
    if is_there { own } else { IpAddr::from([127, 0, 0, 1]) }
}

impl Call<'_> {
    /// With one more header of this name.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    /// With a key, or whatever is shown in its place.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    /// With the origin of the page that a browser would send it from.
    pub(crate) fn same_origin(self) -> Self {
        let origin = format!("http://{}", self.headers[header::HOST].to_str().unwrap());
        self.with("origin", origin)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes(JSON, body.to_string())
    }

    pub(crate) fn form<V: AsRef<str>>(self, fields: &[(&str, V)]) -> Self {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.bytes(FORM, body.finish())
    }

    /// With a body that may be anything.
    pub(crate) fn bytes(mut self, kind: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, kind);
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let mut line = self.app.line().await;
        self.send_on(&mut line).await
    }

    /// Sends the head and half of the body, and answers once the guard has let it in: what it costs is charged then.
    pub(crate) async fn hold_open(self) -> Held {
        let app = self.app;
        let (before, mut stream) = (app.budget(), app.connect().await);
        let (first, rest) = (self.body.slice(..self.body.len() / 2), self.body.slice(self.body.len() / 2..));
        stream.write_all(&[self.head(), first.to_vec()].concat()).await.unwrap();
        let mut early = [0; 1024];
        while app.budget() == before {
            if let Ok(n) = stream.try_read(&mut early) {
                panic!("{}", String::from_utf8_lossy(&early[..n]));
            }
            tokio::task::yield_now().await;
        }
        Held { stream, rest }
    }

    /// Sends it and reads the first bytes of the answer, over a connection that takes in few at a time: the rest waits.
    pub(crate) async fn read_slowly(self) -> Slow {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.bind((self.app.client, 0).into()).unwrap();
        let mut stream = socket.connect(self.app.server.address()).await.unwrap();
        stream.write_all(&self.head()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(std::str::from_utf8(&first), Ok("HTTP/1.1 200 OK"));
        Slow(stream)
    }

    /// As HTTP/1.1 writes it, for one answer.
    fn head(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", self.body.len()).into_bytes());
        bytes
    }

    /// Opens a WebSocket, as the library of a client does; or the status of the refusal.
    pub(crate) async fn open(self) -> Result<WebSocketStream<TcpStream>, u16> {
        let uri = format!("ws://{}{}", self.headers[header::HOST].to_str().unwrap(), self.path);
        let mut request = uri.into_client_request().unwrap();
        request.headers_mut().extend(self.headers);
        match client_async(request, self.app.connect().await).await {
            Ok((socket, _)) => Ok(socket),
            Err(Fault::Http(answer)) => Err(answer.status().as_u16()),
            Err(fault) => panic!("{fault}"),
        }
    }

    pub(crate) async fn send_on(self, line: &mut Line) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path).body(Full::new(self.body)).unwrap();
        *request.headers_mut() = self.headers;
        line.0.ready().await.unwrap();
        let (head, body) = line.0.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

impl Slow {
    /// Its next bytes; nothing at its end.
    pub(crate) async fn more(&mut self) -> usize {
        let mut piece = [0; 1024];
        self.0.read(&mut piece).await.unwrap_or_default()
    }

    /// Waits until the connection is broken off, and takes nothing in meanwhile.
    pub(crate) async fn breaks(&self) {
        self.0.ready(Interest::ERROR).await.unwrap();
    }

    /// What comes until the connection ends.
    pub(crate) async fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Held {
    /// Sends the rest.
    pub(crate) async fn finish(mut self) -> Answer {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.to_owned() }
    }
}

impl Answer {
    /// Itself, with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Itself, a problem with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.body);
        self
    }

    /// The code of a problem, or nothing.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON, not {}", self.body))
    }

    /// A header that is there once; nothing where it is not.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} twice");
        first
    }

    /// Where a 303 leads: host and path, or the path alone.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    /// The value of a form's field.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let rest = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect("the field").1;
        rest.split('"').next().unwrap().to_owned()
    }

    /// A page, without tags: what a person reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for piece in self.body.split('<').skip(1) {
            text.push_str(piece.split_once('>').map_or("", |(_, after)| after));
        }
        text
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }
}

/// A person in front of a browser: a jar of cookies for each host, because none of ours is shared.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    jars: HashMap<String, BTreeMap<String, String>>,
}

impl TestApp {
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { app: self, jars: HashMap::new() }
    }
}

impl<'a> Browser<'a> {
    /// Goes to an address.
    pub(crate) async fn get(&mut self, host: &str, path: &str) -> Answer {
        let call = self.call("GET", host, path).with("accept", "text/html");
        self.take(host, call.send().await)
    }

    /// Sends a form from a page of the same host.
    pub(crate) async fn post<V: AsRef<str>>(&mut self, host: &str, path: &str, fields: &[(&str, V)]) -> Answer {
        let call = self.call("POST", host, path).with("accept", "text/html").same_origin().form(fields);
        self.take(host, call.send().await)
    }

    /// What a script of a page asks for: with the cookies, answered in JSON.
    pub(crate) async fn fetch(&mut self, method: &str, host: &str, path: &str) -> Answer {
        let call = self.call(method, host, path).same_origin();
        self.take(host, call.send().await)
    }

    /// A request with the cookies of the host, and nothing else.
    pub(crate) fn call(&self, method: &str, host: &str, path: &str) -> Call<'a> {
        let call = self.app.call(method, host, path);
        let cookies = self.cookies(host);
        if cookies.is_empty() { call } else { call.with("cookie", cookies) }
    }

    /// Where a redirect leads.
    pub(crate) async fn follow(&mut self, from: &str, answer: &Answer) -> (String, Answer) {
        let (host, path) = self.app.place(from, answer.location());
        let next = self.get(&host, &path).await;
        (host, next)
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("app", "/-/sign-in", &[("email", email), ("password", password)]).await
    }

    /// Goes through the hand-off to a tenant's host, as somebody who is signed in.
    pub(crate) async fn hand_off(&mut self, host: &str) -> Answer {
        let code = self.code_for(host, "/").await;
        self.post(host, "/-/handoff", &[("code", code)]).await
    }

    /// Up to the code, which is not redeemed.
    pub(crate) async fn code_for(&mut self, host: &str, return_to: &str) -> String {
        let asked = self.get(host, &format!("/-/sign-in?return_to={return_to}")).await;
        let (central, offered) = self.follow(host, &asked).await;
        let (_, page) = self.follow(&central, &offered).await;
        page.expect(200).field("code")
    }

    pub(crate) fn cookies(&self, host: &str) -> String {
        let pairs = self.jars.get(host).into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn cookie(&self, host: &str, name: &str) -> Option<&String> {
        self.jars.get(host)?.get(name)
    }

    pub(crate) fn set(&mut self, host: &str, name: &str, value: &str) {
        self.jars.entry(host.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }

    /// Keeps what an answer set, and looks at how it was set (ID-5).
    pub(crate) fn take(&mut self, host: &str, answer: Answer) -> Answer {
        for line in answer.set_cookies() {
            assert!(line.starts_with("__Host-tenantry"), "{line}");
            assert!(line.contains("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age="), "{line}");
            assert!(!line.to_ascii_lowercase().contains("domain"), "{line}");
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let jar = self.jars.entry(host.to_owned()).or_default();
            if line.ends_with("Max-Age=0") {
                jar.remove(name)
            } else {
                jar.insert(name.to_owned(), value.to_owned())
            };
        }
        answer
    }
}
