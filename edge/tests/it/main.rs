//! The traffic area against real sockets on loopback, and its rules as tables.

mod contract;
mod csp;
mod kit;
mod limits;
mod origin;
mod passage;
mod routes;
mod streaming;
mod upstream;
mod wire;
