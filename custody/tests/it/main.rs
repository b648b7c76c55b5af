//! The tests of custody, room by room.

#[path = "../../src/audit/tests.rs"]
mod audit;
#[path = "../../src/posture/tests.rs"]
mod posture;
#[path = "../../src/vault/tests.rs"]
mod vault;
