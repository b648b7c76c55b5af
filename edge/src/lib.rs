//! Traffic: the gateway in front of the app, its limits, its content security policies.

pub mod csp;
pub mod gateway;
pub mod limits;
