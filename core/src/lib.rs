//! The rules: pure functions and types that know no runtime, no database and no HTTP server.
//!
//! Everything here takes time, chance and input as arguments, so that it can be proved by
//! property tests and fuzzing. Nothing here reads the environment or the disk.

pub mod clock;
pub mod ids;
pub mod random;
pub mod route;
pub mod secret;
pub mod canonical;
pub mod email;
pub mod keyformat;
pub mod leaf;
pub mod merkle;
pub mod mode;
pub mod permission;
pub mod seal;
pub mod slug;
pub mod strict_json;
pub mod token;
