//! The tests of the ground, room by room.

#![cfg(test)] // tells clippy that the set-up beside the tests is test code too

mod cache;
mod config;
#[path = "../../src/db/tests.rs"]
mod db;
mod feed;
mod jobs;
#[path = "../../src/log/tests.rs"]
mod log;
#[path = "../../src/mail/tests.rs"]
mod mail;
#[path = "../../src/page/tests.rs"]
mod page;
mod postfix;
mod postgres;
mod telemetry;
#[path = "../../src/usage/tests.rs"]
mod usage;
