//! Migrations: numbered SQL files, each in one transaction, under one lock for all nodes.
//!
//! What must always hold: a process serves on exactly the schema that it was made for. An older one answers requests with
//! faults that nobody can act on, and a newer one may mean something else by the same names. So nothing is migrated under
//! those who serve, unless somebody says that it may.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::batch::Unclean;
use super::fault::DbFault;
use super::logins;
use super::store::Database;

/// The files, in order. A released file never changes: its digest is compared.
const FILES: &[(&str, &str)] = &[
    ("0001_ground", include_str!("migrations/0001_ground.sql")),
    ("0002_doors", include_str!("migrations/0002_doors.sql")),
    ("0003_members", include_str!("migrations/0003_members.sql")),
    ("0004_people", include_str!("migrations/0004_people.sql")),
    ("0005_api_keys", include_str!("migrations/0005_api_keys.sql")),
    ("0006_idempotency", include_str!("migrations/0006_idempotency.sql")),
    ("0007_audit", include_str!("migrations/0007_audit.sql")),
    ("0008_usage", include_str!("migrations/0008_usage.sql")),
    ("0009_posture", include_str!("migrations/0009_posture.sql")),
    ("0010_roles", include_str!("migrations/0010_roles.sql")),
    ("0012_password_kinds", include_str!("migrations/0012_password_kinds.sql")),
    ("0013_directory", include_str!("migrations/0013_directory.sql")),
    ("0014_hand_off", include_str!("migrations/0014_hand_off.sql")),
    ("0015_sent_mails", include_str!("migrations/0015_sent_mails.sql")),
    ("0016_invitations", include_str!("migrations/0016_invitations.sql")),
    ("0017_schema", include_str!("migrations/0017_schema.sql")),
    ("0018_months", include_str!("migrations/0018_months.sql")),
    ("0019_keys", include_str!("migrations/0019_keys.sql")),
    ("0020_invited", include_str!("migrations/0020_invited.sql")),
    ("0021_canaries", include_str!("migrations/0021_canaries.sql")),
    ("0022_nodes", include_str!("migrations/0022_nodes.sql")),
    ("0023_owners", include_str!("migrations/0023_owners.sql")),
    ("0024_sweeps", include_str!("migrations/0024_sweeps.sql")),
    ("0025_csp_rest", include_str!("migrations/0025_csp_rest.sql")),
    ("0026_events", include_str!("migrations/0026_events.sql")),
    ("0027_numbers", include_str!("migrations/0027_numbers.sql")),
    ("0028_copies", include_str!("migrations/0028_copies.sql")),
    ("0030_limits_store", include_str!("migrations/0030_limits_store.sql")),
    ("0031_plans", include_str!("migrations/0031_plans.sql")),
    ("0032_offenders", include_str!("migrations/0032_offenders.sql")),
    ("0033_alerts", include_str!("migrations/0033_alerts.sql")),
    ("0035_many", include_str!("migrations/0035_many.sql")),
    ("0036_blocks", include_str!("migrations/0036_blocks.sql")),
];

/// Months of partitions made ahead with a migration; the job keeps them ahead afterwards.
const MONTHS_AHEAD: i32 = 3;

/// How often it is looked whether those who serve have gone, and how long between: a node that was just told to end takes
/// a moment.
const LOOKS: (u32, Duration) = (10, Duration::from_millis(200));

/// The lock that lets one node migrate while the others wait. A constant of ours, spelled "tenantry".
const LOCK: i64 = 0x7465_6e61_6e74_7279;

/// Why a migration did not run, or why nothing can be served on the schema that is there.
#[derive(Debug, thiserror::Error)]
pub enum MigrateFault {
    /// The database said no.
    #[error("migration {name} failed and was rolled back: {cause}")]
    Failed {
        /// The file.
        name: &'static str,
        /// What the database said.
        cause: String,
    },
    /// A file differs from the one that was applied.
    #[error(
        "migration {name} was applied with other contents; start the binary that this database was made with, or give `tenantry dev` another --data-dir"
    )]
    Altered {
        /// The file.
        name: &'static str,
    },
    /// The database was migrated by a newer binary.
    #[error("the database has migration {name}, which this binary does not know; start the newer binary")]
    Newer {
        /// The name in the database.
        name: String,
    },
    /// Sessions serve on the database.
    #[error(
        "{sessions} sessions of `tenantry serve` are on this database, and it lacks migration {name}. Requests would wait for its locks, and then be served by a binary that does not know the schema. Stop every node, migrate, and start the new version; or say --while-serving."
    )]
    Serving {
        /// How many.
        sessions: i64,
        /// The first file that the database lacks.
        name: &'static str,
    },
    /// The database was migrated by an older binary, or by none.
    #[error("the database has an older schema: it lacks migration {name}. Run `tenantry migrate`.")]
    Older {
        /// The first file that it lacks.
        name: &'static str,
    },
    /// Somebody holds a lock on a table that grows.
    #[error("the schema is up to date, but the months ahead could not be made: {0}. Run `tenantry migrate` again.")]
    Months(String),
    /// Nobody can say which schema it is.
    #[error("the database does not tell its schema: {0}")]
    Untold(DbFault),
    /// The login is not the one that migrates.
    #[error("cannot migrate: {0}. Use the URL of tenantry_migrate, made by the SQL of `tenantry database plan`.")]
    Login(String),
}

