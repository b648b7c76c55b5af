//! Heads and chunked bodies before hyper sees them.

use proptest::prelude::*;
use tenantry_core::chunked::{ChunkFault, ChunkedScan, Progress};
use tenantry_core::head::{Framing, Head, HeadFault, Judgement, judge};

fn complete(bytes: &str) -> Head<'_> {
    match judge(bytes.as_bytes()) {
        Ok(Judgement::Complete(head)) => head,
        other => panic!("{bytes:?}: {other:?}"),
    }
}

fn fault(bytes: &str) -> HeadFault {
    judge(bytes.as_bytes()).expect_err(bytes)
}

fn with(header: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nHost: acme.example.com\r\n{header}\r\n\r\n")
}

#[test]
fn a_plain_head_tells_where_its_body_begins_and_how_it_ends() {
    let text = with("Content-Length: 003\r\nX_Y: 1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket");
    let head = complete(&text);
    assert_eq!(
        (head.method, head.target, head.host, head.len),
        ("POST", "/orders", Some("acme.example.com"), text.len())
    );
    assert_eq!(head.framing, Framing::Length(3));
    assert!(head.has_underscore_name && head.wants_upgrade && !head.expects_continue);
    assert_eq!(complete(&with("Transfer-Encoding: Chunked")).framing, Framing::Chunked);
    assert_eq!(complete("\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nrest").framing, Framing::None);
    assert_eq!(complete("GET / HTTP/1.0\r\n\r\n").host, None);
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let cases = [
        ("A: b\nContent-Length: 1", HeadFault::BareLineEnd),
        ("A: b\rC: d", HeadFault::BareLineEnd),
        ("A: b\r\n c", HeadFault::Folded),
        ("A : b", HeadFault::Name),
        (": b", HeadFault::Name),
        ("A\u{0}: b", HeadFault::Name),
        ("A: b\u{0}", HeadFault::Value),
        ("no colon", HeadFault::Name),
        ("Host: acme.example.com", HeadFault::Host),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked", HeadFault::TwoFramings),
        ("Content-Length: 1\r\nContent-Length: 1", HeadFault::ContentLength),
        ("Content-Length: +2", HeadFault::ContentLength),
        ("Content-Length: 2, 2", HeadFault::ContentLength),
        ("Content-Length:", HeadFault::ContentLength),
        ("Content-Length: 99999999999999999999", HeadFault::ContentLength),
        ("Transfer-Encoding: gzip, chunked", HeadFault::TransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", HeadFault::TransferEncoding),
        ("Transfer-Encoding: \u{b}chunked", HeadFault::Value),
        ("Transfer-Encoding: xchunked", HeadFault::TransferEncoding),
        ("Expect: 200-ok", HeadFault::Expectation),
    ];
    for (header, expected) in cases {
        assert_eq!(fault(&with(header)), expected, "{header}");
    }
}

#[test]
fn a_request_names_one_host_and_one_place() {
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", HeadFault::Host),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", HeadFault::Host),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HeadFault::Host),
        ("GET http://globex.example.com/ HTTP/1.1\r\nHost: acme.example.com\r\n\r\n", HeadFault::TwoHosts),
        ("GET http://acme.example.com:81/ HTTP/1.1\r\nHost: acme.example.com\r\n\r\n", HeadFault::TwoHosts),
        ("GET http://u@acme.example.com/ HTTP/1.1\r\nHost: acme.example.com\r\n\r\n", HeadFault::Target),
        ("GET ftp://acme.example.com/ HTTP/1.1\r\nHost: acme.example.com\r\n\r\n", HeadFault::Target),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::Target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::Target),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::RequestLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::RequestLine),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::RequestLine),
        ("GET /\r\n\r\n", HeadFault::RequestLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", HeadFault::Version),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::MethodNotAllowed),
        ("MKCOLA / HTTP/1.1\r\nHost: a\r\n\r\n", HeadFault::Method),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HeadFault::TwoFramings),
    ];
    for (head, expected) in cases {
        assert_eq!(fault(head), expected, "{head}");
    }
    let statuses =
        [HeadFault::MethodNotAllowed, HeadFault::Method, HeadFault::Version, HeadFault::Host].map(HeadFault::status);
    assert_eq!(statuses, [405, 501, 505, 400]);
    assert!(complete("GET HTTP://acme.example.com?a HTTP/1.1\r\nHost: ACME.example.com.:80\r\n\r\n").host.is_some());
}

