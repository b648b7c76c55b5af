//! Pools: one a login. A [`Store`] of a plane can only be used through a permit of that plane.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{Config, NoTls};

use super::fault::{ANSWER_WITHIN, DbFault, answered};
use super::plane::{Control, Jobs, Live, Operator, Plane, Test};
use crate::metrics::{Line, Metrics};

/// A login's connection, as text: `postgresql://…`.
#[derive(Clone, Debug)]
pub struct Urls {
    /// `tenantry_control`
    pub control: Config,
    /// `tenantry_live`
    pub live: Config,
    /// `tenantry_test`
    pub test: Config,
    /// `tenantry_jobs`
    pub jobs: Config,
    /// `tenantry_operator`
    pub operator: Config,
}

impl Urls {
    /// Each serving login's, by its name.
    pub fn of(mut login: impl FnMut(&'static str) -> Config) -> Self {
        Self {
            control: login(Control::LOGIN),
            live: login(Live::LOGIN),
            test: login(Test::LOGIN),
            jobs: login(Jobs::LOGIN),
            operator: login(Operator::LOGIN),
        }
    }
}

/// How many connections, and how long a request waits for one.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// Connections of each login at most (EV-6).
    pub most: usize,
    /// How long a request waits for a free one before it is refused.
    pub wait: Duration,
    /// How long the server may be silent before a connection is given up.
    pub silence: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { most: 8, wait: Duration::from_secs(5), silence: ANSWER_WITHIN }
    }
}

/// Connecting took longer than this: the database is taken for unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What was sent and is not acknowledged for so long breaks the connection: the other end, or the way, is gone.
const UNACKNOWLEDGED_MOST: Duration = Duration::from_secs(20);
/// A quiet connection is tried after so long: firewalls forget, and the first request should not find out.
const QUIET_MOST: Duration = Duration::from_secs(60);

/// Why a pool could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The pool could not be made.
    #[error("the connection pool of {login} could not be made: {cause}")]
    Pool {
        /// The login.
        login: &'static str,
        /// What the pool said.
        cause: String,
    },
    /// The login can do more than a serving login may.
    #[error("{login}: {what}. Run `tenantry database plan` and give the login only what the plan says.")]
    TooPowerful {
        /// The login.
        login: &'static str,
        /// What it can do.
        what: String,
    },
    /// The database did not answer.
    #[error("{login} cannot connect: {cause}")]
    Unreachable {
        /// The login.
        login: &'static str,
        /// The fault.
        cause: DbFault,
    },
}

/// The pool of a plane.
pub struct Store<P> {
    pool: Pool,
    silence: Duration,
    sent: Arc<Sent>,
    of: PhantomData<fn() -> P>,
}

/// What the transactions of a pool have sent.
#[derive(Default)]
struct Sent {
    statements: AtomicU64,
    flushes: AtomicU64,
    waits: AtomicU64,
    timeouts: AtomicU64,
}

impl<P> Clone for Store<P> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), silence: self.silence, sent: Arc::clone(&self.sent), of: PhantomData }
    }
}

impl<P: Plane> std::fmt::Debug for Store<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store<{}>", P::LOGIN)
    }
}

