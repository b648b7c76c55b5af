//! The trace that a request belongs to (W3C Trace Context), and its spans.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_core::random::Entropy;
use uuid::Uuid;

use super::otlp::{number, text};
use super::{Telemetry, nanos, nanos_of};

/// Which trace, and which span in it.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Methods that a span names; others are one word (OpenTelemetry's conventions for HTTP).
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const SAMPLED: u8 = 1;

/// The place of a request in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: [u8; 16],
    parent: Option<[u8; 8]>,
    /// The request as we answer it.
    span: [u8; 8],
    /// The same as we ask the app.
    ask: [u8; 8],
    is_sampled: bool,
}

impl Telemetry {
    /// The trace of a request that comes in: a trusted proxy's, or a new one with the request's own id where that is a
    /// UUID, so that a request id finds its trace.
    pub fn trace(
        &self,
        headers: &HeaderMap,
        is_from_trusted: bool,
        id: &HeaderValue,
        entropy: &Entropy,
    ) -> Option<Trace> {
        let queues = self.0.as_ref().filter(|queues| queues.traces.is_some())?;
        let given = headers.get(TRACEPARENT).filter(|_| is_from_trusted).and_then(parse);
        let (id, parent, is_sampled) = match given {
            Some((id, parent, is_sampled)) => (id, Some(parent), is_sampled),
            None => {
                let known = id.to_str().ok().and_then(|id| Uuid::parse_str(id).ok());
                let id = known.map_or_else(|| entropy.bytes(), Uuid::into_bytes);
                (id, None, is_chosen(&id, queues.percent))
            }
        };
        Some(Trace { id, parent, span: entropy.bytes(), ask: entropy.bytes(), is_sampled })
    }
}

impl Trace {
    /// What the app is told.
    pub fn header(&self) -> HeaderValue {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        push_hex(&mut text, &self.id);
        text.push('-');
        push_hex(&mut text, &self.ask);
        text.push_str(if self.is_sampled { "-01" } else { "-00" });
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Whether its spans are kept.
    pub const fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Its id, as it is written.
    pub fn id(&self) -> String {
        let mut text = String::with_capacity(32);
        push_hex(&mut text, &self.id);
        text
    }
}

/// By the end of the id, which is chance: whoever decides by the same rule decides the same.
fn is_chosen(id: &[u8; 16], percent: u8) -> bool {
    let [.., a, b] = *id;
    u32::from(u16::from_be_bytes([a, b])) * 100 < u32::from(percent) << 16
}

/// `00-{32}-{16}-{2}`; a later version may say more behind it.
fn parse(value: &HeaderValue) -> Option<([u8; 16], [u8; 8], bool)> {
    let mut parts = value.to_str().ok()?.split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
    let (id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?);
    if version == "00" && parts.next().is_some() {
        return None;
    }
    let (id, parent, [flags]) = (bytes::<16>(id)?, bytes::<8>(parent)?, bytes::<1>(flags)?);
    let is_there = id != [0; 16] && parent != [0; 8];
    is_there.then_some((id, parent, flags & SAMPLED != 0))
}

/// An id as it is written.
pub(super) fn id(text: &str) -> Option<Vec<u8>> {
    bytes::<16>(text).map(|id| id.to_vec())
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.bytes().map(digit).collect();
    let pairs: Vec<u8> = digits?.chunks(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
    (text.len() == 2 * N).then(|| pairs.try_into().ok())?
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// A request that was answered, as far as a span may say.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where it belongs.
    pub trace: Trace,
    /// `x-request-id`.
    pub id: &'a str,
    /// As it was said.
    pub method: &'a str,
    /// The pattern of its route; empty without one.
    pub route: &'a str,
    /// Of the answer.
    pub status: u16,
    /// What came of it.
    pub outcome: &'static str,
    /// Whose it was, once known.
    pub tenant: Option<TenantId>,
    /// When the answer's head was there.
    pub ended: Timestamp,
    /// From the head of the request to then.
    pub took: Duration,
    /// When the app was asked after the head of the request, and how long it took.
    pub asked: Option<(Duration, Duration)>,
}

impl Request<'_> {
    /// Its own span, and that of the app's part.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        let began = nanos(self.ended).saturating_sub(nanos_of(self.took));
        let asked = self.asked.map(|(after, took)| self.ask(began + nanos_of(after), nanos_of(took)));
        [self.own(began)].into_iter().chain(asked)
    }

    fn own(&self, began: u64) -> Span {
        Span {
            span_id: self.trace.span.to_vec(),
            parent_span_id: self.trace.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
            name: [self.method_word(), self.route].join(" ").trim_end().to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: began,
            end_time_unix_nano: nanos(self.ended),
            attributes: self.attributes(),
            status: self.failure(),
            ..self.blank()
        }
    }

    fn ask(&self, began: u64, took: u64) -> Span {
        Span {
            span_id: self.trace.ask.to_vec(),
            parent_span_id: self.trace.span.to_vec(),
            name: self.method_word().to_owned(),
            kind: SpanKind::Client.into(),
            start_time_unix_nano: began,
            end_time_unix_nano: began.saturating_add(took),
            attributes: vec![text("http.request.method", self.method_word())],
            ..self.blank()
        }
    }

    fn blank(&self) -> Span {
        Span { trace_id: self.trace.id.to_vec(), flags: u32::from(SAMPLED), ..Span::default() }
    }

    fn attributes(&self) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
        let mut all = vec![
            text("http.request.method", self.method_word()),
            number("http.response.status_code", self.status.into()),
            text("tenantry.request_id", self.id),
            text("tenantry.outcome", self.outcome),
        ];
        if !self.route.is_empty() {
            all.push(text("http.route", self.route));
        }
        if let Some(tenant) = self.tenant {
            all.push(text("tenantry.tenant", &tenant.to_string()));
        }
        all
    }

    fn method_word(&self) -> &'static str {
        METHODS.into_iter().find(|word| *word == self.method).unwrap_or("_OTHER")
    }

    fn failure(&self) -> Option<Status> {
        (self.status >= 500).then(|| Status { message: String::new(), code: StatusCode::Error.into() })
    }
}
