//! From a host's slug, or a key's tenant id, to the tenant: from memory, filled once when it is not there.

use std::sync::Arc;

use tenantry_core::ids::TenantId;
use tenantry_core::slug::Slug;
use tenantry_platform::cache::{Cache, Depends, Known};
use tenantry_platform::db::DbFault;
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::TenantRef;
use uuid::Uuid;

use super::store;

/// Tenants kept in memory, by slug and by id: about 300 bytes each.
const CACHED_MOST: usize = 20_000;

/// A tenant in the cache: void when the tenant changes.
#[derive(Debug)]
struct Resolved(Arc<TenantRef>);

impl Depends for Resolved {
    fn subjects(&self) -> Vec<Uuid> {
        vec![self.0.id.uuid()]
    }
}

/// Every tenant that was asked for lately. Clones share the memory.
#[derive(Clone, Debug)]
pub struct Tenants {
    ground: Ground,
    by_slug: Cache<Slug, Resolved>,
    by_id: Cache<TenantId, Resolved>,
}

impl Tenants {
    /// An empty memory, voided by the ground's feed.
    pub fn new(ground: &Ground) -> Self {
        let (feed, metrics) = (&ground.feed, &ground.metrics);
        let by_slug = Cache::counted(feed, CACHED_MOST, metrics, "tenants_by_slug");
        let by_id = Cache::counted(feed, CACHED_MOST, metrics, "tenants_by_id");
        Self { ground: ground.clone(), by_slug, by_id }
    }

    /// The tenant of a slug, as far as it is known without waiting.
    pub fn known(&self, slug: &Slug) -> Known<TenantRef> {
        match self.by_slug.known(slug) {
            Known::Yes(resolved) => Known::Yes(Arc::clone(&resolved.0)),
            Known::No => Known::No,
            Known::Unknown => Known::Unknown,
        }
    }

    /// The tenant of a slug.
    ///
    /// # Errors
    /// When the database does not answer and nothing is known.
    pub async fn find(&self, slug: &Slug) -> Result<Option<Arc<TenantRef>>, Arc<DbFault>> {
        let load = || {
            let (ground, slug) = (self.ground.clone(), slug.clone());
            async move { Ok(store::by_slug(&ground, slug.as_str()).await?.map(Arc::new).map(Resolved)) }
        };
        Ok(self.by_slug.find(slug, load).await?.map(|resolved| Arc::clone(&resolved.0)))
    }

    /// The tenant of an id.
    ///
    /// # Errors
    /// As [`Tenants::find`].
    pub async fn by_id(&self, id: TenantId) -> Result<Option<Arc<TenantRef>>, Arc<DbFault>> {
        let load = || {
            let ground = self.ground.clone();
            async move { Ok(store::by_id(&ground, id).await?.map(Arc::new).map(Resolved)) }
        };
        Ok(self.by_id.find(&id, load).await?.map(|resolved| Arc::clone(&resolved.0)))
    }
}
