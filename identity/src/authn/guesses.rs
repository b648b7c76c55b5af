//! How often somebody guessed, kept elsewhere: this room only asks, and tells (ID-7).

use std::net::IpAddr;
use std::sync::Arc;

use tenantry_core::email::EmailAddress;
use tenantry_platform::guesses::Guesses;
use tenantry_platform::permit::Origin;
use tenantry_platform::problem::Problem;

use super::{REFUSED, WRONG_PASSWORD};
use crate::Identity;

impl Identity {
    /// Has guesses counted. Without it, nobody counts them.
    pub fn count_guesses(&self, guesses: Arc<dyn Guesses>) {
        // A second counter is of no use: the first one counts already.
        let _ = self.guesses.set(guesses);
    }

    /// Asked before anything is looked up, so that it tells nothing of the account.
    pub(super) fn may_guess(&self, account: &EmailAddress, origin: &Origin) -> Result<(), Problem> {
        match self.guesses_from(origin.ip) {
            Some((guesses, from)) => guesses.may_guess(account, from),
            None => Ok(()),
        }
    }

    /// Counts what came of it: right, wrong, or nothing that could be compared.
    pub(super) fn note_guess<T>(&self, account: &EmailAddress, from: Option<IpAddr>, outcome: &Result<T, Problem>) {
        let Some((guesses, from)) = self.guesses_from(from) else { return };
        match outcome {
            Ok(_) => guesses.was_right(account, from),
            Err(problem) if problem.code == REFUSED || problem.code == WRONG_PASSWORD => {
                guesses.was_wrong(account, from);
            }
            Err(_) => {}
        }
    }

    fn guesses_from(&self, from: Option<IpAddr>) -> Option<(&dyn Guesses, IpAddr)> {
        Some((&**self.guesses.get()?, from?))
    }
}
