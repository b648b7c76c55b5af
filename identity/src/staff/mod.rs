//! People as platform staff sees them: found by a whole address or an id, signed out and kept out, let in again.
//!
//! What must always hold (AC-4):
//!
//! - For anybody else these pages do not exist: 404.
//! - Nobody is listed. Whoever looks for a person knows their whole address or their id, and each look is in the
//!   process's log with who looked.
//! - Nothing here shows or changes what proves who somebody is.

pub mod acts;
pub mod http;
pub mod page;
mod store;
