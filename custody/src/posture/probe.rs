//! What checks try with: connections of the serving logins outside every pool, and requests over loopback.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::ids::TenantId;
use tenantry_platform::config::Config;
use tenantry_platform::db::{DbFault, ToSql, Urls};
use tenantry_platform::ground::Ground;
use tenantry_platform::log;
use tenantry_platform::telemetry;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};
use uuid::Uuid;

use super::canary::Canaries;
use super::control::{Outcome, Verdict};
use super::sites::Sites;

/// How long it counts what a trial found that leaves rows or reserves names.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// What this process would write of what is logged meanwhile.
pub type Rehearse = fn(&Clock, &dyn Fn()) -> String;

/// How checks reach the running system.
pub struct Probe {
    /// The ground: through the walls, as every room.
    pub ground: Ground,
    /// What the system was told to be.
    pub config: Arc<Config>,
    /// Where it is served; none: the controls that send requests stay unknown.
    pub sites: Option<Sites>,
    /// The program that serves; none: whether it refuses a faulty file stays unknown.
    pub(super) program: Option<PathBuf>,
    /// What this process logs with.
    pub(super) rehearse: Rehearse,
    /// What this process would tell whoever watches from outside.
    pub(super) tell: Rehearse,
    logins: Urls,
    /// The canaries' keys, kept so that a process makes one of each at most.
    pub(super) canaries: Canaries,
    /// What trials found that are not made at every run.
    kept: Mutex<BTreeMap<&'static str, (Timestamp, Verdict)>>,
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
        let sites = sites.map(|sites| sites.seen_from_elsewhere(&ground.entropy));
        let rehearse: Rehearse = |clock, act| log::rehearse(clock, act);
        let tell: Rehearse = |clock, act| telemetry::rehearse(clock, act);
        let (canaries, kept) = (Canaries::default(), Mutex::default());
        Self { ground, config, sites, program: None, rehearse, tell, logins, canaries, kept }
    }

    /// With the program that serves: it is started with faulty files.
    #[must_use]
    pub fn of_program(self, program: Option<PathBuf>) -> Self {
        Self { program, ..self }
    }

    /// With what a process logs with that is not this one.
    #[must_use]
    pub fn logging_with(self, rehearse: Rehearse) -> Self {
        Self { rehearse, ..self }
    }

    /// With what a process tells that is not this one.
    #[must_use]
    pub fn telling_with(self, tell: Rehearse) -> Self {
        Self { tell, ..self }
    }

    /// Makes a trial that leaves rows or reserves names: once an hour while it holds, and each time while it does not.
    pub(super) async fn hourly(
        &self,
        control: &'static str,
        trial: impl Future<Output = Result<Verdict, Inconclusive>>,
    ) -> Result<Verdict, Inconclusive> {
        let now = self.ground.now();
        let kept = self.kept.lock().get(control).cloned();
        if let Some((at, verdict)) = kept
            && at <= now
            && now.duration_since(at) < KEPT
        {
            return Ok(verdict);
        }
        let verdict = trial.await?;
        let mut kept = self.kept.lock();
        match verdict.outcome {
            Outcome::Pass => drop(kept.insert(control, (now, verdict.clone()))),
            Outcome::Fail | Outcome::Unknown => drop(kept.remove(control)),
        }
        Ok(verdict)
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

/// How the server would run a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    ByIndex,
    WholeTable,
    /// It cannot run as the database stands.
    Refused,
    /// Only the values of a real call tell their types.
    Untyped,
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

    /// Whose own rows the next statements may see.
    pub(super) async fn as_person(&self, person: Option<Uuid>) -> Result<(), Inconclusive> {
        let person = person.map(|id| id.to_string()).unwrap_or_default();
        self.client.query("select set_config('tenantry.person', $1, true)", &[&person]).await?;
        Ok(())
    }

    /// Runs settings that must work.
    pub(super) async fn run(&self, settings: &'static str) -> Result<(), Inconclusive> {
        Ok(self.client.batch_execute(settings).await?)
    }

    /// How the server would run one of our own statements.
    pub(super) async fn plan(&self, statement: &'static str) -> Result<Plan, Inconclusive> {
        self.client.batch_execute("savepoint attempt").await?;
        // No value stands in it: `prepare` takes a statement and nothing else.
        let plan = match self.client.batch_execute(&format!("prepare posture_plan as {statement}")).await {
            Ok(()) => self.explained().await?,
            Err(_) => Plan::Untyped,
        };
        self.client.batch_execute("rollback to savepoint attempt").await?;
        if plan != Plan::Untyped {
            // What is prepared outlives the savepoint.
            self.client.batch_execute("deallocate posture_plan").await?;
        }
        Ok(plan)
    }

    async fn explained(&self) -> Result<Plan, Inconclusive> {
        let count =
            "select cardinality(parameter_types) from pg_catalog.pg_prepared_statements where name = 'posture_plan'";
        let values =
            usize::try_from(self.client.query_one(count, &[]).await?.try_get::<_, i32>(0)?).unwrap_or_default();
        let arguments = if values == 0 { String::new() } else { format!("({})", vec!["null"; values].join(", ")) };
        let Ok(lines) = self.client.simple_query(&format!("explain execute posture_plan{arguments}")).await else {
            return Ok(Plan::Refused);
        };
        let scans = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0).is_some_and(|line| line.contains("Seq Scan")));
        Ok(if lines.iter().any(scans) { Plan::WholeTable } else { Plan::ByIndex })
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
