//! HTTP/2 to the client: the rules of HTTP/1 for each of its requests, and bounds for what only it can do.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use crate::kit::{App, Client, Front, header};
use crate::tls::{Authority, client, open, secured};

const HOST: &str = "acme.example.com";
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

type Sent = BoxBody<Bytes, Infallible>;

/// A gateway with TLS, and a browser's connection to it.
struct Site {
    front: Front,
    authority: Authority,
    runtime: Runtime,
}

impl Site {
    fn new(app: &App, listen: &str) -> Self {
        let authority = Authority::new();
        let files = vec![authority.certify("site", &["*.example.com"])];
        let front = Front::of(&secured(app, files, listen));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { front, authority, runtime }
    }

    async fn connect(&self) -> SendRequest<Sent> {
        let tls = TlsConnector::from(client(&self.authority, &["h2", "http/1.1"]));
        let socket = TcpStream::connect(self.front.address).await.unwrap();
        let stream = tls.connect(ServerName::try_from(HOST).unwrap(), socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// One request on a connection of its own.
    fn ask(&self, request: Request<Sent>) -> Result<(Response<Bytes>, Option<HeaderMap>), hyper::Error> {
        self.runtime.block_on(async { whole(self.connect().await.send_request(request).await?).await })
    }

    fn status(&self, request: Request<Sent>) -> StatusCode {
        self.ask(request).unwrap().0.status()
    }
}

async fn whole(answer: Response<Incoming>) -> Result<(Response<Bytes>, Option<HeaderMap>), hyper::Error> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    Ok((Response::from_parts(head, body.to_bytes()), trailers))
}

fn get(path: &str) -> Request<Sent> {
    Request::get(format!("https://{HOST}{path}")).body(Empty::new().boxed()).unwrap()
}

fn post(body: impl Into<Bytes>) -> Request<Sent> {
    Request::post(format!("https://{HOST}/")).body(Full::new(body.into()).boxed()).unwrap()
}

fn with(mut request: Request<Sent>, name: &'static str, value: &'static str) -> Request<Sent> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

#[test]
fn an_app_that_speaks_http_1_is_asked_by_the_same_contract() {
    let app =
        App::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\nserver: app\r\n\r\nhello");
    let site = Site::new(&app, "");
    let request = with(with(with(get("/a?b=c"), "cookie", "a=1"), "cookie", "b=2"), "te", "trailers");
    let request = with(with(request, "x_forged", "1"), "tenantry-identity", "forged");
    let (answer, _) = site.ask(request).unwrap();
    assert_eq!(
        (answer.status(), answer.version(), &answer.body()[..]),
        (StatusCode::OK, Version::HTTP_2, &b"hello"[..])
    );
    assert_eq!(
        (answer.headers().get("server").unwrap(), answer.headers().get("connection")),
        (&"app".parse().unwrap(), None)
    );
    let head = app.next();
    assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{head}");
    assert_eq!((header(&head, "cookie"), header(&head, "host")), (Some("a=1; b=2"), Some(HOST)));
    assert_eq!(
        (header(&head, "te"), header(&head, "x_forged"), header(&head, "tenantry-identity")),
        (None, None, Some("signed"))
    );
}

#[test]
fn a_body_goes_up_and_comes_down_whole() {
    let app = App::new(|mut client, tell| {
        let head = client.read_head().unwrap();
        let body = client.read_exactly(header(&head, "content-length").unwrap().parse().unwrap());
        let _ = tell.send(format!("{}", body.len()));
        client.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()));
        client.send(body);
    });
    let site = Site::new(&app, "");
    let body = Bytes::from(vec![b'x'; 3_000_000]);
    let (answer, _) = site.ask(post(body.clone())).unwrap();
    assert_eq!(app.next(), "3000000");
    assert!(*answer.body() == body);
}

#[test]
fn events_arrive_while_more_are_still_to_come() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(parking_lot::Mutex::new(wait));
    let app = App::new(move |mut client, _| {
        client.read_head();
        client.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        client.send("9\r\ndata: 1\n\n\r\n");
        let _ = wait.lock().recv();
        client.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    });
    let site = Site::new(&app, "");
    site.runtime.block_on(async {
        let mut answer = site.connect().await.send_request(get("/")).await.unwrap().into_body();
        assert_eq!(&answer.frame().await.unwrap().unwrap().into_data().unwrap()[..], b"data: 1\n\n");
        go.send(()).unwrap();
        assert_eq!(&answer.collect().await.unwrap().to_bytes()[..], b"data: 2\n\n");
    });
}

