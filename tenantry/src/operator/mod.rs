//! The queue and the mails in it, for platform staff: what waits, what failed and why, tried again or discarded. And
//! blocked addresses.
//!
//! What must always hold (AC-4): for anybody else these pages do not exist; what a job is to do is never shown; of a
//! mail nothing but which letter it is and its recipient, masked; each act stands in the platform's log with who did it, in
//! the transaction of the act.

pub(crate) mod http;
pub(crate) mod offenders;
mod page;
mod sent;
