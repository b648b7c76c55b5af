//! WebSockets: what may switch, what the app may answer, and what ends it.

use std::net::IpAddr;

use tenantry_edge::gateway::{OPEN_MOST_OF_ADDRESS, Upgrades};

use crate::kit::{App, Front, header, status};

/// The key and its proof of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A good handshake with more lines, each with its end.
fn wish(more: &str) -> String {
    format!(
        "GET /live?x=1 HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
         sec-websocket-key: {KEY}\r\nsec-websocket-version: 13\r\n{more}\r\n"
    )
}

/// A good 101 with more lines, each with its end.
fn grant(more: &str) -> String {
    format!(
        "HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {PROOF}\r\n{more}\r\n"
    )
}

/// An app that tells each head, answers with this and then gives back every line that it gets, until `bye`.
fn parrot(answer: String) -> App {
    App::new(move |mut client, tell| {
        let Some(head) = client.read_head() else { return };
        let _ = tell.send(head);
        client.send(&answer);
        loop {
            let said = client.read_exactly(4);
            if said.len() < 4 || said == b"bye!" {
                let _ = tell.send("over".to_owned());
                return;
            }
            client.send(said);
        }
    })
}

#[test]
fn bytes_pass_both_ways_after_the_switch_until_the_app_ends_it() {
    let app = parrot(grant("set-cookie: a=b; Domain=example.com\r\n"));
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(wish("origin: http://a\r\ntenantry-identity: forged\r\nx-forwarded-for: 1.2.3.4\r\n"));
    let answer = client.read_head().unwrap();
    assert_eq!((status(&answer), header(&answer, "sec-websocket-accept")), (101, Some(PROOF)));
    assert_eq!((header(&answer, "upgrade"), header(&answer, "set-cookie")), (Some("websocket"), None));
    let seen = app.next();
    assert!(seen.starts_with("GET /live?x=1 HTTP/1.1\r\n"), "{seen}");
    assert_eq!((header(&seen, "tenantry-identity"), header(&seen, "connection")), (Some("signed"), Some("upgrade")));
    assert_eq!(header(&seen, "x-forwarded-for"), Some("192.0.2.7"));
    for said in ["ping", "\0\r\n\u{1}"] {
        client.send(said);
        assert_eq!(client.read_exactly(4), said.as_bytes());
    }
    client.send("bye!");
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn what_a_client_sends_before_the_switch_comes_after_it() {
    let app = parrot(grant(""));
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(wish("") + "earlyGET / HTTP/1.1\r\n\r\n");
    assert_eq!(status(&client.read_head().unwrap()), 101);
    assert_eq!(client.read_exactly(8), b"earlyGET");
}

#[test]
fn an_app_that_answers_otherwise_is_heard_and_the_connection_serves_on() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let front = Front::new(&app);
    let mut client = front.connect();
    for _ in 0..2 {
        client.send(wish(""));
        let answer = client.read_answer();
        assert!(status(&answer) == 200 && answer.ends_with("hello"), "{answer}");
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_502_and_opens_nothing() {
    let proofless = grant("").replace(PROOF, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let elsewhere = grant("").replace("upgrade: websocket", "upgrade: h2c");
    let two = grant("upgrade: h2c\r\n");
    let unoffered = grant("sec-websocket-protocol: admin\r\n");
    let compressed = grant("sec-websocket-extensions: permessage-deflate\r\n");
    for answer in [proofless, elsewhere, two, unoffered, compressed] {
        let app = parrot(answer.clone());
        let front = Front::new(&app);
        let mut client = front.connect();
        client.send(wish("sec-websocket-protocol: chat, vite-hmr\r\n"));
        assert_eq!(status(&client.read_answer()), 502, "{answer}");
        app.next();
        assert_eq!(app.next(), "over");
    }
}

#[test]
fn what_was_offered_may_be_chosen() {
    let app =
        parrot(grant("sec-websocket-protocol: vite-hmr\r\nsec-websocket-extensions: permessage-deflate; x=1\r\n"));
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(wish("sec-websocket-protocol: chat, vite-hmr\r\nsec-websocket-extensions: permessage-deflate; y\r\n"));
    let answer = client.read_head().unwrap();
    assert_eq!((status(&answer), header(&answer, "sec-websocket-protocol")), (101, Some("vite-hmr")));
}

#[test]
fn a_handshake_that_is_not_one_never_reaches_the_app() {
    let app = parrot(grant(""));
    let front = Front::new(&app);
    let faults = [
        (wish("").replace("GET ", "POST "), 400),
        (wish("").replace("HTTP/1.1", "HTTP/1.0"), 400),
        (wish("content-length: 2\r\n") + "hi", 400),
        (wish("").replace("connection: keep-alive, Upgrade", "connection: keep-alive"), 400),
        (wish("").replace("version: 13", "version: 8"), 400),
        (wish("sec-websocket-version: 13\r\n"), 400),
        (wish("").replace(KEY, "c2hvcnQ="), 400),
        (wish("sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), 400),
        (wish("").replace("upgrade: WebSocket", "upgrade: smtp"), 501),
        (wish("upgrade: h2\r\n"), 501),
        (wish(&format!("x-long: {}\r\n", "a".repeat(64 * 1024))), 431),
    ];
    for (handshake, refused) in faults {
        let mut client = front.connect();
        client.send(&handshake);
        assert_eq!(status(&client.read_answer()), refused, "{}", &handshake[..handshake.len().min(200)]);
    }
    assert!(app.heard_nothing());
}

#[test]
fn an_offer_of_h2c_is_ignored_as_some_clients_always_make_it() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n\r\n");
    assert!(client.read_answer().ends_with("hello"));
    assert_eq!(header(&app.next(), "upgrade"), None);
}

#[test]
fn a_client_that_leaves_ends_the_apps_side() {
    let app = parrot(grant(""));
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(wish(""));
    client.read_head();
    app.next();
    drop(client);
    assert_eq!(app.next(), "over");
}

#[test]
fn an_orderly_end_closes_what_is_open() {
    let app = parrot(grant(""));
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(wish(""));
    client.read_head();
    let ending = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(front.gateway.drain());
    });
    assert_eq!(client.read_exactly(4), [0x88, 2, 0x03, 0xe9], "1001, going away");
    app.next();
    // The client's own close, masked, goes to the app; then both end.
    client.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    client.finish();
    assert_eq!(app.next(), "over");
    assert_eq!(client.read_to_end(), "");
    ending.join().unwrap();
}

#[test]
fn one_address_has_only_so_many_open_and_a_closed_one_makes_room() {
    let open = Upgrades::default();
    let (here, there): (IpAddr, IpAddr) = ([192, 0, 2, 7].into(), [192, 0, 2, 8].into());
    let mut tickets: Vec<_> = (0..OPEN_MOST_OF_ADDRESS).map(|_| open.admit(None, here).unwrap()).collect();
    assert_eq!(open.admit(None, here).unwrap_err().status(), 429);
    open.admit(None, there).unwrap();
    tickets.pop();
    tickets.push(open.admit(None, here).unwrap());
    drop(tickets);
    assert!(open.is_empty());
}
