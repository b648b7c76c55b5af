//! The audit log, read: a page, an API, an export, and what the gateway saw.
//!
//! Rows are appended on the ground, in the transaction of the change (`platform::record`). What must always
//! hold here (AUD-1, AUD-2, AUD-3, AUD-4):
//!
//! - A reader sees one log: the rows of the mode and those of the control plane, merged by their ids, which
//!   are ordered by time.
//! - Names and addresses come out of the ciphertext; a person whose key is gone shows as erased, and the
//!   row's hash still holds.
//! - An export is whole or visibly broken: an error in the middle breaks the transfer.
//! - Taking the log away is itself a row of the log.
//! - What the gateway saw is written once for each newcomer within a second, then as sums: never a row a request.
//!
//! The schema of a row is `docs/audit-schema.md`.

mod entry;
mod export;
pub mod http;
mod line;
mod list;
pub mod observe;
pub mod page;
mod store;
mod view;

pub use entry::{Entry, Personal};
pub use export::{ExportFault, export};
pub use line::Line;
pub use list::{Filter, Found, Readers, ReadsAudit, list};
