//! Signed tokens of one kind, each verified once and then known by its digest.
//!
//! The signature of a known token is not looked at again; its end and its audience are, each time. The memory is
//! bounded, and forgets everything when a signing key changes.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tenantry_core::clock::Timestamp;
use tenantry_core::token::{Expect, TokenFault};
use tenantry_platform::feed::ChangeKind;
use tenantry_platform::ground::Ground;
use tenantry_platform::signing::{Purpose, SigningFault};

/// Verified tokens remembered: about 400 bytes each. Beyond it the oldest half is forgotten.
const REMEMBERED_MOST: usize = 65_536;
/// Locks: enough that two threads seldom meet.
const SHARDS: usize = 16;

/// What a kind of token says, as far as every use looks at it.
pub(super) trait Claims: Serialize + DeserializeOwned + Send + Sync + 'static {
    const PURPOSE: Purpose;

    fn aud(&self) -> &str;

    /// In seconds since 1970.
    fn exp(&self) -> u64;
}

/// Signs and verifies tokens, and remembers whose signature was right.
pub(super) struct Tokens<C> {
    ground: Ground,
    issuer: String,
    remembered: Arc<Remembered<C>>,
}

impl<C> std::fmt::Debug for Tokens<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens(of {})", self.issuer)
    }
}

impl<C: Claims> Tokens<C> {
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

    pub(super) fn sign(&self, claims: &C, now: Timestamp) -> Result<String, SigningFault> {
        self.ground.signing.sign(C::PURPOSE, claims, now)
    }

    /// The claims of a token for this audience that has not ended.
    pub(super) fn verify(&self, token: &str, audience: &str) -> Result<Arc<C>, TokenFault> {
        self.known(token, audience).unwrap_or_else(|| self.verify_anew(token, audience))
    }

    /// The same from memory alone. `None`: its signature was never looked at.
    pub(super) fn known(&self, token: &str, audience: &str) -> Option<Result<Arc<C>, TokenFault>> {
        let claims = self.remembered.find(&digest(token))?;
        Some(if claims.exp() <= self.ground.clock.now_s() {
            Err(TokenFault::Expired)
        } else if claims.aud() != audience {
            Err(TokenFault::Audience)
        } else {
            Ok(claims)
        })
    }

    fn verify_anew(&self, token: &str, audience: &str) -> Result<Arc<C>, TokenFault> {
        let (began, now_s) = (self.ground.feed.generation(), self.ground.clock.now_s());
        let expect = Expect { typ: C::PURPOSE.typ(), iss: &self.issuer, aud: audience, now_s, leeway_s: 0 };
        let claims = Arc::new(self.ground.signing.verify::<C>(C::PURPOSE, token, &expect)?);
        self.remembered.keep(digest(token), Arc::clone(&claims), || self.ground.feed.generation() == began);
        Ok(claims)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

type Half<C> = HashMap<[u8; 32], Arc<C>>;

/// Two halves a shard: when the new one is full it becomes the old one, and the old one is forgotten.
struct Remembered<C> {
    hasher: RandomState,
    shards: Vec<Mutex<(Half<C>, Half<C>)>>,
}

impl<C> Default for Remembered<C> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl<C> Remembered<C> {
    fn find(&self, digest: &[u8; 32]) -> Option<Arc<C>> {
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
    fn keep(&self, digest: [u8; 32], claims: Arc<C>, holds: impl Fn() -> bool) {
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

    fn shard(&self, digest: &[u8; 32]) -> &Mutex<(Half<C>, Half<C>)> {
        &self.shards[self.hasher.hash_one(digest) as usize % SHARDS]
    }
}
