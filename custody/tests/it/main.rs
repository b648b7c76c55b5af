//! The tests of custody, room by room.

#[path = "../../src/audit/tests.rs"]
mod audit;
#[path = "../../src/vault/tests.rs"]
mod vault;
