//! The app's side: reused connections, lies, silence, and clients that leave.

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::kit::{App, EVERYTHING, Front, header, status};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// An app that counts its connections, serves `answer` once on each and then closes.
fn closing_after(answer: &'static str) -> App {
    App::new(move |mut client, tell| {
        let _ = tell.send("connected".to_owned());
        client.read_head();
        client.send(answer);
    })
}

#[test]
fn a_connection_to_the_app_is_used_again() {
    let app = App::new(|mut client, tell| {
        let _ = tell.send("connected".to_owned());
        while client.read_head().is_some() {
            client.send(HELLO);
        }
    });
    let front = Front::new(&app);
    for _ in 0..5 {
        assert!(front.tell(GET).ends_with("hello"));
    }
    assert_eq!(app.next(), "connected");
    assert!(app.heard_nothing());
}

#[test]
fn a_connection_that_closes_under_a_request_is_replaced_when_the_request_may_be_repeated() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.send(HELLO);
        // The second request on a connection is read and met with silence.
        if let Some(head) = client.read_head() {
            let _ = tell.send(head.split(' ').next().unwrap_or_default().to_owned());
        }
    });
    let front = Front::new(&app);
    assert!(front.tell(GET).ends_with("hello"));
    assert!(front.tell(GET).ends_with("hello"), "a GET goes again, on a new connection");
    assert_eq!(app.next(), "GET");
    let answer = front.tell("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
    assert_eq!(status(&answer), 502, "a POST may have been acted on");
    assert_eq!(app.next(), "POST");
}

#[test]
fn an_answer_to_head_keeps_its_length_and_sends_no_body() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
    let front = Front::new(&app);
    let mut client = front.connect();
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(header(&client.read_head().unwrap(), "content-length"), Some("1234"));
    }
}

#[test]
fn an_answer_without_a_length_reaches_old_and_new_clients_whole() {
    let app = closing_after("HTTP/1.1 200 OK\r\n\r\nhello");
    let front = Front::new(&app);
    assert!(front.tell(GET).ends_with("\r\n5\r\nhello\r\n0\r\n\r\n"));
    assert!(front.tell("GET / HTTP/1.0\r\nhost: a\r\n\r\n").ends_with("\r\n\r\nhello"));
}

#[test]
fn an_app_that_is_not_there_is_502_with_the_request_id() {
    // Nobody listens on a socket that was never made.
    let toml = format!("[upstream]\nurl = \"unix:/nonexistent/app.sock\"\n[listen]\nthreads = 1\n{EVERYTHING}");
    let answer = Front::of(&crate::kit::config(&toml)).tell(GET);
    assert_eq!(status(&answer), 502);
    assert!(answer.contains("\"request_id\":\"request-1\""), "{answer}");
}

/// Its queue of connections is full: the kernel answers nobody any more.
#[test]
fn an_app_that_takes_no_connection_in_time_is_504() {
    let app = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    app.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    app.listen(0).unwrap();
    let address = app.local_addr().unwrap().as_socket().unwrap();
    let _waits = TcpStream::connect(address).unwrap();
    let toml = format!("[upstream]\nurl = \"http://{address}\"\nconnect_timeout_ms = 50\n[listen]\nthreads = 1\n");
    let answer = Front::of(&crate::kit::config(&(toml + EVERYTHING))).tell(GET);
    assert_eq!(status(&answer), 504);
}

#[test]
fn an_app_that_says_nothing_is_504_and_is_left() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let front = Front::with(&app, "response_timeout_ms = 50", EVERYTHING);
    assert_eq!(status(&front.tell(GET)), 504);
    assert_eq!(app.next(), "left");
}

#[test]
fn an_answer_that_stalls_is_broken_off() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.");
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let front = Front::with(&app, "body_idle_timeout_ms = 50", EVERYTHING);
    let answer = front.tell(GET);
    assert!(!answer.contains("half.....") && status(&answer) == 200);
    assert_eq!(app.next(), "left");
}

#[test]
fn an_answer_with_two_lengths_is_502() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let app = closing_after(answer);
        assert_eq!(status(&Front::new(&app).tell(GET)), 502, "{answer:?}");
    }
}

#[test]
fn an_answer_longer_than_it_said_is_cut_and_its_connection_never_used_again() {
    let app = App::new(|mut client, tell| {
        let _ = tell.send("connected".to_owned());
        while client.read_head().is_some() {
            client.send(
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
            );
        }
    });
    let front = Front::new(&app);
    for _ in 0..3 {
        let answer = front.tell(GET);
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
        assert_eq!(app.next(), "connected");
    }
}

#[test]
fn an_answer_shorter_than_it_said_never_looks_whole() {
    let app = closing_after("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(GET);
    let head = client.read_head().expect("the head was good");
    assert_eq!(header(&head, "content-length"), Some("10"));
    assert!(client.read_to_end().len() < 10);
}

#[test]
fn a_client_that_leaves_before_the_answer_is_noticed_by_the_app() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        let _ = tell.send("working".to_owned());
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(GET);
    assert_eq!(app.next(), "working");
    drop(client);
    assert_eq!(app.next(), "left");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_an_answer_is_noticed_by_the_app() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.send("HTTP/1.1 200 OK\r\n\r\n");
        while client.send([b'x'; 4096]) {}
        let _ = tell.send("left".to_owned());
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(GET);
    client.read_exactly(100_000);
    drop(client);
    assert_eq!(app.next(), "left");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_body_is_noticed_by_the_app() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.read_exactly(2);
        let _ = tell.send("reading".to_owned());
        client.wait_for_end();
        let _ = tell.send("left".to_owned());
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab");
    assert_eq!(app.next(), "reading");
    drop(client);
    assert_eq!(app.next(), "left");
}

#[test]
fn a_body_beyond_the_routes_limit_is_413_however_it_is_framed() {
    let app = App::answering(HELLO);
    let route = EVERYTHING.to_owned() + "max_body_bytes = 4\n";
    let front = Front::with(&app, "", &route);
    assert_eq!(
        status(&front.tell("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello")),
        413
    );
    let chunked =
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(status(&front.tell(chunked)), 413);
}

#[test]
fn no_more_connections_than_the_app_can_bear() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        let _ = tell.send("working".to_owned());
        client.wait_for_end();
    });
    let front = Front::with(&app, "max_connections = 1", EVERYTHING);
    let mut first = front.connect();
    first.send(GET);
    app.next();
    let answer = front.tell(GET);
    assert_eq!((status(&answer), header(&answer, "retry-after")), (503, Some("1")));
}

#[test]
fn an_app_on_a_unix_socket_is_served() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(HELLO.as_bytes()).unwrap();
    });
    let toml = format!("[upstream]\nurl = \"unix:{}\"\n[listen]\nthreads = 1\n{EVERYTHING}", path.display());
    assert!(Front::of(&crate::kit::config(&toml)).tell(GET).ends_with("hello"));
}
