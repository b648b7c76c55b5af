//! Many tenants' rows in one commit, each group under its own context; a bad row fails alone.

use tokio_postgres::types::ToSql;

use super::fault::{DbFault, answered};
use super::plane::{In, Plane};
use super::statement::{AsTenant, Sql};
use super::store::Store;
use super::tx::CONTEXT;
use super::{Context, Group};
use tenantry_core::ids::TenantId;

/// A statement with its own parameters, for one tenant.
pub struct BatchItem {
    tenant: TenantId,
    text: &'static str,
    args: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl BatchItem {
    /// `args` are `$2` and on; `$1` is the tenant.
    pub fn new<G: Group>(
        tenant: TenantId,
        sql: &'static Sql<AsTenant, G>,
        args: Vec<Box<dyn ToSql + Sync + Send>>,
    ) -> Self {
        Self { tenant, text: sql.text(), args }
    }
}

/// What became of each item, in the order they were pushed.
#[derive(Debug)]
pub struct BatchOutcome {
    /// `None` where the row is in; the fault where it is not.
    pub faults: Vec<Option<DbFault>>,
}

/// Rows of several tenants that commit together.
pub struct TenantBatch<M: Plane> {
    store: Store<M>,
    items: Vec<BatchItem>,
}

impl<M: Plane> TenantBatch<M> {
    pub(crate) fn new(store: &Store<M>) -> Self {
        Self { store: store.clone(), items: Vec::new() }
    }

    /// Adds a row.
    pub fn push<G: Group>(
        &mut self,
        tenant: TenantId,
        sql: &'static Sql<AsTenant, G>,
        args: Vec<Box<dyn ToSql + Sync + Send>>,
    ) where
        M: In<G>,
    {
        self.items.push(BatchItem::new(tenant, sql, args));
    }

    /// Writes all, grouped by tenant, and commits once.
    ///
    /// # Errors
    /// When the connection fails or the commit does: then nothing is in.
    pub async fn commit(self) -> Result<BatchOutcome, DbFault> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|&i| self.items[i].tenant);
        let mut faults: Vec<Option<DbFault>> = self.items.iter().map(|_| None).collect();
        let connection = self.store.connection().await?;
        let guard = Unclean(Some(connection));
        answered(guard.connection()?.batch_execute("begin")).await??;
        for group in order.chunk_by(|&a, &b| self.items[a].tenant == self.items[b].tenant) {
            guard.scope(self.items[group[0]].tenant).await?;
            for &i in group {
                faults[i] = guard.write(&self.items[i]).await?;
            }
        }
        let committed = answered(guard.connection()?.batch_execute("commit")).await;
        committed.and_then(|done| Ok(done?)).map_err(DbFault::of_commit)?;
        guard.keep();
        Ok(BatchOutcome { faults })
    }
}

/// A connection that is closed unless it was brought to a clean end.
pub(super) struct Unclean(pub(super) Option<deadpool_postgres::Object>);

impl Unclean {
    pub(super) fn connection(&self) -> Result<&deadpool_postgres::Object, DbFault> {
        self.0.as_ref().ok_or(DbFault::Over)
    }

    async fn scope(&self, tenant: TenantId) -> Result<(), DbFault> {
        let (tenant, person) = Context { tenant: Some(tenant), person: None }.settings();
        let connection = self.connection()?;
        let set = answered(connection.prepare_cached(CONTEXT)).await??;
        answered(connection.query(&set, &[&tenant, &person])).await??;
        Ok(())
    }

    /// One row behind a savepoint. The outer error is the connection's, the inner one the row's.
    async fn write(&self, item: &BatchItem) -> Result<Option<DbFault>, DbFault> {
        let connection = self.connection()?;
        let statement = answered(connection.prepare_cached(item.text)).await??;
        let tenant = item.tenant.uuid();
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&tenant];
        params.extend(item.args.iter().map(|arg| &**arg as &(dyn ToSql + Sync)));
        let writing = async {
            futures_util::join!(connection.batch_execute("savepoint row"), connection.query(&statement, &params))
        };
        let (saved, written) = answered(writing).await?;
        saved?;
        let end = if written.is_ok() { "release savepoint row" } else { "rollback to savepoint row" };
        answered(connection.batch_execute(end)).await??;
        Ok(written.err().map(DbFault::from))
    }

    pub(super) fn keep(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Unclean {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(deadpool_postgres::Object::take(connection));
        }
    }
}
