//! A stack with room: expressions are followed as deep as they are nested, and whoever wrote them may be hostile.

use std::thread::Builder;

/// Only what is used of it is taken.
const BYTES: usize = 256 * 1024 * 1024;

/// A thread that has one.
pub(crate) fn thread(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(BYTES)
}

/// Runs `work` on a stack of its own.
///
/// # Errors
/// The system has no thread to give; nothing was run then.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let handle = thread("rls").spawn_scoped(scope, work)?;
        Ok(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
