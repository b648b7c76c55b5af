//! The tests of the binary, room by room.

#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod access;
mod account;
mod app;
mod audit;
mod browser;
mod checked_in;
mod claims;
mod client;
mod contract;
mod credentials;
mod dev;
mod directory;
mod disclosure;
mod echo;
mod events;
mod examples;
mod forward_auth;
mod held_open;
mod house;
mod idempotency;
mod input;
mod judge;
mod limits;
mod logs;
mod members;
mod months;
mod networks;
mod openapi;
mod operator;
mod origins;
mod presets;
mod proofs;
mod request;
mod roles;
mod schema;
mod schemathesis;
mod serve;
mod sessions;
mod signing;
mod statements;
mod tour;
mod usage;
mod verifier;
mod websockets;
