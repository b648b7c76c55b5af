//! The tests of the binary, room by room.

#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod app;
mod client;
mod dev;
mod echo;
mod house;
mod judge;
mod request;
mod statements;
mod tour;
