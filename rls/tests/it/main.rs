//! What users of `tenantry rls` rely on, on a real PostgreSQL.
#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod attack;
mod bed;
mod checked_in;
mod cli;
mod completed;
mod corpus;
mod frameworks;
mod hostile;
mod init;
mod own;
mod place;
mod plan;
mod random;
mod report;
mod snapshot;
mod tls;
mod verify_around;
mod verify_code;
mod verify_objects;
mod verify_policies;
