//! From a presented key to a principal: from memory, without waiting, on every request (KEY-1, KEY-3).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenantry_core::allow_list::AllowList;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::keyformat::{ApiKey, KeyDigest, KeyFault};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::permission::{Permission, PermissionSet};
use tenantry_platform::cache::{Cache, Depends, Known};
use tenantry_platform::config::Permissions;
use tenantry_platform::db::{Context, Database, DbFault, HasStore, Live, Mode, Test};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Credential, Origin, Parts, Permit, Principal, Realm, Resolve, TenantRef};
use uuid::Uuid;

use super::store::{self, Found};
use super::uses::{LastNoted, Use, Uses};
use crate::Options;
use crate::tenants::Tenants;

/// Keys kept in memory at most, about 1 KB each. A million in the database change nothing here.
const CACHED_MOST: usize = 20_000;

/// What every key starts with. Something else may be another scheme's.
const SCHEME: &str = "sk_";

/// A key that works, with whom it acts for. Void when the key or its tenant changes.
#[derive(Debug)]
pub struct VerifiedKey {
    id: KeyId,
    mode: ModeWord,
    tenant: Arc<TenantRef>,
    principal: Arc<Principal>,
    expires_at: Option<Timestamp>,
    networks: AllowList,
    last_noted: LastNoted,
}

impl VerifiedKey {
    /// Which key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The one mode that it acts in.
    pub const fn mode(&self) -> ModeWord {
        self.mode
    }

    /// The one tenant that it acts in.
    pub const fn tenant(&self) -> &Arc<TenantRef> {
        &self.tenant
    }

    /// From when on nobody believes it; `None`: it is for good.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Who it is and what it may do: its scopes, no person.
    pub const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

/// The same key, whatever was noted of it.
impl PartialEq for VerifiedKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for VerifiedKey {}

impl Depends for VerifiedKey {
    fn subjects(&self) -> Vec<Uuid> {
        vec![self.id.uuid(), self.tenant.id.uuid()]
    }
}

/// What became of a credential.
#[derive(Clone, Debug)]
pub enum Presented {
    /// It is no key of ours: another scheme may look at it.
    NotPresented,
    /// It works.
    Verified(Arc<VerifiedKey>),
    /// It is a key and does not work: the request ends here.
    Refused(Refusal),
    /// Nobody knows yet: [`ApiKeys::fill`] finds out.
    NeedsFill(Pending),
}

/// Why a key does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It only starts like one.
    NotAKey,
    /// Mistyped, cut or made up: seen without any look-up.
    BadChecksum,
    /// There is none like it, or it was revoked.
    Unknown,
    /// Its time is over.
    Expired,
    /// It works, and not from this address: known, so that its tenant's log can say so.
    Elsewhere(Arc<VerifiedKey>),
    /// Its tenant is not served: that answer comes first (AC-12).
    TenantStopped(Arc<TenantRef>),
}

/// What a fill looks for. It prints nothing that a key could be found by.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    digest: KeyDigest,
    tenant: TenantId,
    mode: ModeWord,
}

/// Refusals since the start of the process, for metrics and for the failure budget.
#[derive(Debug, Default)]
pub struct Counts {
    bad_checksum: AtomicU64,
    unknown: AtomicU64,
    expired: AtomicU64,
    elsewhere: AtomicU64,
    looked_up: AtomicU64,
}

impl Counts {
    /// Keys whose checksum was wrong.
    pub fn bad_checksum(&self) -> u64 {
        self.bad_checksum.load(Ordering::Relaxed)
    }

    /// Well-formed keys that are not there.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Keys whose time is over.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Working keys that were shown from an address that theirs do not name.
    pub fn elsewhere(&self) -> u64 {
        self.elsewhere.load(Ordering::Relaxed)
    }

    /// Times that the database was asked for a key.
    pub fn looked_up(&self) -> u64 {
        self.looked_up.load(Ordering::Relaxed)
    }
}

/// Every key that was presented lately. Clones share the memory.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    ground: Ground,
    words: Arc<Permissions>,
    tenants: Tenants,
    cache: Cache<KeyDigest, VerifiedKey>,
    counts: Arc<Counts>,
    uses: Arc<Uses>,
}

impl ApiKeys {
    /// An empty memory, voided by the ground's feed.
    pub fn new(ground: &Ground, options: &Options, tenants: &Tenants) -> Self {
        Self::bounded(ground, options, tenants, CACHED_MOST)
    }

    /// The same with another bound: for tests.
    pub fn bounded(ground: &Ground, options: &Options, tenants: &Tenants, most: usize) -> Self {
        Self {
            ground: ground.clone(),
            words: Arc::clone(&options.permissions),
            tenants: tenants.clone(),
            cache: Cache::counted(&ground.feed, most, &ground.metrics, "keys"),
            counts: Arc::default(),
            uses: Arc::default(),
        }
    }

    /// Judges a bearer token that came from `ip`, from memory alone.
    pub fn known(&self, token: &str, ip: IpAddr, now: Timestamp) -> Presented {
        if !token.starts_with(SCHEME) {
            return Presented::NotPresented;
        }
        let parsed = match ApiKey::parse(token) {
            Ok(parsed) => parsed,
            Err(KeyFault::NotAKey) => return self.refuse(Refusal::NotAKey),
            Err(KeyFault::BadChecksum) => return self.refuse(Refusal::BadChecksum),
        };
        let pending = Pending { digest: parsed.digest(), tenant: parsed.tenant(), mode: parsed.mode() };
        match self.cache.known(&pending.digest) {
            Known::Yes(key) => self.judge(key, ip, now),
            Known::No => self.refuse(Refusal::Unknown),
            Known::Unknown => Presented::NeedsFill(pending),
        }
    }

