//! Typed identifiers: UUID version 7 (RFC 9562), made here so that no sequence tells a volume.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::random::Entropy;

/// What was given is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id; ids are UUIDs as Tenantry returned them")]
pub struct NotAnId;

/// A fresh UUIDv7: 48 bits of `clock` in milliseconds, then chance.
pub fn uuid7(clock: &Clock, entropy: &Entropy) -> Uuid {
    let bytes: [u8; 10] = entropy.unique();
    uuid::Builder::from_unix_timestamp_millis(clock.now_ms(), &bytes).into_uuid()
}

/// Whether an id is one that no clock can draw, because its time is January 1970: the canaries that posture tries claims
/// with. Who keeps lists of people and workspaces leaves them out.
pub const fn is_canary(id: Uuid) -> bool {
    // The upper 32 of 48 bits of milliseconds: below 65,536 ms.
    id.as_u128() >> 96 == 0
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by time.
            pub fn new(clock: &Clock, entropy: &Entropy) -> Self {
                Self(uuid7(clock, entropy))
            }

            /// An id that was stored or signed by Tenantry before.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, for a driver or an encoder.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // Only the hyphenated form: one spelling for one thing.
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                (text.len() == 36).then_some(Self(id)).ok_or(NotAnId)
            }
        }
    )+};
}

id! {
    /// A tenant: a company with its own people, keys and data.
    TenantId,
    /// A person of the staff realm; one person may be a member of many tenants.
    PersonId,
    /// One way in for a person: a password, an outside issuer.
    IdentityId,
    /// A session: the central one, or a host's child of it.
    SessionId,
    /// An API key.
    KeyId,
    /// A role of a tenant's own.
    RoleId,
    /// An audit row.
    AuditId,
    /// An event for the app.
    EventId,
    /// A background job.
    JobId,
    /// A mailed one-time link.
    LinkId,
    /// A signing key: the `kid` of a token.
    SigningKeyId,
    /// A process of `tenantry serve`.
    NodeId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_draws_a_canary() {
        let entropy = Entropy::seeded(1);
        let at = |ms: i64| Clock::fixed(crate::clock::Timestamp::from_millisecond(ms).unwrap());
        assert!(!is_canary(uuid7(&at(1_781_524_800_000), &entropy)));
        assert!(!is_canary(uuid7(&at(65_536), &entropy)));
        assert!(is_canary(uuid7(&at(65_535), &entropy)));
    }
}
