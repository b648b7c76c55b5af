//! What the app sees of a request and what a browser sees of the app's answer (docs/app-contract.md).
//!
//! Pure: every line of the contract is a function over headers. The order matters where a client could
//! use one line against another: first all that a client may not say is removed, then ours is added.

use std::net::IpAddr;

use bytes::BytesMut;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tenantry_core::address::push_address;

/// Signed facts about the caller: the one header that an app must verify.
pub const IDENTITY: HeaderName = HeaderName::from_static("tenantry-identity");
/// The nonce of this answer's policy, for apps that write their own script tags.
pub const CSP_NONCE: HeaderName = HeaderName::from_static("tenantry-csp-nonce");
/// One request's name in every log [OBS-1].
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Names that only Tenantry may say, to the app and to the browser.
const OUR_NAMES: &str = "tenantry-";
/// Our cookies. All of them are host-only and secure, which browsers enforce by the first part of the name.
pub const OUR_COOKIES: &str = "__Host-tenantry";

/// Headers that a client may not say to the app.
fn is_not_the_clients(name: &str) -> bool {
    match name {
        // How the request came is for us to say; and who it came from, in the words of other proxies.
        "forwarded"
        | "x-real-ip"
        | "x-request-id"
        | "x-client-ip"
        | "x-cluster-client-ip"
        | "true-client-ip"
        | "cf-connecting-ip"
        | "fastly-client-ip"
        | "x-original-forwarded-for"
        | "x-original-host"
        | "x-host" => true,
        // Some apps would serve another path or method than the one that the guard judged.
        "x-original-url"
        | "x-original-uri"
        | "x-rewrite-url"
        | "x-http-method"
        | "x-http-method-override"
        | "x-method-override" => true,
        // CGI would take it for the variable HTTP_PROXY.
        "proxy" => true,
        // Answered on this side: the body is asked for when it is read.
        "expect" => true,
        _ => {
            // Some apps read `_` as `-`, so that such a name could stand for any of these.
            is_hop_by_hop(name) || name.starts_with(OUR_NAMES) || name.starts_with("x-forwarded") || name.contains('_')
        }
    }
}

/// The same for whoever is no trusted proxy: which trace a request belongs to is not theirs to say either (W3C Trace
/// Context).
fn is_not_a_strangers(name: &str) -> bool {
    matches!(name, "traceparent" | "tracestate") || is_not_the_clients(name)
}

/// Headers that an app may not say to a browser: ours, those that reach beyond the app, and a way around us.
fn is_not_the_apps(name: &str) -> bool {
    match name {
        "clear-site-data" | "service-worker-allowed" | "alt-svc" | "x-request-id" => true,
        _ => is_hop_by_hop(name) || name.starts_with(OUR_NAMES),
    }
}

/// Headers about one connection and not about the message (RFC 9110, section 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Fields that decide how a message is read, routed or believed: too late behind its body (RFC 9110, section 6.5.1).
fn is_too_late(name: &str) -> bool {
    const FAMILIES: [&str; 8] =
        ["content-", "if-", "access-control-", "cross-origin-", "sec-", "strict-", "x-frame-", "x-content-"];
    let is_one = matches!(
        name,
        "host"
            | "authorization"
            | "cookie"
            | "set-cookie"
            | "cache-control"
            | "age"
            | "expires"
            | "date"
            | "vary"
            | "etag"
            | "location"
            | "origin"
            | "range"
            | "referrer-policy"
            | "permissions-policy"
            | "retry-after"
            | "www-authenticate"
    );
    is_one || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn is_no_trailer_of_clients(name: &str) -> bool {
    is_not_a_strangers(name) || is_too_late(name)
}

fn is_no_trailer_of_apps(name: &str) -> bool {
    is_not_the_apps(name) || is_too_late(name)
}

/// Conditions under which an app answers "as before". Those that guard a change are not among them.
const CONDITIONS: [HeaderName; 3] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_RANGE];

