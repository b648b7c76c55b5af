//! What users of `tenantry rls` rely on, on a real PostgreSQL.

mod attack;
#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod bed;
mod cli;
mod init;
mod snapshot;
mod verify_objects;
