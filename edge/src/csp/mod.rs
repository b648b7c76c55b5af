//! The content security policy of every answer, and the reports of those who met it [WEB-1].
//!
//! What must always hold:
//! - A nonce is 128 fresh bits, never twice: an answer with one is never stored, and a 304 carries none.
//! - An answer that is no page can do nothing in a browser: [`INERT`].
//! - Reports are strangers' words: capped, limited, stripped of queries, counted in bounded memory and a
//!   bounded number of rows a tenant; no tenant takes another's room. Whoever invents some takes no room of what is
//!   really reported: of more groups than there is room for the lightest give way, and it is said how much they had.

mod policy;
mod report;
mod reports;
mod store;
mod write;

pub(crate) use policy::is_page;
pub use policy::{Policy, REPORTS_PATH};
pub use report::{NotAReport, REPORT_BYTES_MAX, Report, parse};
pub use reports::{Aggregate, Reports, receive};
pub use write::{Listed, list, sweep};

/// The policy of everything that is not a page.
pub const INERT: &str = "default-src 'none'; frame-ancestors 'none'";