impl<P: Plane> Store<P> {
    fn open(mut config: Config, options: PoolOptions) -> Result<Self, StoreFault> {
        config.connect_timeout(CONNECT_TIMEOUT).application_name(P::LOGIN);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED_MOST);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(QUIET_MOST));
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(options.most)
            .timeouts(Timeouts { wait: Some(options.wait), create: Some(CONNECT_TIMEOUT), recycle: None })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreFault::Pool { login: P::LOGIN, cause: error.to_string() })?;
        Ok(Self { pool, silence: options.silence, sent: Arc::default(), of: PhantomData })
    }

    /// A connection. Only transactions ask for one.
    pub(super) async fn connection(&self) -> Result<Object, DbFault> {
        let status = self.pool.status();
        if status.available == 0 && status.size >= status.max_size {
            self.sent.waits.fetch_add(1, Ordering::Relaxed);
        }
        let connection = self.pool.get().await.map_err(DbFault::from);
        if matches!(connection, Err(DbFault::Exhausted)) {
            self.sent.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        connection
    }

    /// How long the server may be silent.
    pub(super) const fn silence(&self) -> Duration {
        self.silence
    }

    /// Waits for the server, but not for ever. Whoever gives up must close the connection.
    pub(super) async fn answered<T>(&self, work: impl Future<Output = T>) -> Result<T, DbFault> {
        answered(self.silence, work).await
    }

    /// Shows how full the pool is.
    fn measure(&self, metrics: &Metrics) {
        let status = self.pool.status();
        let connections = metrics.database_connections.of(P::LOGIN);
        connections.of(Line::Busy).set(status.size.saturating_sub(status.available));
        connections.of(Line::Idle).set(status.available);
        metrics.database_waiting.of(P::LOGIN).set(status.waiting);
        metrics.database_waits.of(P::LOGIN).follow(self.sent.waits.load(Ordering::Relaxed));
        metrics.database_timeouts.of(P::LOGIN).follow(self.sent.timeouts.load(Ordering::Relaxed));
    }

    /// Statements that are sent together, and whose answers are waited for together.
    pub(super) fn count_flush(&self, statements: usize) {
        self.sent.statements.fetch_add(statements as u64, Ordering::Relaxed);
        self.sent.flushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Statements of rooms sent so far: what a test counts where two answers must cost the same (ID-4).
    pub fn statements(&self) -> u64 {
        self.sent.statements.load(Ordering::Relaxed)
    }

    /// How often a transaction waited for answers so far: what a test counts where an act of many rows must not take
    /// longer for each.
    pub fn flushes(&self) -> u64 {
        self.sent.flushes.load(Ordering::Relaxed)
    }

    /// Closes every connection: used before the database goes away.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Refuses a login that could walk around the walls: superuser, BYPASSRLS, replication, ownership.
    async fn refuse_power(&self) -> Result<(), StoreFault> {
        let unreachable = |cause: DbFault| StoreFault::Unreachable { login: P::LOGIN, cause };
        let connection = self.connection().await.map_err(unreachable)?;
        let row = connection.query_one(POWER, &[&P::SCHEMA]).await.map_err(|e| unreachable(e.into()))?;
        let powers: Vec<String> = row.get("powers");
        let user: String = row.get("login");
        if user != P::LOGIN {
            return Err(StoreFault::TooPowerful {
                login: P::LOGIN,
                what: format!("the URL signs in as {user} instead"),
            });
        }
        if powers.is_empty() {
            Ok(())
        } else {
            Err(StoreFault::TooPowerful { login: P::LOGIN, what: powers.join(", ") })
        }
    }
}

/// What a login may not be. `$1` is its schema, which must be the one it sees first.
const POWER: &str = "
    select current_user::text as login, array_remove(array[
        case when r.rolsuper then 'it is a superuser' end,
        case when r.rolbypassrls then 'it bypasses row level security' end,
        case when r.rolreplication then 'it may replicate' end,
        case when r.rolcreaterole then 'it may create roles' end,
        case when exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                          where n.nspname in ('control', 'live', 'test') and pg_catalog.pg_has_role(c.relowner, 'member'))
             then 'it owns tables, or is a member of their owner' end,
        case when current_schema() is distinct from $1 then 'its search_path does not begin with ' || $1 end,
        case when current_setting('row_security') <> 'on' then 'row_security is off' end
    ], null) as powers
    from pg_catalog.pg_roles r where r.rolname = current_user";

/// All pools of a serving process.
#[derive(Clone, Debug)]
pub struct Database {
    /// People, sessions, tenants.
    pub control: Store<Control>,
    /// Live data.
    pub live: Store<Live>,
    /// Test data.
    pub test: Store<Test>,
    /// The job queue.
    pub jobs: Store<Jobs>,
    /// The operator's list.
    pub operator: Store<Operator>,
}

impl Database {
    /// Makes the pools; connects on first use.
    pub fn open(urls: Urls, options: PoolOptions) -> Result<Self, StoreFault> {
        Ok(Self {
            control: Store::open(urls.control, options)?,
            live: Store::open(urls.live, options)?,
            test: Store::open(urls.test, options)?,
            jobs: Store::open(urls.jobs, PoolOptions { most: options.most.min(4), ..options })?,
            operator: Store::open(urls.operator, PoolOptions { most: options.most.min(4), ..options })?,
        })
    }

    /// Refuses logins that own, bypass or rule. To be called before the first request.
    pub async fn refuse_power(&self) -> Result<(), StoreFault> {
        self.control.refuse_power().await?;
        self.live.refuse_power().await?;
        self.test.refuse_power().await?;
        self.jobs.refuse_power().await?;
        self.operator.refuse_power().await
    }

    /// The server's version, as `server_version_num` writes it: 150020 is 15.20.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server_version(&self) -> Result<u32, DbFault> {
        let row = self
            .control
            .connection()
            .await?
            .query_one("select current_setting('server_version_num')::bigint", &[])
            .await?;
        Ok(u32::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    /// Shows how full each pool is, for whoever watches.
    pub fn measure(&self, metrics: &Metrics) {
        self.control.measure(metrics);
        self.live.measure(metrics);
        self.test.measure(metrics);
        self.jobs.measure(metrics);
        self.operator.measure(metrics);
    }

    /// Closes every connection.
    pub fn close(&self) {
        self.control.close();
        self.live.close();
        self.test.close();
        self.jobs.close();
        self.operator.close();
    }
}

/// The pool of a plane, by its type: lets one function serve both modes.
pub trait HasStore<P> {
    /// The pool.
    fn store(&self) -> &Store<P>;
}

macro_rules! has_store {
    ($($plane:ident $field:ident),+) => {$(
        impl HasStore<$plane> for Database {
            fn store(&self) -> &Store<$plane> {
                &self.$field
            }
        }
    )+};
}
has_store!(Control control, Live live, Test test, Jobs jobs, Operator operator);
