//! The audit log, read: a page, an API, an export, and what the gateway saw.
//!
//! Rows are appended on the ground, in the transaction of the change (`platform::record`). What must always
//! hold here (AUD-1, AUD-2, AUD-3, AUD-4):
//!
//! - A reader sees one log: the rows of the mode and those of the control plane, merged by their ids, which
//!   are ordered by time.
//! - A filter is what was asked for or an error: none is dropped because it could not be read.
//! - Names and addresses come out of the ciphertext; a person whose key is gone shows as erased, and the
//!   row's hash still holds.
//! - An export is whole or visibly broken: an error in the middle breaks the transfer, and the last record counts.
//! - Taking the log away is itself a row of the log.
//! - No row is dropped before it is a year old, and the database says so.
//! - What the gateway saw is written once for each newcomer within a second, then as sums: never a row a request.
//!
//! The schema of a row is `docs/audit-schema.md`.

pub mod actions;
mod csv;
pub mod diff;
mod entry;
mod export;
mod filter;
pub mod http;
mod line;
mod list;
mod names;
pub mod observe;
mod ocsf;
pub mod page;
pub mod retention;
mod store;
mod view;
mod who;

pub use entry::{Entry, Personal};
pub use export::{ExportFault, Format, export};
pub use filter::{Asked, Filter, Wrong};
pub use line::Line;
pub use list::{Found, Readers, ReadsAudit, list};
pub use retention::partitions_ahead;
