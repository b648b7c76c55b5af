//! The signing keys in memory: which one signs now, and which still verify (EN-2).
//!
//! Each purpose has keys of its own: a token of one kind can never be taken for another (ID-5). The vault
//! keeps the keys sealed in the database, rotates them, and loads them here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_core::clock::Timestamp;
use tenantry_core::token::{Expect, PublicJwk, SigningKey, TokenFault, Verifier};

/// The life of a first-party token.
pub const FIRST_PARTY: Duration = Duration::from_secs(5 * 60);

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Access tokens of staff sessions.
    StaffAccess,
    /// First-party tokens, which a session is exchanged for (KEY-6).
    FirstParty,
    /// `Tenantry-Identity`, for the app.
    Identity,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::StaffAccess, Self::FirstParty, Self::Identity];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaffAccess => "staff-access",
            Self::FirstParty => "first-party",
            Self::Identity => "identity",
        }
    }

    /// The `typ` of its tokens.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::StaffAccess => "tenantry-staff+jwt",
            Self::FirstParty => "tenantry-first-party+jwt",
            Self::Identity => "tenantry-identity+jwt",
        }
    }
}

/// A key with its times.
#[derive(Clone, Debug)]
pub struct LoadedKey {
    /// The private key.
    pub key: Arc<SigningKey>,
    /// It signs from here …
    pub signs_from: Timestamp,
    /// … until here.
    pub signs_until: Timestamp,
    /// Its last token ends here.
    pub verifies_until: Timestamp,
}

/// Why nothing could be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum SigningFault {
    /// No key of this purpose signs now.
    #[error("no signing key for {0} is in force; run `tenantry keys rotate-signing` or look at the job log")]
    NoKey(&'static str),
    /// The claims could not be written.
    #[error("the claims could not be signed")]
    Claims,
}

#[derive(Default)]
struct Ring {
    keys: Vec<LoadedKey>,
    verifier: Verifier,
}

/// All rings of the process.
#[derive(Default)]
pub struct Rings(ArcSwap<HashMap<Purpose, Ring>>);

impl std::fmt::Debug for Rings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rings({} purposes)", self.0.load().len())
    }
}

impl Rings {
    /// Replaces every ring by what the vault read.
    pub fn load(&self, keys: impl IntoIterator<Item = (Purpose, LoadedKey)>) {
        let mut rings: HashMap<Purpose, Ring> = HashMap::new();
        for (purpose, key) in keys {
            rings.entry(purpose).or_default().keys.push(key);
        }
        for ring in rings.values_mut() {
            ring.verifier = Verifier::new(ring.keys.iter().map(|loaded| loaded.key.verifying_key()));
        }
        self.0.store(Arc::new(rings));
    }

    /// Signs with the newest key of the purpose that signs now.
    ///
    /// # Errors
    /// [`SigningFault`]; the caller refuses rather than sending something unsigned.
    pub fn sign<C: Serialize>(&self, purpose: Purpose, claims: &C, now: Timestamp) -> Result<String, SigningFault> {
        let rings = self.0.load();
        let signs = |loaded: &&LoadedKey| loaded.signs_from <= now && now < loaded.signs_until;
        let newest =
            rings.get(&purpose).and_then(|ring| ring.keys.iter().filter(signs).max_by_key(|loaded| loaded.signs_from));
        let loaded = newest.ok_or(SigningFault::NoKey(purpose.as_str()))?;
        loaded.key.sign(purpose.typ(), claims).map_err(|_| SigningFault::Claims)
    }

    /// Verifies a token of the purpose.
    ///
    /// # Errors
    /// [`TokenFault`], for logs and counters.
    pub fn verify<C: DeserializeOwned>(
        &self,
        purpose: Purpose,
        token: &str,
        expect: &Expect<'_>,
    ) -> Result<C, TokenFault> {
        self.0.load().get(&purpose).ok_or(TokenFault::UnknownKey)?.verifier.verify(token, expect)
    }

    /// The public keys that still verify: what `/-/jwks.json` shows for [`Purpose::Identity`].
    pub fn jwks(&self, purpose: Purpose, now: Timestamp) -> Vec<PublicJwk> {
        let rings = self.0.load();
        let alive =
            rings.get(&purpose).into_iter().flat_map(|ring| &ring.keys).filter(|loaded| loaded.verifies_until > now);
        alive.map(|loaded| loaded.key.jwk()).collect()
    }
}
