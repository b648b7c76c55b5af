//! The rules: pure functions and types that know no runtime, no database and no HTTP server.
//!
//! Everything here takes time, chance and input as arguments, so that it can be proved by
//! property tests and fuzzing. Nothing here reads the environment or the disk.

pub mod address;
pub mod allow_list;
pub mod canonical;
pub mod certificate;
pub mod chunked;
pub mod clock;
pub mod csv;
pub mod email;
pub mod head;
pub mod host;
pub mod ids;
pub mod keyformat;
pub mod leaf;
pub mod management_key;
pub mod mask;
pub mod merkle;
pub mod mode;
pub mod password;
pub mod password_hash;
pub mod path;
pub mod permission;
pub mod random;
pub mod redirect;
pub mod rls_advisory;
pub mod route;
pub mod seal;
pub mod secret;
pub mod slug;
pub mod strict_json;
pub mod token;
pub mod window;