/// What becomes of a migration while sessions serve on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileServing {
    /// It is refused.
    Refuse,
    /// It goes on: the database is nobody else's, or somebody has decided so.
    GoOn,
}

/// Brings the database up to this binary and answers the names of what it applied.
pub async fn migrate(
    client: &mut Client,
    now: jiff::Timestamp,
    serving: WhileServing,
) -> Result<Vec<&'static str>, MigrateFault> {
    client.batch_execute(PREPARE).await.map_err(|error| MigrateFault::Login(text(&error)))?;
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(|error| MigrateFault::Login(text(&error)))?;
    let applied = apply_all(client, now, serving).await;
    // The lock ends with the session at the latest.
    let _ = client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await;
    applied
}

const PREPARE: &str = "set role tenantry_owner; set lock_timeout = '30s'; set client_min_messages = warning";

const LEDGER: &str = "
    create schema if not exists migrations;
    create table if not exists migrations.applied (
        name text primary key, digest text not null, applied_at timestamptz not null default now())";

async fn apply_all(
    client: &mut Client,
    now: jiff::Timestamp,
    serving: WhileServing,
) -> Result<Vec<&'static str>, MigrateFault> {
    let login = |error: tokio_postgres::Error| MigrateFault::Login(text(&error));
    client.batch_execute(LEDGER).await.map_err(login)?;
    let known = client.query("select name, digest from migrations.applied order by name", &[]).await.map_err(login)?;
    let lacking = lacking(&known)?;
    if let (Some(&(name, _)), WhileServing::Refuse) = (lacking.first(), serving) {
        refuse_serving(client, name).await?;
    }
    for &(name, sql) in &lacking {
        apply(client, name, sql).await.map_err(|error| MigrateFault::Failed { name, cause: text(&error) })?;
    }
    let made = client.query("select doors.ensure_partitions($1, $2)", &[&now, &MONTHS_AHEAD]).await;
    made.map_err(|error| MigrateFault::Months(text(&error)))?;
    Ok(lacking.into_iter().map(|(name, _)| name).collect())
}

const SERVING: &str = "
    select count(*) from pg_catalog.pg_stat_activity
    where datname = pg_catalog.current_database() and usename::text = any ($1)";

async fn refuse_serving(client: &Client, name: &'static str) -> Result<(), MigrateFault> {
    let logins = logins::SERVING.map(|(login, _)| login);
    let mut sessions = 0;
    for _ in 0..LOOKS.0 {
        let found = client.query_one(SERVING, &[&&logins[..]]).await;
        sessions = found.map_err(|error| MigrateFault::Login(text(&error)))?.get(0);
        if sessions == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOKS.1).await;
    }
    Err(MigrateFault::Serving { sessions, name })
}

async fn apply(client: &mut Client, name: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let tx = client.transaction().await?;
    tx.batch_execute(sql).await?;
    tx.execute("insert into migrations.applied (name, digest) values ($1, $2)", &[&name, &digest(sql)]).await?;
    tx.commit().await
}

impl Database {
    /// Refuses a schema that is not this binary's. To be called before the first request, and whenever somebody asks
    /// whether requests can be served: another binary may have migrated meanwhile.
    ///
    /// # Errors
    /// A sentence that says which command, or which binary, is needed.
    pub async fn refuse_other_schema(&self) -> Result<(), MigrateFault> {
        let known = self.applied().await.map_err(MigrateFault::Untold)?;
        lacking(&known)?.first().map_or(Ok(()), |&(name, _)| Err(MigrateFault::Older { name }))
    }

    async fn applied(&self) -> Result<Vec<tokio_postgres::Row>, DbFault> {
        let held = Unclean(Some(self.control.connection().await?));
        let known = match self.control.answered(held.connection()?.query(APPLIED, &[])).await? {
            Err(error) if is_before_the_door(&error) => Vec::new(),
            known => known?,
        };
        held.keep();
        Ok(known)
    }
}

const APPLIED: &str = "select name, digest from doors.applied_migrations()";

/// The schema is older than the door that tells of it, or there is none.
fn is_before_the_door(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::UNDEFINED_FUNCTION | &SqlState::INVALID_SCHEMA_NAME))
}

/// The files that are not applied yet. What is applied must be this binary's, to the letter.
fn lacking(known: &[tokio_postgres::Row]) -> Result<Vec<(&'static str, &'static str)>, MigrateFault> {
    let applied: Vec<(&str, &str)> = known.iter().map(|row| (row.get(0), row.get(1))).collect();
    if let Some((name, _)) = applied.iter().find(|(name, _)| FILES.iter().all(|(file, _)| file != name)) {
        return Err(MigrateFault::Newer { name: (*name).to_owned() });
    }
    let of = |file: &str| applied.iter().find(|(name, _)| *name == file).map(|(_, digest)| *digest);
    if let Some(&(name, _)) = FILES.iter().find(|(file, sql)| of(file).is_some_and(|found| found != digest(sql))) {
        return Err(MigrateFault::Altered { name });
    }
    Ok(FILES.iter().filter(|(file, _)| of(file).is_none()).copied().collect())
}

fn digest(sql: &str) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn text(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |db| {
            let place = db.where_().map(|place| format!(" at {place}")).unwrap_or_default();
            format!("{} ({}){place}", db.message(), db.code().code())
        },
    )
}
