//! A trusted peer's word about the client, before anything else: the PROXY protocol, version 2.

use std::sync::mpsc::{Receiver, channel};

use tenantry_core::random::Entropy;
use tenantry_edge::gateway::{Body, Gateway, Peer, start};
use tenantry_platform::metrics::{Metrics, Unread};

use crate::kit::{Client, clock, config, status};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
/// 192.0.2.7, port 12345.
const CLIENT: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x30\x39\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A gateway that tells who asked.
fn telling(trusted: &str) -> (Gateway, Receiver<String>, Metrics) {
    let mut config = config("[listen]\nthreads = 1\nhead_timeout_ms = 200\n");
    config.listen.proxy_protocol = true;
    config.listen.trusted_proxies = vec![trusted.parse().unwrap()];
    let ((tell, told), metrics) = (channel(), Metrics::default());
    let gateway = start(&config.listen, Vec::new(), &clock(), &Entropy::seeded(1), &metrics, move || {
        let tell = tell.clone();
        move |_, peer: Peer| {
            let _ = tell.send(peer.address.to_string());
            std::future::ready(http::Response::new(Body::empty()))
        }
    });
    (gateway.unwrap(), told, metrics)
}

fn said(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut client = Client::to(gateway.address());
    client.send(bytes);
    client.read_to_end()
}

#[test]
fn the_client_is_whom_a_trusted_proxy_names() {
    let (gateway, told, _) = telling("127.0.0.0/8");
    assert_eq!(status(&said(&gateway, &[CLIENT, GET].concat())), 200);
    assert_eq!(told.recv().unwrap(), "192.0.2.7:12345");
    assert_eq!(status(&said(&gateway, &[LOCAL, GET].concat())), 200);
    assert!(told.recv().unwrap().starts_with("127.0.0.1:"), "the proxy's own question");
}

#[test]
fn without_a_whole_header_of_version_2_the_connection_is_closed() {
    let (gateway, told, metrics) = telling("127.0.0.0/8");
    for bytes in [
        GET.to_vec(),
        [b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n", GET].concat(),
        [&CLIENT[..12], b"\x11\x11\0\x0c", &CLIENT[16..], GET].concat(),
        CLIENT[..20].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(said(&gateway, &bytes), "", "{}", bytes.escape_ascii());
    }
    drop(gateway);
    assert!(told.try_recv().is_err(), "nothing was asked");
    let unread = |word| metrics.unread.of(word).total();
    // A client may see the end of its connection before it is counted.
    let (all, began) = (|| unread(Unread::Proxy) + unread(Unread::Slow), std::time::Instant::now());
    while all() < 5 && began.elapsed() < std::time::Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert_eq!((all(), unread(Unread::Handshake)), (5, 0), "each is counted");
}

#[test]
fn nobody_else_is_heard_for_others() {
    let (gateway, told, _) = telling("10.0.0.0/8");
    assert_eq!(said(&gateway, &[CLIENT, GET].concat()), "");
    assert!(told.try_recv().is_err());
    assert_eq!(status(&said(&gateway, &[LOCAL, GET].concat())), 200, "this machine's own programs");
}
