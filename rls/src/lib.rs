//! `tenantry rls`: proves the isolation of anybody's PostgreSQL that relies on Row Level Security.
//!
//! `verify` reads the catalogue and judges it; `attack` tries what an app role could try, and rolls it back; `plan`
//! and `apply` close what was found. What must always hold:
//!
//! - `verify` and `plan` change nothing: one read-only transaction, one snapshot;
//! - `attack` leaves nothing behind but what a rollback cannot undo, and says what that is;
//! - a finding names an object that exists, says why it leaks, and, where `attack` found it, shows how with psql;
//! - a schema without a hole has no finding: a false alarm is a defect as grave as a miss;
//! - no identifier of a database reaches a statement unless it is quoted ([`name`]).
//!
//! The files, in the order of a run: `cli` (what was asked), `config` and `init` (`rls.toml`), `connect` (the administrator's
//! connection), `catalog` (the snapshot), `parser` (PostgreSQL's own), `policy` (what an expression implies), `verify` and `attack` (the findings),
//! `remedy`, `plan` and `apply` (what closes them), `report` (how they are told), `explain` (what each class is).

pub mod apply;
pub mod attack;
pub mod catalog;
pub mod class;
pub mod cli;
pub mod config;
pub mod connect;
pub mod explain;
pub mod fault;
pub mod finding;
pub mod init;
pub mod name;
mod parser;
pub mod plan;
pub mod policy;
pub mod remedy;
pub mod report;
mod stack;
pub mod verify;
