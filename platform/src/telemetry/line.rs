//! A line of the log as OTLP carries it.

use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use serde_json::Value;
use tracing::Level;

use super::otlp::{attribute, text, words};
use super::{nanos, trace};
use crate::log::Line;

/// The field that names a line's trace.
const TRACE_ID: &str = "trace_id";

/// Everything in a line is masked already.
pub(super) fn record(line: &Line) -> LogRecord {
    let (at, severity) = (nanos(line.at), severity(line.level));
    let mut attributes = vec![text("target", line.target)];
    attributes.extend(line.fields.request_id.as_deref().map(|id| text("request_id", id)));
    let around = line.spans.iter().rev().flat_map(|span| &span.values);
    // Each value is JSON.
    let values = around.chain(&line.fields.values);
    attributes.extend(values.map(|(name, json)| attribute(name, serde_json::from_str(json).unwrap_or(Value::Null))));
    let trace_id = line.fields.values.iter().find(|(name, _)| *name == TRACE_ID);
    LogRecord {
        trace_id: trace_id.and_then(|(_, json)| trace::id(json.trim_matches('"'))).unwrap_or_default(),
        time_unix_nano: at,
        observed_time_unix_nano: at,
        severity_number: severity.into(),
        severity_text: line.level.as_str().to_owned(),
        body: Some(words(&line.fields.message)),
        attributes,
        ..LogRecord::default()
    }
}

const fn severity(level: Level) -> SeverityNumber {
    match level {
        Level::ERROR => SeverityNumber::Error,
        Level::WARN => SeverityNumber::Warn,
        Level::INFO => SeverityNumber::Info,
        Level::DEBUG => SeverityNumber::Debug,
        Level::TRACE => SeverityNumber::Trace,
    }
}
