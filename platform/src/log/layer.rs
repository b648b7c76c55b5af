//! Between the code that logs and the line that is written.

use tenantry_core::clock::Clock;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Style;
use super::access::{self, WholeLine};
use super::fields::Fields;
use super::line::{Line, Span};
use crate::telemetry::Telemetry;

/// Masks every event and gives its line to `write`.
pub struct Masked<W> {
    style: Style,
    clock: Clock,
    write: W,
    telemetry: Telemetry,
}

impl<W> std::fmt::Debug for Masked<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masked({:?})", self.style)
    }
}

impl<W: Fn(Vec<u8>)> Masked<W> {
    /// Lines of a style. `write` must not wait.
    pub const fn new(style: Style, clock: Clock, write: W) -> Self {
        Self { style, clock, write, telemetry: Telemetry::NONE }
    }

    /// Also to whoever watches from outside.
    #[must_use]
    pub fn also_to(self, telemetry: Telemetry) -> Self {
        Self { telemetry, ..self }
    }
}

impl<S, W> Layer<S> for Masked<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(Vec<u8>) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let is_apart = self.style == Style::Terminal || self.telemetry.takes_lines();
        if event.metadata().target() == access::TARGET && !is_apart && context.lookup_current().is_none() {
            return (self.write)(WholeLine::of(event, self.clock.now()));
        }
        let mut fields = Fields::of(event);
        if is_apart {
            fields.take_apart();
        }
        let mut spans = Vec::new();
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            let Some(of_span) = extensions.get::<Fields>() else { continue };
            fields.request_id = fields.request_id.take().or_else(|| of_span.request_id.clone());
            spans.push(Span { name: span.name(), values: of_span.values.clone() });
        }
        let metadata = event.metadata();
        let line = Line { at: self.clock.now(), level: *metadata.level(), target: metadata.target(), fields, spans };
        self.telemetry.note_line(&line);
        (self.write)(line.render(self.style));
    }
}
