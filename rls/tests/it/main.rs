//! What users of `tenantry rls` rely on, on a real PostgreSQL.

#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod bed;
mod cli;
mod init;
mod plan;
mod snapshot;
mod verify_objects;