    /// Finds out about a key that memory does not know; those who ask for the same one share the reading.
    ///
    /// # Errors
    /// When the database does not answer: the caller refuses with 503, never lets pass.
    pub async fn fill(&self, pending: &Pending, ip: IpAddr, now: Timestamp) -> Result<Presented, Arc<DbFault>> {
        // The tenant first: nothing of a stopped one is read.
        if let Some(tenant) = self.stopped(pending).await? {
            return Ok(self.refuse(Refusal::TenantStopped(tenant)));
        }
        let load = || {
            let (keys, pending) = (self.clone(), *pending);
            async move { keys.load(pending).await }
        };
        match self.cache.find(&pending.digest, load).await {
            Ok(found) => Ok(found.map_or_else(|| self.refuse(Refusal::Unknown), |key| self.judge(key, ip, now))),
            // The tenant may be what has changed meanwhile.
            Err(fault) => match self.stopped(pending).await? {
                Some(tenant) => Ok(self.refuse(Refusal::TenantStopped(tenant))),
                None => Err(fault),
            },
        }
    }

    async fn stopped(&self, pending: &Pending) -> Result<Option<Arc<TenantRef>>, Arc<DbFault>> {
        Ok(self.tenants.by_id(pending.tenant).await?.filter(|tenant| !tenant.status.is_served()))
    }

    /// Refusals since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Keys in memory, the unknown ones included.
    pub fn held(&self) -> usize {
        self.cache.len()
    }

    /// Writes when keys were last used. Run about once a minute, and before the process ends.
    ///
    /// # Errors
    /// What the database says; the times noted until then are lost.
    pub async fn write_uses(&self) -> Result<(), DbFault> {
        self.uses.flush(&self.ground).await
    }

    fn judge(&self, key: Arc<VerifiedKey>, ip: IpAddr, now: Timestamp) -> Presented {
        if key.expires_at.is_some_and(|end| end <= now) {
            return self.refuse(Refusal::Expired);
        }
        // Before its use is noted: who shows it from elsewhere has not used it.
        if !key.networks.admits(ip) {
            return self.refuse(Refusal::Elsewhere(key));
        }
        if key.last_noted.is_due(now) {
            self.uses.note(key.mode, Use { tenant: key.tenant.id, key: key.id, at: now });
        }
        Presented::Verified(key)
    }

    fn refuse(&self, refusal: Refusal) -> Presented {
        let count = match refusal {
            Refusal::BadChecksum | Refusal::NotAKey => Some(&self.counts.bad_checksum),
            Refusal::Unknown => Some(&self.counts.unknown),
            Refusal::Expired => Some(&self.counts.expired),
            Refusal::Elsewhere(_) => Some(&self.counts.elsewhere),
            Refusal::TenantStopped(_) => None,
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Presented::Refused(refusal)
    }

    async fn load(&self, pending: Pending) -> Result<Option<VerifiedKey>, DbFault> {
        self.counts.looked_up.fetch_add(1, Ordering::Relaxed);
        match pending.mode {
            ModeWord::Live => self.load_in::<Live>(pending).await,
            ModeWord::Test => self.load_in::<Test>(pending).await,
        }
    }

    async fn load_in<M: Mode>(&self, pending: Pending) -> Result<Option<VerifiedKey>, DbFault>
    where
        Database: HasStore<M>,
    {
        // Read here and not before: what this entry believes of the tenant must be no older than its generation.
        let tenant = self.tenants.by_id(pending.tenant).await.map_err(|fault| DbFault::Retry(fault.to_string()))?;
        let Some(tenant) = tenant else { return Ok(None) };
        if !tenant.status.is_served() {
            // Stopped since it was asked about: that is no key that nobody knows, and is not remembered as one.
            return Err(DbFault::Retry("the workspace was stopped meanwhile".to_owned()));
        }
        let context = Context { tenant: Some(pending.tenant), person: None };
        let permit = Permit::<Resolve, M>::system(context, Actor::system("gateway", "resolve"), Origin::default());
        let found = store::by_digest(&permit, &self.ground, &pending.digest).await?;
        Ok(found.filter(|found| found.digest == pending.digest).map(|found| self.vouch(found, tenant, M::MODE)))
    }

    /// A guard verified this key: the one place of this room that makes a principal.
    fn vouch(&self, found: Found, tenant: Arc<TenantRef>, mode: ModeWord) -> VerifiedKey {
        let permissions = permissions(&found.scopes, &self.words);
        let principal = Principal::vouch(Parts {
            realm: Realm::Staff,
            credential: Credential::Key(found.id),
            tenant: Some(TenantRef::clone(&tenant)),
            mode: Some(mode),
            person: None,
            roles: Vec::new(),
            permissions: Arc::new(permissions),
            auth_time: None,
            amr: Vec::new(),
        });
        VerifiedKey {
            id: found.id,
            mode,
            tenant,
            principal: Arc::new(principal),
            expires_at: found.expires_at,
            networks: found.networks,
            last_noted: LastNoted::default(),
        }
    }
}

/// The scopes that the configuration still knows.
pub(super) fn permissions(scopes: &[String], words: &Permissions) -> PermissionSet {
    scopes.iter().filter(|scope| words.contains(scope)).filter_map(|scope| Permission::parse(scope).ok()).collect()
}
