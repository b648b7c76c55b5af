//! Many tenants' rows in one commit, each group under its own context; a bad row fails alone.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::BoxFuture;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::fault::{DbFault, answered};
use super::flush::in_order;
use super::plane::{In, Plane};
use super::statement::{AsTenant, Sql};
use super::store::Store;
use super::{Context, Group};
use tenantry_core::ids::TenantId;

/// Rows that wait for their answers together: what a connection carries at a time.
const ROWS_A_FLUSH: usize = 200;

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
        self.write().await?.commit().await
    }

    /// Writes all, grouped by tenant. Nothing is in before [`WrittenBatch::commit`]: dropped before that, or here, it
    /// never was.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn write(self) -> Result<WrittenBatch, DbFault> {
        let mut items: Vec<(usize, &BatchItem)> = self.items.iter().enumerate().collect();
        items.sort_by_key(|(_, item)| item.tenant);
        let mut faults: Vec<Option<DbFault>> = self.items.iter().map(|_| None).collect();
        let mut writing = Writing::begin(&self.store, &items).await?;
        let mut rest = items.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(ROWS_A_FLUSH));
            self.store.count_flush(now.len());
            rest = match writing.flush(now).await? {
                None => later,
                Some((at, fault)) => {
                    faults[now[at].0] = Some(fault);
                    &rest[at + 1..]
                }
            };
        }
        Ok(WrittenBatch { guard: writing.guard, silence: writing.silence, faults })
    }
}

/// A batch that the server has and that is not committed.
#[must_use = "a batch that is not committed is rolled back"]
pub struct WrittenBatch {
    guard: Unclean,
    silence: Duration,
    faults: Vec<Option<DbFault>>,
}

impl WrittenBatch {
    /// Commits what was written. Dropped while it waits for the answer, nobody knows whether the rows are in.
    ///
    /// # Errors
    /// When the connection or the commit fails: then nothing is in, except where the fault says that it is unsure.
    pub async fn commit(self) -> Result<BatchOutcome, DbFault> {
        let committed = answered(self.silence, self.guard.connection()?.batch_execute("commit")).await;
        committed.and_then(|done| Ok(done?)).map_err(DbFault::of_commit)?;
        self.guard.keep();
        Ok(BatchOutcome { faults: self.faults })
    }
}

const SCOPE: &str = "select set_config('tenantry.tenant', $1, true), set_config('tenantry.person', $2, true)";

/// A transaction that many rows are being written in.
struct Writing {
    guard: Unclean,
    /// How long the server may be silent.
    silence: Duration,
    scope: Statement,
    statements: HashMap<&'static str, Statement>,
    is_begun: bool,
    /// Whose context stands.
    here: Option<TenantId>,
}

type Answer = Result<(), tokio_postgres::Error>;

impl Writing {
    async fn begin<M: Plane>(store: &Store<M>, items: &[(usize, &BatchItem)]) -> Result<Self, DbFault> {
        let guard = Unclean(Some(store.connection().await?));
        let connection = guard.connection()?;
        let scope = store.answered(connection.prepare_cached(SCOPE)).await??;
        let mut statements = HashMap::new();
        for (_, item) in items {
            if !statements.contains_key(item.text) {
                statements.insert(item.text, store.answered(connection.prepare_cached(item.text)).await??);
            }
        }
        Ok(Self { guard, silence: store.silence(), scope, statements, is_begun: false, here: None })
    }

    /// Sends rows at once, each behind a savepoint of its own. Answers the first that was refused: it is undone, those
    /// before it are in, and those after it were not looked at.
    async fn flush(&mut self, items: &[(usize, &BatchItem)]) -> Result<Option<(usize, DbFault)>, DbFault> {
        let connection = self.guard.connection()?;
        let mut calls: Vec<BoxFuture<'_, Answer>> = Vec::with_capacity(items.len() * 4 + 1);
        if !self.is_begun {
            calls.push(Box::pin(connection.batch_execute("begin")));
        }
        let mut rows = Vec::with_capacity(items.len());
        let mut here = self.here;
        for (_, item) in items {
            if here.replace(item.tenant) != Some(item.tenant) {
                calls.push(Box::pin(scope(connection, &self.scope, item.tenant)));
            }
            let statement = self.statements.get(item.text).ok_or(DbFault::Over)?;
            calls.push(Box::pin(connection.batch_execute("savepoint row")));
            rows.push(calls.len());
            calls.push(Box::pin(write(connection, statement, item)));
            calls.push(Box::pin(connection.batch_execute("release savepoint row")));
        }
        let answers = in_order(self.silence, calls).await?;
        // What follows a refused row was refused for its sake.
        let Some(refused) = answers.iter().position(Result::is_err) else {
            (self.is_begun, self.here) = (true, here);
            return Ok(None);
        };
        let fault = answers.into_iter().find_map(Result::err).map_or(DbFault::Over, DbFault::from);
        let Some(at) = rows.iter().position(|row| *row == refused) else { return Err(fault) };
        let undoing = connection.batch_execute("rollback to savepoint row; release savepoint row");
        answered(self.silence, undoing).await??;
        (self.is_begun, self.here) = (true, Some(items[at].1.tenant));
        Ok(Some((at, fault)))
    }
}

async fn scope(connection: &Object, set: &Statement, tenant: TenantId) -> Answer {
    let (tenant, person) = Context { tenant: Some(tenant), person: None }.settings();
    connection.query(set, &[&tenant, &person]).await.map(drop)
}

async fn write(connection: &Object, statement: &Statement, item: &BatchItem) -> Answer {
    let tenant = item.tenant.uuid();
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&tenant];
    params.extend(item.args.iter().map(|arg| &**arg as &(dyn ToSql + Sync)));
    connection.query(statement, &params).await.map(drop)
}

/// A connection that is closed unless it was brought to a clean end.
pub(super) struct Unclean(pub(super) Option<Object>);

impl Unclean {
    pub(super) fn connection(&self) -> Result<&Object, DbFault> {
        self.0.as_ref().ok_or(DbFault::Over)
    }

    pub(super) fn keep(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Unclean {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
