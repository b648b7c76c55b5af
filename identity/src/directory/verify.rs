//! From a presented management key to a principal: from memory, as API keys are (KEY-3).

use std::sync::Arc;

use tenantry_core::ids::KeyId;
use tenantry_core::keyformat::KeyDigest;
use tenantry_core::management_key::{ManagementKey, PREFIX};
use tenantry_core::permission::Permission;
use tenantry_platform::cache::{Cache, Depends, Known};
use tenantry_platform::db::DbFault;
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Credential, Parts, Principal, Realm};
use uuid::Uuid;

use super::store;

/// Keys kept in memory at most: an installation has a few.
const CACHED_MOST: usize = 1_000;

/// A key that works. Void when it is revoked.
#[derive(Debug)]
pub(super) struct VerifiedKey {
    id: KeyId,
    principal: Arc<Principal>,
}

impl Depends for VerifiedKey {
    fn subjects(&self) -> Vec<Uuid> {
        vec![self.id.uuid()]
    }
}

/// What became of a credential.
#[derive(Clone, Debug)]
pub enum Presented {
    /// It is another kind of credential.
    NotPresented,
    /// It works.
    Verified(Arc<Principal>),
    /// Mistyped, unknown or revoked: the request ends here.
    Refused,
    /// Nobody knows yet: [`ManagementKeys::fill`] finds out.
    NeedsFill(Pending),
}

/// What a fill looks for. It prints nothing that a key could be found by.
#[derive(Clone, Copy, Debug)]
pub struct Pending(KeyDigest);

/// Every management key that was presented lately. Clones share the memory.
#[derive(Clone, Debug)]
pub struct ManagementKeys {
    ground: Ground,
    cache: Cache<KeyDigest, VerifiedKey>,
}

impl ManagementKeys {
    /// An empty memory, voided by the ground's feed.
    pub fn new(ground: &Ground) -> Self {
        Self {
            ground: ground.clone(),
            cache: Cache::counted(&ground.feed, CACHED_MOST, &ground.metrics, "management_keys"),
        }
    }

    /// Judges a bearer token from memory alone.
    pub fn known(&self, token: &str) -> Presented {
        if !token.starts_with(PREFIX) {
            return Presented::NotPresented;
        }
        let Ok(parsed) = ManagementKey::parse(token) else { return Presented::Refused };
        match self.cache.known(&parsed.digest()) {
            Known::Yes(key) => Presented::Verified(Arc::clone(&key.principal)),
            Known::No => Presented::Refused,
            Known::Unknown => Presented::NeedsFill(Pending(parsed.digest())),
        }
    }

    /// Finds out about a key that memory does not know.
    ///
    /// # Errors
    /// When the database does not answer: the caller refuses with 503, never lets pass.
    pub async fn fill(&self, pending: &Pending) -> Result<Presented, Arc<DbFault>> {
        let load = || {
            let (ground, digest) = (self.ground.clone(), pending.0);
            async move { Ok(store::key(&ground, &digest).await?.map(vouch)) }
        };
        let found = self.cache.find(&pending.0, load).await?;
        Ok(found.map_or(Presented::Refused, |key| Presented::Verified(Arc::clone(&key.principal))))
    }
}

/// A guard verified this key: the one place of this room that makes a principal.
fn vouch(found: store::Found) -> VerifiedKey {
    let permissions = found.scopes.iter().filter_map(|scope| Permission::parse(scope).ok()).collect();
    let principal = Principal::vouch(Parts {
        realm: Realm::Staff,
        credential: Credential::Management(found.id),
        tenant: None,
        mode: None,
        person: None,
        roles: Vec::new(),
        permissions: Arc::new(permissions),
        auth_time: None,
        amr: Vec::new(),
    });
    VerifiedKey { id: found.id, principal: Arc::new(principal) }
}
