//! The byte check: what is ambiguous is refused and reaches no app.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenantry_core::random::Entropy;
use tenantry_edge::gateway::{Body, start};
use tenantry_platform::metrics::Metrics;

use crate::kit::{App, Front, clock, config, header, status};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Each is one request that two readers could read in two ways, or that means no resource, and its answer.
const AMBIGUOUS: [(&str, u16); 18] = [
    ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("GET / HTTP/1.1\nhost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
    ("CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", 405),
    ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 405),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;\r\nab\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nhost: b\r\n\r\n", 400),
];

#[test]
fn an_ambiguous_request_is_refused_and_never_reaches_the_app() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    for (request, expected) in AMBIGUOUS {
        let answer = front.tell(request);
        assert_eq!(status(&answer), expected, "{request:?} got {answer:?}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{request:?}");
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"), "{request:?}");
        assert!(header(&answer, "x-request-id").is_some_and(|id| answer.contains(&format!("\"request_id\":\"{id}\""))));
    }
    assert!(app.heard_nothing());
}

#[test]
fn a_refused_request_behind_a_good_one_is_refused_after_the_good_answer() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let answers = front.tell("GET /good HTTP/1.1\r\nhost: a\r\n\r\nGET /bad HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
    let (first, second) = answers.split_once("hello").expect("the good answer comes whole");
    assert_eq!((status(first), status(second)), (200, 400));
    assert!(app.next().starts_with("GET /good "));
    assert!(app.heard_nothing());
}

#[test]
fn a_smuggled_head_inside_a_body_stays_a_body() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let inner = "GET /inner HTTP/1.1\r\nhost: a\r\n\r\n";
    let answers = front.tell(format!(
        "POST /outer HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{inner}",
        inner.len()
    ));
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1);
    assert!(app.next().starts_with("POST /outer "));
    assert!(app.heard_nothing());
}

#[test]
fn requests_sent_ahead_are_answered_in_order_on_one_connection() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let mut client = front.connect();
    let post = "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    let chunked = "POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client.send(format!("GET /0 HTTP/1.1\r\nhost: a\r\n\r\n{post}{post}").replace(
        "/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcPOST /1",
        "/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcPOST /2",
    ));
    for number in 0..3 {
        assert!(client.read_answer().ends_with("hello"));
        assert!(app.next().split(' ').nth(1) == Some(&format!("/{number}")));
    }
    client.send(chunked);
    assert!(client.read_answer().ends_with("hello"));
}

#[test]
fn a_head_in_single_bytes_is_one_head() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let mut client = front.connect();
    for byte in b"GET /slowly HTTP/1.1\r\nhost: a\r\n\r\n" {
        client.send([*byte]);
    }
    assert!(client.read_answer().ends_with("hello"));
    assert!(app.next().starts_with("GET /slowly "));
}

#[test]
fn a_head_that_never_ends_is_cut_with_408() {
    let app = App::answering(HELLO);
    let front =
        Front::with(&app, "", &format!("[listen]\nthreads = 1\nhead_timeout_ms = 50\n{}", crate::kit::EVERYTHING));
    assert_eq!(status(&front.tell("GET / HTTP/1.1\r\nhost: a\r\nx-slow:")), 408);
    assert!(app.heard_nothing());
}

#[test]
fn a_body_that_never_comes_is_cut_with_408_and_the_app_is_left() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let front =
        Front::with(&app, "", &format!("[listen]\nthreads = 1\nbody_idle_timeout_ms = 50\n{}", crate::kit::EVERYTHING));
    assert_eq!(status(&front.tell("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab")), 408);
    assert_eq!(app.next(), "left");
}

#[test]
fn a_quiet_connection_is_closed_without_a_word() {
    let app = App::answering(HELLO);
    let front = Front::with(
        &app,
        "",
        &format!("[listen]\nthreads = 1\nkeep_alive_timeout_ms = 50\n{}", crate::kit::EVERYTHING),
    );
    for request in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n\r\n"] {
        let answers = front.tell(request);
        assert!(answers.ends_with("hello"), "{answers}");
    }
    assert_eq!(front.tell(""), "");
}

#[test]
fn a_head_beyond_the_limit_is_refused_before_it_ends() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let line = format!("x-filler: {}\r\n", "a".repeat(4_000));
    assert_eq!(status(&front.tell(format!("GET / HTTP/1.1\r\nhost: a\r\n{}", line.repeat(10)))), 431);
    assert_eq!(status(&front.tell(format!("GET /{} HTTP/1.1\r\n", "a".repeat(9_000)))), 414);
    assert_eq!(status(&front.tell(format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(101)))), 431);
    assert!(app.heard_nothing());
}

