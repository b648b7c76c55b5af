//! The tests of the binary, room by room.

mod house;
