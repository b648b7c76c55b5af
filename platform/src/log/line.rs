//! A line, for machines or for a person. Everything in it is masked already.

use std::fmt::Write as _;

use tenantry_core::clock::Timestamp;
use tracing::Level;

use super::Style;
use super::fields::{Fields, push_quoted};

/// What a line takes beside what it says.
const LINE_BYTES: usize = 192;

/// An event on its way out.
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) fields: Fields,
    /// Innermost first.
    pub(crate) spans: Vec<Span>,
}

/// A span around it.
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<(&'static str, String)>,
}

impl Line {
    /// The line with its end.
    pub(super) fn render(&self, style: Style) -> Vec<u8> {
        let mut text = match style {
            Style::Json => self.json(),
            Style::Terminal => self.terminal(),
        };
        text.push('\n');
        text.into_bytes()
    }

    fn json(&self) -> String {
        let mut text = String::with_capacity(LINE_BYTES + self.fields.members.len());
        push_head(&mut text, self.at, self.level, (self.target, &self.fields.message));
        if let Some(id) = &self.fields.request_id {
            text.push_str(r#","request_id":"#);
            push_quoted(&mut text, id);
        }
        if !(self.fields.values.is_empty() && self.fields.members.is_empty()) {
            text.push_str(r#","fields":{"#);
            text.push_str(&self.fields.members);
            push_members(&mut text, &self.fields.values);
            text.push('}');
        }
        self.push_spans(&mut text);
        text.push('}');
        text
    }

    fn push_spans(&self, text: &mut String) {
        let outermost_first = self.spans.iter().rev();
        for (at, span) in outermost_first.enumerate() {
            text.push_str(if at == 0 { r#","spans":[{"name":"# } else { r#",{"name":"# });
            push_quoted(text, span.name);
            if !span.values.is_empty() {
                text.push(',');
                push_members(text, &span.values);
            }
            text.push('}');
        }
        if !self.spans.is_empty() {
            text.push(']');
        }
    }

    fn terminal(&self) -> String {
        let time = self.at.strftime("%H:%M:%S%.3f");
        let mut text = format!("{time} {:<5} {}", self.level, self.fields.message.escape_debug());
        let around = self.spans.iter().rev().flat_map(|span| &span.values);
        for (name, value) in around.chain(&self.fields.values) {
            text.push_str(&format!(" {name}={value}"));
        }
        if let Some(id) = &self.fields.request_id {
            text.push_str(&format!(" request_id={id}"));
        }
        text
    }
}

/// How every line begins.
pub(super) fn push_head(text: &mut String, at: Timestamp, level: Level, (target, message): (&str, &str)) {
    // Writing to a String cannot fail.
    let _ = write!(text, r#"{{"timestamp":"{at}","level":"{}","target":"#, level.as_str());
    push_quoted(text, target);
    text.push_str(r#","message":"#);
    push_quoted(text, message);
}

fn push_members(text: &mut String, values: &[(&'static str, String)]) {
    for (at, (name, value)) in values.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_quoted(text, name);
        text.push(':');
        text.push_str(value);
    }
}