#[test]
fn everything_has_a_limit() {
    let line = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(len));
    assert_eq!(
        (fault(&line(8_192)), fault(&line(8_192)[..8_200])),
        (HeadFault::TargetTooLong, HeadFault::TargetTooLong)
    );
    assert_eq!(fault(&with(&format!("A: {}", "b".repeat(8_192)))), HeadFault::TooLarge);
    assert_eq!(fault(&with(&vec!["A: b"; 100].join("\r\n"))), HeadFault::TooLarge);
    complete(&with(&vec!["A: b"; 99].join("\r\n")));
    assert_eq!(fault(&with(&vec![format!("A: {}", "b".repeat(4_000)); 9].join("\r\n"))), HeadFault::TooLarge);
}

proptest! {
    #[test]
    fn a_head_is_judged_alike_however_it_arrives(header in "[A-Za-z: \r\n\t,+0-9]{0,40}", cut in 0..80_usize) {
        let text = with(&header);
        let cut = cut.min(text.len());
        let whole = judge(text.as_bytes());
        match judge(&text.as_bytes()[..cut]) {
            Ok(Judgement::Incomplete) => {}
            part => prop_assert_eq!(part, whole, "a verdict before the end is the verdict"),
        }
    }

    #[test]
    fn no_byte_string_makes_the_judge_stumble(bytes: Vec<u8>) {
        if let Ok(Judgement::Complete(head)) = judge(&bytes) {
            prop_assert!(head.len <= bytes.len());
        }
        let _verdict = ChunkedScan::new().feed(&bytes);
    }

    #[test]
    fn chunks_end_where_they_should_however_they_arrive(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5), cut in 0..200_usize) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend(format!("{:X};a=\"b;\\\"\"\r\n", chunk.len()).bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(b"000\r\nX-Sum: 1\r\n\r\n");
        let end = body.len();
        body.extend(b"GET / HTTP/1.1\r\n");
        let cut = cut.min(end - 1);
        let mut scan = ChunkedScan::new();
        prop_assert_eq!(scan.feed(&body[..cut]), Ok(Progress::More));
        prop_assert_eq!(scan.feed(&body[cut..]), Ok(Progress::Done(end - cut)));
    }
}

#[test]
fn a_chunk_that_others_might_read_otherwise_is_refused() {
    let cases: [(&str, ChunkFault); 18] = [
        ("5\nhello\r\n0\r\n\r\n", ChunkFault::LineEnd),
        ("5\r\nhello\n0\r\n\r\n", ChunkFault::LineEnd),
        ("5\r\nhello!\r\n", ChunkFault::LineEnd),
        ("5\rhello\r\n", ChunkFault::LineEnd),
        ("0x5\r\n", ChunkFault::Size),
        ("+5\r\n", ChunkFault::Size),
        (" 5\r\n", ChunkFault::Size),
        ("5 \r\n", ChunkFault::Size),
        ("-1\r\n", ChunkFault::Size),
        ("\r\n", ChunkFault::Size),
        (";a\r\n", ChunkFault::Size),
        ("FFFFFFFFFFFFFFFF\r\n", ChunkFault::Size),
        ("2;\r\naa\r\n", ChunkFault::Extension),
        ("2;a=\r\n", ChunkFault::Extension),
        ("2;a\nb\r\n", ChunkFault::Extension),
        ("0\r\nContent-Length: 5\r\n\r\n", ChunkFault::Trailer),
        ("0\r\nA : b\r\n\r\n", ChunkFault::Trailer),
        ("0\r\nA: b\n\r\n", ChunkFault::Trailer),
    ];
    for (body, expected) in cases {
        assert_eq!(ChunkedScan::new().feed(body.as_bytes()), Err(expected), "{body:?}");
    }
    let endless = format!("1;{}\r\n", "a".repeat(5_000));
    assert_eq!(ChunkedScan::new().feed(endless.as_bytes()), Err(ChunkFault::Extension));
    let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(2_000));
    assert_eq!(ChunkedScan::new().feed(trailers.as_bytes()), Err(ChunkFault::Trailer));
}