#[test]
fn a_client_that_closes_its_sending_side_still_gets_its_answer() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    client.finish();
    assert!(client.read_to_end().ends_with("hello"));
}

#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let app = App::answering(HELLO);
    let front =
        Front::with(&app, "", "[[routes]]\npath = \"/other\"\nguard = \"public\"\npublic_because = \"a test\"\n");
    let mut client = front.connect();
    client.send("POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n");
    client.send(vec![b'x'; 200_000]);
    assert_eq!(status(&client.read_to_end()), 404);
}

#[test]
fn options_asterisk_is_about_the_server() {
    let app = App::answering(HELLO);
    let front = Front::new(&app);
    let answer = front.tell("OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&answer), 204);
    assert!(app.heard_nothing());
}

#[test]
fn one_connection_too_many_is_told_so() {
    let app = App::answering(HELLO);
    let front =
        Front::with(&app, "", &format!("[listen]\nthreads = 1\nmax_connections = 1\n{}", crate::kit::EVERYTHING));
    let mut first = front.connect();
    first.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(first.read_answer().ends_with("hello"));
    assert_eq!(status(&front.connect().read_to_end()), 503);
}

#[tokio::test]
async fn draining_lets_the_request_in_flight_end_and_takes_no_more() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        let _ = tell.send("arrived".to_owned());
        client.wait_for_end();
    });
    let Front { address, gateway, .. } = Front::new(&app);
    let mut idle = crate::kit::Client::to(address);
    let mut client = crate::kit::Client::to(address);
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    app.next();
    let drained = tokio::spawn(gateway.drain());
    assert_eq!(
        tokio::task::spawn_blocking(move || idle.read_to_end()).await.unwrap(),
        "",
        "a quiet connection is closed at once"
    );
    drop(client);
    drained.await.unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// A handler with this panics when it is made ready for a connection, once.
struct Defect(Arc<AtomicBool>);

impl Clone for Defect {
    fn clone(&self) -> Self {
        assert!(!self.0.swap(false, Ordering::SeqCst), "a defect");
        Self(Arc::clone(&self.0))
    }
}

/// The kernel goes on giving connections to a listener whose thread is gone. Here it is the only one.
#[test]
fn a_thread_that_panics_begins_anew_and_takes_whoever_waits() {
    let is_defect = Arc::new(AtomicBool::new(true));
    let listen = config("[listen]\nthreads = 1\n").listen;
    let gateway = start(&listen, Vec::new(), &clock(), &Entropy::seeded(1), &Metrics::default(), move || {
        let defect = Defect(Arc::clone(&is_defect));
        move |_, _| {
            let _here = &defect;
            std::future::ready(http::Response::new(Body::from("hello")))
        }
    });
    let gateway = gateway.unwrap();
    let asking = || {
        let mut client = crate::kit::Client::to(gateway.address());
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        client
    };
    let (mut first, mut waiting) = (asking(), asking());
    assert_eq!(first.read_to_end(), "", "its connection went with the thread");
    assert_eq!(status(&waiting.read_answer()), 200);
    assert_eq!(status(&asking().read_answer()), 200);
}

/// The one thread is busy, so that all the others wait to be taken; then the end comes.
#[tokio::test]
async fn whoever_waits_to_be_taken_when_the_end_comes_is_answered() {
    let (arrive, arrived) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(parking_lot::Mutex::new(wait));
    let listen = config("[listen]\nthreads = 1\n").listen;
    let gateway = start(&listen, Vec::new(), &clock(), &Entropy::seeded(1), &Metrics::default(), move || {
        let (arrive, wait) = (arrive.clone(), Arc::clone(&wait));
        move |_, _| {
            let _ = arrive.send(());
            // The first one holds up the thread; afterwards nobody is there to wait for.
            let _ = wait.lock().recv();
            std::future::ready(http::Response::new(Body::from("hello")))
        }
    });
    let gateway = gateway.unwrap();
    let asking = |_| {
        let mut client = crate::kit::Client::to(gateway.address());
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        client
    };
    let busy = asking(0);
    arrived.recv().unwrap();
    let waiting: Vec<_> = (1..20).map(asking).collect();
    let mut draining = pin!(gateway.drain());
    assert!(futures_util::poll!(draining.as_mut()).is_pending());
    drop(go);
    draining.await;
    for mut client in std::iter::once(busy).chain(waiting) {
        assert_eq!(status(&client.read_answer()), 200);
    }
}
