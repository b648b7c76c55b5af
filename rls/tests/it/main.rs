//! What users of `tenantry rls` rely on, on a real PostgreSQL.

mod snapshot;
mod verify_objects;
