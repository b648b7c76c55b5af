//! Panics are logged like everything else: masked, and nowhere besides.

use std::panic::PanicHookInfo;

/// The panic hook: `std::panic::set_hook(Box::new(note_panic))`.
pub fn note_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let said = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(target: "panic", place, thread = thread.name().unwrap_or_default(), "{}", said.unwrap_or("it said nothing"));
}
