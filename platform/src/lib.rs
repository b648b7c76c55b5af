//! The ground that every room stands on: the database and its walls, permits, the audit append, problems,
//! configuration, pages, jobs and mail.

pub mod cache;
pub mod config;
pub mod db;
pub mod events;
pub mod feed;
pub mod ground;
pub mod guesses;
pub mod http;
pub mod idempotency;
pub mod jobs;
#[cfg(feature = "kit")]
pub mod kit;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod months;
pub mod numbers;
pub mod own_limits;
pub mod page;
pub mod permit;
pub mod postgres;
pub mod problem;
pub mod record;
pub mod signing;
pub mod sweep;
pub mod telemetry;
pub mod usage;
