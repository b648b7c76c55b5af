//! Proof: what is kept, what was done, and what holds right now.
//!
//! - [`vault`]: the root key, the canary, the signing keys;
//! - [`audit`]: reading the log, exporting it, and what the gateway saw;
//! - [`posture`]: each claim with a check that tries it, and the page that shows only what holds.

pub mod vault;
