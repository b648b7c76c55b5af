//! Traffic: the gateway in front of the app, its limits and whoever offends against them, its content security policies.

pub mod csp;
pub mod gateway;
pub mod limits;
pub mod offenders;