#[test]
fn an_answer_to_head_keeps_its_length_and_has_no_body() {
    let app = App::new(|mut client, _| {
        while client.read_head().is_some() {
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        }
    });
    let site = Site::new(&app, "");
    let mut head = get("/");
    *head.method_mut() = Method::HEAD;
    let (answer, _) = site.ask(head).unwrap();
    assert_eq!((answer.headers().get("content-length").unwrap(), answer.body().len()), (&"1000".parse().unwrap(), 0));
}

#[test]
fn trailers_pass_both_ways() {
    let app = App::new(|mut client, tell| {
        let mut said = client.read_head().unwrap();
        while !said.ends_with("\r\n\r\n") || !said.contains("\r\n0\r\n") {
            said.push_str(&String::from_utf8(client.read_exactly(1)).unwrap());
        }
        let _ = tell.send(said);
        client.send("HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n");
        client.send("2\r\nok\r\n0\r\nx-sum: 2\r\ntenantry-x: y\r\n\r\n");
    });
    let site = Site::new(&app, "");
    let fields = [("x-sum", "5"), ("tenantry-identity", "forged")];
    let fields = fields.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let frames = [Frame::data(Bytes::from("hello")), Frame::trailers(HeaderMap::from_iter(fields))];
    let request = with(post(""), "trailer", "x-sum, tenantry-identity");
    let request = request.map(|_| StreamBody::new(futures_util::stream::iter(frames.map(Ok))).boxed());
    let (answer, trailers) = site.ask(request).unwrap();
    assert_eq!(&answer.body()[..], b"ok");
    let trailers = trailers.unwrap();
    assert_eq!((trailers.len(), trailers.get("x-sum")), (1, Some(&HeaderValue::from_static("2"))));
    let said = app.next();
    assert!(said.ends_with("\r\n0\r\nx-sum: 5\r\n\r\n"), "{said}");
}

#[test]
fn what_has_two_meanings_is_refused_and_never_reaches_the_app() {
    let app = App::answering(HELLO);
    let site = Site::new(&app, "");
    for (request, status) in [
        (with(get("/"), "host", "globex.example.com"), 400),
        (with(with(get("/"), "host", HOST), "host", HOST), 400),
        (with(get("/"), "host", "acme.example.com/a"), 400),
        (with(get("/"), "expect", "something"), 417),
        (with(with(post("hello"), "content-length", "5"), "content-length", "5"), 400),
        (Request::builder().method("BREW").uri(format!("https://{HOST}/")).body(get("/").into_body()).unwrap(), 501),
        (Request::builder().method("TRACE").uri(format!("https://{HOST}/")).body(get("/").into_body()).unwrap(), 405),
        (
            Request::builder().method(Method::CONNECT).uri(format!("{HOST}:443")).body(get("/").into_body()).unwrap(),
            405,
        ),
        (Request::get("https://globex.example.com/").body(get("/").into_body()).unwrap(), 421),
        (Request::get("http://acme.example.com/").body(get("/").into_body()).unwrap(), 400),
    ] {
        let name = format!("{request:?}");
        let answer = site.ask(request).map(|(answer, _)| (answer.status().as_u16(), answer));
        let (found, answer) = answer.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(found, status, "{name}");
        assert!(answer.headers().contains_key("x-request-id"), "{name}");
        assert_eq!(answer.headers().get("x-content-type-options").unwrap(), "nosniff", "{name}");
        assert_eq!(answer.headers().contains_key("allow"), status == 405, "{name}");
    }
    assert!(app.heard_nothing());
    assert_eq!(site.status(with(get("/"), "host", "ACME.example.com:443")), 200, "one host in two spellings");
}

#[test]
fn a_head_beyond_the_limit_is_431() {
    let app = App::answering(HELLO);
    let site = Site::new(&app, "max_head_bytes = 4096");
    assert_eq!(site.status(with(get("/"), "x-long", Box::leak("x".repeat(6_000).into_boxed_str()))), 431);
    let mut many = get("/");
    for number in 0..120 {
        many.headers_mut().append("x-many", number.into());
    }
    assert_eq!(site.status(many), 431, "more headers than HTTP/1 may have");
    assert!(app.heard_nothing());
}

