//! The tests of custody, room by room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed; the attribute reaches its helpers too")]

#[path = "../../src/audit/tests.rs"]
mod audit;
#[path = "../../src/posture/tests.rs"]
mod posture;
#[path = "../../src/vault/tests.rs"]
mod vault;

use tenantry_platform::feed::Belief;
use tenantry_platform::http::{Caller, Surface};

/// Somebody at the central host who showed no credential.
fn stranger() -> Caller {
    Caller {
        request_id: "request-1".into(),
        ip: std::net::Ipv4Addr::LOCALHOST.into(),
        surface: Surface::Central,
        public_origin: "http://app.localhost:4000".into(),
        nonce: "bm9uY2Ugb2YgYSB0ZXN0IQ".into(),
        tenant: None,
        workspaces: Default::default(),
        principal: None,
        user_agent: None,
        belief: Belief::default(),
        has_staff_pages: true,
    }
}
