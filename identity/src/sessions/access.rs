//! Access tokens: fifteen minutes, one host each (ID-8). A token only names a session; that the session
//! lives is asked of the cache, every time.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::token::{Expect, TokenFault};
use tenantry_platform::feed::ChangeKind;
use tenantry_platform::ground::Ground;
use tenantry_platform::signing::{Purpose, SigningFault};

use super::staff::Key;

/// Verified tokens remembered: about 400 bytes each. Beyond it the oldest half is forgotten.
const REMEMBERED_MOST: usize = 65_536;
/// Locks: enough that two threads seldom meet.
const SHARDS: usize = 16;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessClaims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: PersonId,
    pub(super) sid: SessionId,
    pub(super) root: SessionId,
    /// The rotation of the refresh token that this one came with.
    pub(super) rot: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tid: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<Mode>,
    pub(super) iat: u64,
    pub(super) exp: u64,
}

impl AccessClaims {
    pub(super) const fn key(&self) -> Key {
        Key { person: self.sub, session: self.sid }
    }
}

/// Signs and verifies access tokens, and remembers whose signature was right.
pub(super) struct AccessTokens {
    ground: Ground,
    issuer: String,
    remembered: Arc<Remembered>,
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessTokens(of {})", self.issuer)
    }
}

impl AccessTokens {
    pub(super) fn new(ground: &Ground, issuer: String) -> Self {
        let remembered = Arc::new(Remembered::default());
        let on_change = Arc::clone(&remembered);
        ground.feed.listen(move |change| {
            // A key that was taken out of force must not live on in what it signed.
            if change.kind == ChangeKind::SigningKeys {
                on_change.clear();
            }
        });
        Self { ground: ground.clone(), issuer, remembered }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn sign(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, SigningFault> {
        self.ground.signing.sign(Purpose::StaffAccess, claims, now)
    }

    /// The claims of a token for this host that has not ended.
    pub(super) fn verify(&self, token: &str, host: &str) -> Result<Arc<AccessClaims>, TokenFault> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let now_s = self.ground.clock.now_s();
        if let Some(claims) = self.remembered.find(&digest) {
            return if claims.exp <= now_s {
                Err(TokenFault::Expired)
            } else if claims.aud != host {
                Err(TokenFault::Audience)
            } else {
                Ok(claims)
            };
        }
        let began = self.ground.feed.generation();
        let expect = Expect { typ: Purpose::StaffAccess.typ(), iss: &self.issuer, aud: host, now_s, leeway_s: 0 };
        let claims = Arc::new(self.ground.signing.verify::<AccessClaims>(Purpose::StaffAccess, token, &expect)?);
        self.remembered.keep(digest, Arc::clone(&claims), || self.ground.feed.generation() == began);
        Ok(claims)
    }
}

type Half = HashMap<[u8; 32], Arc<AccessClaims>>;

/// Two halves a shard: when the new one is full it becomes the old one, and the old one is forgotten.
struct Remembered {
    hasher: RandomState,
    shards: Vec<Mutex<(Half, Half)>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Remembered {
    fn find(&self, digest: &[u8; 32]) -> Option<Arc<AccessClaims>> {
        let mut shard = self.shard(digest).lock();
        if let Some(claims) = shard.0.get(digest) {
            return Some(Arc::clone(claims));
        }
        let claims = shard.1.remove(digest)?;
        shard.0.insert(*digest, Arc::clone(&claims));
        Some(claims)
    }

    /// `holds` is asked under the lock: a change raises the generation first and clears the shards then, so a
    /// token that was verified before it is either not kept or cleared.
    fn keep(&self, digest: [u8; 32], claims: Arc<AccessClaims>, holds: impl Fn() -> bool) {
        let mut shard = self.shard(&digest).lock();
        if !holds() {
            return;
        }
        if shard.0.len() >= REMEMBERED_MOST / SHARDS / 2 {
            shard.1 = std::mem::take(&mut shard.0);
        }
        shard.0.insert(digest, claims);
    }

    fn clear(&self) {
        self.shards.iter().for_each(|shard| *shard.lock() = Default::default());
    }

    fn shard(&self, digest: &[u8; 32]) -> &Mutex<(Half, Half)> {
        &self.shards[self.hasher.hash_one(digest) as usize % SHARDS]
    }
}
