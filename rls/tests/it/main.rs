//! What users of `tenantry rls` rely on, on a real PostgreSQL.

mod attack;
mod snapshot;
mod verify_objects;
