//! The tests of custody, room by room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed; the attribute reaches its helpers too")]

#[path = "../../src/audit/tests.rs"]
mod audit;
#[path = "../../src/posture/tests.rs"]
mod posture;
#[path = "../../src/vault/tests.rs"]
mod vault;