/// Headers that frame a message or name its target: no `Connection` may talk them away.
const NEVER_HOP_BY_HOP: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// What the guard took from the request, so that the app never sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consumed {
    /// Nothing but perhaps our cookies, which never pass.
    #[default]
    Nothing,
    /// The `Authorization` header.
    Authorization,
}

/// How a request came to us.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The client, after trusted proxies were walked.
    pub client: IpAddr,
    /// As the browser sees it: also true behind a trusted proxy that ends TLS.
    pub is_https: bool,
    /// The host as the browser sent it, with its port if it named one.
    pub host: &'a str,
}

impl Way<'_> {
    const fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// The port that the browser connected to: named, or the scheme's own.
    fn port(&self) -> u16 {
        let named = self.host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        named.unwrap_or(if self.is_https { 443 } else { 80 })
    }
}

/// Removes what the app must not believe or must not see.
pub fn strip_request(headers: &mut HeaderMap, consumed: &Consumed, is_from_trusted: bool) {
    remove_named_in_connection(headers);
    remove_names(headers, if is_from_trusted { is_not_the_clients } else { is_not_a_strangers });
    match consumed {
        Consumed::Nothing => {}
        Consumed::Authorization => drop(headers.remove(header::AUTHORIZATION)),
    }
    remove_our_cookies(headers);
}

/// Says how the request came: `Host` as the browser sent it, the client, the scheme, the port.
///
/// # Errors
/// The host has bytes that no header can carry; such a request never came through the front.
pub fn describe_way(headers: &mut HeaderMap, way: Way<'_>) -> Result<(), header::InvalidHeaderValue> {
    let host = HeaderValue::from_str(way.host)?;
    let client = printed(way.client);
    headers.insert(header::FORWARDED, forwarded(way)?);
    headers.insert(FORWARDED_FOR, client.clone());
    headers.insert(REAL_IP, client);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(way.scheme()));
    headers.insert(FORWARDED_PORT, port(way.port()));
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(header::HOST, host);
    Ok(())
}

/// Most are one of the two that have no name in an address.
fn port(number: u16) -> HeaderValue {
    match number {
        443 => HeaderValue::from_static("443"),
        80 => HeaderValue::from_static("80"),
        number => HeaderValue::from(number),
    }
}

/// Takes away the conditions under which a page would not be sent anew: a 304 would revive an old nonce.
pub fn strip_conditions(method: &Method, headers: &mut HeaderMap) {
    if matches!(*method, Method::GET | Method::HEAD) {
        remove_all(headers, &CONDITIONS);
    }
}

/// Removes what an app may not say to a browser.
pub fn strip_answer(headers: &mut HeaderMap) {
    remove_named_in_connection(headers);
    remove_names(headers, is_not_the_apps);
    remove_foreign_cookies(headers);
}

/// The trailers that a client announces and may say: for the request's `Trailer`, once everything of one connection
/// is removed.
pub fn announced_by_client(headers: &HeaderMap) -> Option<HeaderValue> {
    announced(headers, is_no_trailer_of_clients)
}

/// The same of an app.
pub fn announced_by_app(headers: &HeaderMap) -> Option<HeaderValue> {
    announced(headers, is_no_trailer_of_apps)
}

/// Removes from a request's trailers what the app must not believe.
pub fn strip_request_trailers(trailers: &mut HeaderMap) {
    remove_names(trailers, is_no_trailer_of_clients);
}

/// Removes from an answer's trailers what an app may not say to a browser.
pub fn strip_answer_trailers(trailers: &mut HeaderMap) {
    remove_names(trailers, is_no_trailer_of_apps);
}

fn announced(headers: &HeaderMap, is_unwanted: fn(&str) -> bool) -> Option<HeaderValue> {
    let names = headers.get_all(header::TRAILER).iter().flat_map(names_in);
    let kept: Vec<String> = names.map(|name| name.as_str().to_owned()).filter(|name| !is_unwanted(name)).collect();
    // Names joined by commas are a value.
    HeaderValue::try_from(kept.join(", ")).ok().filter(|names| !names.is_empty())
}

