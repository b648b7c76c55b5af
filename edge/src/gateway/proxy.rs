//! The PROXY protocol, version 2, by which a trusted peer says who the client is.
//!
//! Version 1 is refused: it is text without a length, and a client that reaches us could begin a request so.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// `\r\n\r\n\0\r\nQUIT\n`
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// Addresses and what proxies add to them, certificates among it.
const REST_BYTES_MAX: usize = 4096;

/// Reads one header, and not a byte behind it. `None`: the proxy speaks for itself, as for a health check.
///
/// # Errors
/// It is missing, malformed, too long, or of another version.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; FIXED_BYTES];
    stream.read_exact(&mut fixed).await?;
    let length = length(&fixed).ok_or_else(malformed)?;
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    source(fixed[12], fixed[13], &rest).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the connection does not begin with a PROXY header, version 2")
}

fn length(fixed: &[u8; FIXED_BYTES]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    (fixed.starts_with(&SIGNATURE) && length <= REST_BYTES_MAX).then_some(length)
}

/// The client, by command and family. What is behind the addresses is not looked at.
fn source(command: u8, family: u8, rest: &[u8]) -> Option<Option<SocketAddr>> {
    match (command, family) {
        // LOCAL: the proxy's own connection, whatever it says about addresses.
        (0x20, _) => Some(None),
        // PROXY, over TCP by IPv4 and IPv6. Anything else is no client of HTTP.
        (0x21, 0x11) => {
            let [ip, _to, ports] = [rest.get(0..4)?, rest.get(4..8)?, rest.get(8..12)?];
            let ip = Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?);
            Some(Some(SocketAddr::new(ip.into(), port(ports)?)))
        }
        (0x21, 0x21) => {
            let [ip, _to, ports] = [rest.get(0..16)?, rest.get(16..32)?, rest.get(32..36)?];
            let ip = Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?);
            Some(Some(SocketAddr::new(IpAddr::from(ip).to_canonical(), port(ports)?)))
        }
        _ => None,
    }
}

fn port(ports: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*ports.first()?, *ports.get(1)?]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn read_now(mut bytes: &[u8]) -> (Option<Option<SocketAddr>>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(read(&mut bytes));
        (read.ok(), bytes.len())
    }

    #[test]
    fn the_client_is_read_and_nothing_behind_the_header() {
        let v4 = header(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb, 3, 0, 1, 9]);
        assert_eq!(read_now(&[&v4[..], b"GET /"].concat()), (Some(Some("192.0.2.7:12345".parse().unwrap())), 5));
        let client: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let v6 = header(0x21, 0x21, &[&client.octets()[..], &[0; 16], &[0x30, 0x39, 0x01, 0xbb]].concat());
        assert_eq!(read_now(&v6), (Some(Some("[2001:db8::7]:12345".parse().unwrap())), 0));
        assert_eq!(read_now(&header(0x20, 0, &[1, 2, 3])), (Some(None), 0));
    }

    #[test]
    fn anything_else_is_refused() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];
        for bytes in [
            header(0x11, 0x11, &v4),
            header(0x22, 0x11, &v4),
            header(0x21, 0x12, &v4),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x00, &[]),
            header(0x21, 0x11, &v4[..11]),
            header(0x21, 0x21, &v4),
            header(0x21, 0x11, &[0; REST_BYTES_MAX + 1]),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\nGET / HTTP/1.1\r\n".to_vec(),
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            header(0x21, 0x11, &v4)[..20].to_vec(),
        ] {
            assert_eq!(read_now(&bytes).0, None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(command: u8, family: u8, rest in prop::collection::vec(any::<u8>(), 0..100)) {
            read_now(&header(command, family, &rest));
        }
    }
}
