//! What is tried, one family a file.

pub(super) mod keys;
pub(super) mod read;
pub(super) mod write;