/// A guarded answer is for one person: no cache may keep it unless the app said otherwise.
pub fn keep_private(headers: &mut HeaderMap) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
}

/// An answer with a nonce must never be served twice.
pub fn forbid_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.remove(header::ETAG);
    headers.remove(header::LAST_MODIFIED);
}

fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

/// One look at each name: few of many possible ones are there.
fn remove_names(headers: &mut HeaderMap, is_unwanted: fn(&str) -> bool) {
    let unwanted = headers.keys().filter(|name| is_unwanted(name.as_str())).cloned();
    let unwanted: SmallVec<[HeaderName; 4]> = unwanted.collect();
    remove_all(headers, &unwanted);
}

fn remove_named_in_connection(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().flat_map(names_in);
    let named: SmallVec<[HeaderName; 4]> = named.collect();
    remove_all(headers, &named);
}

/// The names listed in a `Connection` header, but for those that it has no say about.
fn names_in(value: &HeaderValue) -> impl Iterator<Item = HeaderName> + use<'_> {
    let names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    names.filter_map(|name| HeaderName::from_bytes(name).ok()).filter(|name| !NEVER_HOP_BY_HOP.contains(name))
}

fn remove_our_cookies(headers: &mut HeaderMap) {
    let has_ours = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), OUR_COOKIES.as_bytes()).is_some();
    if !headers.get_all(header::COOKIE).iter().any(has_ours) {
        return;
    }
    let left: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(without_ours).collect();
    headers.remove(header::COOKIE);
    for value in left {
        headers.append(header::COOKIE, value);
    }
}

/// A `Cookie` header without our cookies; nothing when none is left.
fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let mut left = BytesMut::with_capacity(value.len());
    for pair in value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
        if pair.is_empty() || pair.starts_with(OUR_COOKIES.as_bytes()) {
            continue;
        }
        if !left.is_empty() {
            left.extend_from_slice(b"; ");
        }
        left.extend_from_slice(pair);
    }
    // Parts of a valid value are valid; if that were ever wrong, no cookie passes.
    HeaderValue::from_maybe_shared(left.freeze()).ok().filter(|value| !value.is_empty())
}

/// Cookies with our names, and cookies for a whole domain, which another tenant's host would receive.
fn remove_foreign_cookies(headers: &mut HeaderMap) {
    let is_foreign = |value: &HeaderValue| is_ours(value.as_bytes()) || has_domain(value.as_bytes());
    if !headers.get_all(header::SET_COOKIE).iter().any(is_foreign) {
        return;
    }
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let left: Vec<HeaderValue> = cookies.filter(|value| !is_foreign(value)).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in left {
        headers.append(header::SET_COOKIE, value);
    }
}

/// By RFC 6265bis a browser compares the prefix of a cookie's name without regard to case.
fn is_ours(cookie: &[u8]) -> bool {
    let name = cookie.trim_ascii_start();
    name.get(..OUR_COOKIES.len()).is_some_and(|start| start.eq_ignore_ascii_case(OUR_COOKIES.as_bytes()))
}

fn has_domain(cookie: &[u8]) -> bool {
    let mut attributes = cookie.split(|byte| *byte == b';').skip(1);
    attributes.any(|attribute| {
        let name = attribute.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    })
}

fn printed(address: IpAddr) -> HeaderValue {
    let mut text = String::with_capacity(39);
    push_address(&mut text, address);
    // An address has only digits, dots, colons and letters.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// RFC 7239: an IPv6 address in brackets, and whatever has a colon in quotes.
fn forwarded(way: Way<'_>) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut text = String::with_capacity(48 + way.host.len());
    let (before, after) = if way.client.is_ipv6() { ("for=\"[", "]\"") } else { ("for=", "") };
    text.push_str(before);
    push_address(&mut text, way.client);
    for part in [after, ";host=\"", way.host, "\";proto=", way.scheme()] {
        text.push_str(part);
    }
    HeaderValue::from_str(&text)
}
