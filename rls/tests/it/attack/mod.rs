//! `attack`: every planted hole is shown, and a sound schema has none.

mod kit;
mod tables;
