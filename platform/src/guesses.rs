//! Who counts guesses at passwords, for whoever compares them (ID-7).
//!
//! Who somebody is and how often they failed belong to areas that never see each other: the binary gives the one to the
//! other.

use std::net::IpAddr;

use tenantry_core::email::EmailAddress;

use crate::problem::Problem;

/// Counts wrong passwords, of accounts that exist as of those that do not.
pub trait Guesses: std::fmt::Debug + Send + Sync {
    /// Whether a password for this account may be compared for somebody there: asked before anything is looked up.
    ///
    /// # Errors
    /// How long to wait.
    fn may_guess(&self, account: &EmailAddress, from: IpAddr) -> Result<(), Problem>;

    /// It was the wrong one.
    fn was_wrong(&self, account: &EmailAddress, from: IpAddr);

    /// It was the right one.
    fn was_right(&self, account: &EmailAddress, from: IpAddr);
}