#[test]
fn a_body_that_never_comes_is_408_and_the_others_go_on() {
    let app = App::new(|mut client, tell| {
        while let Some(head) = client.read_head() {
            if head.starts_with("GET") {
                client.send(HELLO);
            } else {
                client.wait_for_end();
                let _ = tell.send("left".to_owned());
            }
        }
    });
    let site = Site::new(&app, "body_idle_timeout_ms = 100");
    site.runtime.block_on(async {
        let mut sender = site.connect().await;
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let slow = post("").map(|_| StreamBody::new(never).boxed());
        let slow = sender.send_request(slow).await.unwrap();
        assert_eq!(slow.status(), 408);
        assert_eq!(app.next(), "left");
        assert_eq!(sender.send_request(get("/")).await.unwrap().status(), 200);
    });
}

#[test]
fn a_client_that_leaves_ends_the_apps_work() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        let _ = tell.send("asked".to_owned());
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let site = Site::new(&app, "");
    site.runtime.block_on(async {
        let mut sender = site.connect().await;
        let asking = tokio::spawn(sender.send_request(get("/")));
        assert_eq!(app.next(), "asked");
        // Resets its stream; the connection stays.
        asking.abort();
        assert_eq!(app.next(), "left");
        drop(sender);
    });
}

#[test]
fn a_quiet_connection_is_closed_and_one_with_a_request_is_not() {
    let app = App::new(|mut client: Client, tell| {
        client.read_head();
        let _ = tell.send("asked".to_owned());
        std::thread::sleep(Duration::from_millis(400));
        client.send(HELLO);
    });
    let site = Site::new(&app, "keep_alive_timeout_ms = 100");
    site.runtime.block_on(async {
        let mut sender = site.connect().await;
        assert_eq!(sender.send_request(get("/")).await.unwrap().status(), 200);
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn draining_lets_the_request_in_flight_end_and_takes_no_more() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(parking_lot::Mutex::new(wait));
    let app = App::new(move |mut client, tell| {
        client.read_head();
        let _ = tell.send("asked".to_owned());
        let _ = wait.lock().recv();
        client.send(HELLO);
    });
    let Site { front, authority, runtime } = Site::new(&app, "");
    let site = Site { front, authority, runtime };
    let address = site.front.address;
    let mut sender = site.runtime.block_on(site.connect());
    let asking = site.runtime.spawn(sender.send_request(get("/")));
    assert_eq!(app.next(), "asked");
    let Site { front, runtime, .. } = site;
    let draining = runtime.spawn(front.gateway.drain());
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    assert_eq!(runtime.block_on(asking).unwrap().unwrap().status(), 200);
    drop(sender);
    runtime.block_on(draining).unwrap();
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET https://acme.example.com/`, from HPACK's static table.
fn fields() -> Vec<u8> {
    [&[0x82, 0x87, 0x84, 0x41, u8::try_from(HOST.len()).unwrap()], HOST.as_bytes()].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What is said to these frames: the error of the GOAWAY that ends the connection.
fn farewell(site: &Site, frames: &[Vec<u8>]) -> Option<u8> {
    let mut stream = open(&site.front, &client(&site.authority, &["h2"]), HOST);
    stream.write_all(PREFACE).unwrap();
    for frame in frames {
        if stream.write_all(frame).is_err() {
            break;
        }
    }
    let mut said = Vec::new();
    // It may end by a reset, with all that was said before.
    let _ = stream.read_to_end(&mut said);
    let mut rest = &said[..];
    while let [a, b, c, kind, _, _, _, _, _, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == 7 && after[7] != 0 {
            return Some(after[7]);
        }
        rest = after.get(length..)?;
    }
    None
}

const ENHANCE_YOUR_CALM: u8 = 0xb;

#[test]
fn streams_that_are_reset_as_fast_as_they_are_opened_end_the_connection() {
    let app = App::answering(HELLO);
    let site = Site::new(&app, "");
    let reset = |stream: u32| [frame(1, 5, stream, &fields()), frame(3, 0, stream, &[0, 0, 0, 8])].concat();
    let flood: Vec<u8> = (0..500).flat_map(|number| reset(2 * number + 1)).collect();
    assert_eq!(farewell(&site, &[flood]), Some(ENHANCE_YOUR_CALM));
    assert_eq!(site.status(get("/")), 200, "others are served on");
}

#[test]
fn headers_that_never_end_end_the_connection() {
    let app = App::answering(HELLO);
    let site = Site::new(&app, "");
    let mut flood = vec![frame(1, 1, 1, &fields())];
    flood.extend((0..20).map(|_| frame(9, 0, 1, &[0x00, 1, b'a', 1, b'b'])));
    assert_eq!(farewell(&site, &flood), Some(ENHANCE_YOUR_CALM));
    assert!(app.heard_nothing());
}
