//! The vault: the root key, the canary that recognises it, and the keys that sign tokens.
//!
//! What must always hold (EN-2, EN-3):
//!
//! - The root key is read from the environment, a file or a command, and is never in the database. A database
//!   that was sealed by another one is refused before anything is written to it.
//! - A signing key is stored sealed, and every node has it before it signs: it is published ahead. The one
//!   exception is the first key of a purpose, before which nothing can be signed at all.
//! - A key that no longer signs verifies until the last token it signed has ended.
//! - Of several nodes that rotate at once, one adds the key.

mod canary;
pub mod root;
mod schedule;
pub mod signing_keys;
mod store;

pub use canary::{ensure_canary, is_planted};
pub use root::sealer;
pub use schedule::Schedule;
pub use signing_keys::rotate_now;

use tenantry_core::seal::{SealFault, WrongRootKey};
use tenantry_core::token::NotAKey;
use tenantry_platform::db::DbFault;

/// Why the vault could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    /// The database was sealed by another root key.
    #[error(transparent)]
    WrongRootKey(#[from] WrongRootKey),
    /// The database did not answer.
    #[error("the vault cannot read its tables: {0}")]
    Database(#[from] DbFault),
    /// A stored key cannot be opened.
    #[error(
        "signing key {kid} does not open: {cause}; restore the row from a backup, or remove it as the owner and start again"
    )]
    Sealed {
        /// Its name.
        kid: String,
        /// What the seal said.
        cause: SealFault,
    },
    /// A stored key was opened and is no key.
    #[error("signing key {kid} is damaged: {cause}")]
    Damaged {
        /// Its name.
        kid: String,
        /// What it is not.
        cause: NotAKey,
    },
}
