//! One line a request, with nothing that tells who it was for longer than needed.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tenantry_core::address::push_address;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_core::mask::mask;
use tracing::Event;
use tracing::field::{Field, Visit};
use uuid::fmt::Hyphenated;

use super::fields::{push_quoted, shortened, shown_id};
use super::line::push_head;

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// `x-request-id`.
    pub request_id: &'a str,
    /// The client's address; its last part is not logged.
    pub ip: IpAddr,
    /// `GET`
    pub method: &'a str,
    /// As asked for.
    pub host: &'a str,
    /// Path and query; the query is not logged, the path is masked.
    pub target: &'a str,
    /// Of the answer.
    pub status: u16,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
    /// Whose request it was, once known.
    pub tenant: Option<TenantId>,
    /// `session`, `api_key`, `anonymous`, …
    pub actor: &'static str,
    /// The trace that it belongs to, where requests are traced.
    pub trace_id: Option<&'a str>,
    /// Of a WebSocket, at its end.
    pub tunnel: Option<Tunnel>,
}

/// What passed after a switch of protocols.
#[derive(Clone, Copy, Debug)]
pub struct Tunnel {
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// `closed`, `idle`, `revoked`, …
    pub ended: &'static str,
}

impl Access<'_> {
    /// Logs it.
    pub fn log(&self) {
        // A name of the macro's own cannot be a constant.
        tracing::info!(target: "access", request_id = self.request_id, members = self.members(), "request");
    }

    /// The members of the line's `fields`, as JSON, without the braces. There is a line for each request, so it is written
    /// down in one go.
    fn members(&self) -> String {
        let mut text = String::with_capacity(MEMBERS_BYTES);
        push_plain(&mut text, "ip", |text| push_address(text, cut(self.ip)));
        push_method(&mut text, self.method);
        push_masked(&mut text, "host", self.host);
        push_masked(&mut text, "path", self.target.split(['?', '#']).next().unwrap_or_default());
        push_number(&mut text, "status", self.status);
        push_number(&mut text, "duration_us", u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX));
        if let Some(tenant) = self.tenant {
            let mut digits = [0; Hyphenated::LENGTH];
            push_plain(&mut text, "tenant", |text| text.push_str(tenant.uuid().hyphenated().encode_lower(&mut digits)));
        }
        push_plain(&mut text, "actor", |text| text.push_str(self.actor));
        if let Some(trace_id) = self.trace_id {
            push_masked(&mut text, "trace_id", trace_id);
        }
        if let Some(Tunnel { received, sent, ended }) = self.tunnel {
            push_number(&mut text, "received", received);
            push_number(&mut text, "sent", sent);
            push_plain(&mut text, "ended", |text| text.push_str(ended));
        }
        text
    }
}

/// The line of a request, from the event that [`Access::log`] makes, in one go: there is one for each request.
pub(super) struct WholeLine(String);

impl WholeLine {
    pub(super) fn of(event: &Event<'_>, at: Timestamp) -> Vec<u8> {
        let mut text = String::with_capacity(LINE_BYTES);
        push_head(&mut text, at, *event.metadata().level(), (TARGET, MESSAGE));
        let mut line = Self(text);
        event.record(&mut line);
        line.0.push_str("}\n");
        line.0.into_bytes()
    }
}

impl Visit for WholeLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            MEMBERS => self.0.extend([r#","fields":{"#, value, "}"]),
            "request_id" => {
                self.0.push_str(r#","request_id":"#);
                push_quoted(&mut self.0, &shown_id(value));
            }
            _ => {}
        }
    }

    /// The message, which is always the same.
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// What lines of requests are called.
pub(super) const TARGET: &str = "access";
/// What they say.
const MESSAGE: &str = "request";
/// The one field that they have beside their request's name: what is in it is masked, and JSON, already.
pub(super) const MEMBERS: &str = "members";
/// The names in it.
pub(super) const NAMES: [&str; 12] = [
    "ip",
    "method",
    "host",
    "path",
    "status",
    "duration_us",
    "tenant",
    "actor",
    "trace_id",
    "received",
    "sent",
    "ended",
];
/// `OPTIONS` has seven.
const METHOD_CAPITALS: usize = 7;
/// What the members of most lines take.
const MEMBERS_BYTES: usize = 320;
/// The same with what stands around them.
const LINE_BYTES: usize = 512;

fn push_name(text: &mut String, name: &str) {
    text.push_str(if text.is_empty() { "\"" } else { ",\"" });
    text.push_str(name);
    text.push_str("\":");
}

/// A value of ours, of which every byte can stand in a JSON string.
fn push_plain(text: &mut String, name: &str, push: impl FnOnce(&mut String)) {
    push_name(text, name);
    text.push('"');
    push(text);
    text.push('"');
}

fn push_number(text: &mut String, name: &str, number: impl itoa::Integer) {
    push_name(text, name);
    text.push_str(itoa::Buffer::new().format(number));
}

/// A word of a few capitals hides nothing.
fn push_method(text: &mut String, method: &str) {
    if method.len() <= METHOD_CAPITALS && method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        push_plain(text, "method", |text| text.push_str(method));
    } else {
        push_masked(text, "method", method);
    }
}

fn push_masked(text: &mut String, name: &str, value: &str) {
    push_name(text, name);
    push_quoted(text, shortened(&mask(value)));
}

/// An address without what singles one household out: the /24, or the /48.
pub fn cut(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80).into(),
    }
}
