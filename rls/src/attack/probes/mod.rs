//! What is tried, one family a file.

pub(super) mod arguments;
pub(super) mod believed;
pub(super) mod code;
pub(super) mod files;
pub(super) mod forms;
pub(super) mod front;
pub(super) mod keys;
pub(super) mod objects;
pub(super) mod read;
pub(super) mod roles;
pub(super) mod shadow;
pub(super) mod sources;
pub(super) mod through;
pub(super) mod triggers;
pub(super) mod write;
