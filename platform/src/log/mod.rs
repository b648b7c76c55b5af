//! Logs: one line of JSON an event, masked before it is written (OBS-1, OBS-3).
//!
//! What must always hold:
//!
//! - Every text, wherever it stands (message, field, span, error, panic), passes [`tenantry_core::mask`] on its
//!   way into a line; a value under a sensitive name is not shown at all. What leaves for a collector or an error
//!   tracker is made of that line, behind the masking. There is no other way out: the panic hook is ours, and printing is denied by lints.
//! - Logging never holds a request up: lines go to a thread of their own through a bounded queue. What does
//!   not fit is dropped, and the next line that fits says how many were.

mod access;
mod fields;
mod layer;
mod line;
mod panic;
mod writer;

use std::sync::Arc;

use parking_lot::Mutex;
use tenantry_core::clock::Clock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::LogLevel;
use crate::telemetry::Telemetry;

pub use access::{Access, Tunnel, cut};
pub use layer::Masked;
pub(crate) use line::Line;
pub use panic::note_panic;
pub use writer::Logging;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For machines: an object a line.
    Json,
    /// For a person in front of `tenantry dev`.
    Terminal,
}

/// Sends everything that this process logs to standard output, masked, and to whoever watches from outside. To be called once, first of all; what
/// it answers writes the rest when it is dropped.
///
/// # Errors
/// When a logger was installed before.
pub fn install(level: LogLevel, style: Style, clock: Clock, telemetry: Telemetry) -> Result<Logging, TryInitError> {
    let logging = Logging::start(std::io::stdout());
    let masked = Masked::new(style, clock, logging.writer()).also_to(telemetry);
    tracing_subscriber::registry().with(filter(level)).with(masked).try_init()?;
    std::panic::set_hook(Box::new(note_panic));
    Ok(logging)
}

/// The lines that this process would write for the errors that `act` logs: masked by the same code, into memory. For
/// whoever tries whether anything comes out of it.
pub fn rehearse(clock: &Clock, act: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&lines);
    let masked = Masked::new(Style::Json, clock.clone(), move |line: Vec<u8>| into.lock().extend(line));
    // No more than errors: what others log meanwhile is judged by their own level, as before.
    let heard = tracing_subscriber::registry().with(LevelFilter::ERROR).with(masked);
    tracing::subscriber::with_default(heard, act);
    String::from_utf8_lossy(&lines.lock()).into_owned()
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
