//! The handshake of a WebSocket (RFC 6455, section 4), judged on both sides before a byte passes.
//!
//! What the client asks for and what the app grants are the only things that pass: a switch to any other
//! protocol would open a tunnel whose bytes nobody here has judged.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Version};
use http_body::Body;
use tenantry_platform::problem::{Kind, Problem};

/// What the app's answer proves that it read the key (RFC 6455, section 1.3).
const PROOF: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The key is a random number of this size.
const KEY_BYTES: usize = 16;
/// The one version there is (RFC 6455, section 4.1).
const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const KEY: HeaderName = header::SEC_WEBSOCKET_KEY;

/// A client's wish for a WebSocket, in good order.
#[derive(Clone, Debug)]
pub struct Handshake {
    key: HeaderValue,
    protocols: Vec<String>,
    extensions: Vec<String>,
}

/// Why the app's 101 is not an answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unasked {
    #[error("it switched to something else than one WebSocket")]
    Protocol,
    #[error("Sec-WebSocket-Accept is not made from the key that was sent")]
    Proof,
    #[error("it chose a subprotocol or an extension that was not offered")]
    Choice,
}

impl Handshake {
    /// The wish of a request, if it has one. Offers of `h2c` are ignored, as they may be (RFC 9110, section 7.8):
    /// some clients make one with every request.
    ///
    /// # Errors
    /// 501 for any other protocol, 400 for a handshake that is not one.
    pub fn read<B: Body>(request: &Request<B>) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let offers: Vec<String> = words(headers, &header::UPGRADE).filter(|offer| offer != "h2c").collect();
        match offers.as_slice() {
            [] => Ok(None),
            [one] if one == "websocket" => Self::judge(request).map(Some),
            _ => Err(Problem::new(
                Kind::NotImplemented,
                "This gateway passes HTTP and WebSockets alone. Offer no other protocol in `Upgrade`.",
            )),
        }
    }

    fn judge<B: Body>(request: &Request<B>) -> Result<Self, Problem> {
        let headers = request.headers();
        if *request.method() != Method::GET || request.version() != Version::HTTP_11 || !request.body().is_end_stream()
        {
            return Err(malformed("A WebSocket begins with a GET by HTTP/1.1 without a body."));
        }
        if !words(headers, &header::CONNECTION).any(|word| word == "upgrade") {
            return Err(malformed("A WebSocket needs `Connection: Upgrade` beside its `Upgrade` header."));
        }
        if one(headers, &header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(malformed("Send `Sec-WebSocket-Version: 13` once; no other version is spoken here."));
        }
        let key = one(headers, &KEY).filter(|key| is_key(key)).cloned();
        let key = key.ok_or_else(|| malformed("`Sec-WebSocket-Key` must be there once, with 16 bytes in base64."))?;
        let protocols = words_as_they_are(headers, &header::SEC_WEBSOCKET_PROTOCOL).collect();
        let extensions = words(headers, &header::SEC_WEBSOCKET_EXTENSIONS).map(bare).collect();
        Ok(Self { key, protocols, extensions })
    }

    /// Asks the app for it: what the rules for requests removed as hop-by-hop, said anew.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
        headers.insert(KEY, self.key.clone());
        headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    }

    /// Judges the app's 101.
    pub(super) fn check(&self, answer: &HeaderMap) -> Result<(), Unasked> {
        let mut switched = words(answer, &header::UPGRADE);
        let is_websocket = switched.next().is_some_and(|word| word == "websocket") && switched.next().is_none();
        if !is_websocket || !words(answer, &header::CONNECTION).any(|word| word == "upgrade") {
            return Err(Unasked::Protocol);
        }
        if one(answer, &header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes) != Some(self.proof().as_bytes()) {
            return Err(Unasked::Proof);
        }
        let protocols: Vec<String> = words_as_they_are(answer, &header::SEC_WEBSOCKET_PROTOCOL).collect();
        let is_offered = protocols.len() <= 1 && protocols.iter().all(|chosen| self.protocols.contains(chosen));
        let mut extensions = words(answer, &header::SEC_WEBSOCKET_EXTENSIONS).map(bare);
        if is_offered && extensions.all(|chosen| self.extensions.contains(&chosen)) {
            Ok(())
        } else {
            Err(Unasked::Choice)
        }
    }

    /// Says in the client's answer what the rules for answers removed as hop-by-hop.
    pub(super) fn grant(answer: &mut HeaderMap) {
        answer.insert(header::CONNECTION, UPGRADE);
        answer.insert(header::UPGRADE, WEBSOCKET);
        // A 101 has no body, whatever the app says about one (RFC 9110, section 15.2).
        answer.remove(header::CONTENT_LENGTH);
    }

    fn proof(&self) -> String {
        let text = [self.key.as_bytes(), PROOF].concat();
        STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(Kind::Malformed, detail).code("websocket_handshake")
}

fn is_key(key: &HeaderValue) -> bool {
    STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// The one value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The words of a list in a header, in small letters.
fn words(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    words_as_they_are(headers, name).map(|word| word.to_ascii_lowercase())
}

fn words_as_they_are(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let values = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    values.map(|word| String::from_utf8_lossy(word.trim_ascii()).into_owned()).filter(|word| !word.is_empty())
}

/// An extension without its parameters.
fn bare(extension: String) -> String {
    extension.split(';').next().unwrap_or_default().trim().to_owned()
}
