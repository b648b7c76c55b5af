//! A gigabyte each way, in memory that does not grow.

use crate::kit::{App, Client, Front, header, status};

const GIGABYTE: usize = 1_000_000_000;
const PIECE: usize = 256 * 1024;

/// What the process may grow by while a gigabyte passes: buffers of two connections, many times over, and
/// whatever other tests do meanwhile.
const GROWTH_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Bytes of memory in use; `None` where the system does not say it in this way.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Watches memory while a stream passes.
struct Watch {
    before: Option<usize>,
    most: usize,
}

impl Watch {
    fn begin() -> Self {
        Self { before: resident_bytes(), most: 0 }
    }

    fn look(&mut self) {
        if let (Some(before), Some(now)) = (self.before, resident_bytes()) {
            self.most = self.most.max(now.saturating_sub(before));
        }
    }

    fn expect_constant(&self) {
        assert!(self.most < GROWTH_BYTES_MAX, "memory grew by {} MB", self.most / 1_000_000);
    }
}

/// Reads `count` bytes in pieces, and looks at the memory now and then.
fn receive(client: &mut Client, count: usize, watch: &mut Watch) -> usize {
    let mut piece = vec![0; PIECE];
    let (mut received, mut reads) = (0, 0_usize);
    while received < count {
        match client.read_into(&mut piece) {
            0 => break,
            read => received += read,
        }
        reads += 1;
        if reads.is_multiple_of(256) {
            watch.look();
        }
    }
    received
}

#[test]
fn a_gigabyte_comes_down_in_constant_memory() {
    let app = App::new(|mut client, _| {
        client.read_head();
        client.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {GIGABYTE}\r\n\r\n"));
        send_gigabyte(&mut client);
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let head = client.read_head().unwrap();
    assert_eq!(header(&head, "content-length"), Some("1000000000"));
    let mut watch = Watch::begin();
    assert_eq!(receive(&mut client, GIGABYTE, &mut watch), GIGABYTE);
    watch.expect_constant();
}

#[test]
fn a_gigabyte_goes_up_in_constant_memory() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        let mut watch = Watch::begin();
        let received = receive(&mut client, GIGABYTE, &mut watch);
        client.send("HTTP/1.1 204 No Content\r\n\r\n");
        watch.expect_constant();
        let _ = tell.send(received.to_string());
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {GIGABYTE}\r\n\r\n"));
    send_gigabyte(&mut client);
    assert_eq!(status(&client.read_head().unwrap()), 204);
    assert_eq!(app.next(), GIGABYTE.to_string());
}

fn send_gigabyte(client: &mut Client) {
    let piece = vec![b'x'; PIECE];
    let mut left = GIGABYTE;
    while left > 0 {
        let count = left.min(PIECE);
        if !client.send(&piece[..count]) {
            return;
        }
        left -= count;
    }
}

#[test]
fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(status(&client.read_head().unwrap()), 100);
    client.send("hello");
    assert!(client.read_answer().ends_with("ok"));
    assert_eq!(header(&app.next(), "expect"), None);
}

#[test]
fn pieces_of_an_answer_arrive_while_it_is_still_being_made() {
    let app = App::new(|mut client, tell| {
        client.read_head();
        client.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\n");
        // The second piece is only sent when the first one has arrived.
        client.wait_for_end();
        let _ = tell.send("done".to_owned());
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    client.read_head().unwrap();
    assert!(String::from_utf8_lossy(&client.read_exactly(16)).contains("data: one"));
    drop(client);
    assert_eq!(app.next(), "done");
}

#[test]
fn whoever_is_refused_is_never_asked_for_a_body() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let front = Front::with(
        &app,
        "",
        "[[routes]]\npath = \"/in\"\nmethods = [\"POST\"]\nguard = \"session\"\nkind = \"api\"\n",
    );
    for path in ["/in", "/nowhere"] {
        let mut client = front.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"));
        let head = client.read_head().unwrap();
        assert!([401, 404].contains(&status(&head)), "the first word is the refusal: {head}");
    }
    assert!(app.heard_nothing());
}

#[test]
fn ranges_and_compression_are_between_the_client_and_the_app() {
    let app = App::answering(
        "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-4/10\r\naccept-ranges: bytes\r\netag: \"v1\"\r\n\
         content-encoding: gzip\r\nvary: accept-encoding\r\ncontent-length: 5\r\n\r\nzippy",
    );
    let front = Front::new(&app);
    let answer = front.tell(
        "GET / HTTP/1.1\r\nhost: a\r\nrange: bytes=0-4\r\nif-range: \"v1\"\r\naccept-encoding: gzip, br\r\nconnection: close\r\n\r\n",
    );
    let asked = app.next();
    for (name, value) in [("range", "bytes=0-4"), ("if-range", "\"v1\""), ("accept-encoding", "gzip, br")] {
        assert_eq!(header(&asked, name), Some(value));
    }
    assert_eq!(status(&answer), 206);
    for (name, value) in [
        ("content-range", "bytes 0-4/10"),
        ("accept-ranges", "bytes"),
        ("etag", "\"v1\""),
        ("content-encoding", "gzip"),
        ("vary", "accept-encoding"),
        ("content-length", "5"),
    ] {
        assert_eq!(header(&answer, name), Some(value), "{answer}");
    }
    assert!(answer.ends_with("\r\n\r\nzippy"), "{answer}");
}

/// A chunked message with trailers, of which one may pass.
const TRAILED: &str = "5\r\nhello\r\n0\r\nx-sum: 5\r\ntenantry-identity: forged\r\nset-cookie: a=b\r\n\r\n";
const ANNOUNCED: &str = "trailer: X-Sum, tenantry-identity, set-cookie\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn announced_trailers_go_up_without_what_a_client_may_not_say() {
    let app = App::new(|mut client, tell| {
        let mut said = client.read_head().unwrap();
        while !said.ends_with("\r\n\r\n") || !said.contains("\r\n0\r\n") {
            said.push_str(&String::from_utf8(client.read_exactly(1)).unwrap());
        }
        let _ = tell.send(said);
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{ANNOUNCED}{TRAILED}"));
    assert_eq!(status(&client.read_answer()), 200);
    let said = app.next();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(header(head, "trailer"), Some("x-sum"));
    assert_eq!(body, "5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n");
}

#[test]
fn trailers_come_down_to_whoever_takes_them_without_what_an_app_may_not_say() {
    let app = App::new(|mut client, _| {
        while client.read_head().is_some() {
            client.send(format!("HTTP/1.1 200 OK\r\n{ANNOUNCED}{TRAILED}"));
        }
    });
    let front = Front::new(&app);
    let ask = |te: &str| front.tell(format!("GET / HTTP/1.1\r\nhost: a\r\n{te}connection: close\r\n\r\n"));
    let answer = ask("te: trailers\r\n");
    assert_eq!(header(&answer, "trailer"), Some("x-sum"));
    assert!(answer.ends_with("\r\n0\r\nx-sum: 5\r\n\r\n"), "{answer}");
    let answer = ask("");
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "nobody asked for them: {answer}");
}
