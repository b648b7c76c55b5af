//! When a signing key signs, and how long it verifies: arithmetic, without a clock of its own.

use std::time::Duration;

use jiff::SignedDuration;
use tenantry_core::clock::Timestamp;
use tenantry_core::token::Algorithm;
use tenantry_platform::config::{self, Config};
use tenantry_platform::signing::{FIRST_PARTY, Purpose};

/// Clocks of two machines may differ by this much; a key verifies that much longer.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// How keys come and go.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
    /// The life of a staff access token.
    pub staff_access: Duration,
    /// The life of an identity token.
    pub identity: Duration,
    /// What identity tokens are signed with; access tokens, which we alone read, take EdDSA.
    pub identity_algorithm: Algorithm,
}

/// The times of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) signs_from: Timestamp,
    pub(super) signs_until: Timestamp,
    pub(super) verifies_until: Timestamp,
}

impl Schedule {
    /// What the configuration says.
    pub fn of(config: &Config) -> Self {
        Self {
            rotate_every: config.signing_keys.rotate_every,
            publish_ahead: config.signing_keys.publish_ahead,
            staff_access: config.sessions.access,
            identity: config.identity.lifetime,
            identity_algorithm: match config.identity.algorithm {
                config::Algorithm::EdDsa => Algorithm::EdDsa,
                config::Algorithm::Es256 => Algorithm::Es256,
            },
        }
    }

    pub(super) const fn algorithm(&self, purpose: Purpose) -> Algorithm {
        match purpose {
            Purpose::StaffAccess | Purpose::FirstParty => Algorithm::EdDsa,
            Purpose::Identity => self.identity_algorithm,
        }
    }

    /// When the next key must begin to sign, if it is time to publish it. `known`: when each key that is not
    /// over signs, from and until.
    pub(super) fn due(&self, known: &[(Timestamp, Timestamp)], now: Timestamp) -> Option<Timestamp> {
        let Some(newest) = known.iter().filter(|(_, until)| *until > now).map(|(from, _)| *from).max() else {
            return Some(now);
        };
        let turn = later(newest, self.rotate_every);
        let soonest = later(now, self.publish_ahead);
        (turn <= soonest).then(|| turn.max(soonest))
    }

    /// When a key begins to sign that is asked for now.
    pub(super) fn soonest(&self, known: &[(Timestamp, Timestamp)], now: Timestamp) -> Timestamp {
        let signs = known.iter().any(|(from, until)| *from <= now && now < *until);
        if signs { later(now, self.publish_ahead) } else { now }
    }

    /// A key may sign for two turns, so that a rotation which comes late stops nothing. The rotation itself
    /// shortens it.
    pub(super) fn times(&self, purpose: Purpose, signs_from: Timestamp) -> Times {
        let token = match purpose {
            Purpose::StaffAccess => self.staff_access,
            Purpose::FirstParty => FIRST_PARTY,
            Purpose::Identity => self.identity,
        };
        let signs_until = later(later(signs_from, self.rotate_every), self.rotate_every);
        let verifies_until = later(signs_until, token).checked_add(LEEWAY).unwrap_or(Timestamp::MAX);
        Times { signs_from, signs_until, verifies_until }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
