//! Tenants: found by host or id from memory, made with their owner, suspended and reactivated by the
//! platform's staff.
//!
//! What must always hold:
//!
//! - A host names a tenant by an exact, claimed slug, or it names nothing (AC-10, AC-11).
//! - A suspended tenant is stopped from memory, before any data access, by an answer of its own (AC-12).
//! - Status changes only through the operator's login, with an audit row in the tenant's own log and an event,
//!   and has reached every cache of this process when the verb returns (AC-4, AUD-1).
//! - So do its plan and limits of its own.
//! - A tenant never exists without its owner.

pub mod cli;
pub mod console;
mod create;
pub mod http;
pub mod operator;
pub mod operator_detail;
pub mod page;
mod rename;
mod resolve;
pub mod settings;
mod status;
mod stopped;
mod store;
mod terms;

pub(crate) use console::status_word;
pub use create::{NewTenant, create};
pub use rename::{Versioned, WorkspaceName, rename};
pub use resolve::Tenants;
pub use status::{Overview, Reason, Search, TENANTS_A_PAGE, list, reactivate, suspend};
pub use stopped::stopped;
pub(crate) use store::{by_slug, plan_held};
pub use terms::{LimitChange, Source, change_limits, change_plan, limits_of};
