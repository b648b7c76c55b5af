//! What users of `tenantry rls` rely on, on a real PostgreSQL.

mod attack;
mod checked_in;
mod corpus;
mod place;
mod snapshot;
mod verify_objects;
