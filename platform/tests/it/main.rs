//! The tests of the ground, room by room.

#[path = "../../src/page/tests.rs"]
mod page;
mod postgres;
#[path = "../../src/db/tests.rs"]
mod db;
