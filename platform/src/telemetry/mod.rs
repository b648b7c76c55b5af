//! What leaves for those who watch from outside: traces and logs by OTLP, errors by Sentry's protocol (OBS-1, OBS-2).
//!
//! What must always hold:
//!
//! - Nobody waits for it. What is handed in goes into a bounded queue; what does not fit, or what nobody took after a few
//!   tries, is dropped and counted, and requests go on.
//! - Every text in it has passed the masking of the log (OBS-3). A line says what the log says. A span names a route and
//!   never a path; neither in a span nor in an error is a header, a query, a body or an address.
//! - What a client says of a trace counts only where its peer is a trusted proxy.

mod export;
mod line;
mod otlp;
mod post;
mod sentry;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use secrecy::SecretString;
use sentry_types::protocol::v7::Event;
use tenantry_core::clock::Clock;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config;
use crate::log::{Line, Masked, Style};
use crate::metrics::{By, Counter, Metrics, Signal, Word as _};

pub use export::Exporter;
pub use post::Unusable;
pub use trace::{Request, TRACEPARENT, Trace};

/// Spans and lines that wait: some seconds of a busy gateway.
const WAITING_MOST: usize = 8_192;
/// Errors that wait: more at once say nothing new.
const ERRORS_WAITING_MOST: usize = 256;

/// Where things are handed in. Clones share the queues; the default takes nothing.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(Option<Arc<Queues>>);

#[derive(Debug)]
struct Queues {
    traces: Option<Sender<Span>>,
    logs: Option<Sender<LogRecord>>,
    errors: Option<Sender<Event<'static>>>,
    /// Of a hundred requests, how many are traced.
    percent: u8,
    counts: Arc<Counts>,
}

/// What became of what was handed in.
#[derive(Debug, Default)]
struct Counts {
    sent: By<Signal, Counter>,
    dropped: By<Signal, Counter>,
}

/// The ends of the queues, for whoever empties them.
struct Ends {
    traces: Option<Receiver<Span>>,
    logs: Option<Receiver<LogRecord>>,
    errors: Option<Receiver<Event<'static>>>,
}

/// What no file may say.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Where errors go: an address with a key.
    pub sentry_dsn: Option<SecretString>,
    /// The `Authorization` header that the collector wants.
    pub otlp_authorization: Option<SecretString>,
}

impl Telemetry {
    /// It takes nothing.
    pub const NONE: Self = Self(None);

    /// Starts what the configuration asks for, on a thread of its own. The exporter sends the rest when it is dropped.
    ///
    /// # Errors
    /// An address that cannot be used.
    pub fn start(settings: &config::Telemetry, secrets: &Secrets) -> Result<(Self, Exporter), Unusable> {
        if settings.otlp.is_none() && secrets.sentry_dsn.is_none() {
            return Ok((Self::default(), Exporter::none()));
        }
        let counts = Arc::new(Counts::default());
        let (queues, ends) = queues(settings, secrets, &counts);
        let exporter = Exporter::start(settings, secrets, ends, counts)?;
        Ok((Self(Some(Arc::new(queues))), exporter))
    }

    /// Whether requests may be traced.
    pub fn traces(&self) -> bool {
        self.0.as_ref().is_some_and(|queues| queues.traces.is_some())
    }

    /// Hands in the spans of a request.
    pub fn note_request(&self, request: &Request<'_>) {
        let Some(queues) = &self.0 else { return };
        for span in request.spans() {
            queues.offer(Signal::Traces, queues.traces.as_ref(), span);
        }
    }

    /// Whether anybody wants a line's values one by one.
    pub(crate) fn takes_lines(&self) -> bool {
        self.0.as_ref().is_some_and(|queues| queues.logs.is_some() || queues.errors.is_some())
    }

    /// Hands in a line of the log, masked already; an error is one for the error tracker, too.
    pub(crate) fn note_line(&self, line: &Line) {
        let Some(queues) = &self.0 else { return };
        if queues.logs.is_some() {
            queues.offer(Signal::Logs, queues.logs.as_ref(), line::record(line));
        }
        if queues.errors.is_some() && line.level == tracing::Level::ERROR {
            queues.offer(Signal::Errors, queues.errors.as_ref(), sentry::event(line));
        }
    }

    /// Shows what became of everything, for whoever scrapes.
    pub fn measure(&self, metrics: &Metrics) {
        let Some(queues) = &self.0 else { return };
        for signal in Signal::ALL {
            metrics.telemetry_sent.of(*signal).follow(queues.counts.sent.of(*signal).total());
            metrics.telemetry_dropped.of(*signal).follow(queues.counts.dropped.of(*signal).total());
        }
    }
}

/// What would leave for the errors that `act` logs, as text: made by the same code, and sent nowhere. For whoever tries
/// whether anything of somebody is in it.
pub fn rehearse(clock: &Clock, act: impl FnOnce()) -> String {
    let (errors, mut errors_end) = channel(ERRORS_WAITING_MOST);
    let (logs, mut logs_end) = channel(ERRORS_WAITING_MOST);
    let counts = Arc::new(Counts::default());
    let queues = Queues { traces: None, logs: Some(logs), errors: Some(errors), percent: 0, counts };
    let masked = Masked::new(Style::Json, clock.clone(), drop::<Vec<u8>>).also_to(Telemetry(Some(Arc::new(queues))));
    // No more than errors: what others log meanwhile is judged by their own level, as before.
    let heard = tracing_subscriber::registry().with(LevelFilter::ERROR).with(masked);
    tracing::subscriber::with_default(heard, act);
    let mut told = String::new();
    while let Ok(error) = errors_end.try_recv() {
        told.push_str(&serde_json::to_string(&error).unwrap_or_default());
        told.push('\n');
    }
    while let Ok(line) = logs_end.try_recv() {
        told.push_str(&format!("{line:?}\n"));
    }
    told
}

impl Queues {
    fn offer<T>(&self, signal: Signal, queue: Option<&Sender<T>>, item: T) {
        let Some(queue) = queue else { return };
        if queue.try_send(item).is_err() {
            self.counts.dropped.of(signal).add_one();
        }
    }
}

fn queues(settings: &config::Telemetry, secrets: &Secrets, counts: &Arc<Counts>) -> (Queues, Ends) {
    let (traces, traces_end) = settings.otlp.as_ref().map(|_| channel(WAITING_MOST)).unzip();
    let (logs, logs_end) = settings.otlp.as_ref().map(|_| channel(WAITING_MOST)).unzip();
    let (errors, errors_end) = secrets.sentry_dsn.as_ref().map(|_| channel(ERRORS_WAITING_MOST)).unzip();
    let queues = Queues { traces, logs, errors, percent: settings.trace_percent, counts: Arc::clone(counts) };
    (queues, Ends { traces: traces_end, logs: logs_end, errors: errors_end })
}

/// Nanoseconds since 1970.
fn nanos(at: tenantry_core::clock::Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
