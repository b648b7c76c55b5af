//! The traffic area against real sockets on loopback, and its rules as tables.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod csp;
mod headers;
mod http2;
mod kit;
mod limits;
mod offenders;
mod origin;
mod passage;
mod paths;
mod proxied;
mod routes;
mod secured;
mod streaming;
mod tls;
mod upstream;
mod websocket;
mod wire;
