//! What checks try with: connections of the serving logins outside every pool, and requests over loopback.

use std::sync::Arc;

use tenantry_core::ids::TenantId;
use tenantry_platform::config::Config;
use tenantry_platform::db::{DbFault, ToSql, Urls};
use tenantry_platform::ground::Ground;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Row};

use super::controls::revocation::Canary;
use super::sites::Sites;

/// How checks reach the running system.
pub struct Probe {
    /// The ground: through the walls, as every room.
    pub ground: Ground,
    /// What the system was told to be.
    pub config: Arc<Config>,
    /// Where it is served; none: the controls that send requests stay unknown.
    pub sites: Option<Sites>,
    logins: Urls,
    /// The canary's key, kept so that a process makes one at most.
    pub(super) canary: Mutex<Option<Canary>>,
}

/// A serving login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Control,
    Live,
    Test,
    Jobs,
    Operator,
}

impl Login {
    pub(super) const ALL: [Self; 5] = [Self::Control, Self::Live, Self::Test, Self::Jobs, Self::Operator];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Control => "tenantry_control",
            Self::Live => "tenantry_live",
            Self::Test => "tenantry_test",
            Self::Jobs => "tenantry_jobs",
            Self::Operator => "tenantry_operator",
        }
    }
}

/// Why a check could not be brought to its end. Its control is `unknown`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Inconclusive(pub String);

impl From<tokio_postgres::Error> for Inconclusive {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error
            .as_db_error()
            .map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()));
        Self(format!("the database answered: {said}"))
    }
}

impl From<DbFault> for Inconclusive {
    fn from(fault: DbFault) -> Self {
        Self(fault.to_string())
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("sites", &self.sites).finish_non_exhaustive()
    }
}

impl Probe {
    /// A probe of the system that these logins and sites serve.
    pub fn new(ground: Ground, config: Arc<Config>, logins: Urls, sites: Option<Sites>) -> Self {
        Self { ground, config, sites, logins, canary: Mutex::default() }
    }

    /// Where requests go.
    pub(super) fn sites(&self) -> Result<&Sites, Inconclusive> {
        self.sites.as_ref().ok_or_else(|| Inconclusive("no address of the running system is known here".to_owned()))
    }

    /// A connection of a login: closed with the value.
    pub(super) async fn connect(&self, login: Login) -> Result<Client, Inconclusive> {
        let config = match login {
            Login::Control => &self.logins.control,
            Login::Live => &self.logins.live,
            Login::Test => &self.logins.test,
            Login::Jobs => &self.logins.jobs,
            Login::Operator => &self.logins.operator,
        };
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of a posture check ended");
            }
        });
        Ok(client)
    }

    /// A transaction of a login that will be rolled back.
    pub(super) async fn trial(&self, login: Login) -> Result<Trial, Inconclusive> {
        let client = self.connect(login).await?;
        client.batch_execute("begin").await?;
        Ok(Trial { client })
    }

    /// A tenant that does not exist outside the check.
    pub(super) fn imagined_tenant(&self) -> TenantId {
        TenantId::new(&self.ground.clock, &self.ground.entropy)
    }

    /// The newest tenants, at most `most`.
    pub(super) async fn newest_tenants(&self, most: i64) -> Result<Vec<TenantId>, Inconclusive> {
        let operator = self.connect(Login::Operator).await?;
        let rows = operator.query("select tenant_id from tenants order by tenant_id desc limit $1", &[&most]).await?;
        Ok(rows.iter().map(|row| TenantId::from_uuid(row.get(0))).collect())
    }
}

/// A transaction that tries what must not work. Never committed: it ends with its connection.
pub(super) struct Trial {
    client: Client,
}

/// What became of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It ran, and touched or returned so many rows.
    Ran(u64),
    /// It was refused, with this SQLSTATE.
    Refused(String),
}

impl Tried {
    /// Refused for want of a privilege, by a policy or by a trigger: all three say 42501.
    pub(super) fn is_forbidden(&self) -> bool {
        *self == Self::Refused("42501".to_owned())
    }
}

impl Trial {
    /// Whose rows the next statements may see. None: the context is empty, as after another's transaction.
    pub(super) async fn as_tenant(&self, tenant: Option<TenantId>) -> Result<(), Inconclusive> {
        let tenant = tenant.map(|id| id.to_string()).unwrap_or_default();
        self.client.query("select set_config('tenantry.tenant', $1, true)", &[&tenant]).await?;
        Ok(())
    }

    /// Tries a statement behind a savepoint, so that the transaction goes on whatever happens.
    pub(super) async fn attempt(
        &self,
        statement: &'static str,
        args: &[&(dyn ToSql + Sync)],
    ) -> Result<Tried, Inconclusive> {
        self.client.batch_execute("savepoint attempt").await?;
        match self.client.execute(statement, args).await {
            Ok(rows) => {
                self.client.batch_execute("release savepoint attempt").await?;
                Ok(Tried::Ran(rows))
            }
            Err(error) => {
                let code = error.as_db_error().map(|db| db.code().code().to_owned());
                let code = code.ok_or_else(|| Inconclusive::from(error))?;
                self.client.batch_execute("rollback to savepoint attempt").await?;
                Ok(Tried::Refused(code))
            }
        }
    }

    /// Reads rows that must be readable.
    pub(super) async fn read(
        &self,
        statement: &'static str,
        args: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Inconclusive> {
        Ok(self.client.query(statement, args).await?)
    }

    /// Gives up everything that was tried.
    pub(super) async fn roll_back(self) -> Result<(), Inconclusive> {
        Ok(self.client.batch_execute("rollback").await?)
    }
}
