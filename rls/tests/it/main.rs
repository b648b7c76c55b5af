//! What users of `tenantry rls` rely on, on a real PostgreSQL.

mod attack;
mod bed;
mod checked_in;
mod cli;
mod corpus;
mod init;
mod place;
mod snapshot;
mod verify_objects;
