//! `attack`: every planted hole is shown, and a sound schema has none.

mod around;
mod code;
mod kit;
mod people;
mod promises;
mod tables;
