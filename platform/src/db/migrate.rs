//! Migrations: numbered SQL files, each in one transaction, under one lock for all nodes.

use tokio_postgres::Client;

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
    ("0014_invitations", include_str!("migrations/0014_invitations.sql")),
];

/// Months of partitions made ahead with a migration; the job keeps them ahead afterwards.
const MONTHS_AHEAD: i32 = 3;

/// The lock that lets one node migrate while the others wait. A constant of ours, spelled "tenantry".
const LOCK: i64 = 0x7465_6e61_6e74_7279;

/// Why a migration did not run.
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
    /// The login is not the one that migrates.
    #[error("cannot migrate: {0}. Use the URL of tenantry_migrate, made by the SQL of `tenantry database plan`.")]
    Login(String),
}

/// Brings the database up to this binary and answers the names of what it applied.
pub async fn migrate(client: &mut Client, now: jiff::Timestamp) -> Result<Vec<&'static str>, MigrateFault> {
    client.batch_execute(PREPARE).await.map_err(|error| MigrateFault::Login(text(&error)))?;
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(|error| MigrateFault::Login(text(&error)))?;
    let applied = apply_all(client, now).await;
    // The lock ends with the session at the latest.
    let _ = client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await;
    applied
}

const PREPARE: &str = "set role tenantry_owner; set lock_timeout = '30s'; set client_min_messages = warning";

const LEDGER: &str = "
    create schema if not exists migrations;
    create table if not exists migrations.applied (
        name text primary key, digest text not null, applied_at timestamptz not null default now())";

async fn apply_all(client: &mut Client, now: jiff::Timestamp) -> Result<Vec<&'static str>, MigrateFault> {
    let login = |error: tokio_postgres::Error| MigrateFault::Login(text(&error));
    client.batch_execute(LEDGER).await.map_err(login)?;
    let known = client.query("select name, digest from migrations.applied order by name", &[]).await.map_err(login)?;
    refuse_newer(&known)?;
    let mut done = Vec::new();
    for &(name, sql) in FILES {
        match known.iter().find(|row| row.get::<_, &str>(0) == name) {
            Some(row) if row.get::<_, &str>(1) == digest(sql) => {}
            Some(_) => return Err(MigrateFault::Altered { name }),
            None => {
                apply(client, name, sql).await.map_err(|error| MigrateFault::Failed { name, cause: text(&error) })?;
                done.push(name);
            }
        }
    }
    client.query("select doors.ensure_partitions($1, $2)", &[&now, &MONTHS_AHEAD]).await.map_err(login)?;
    Ok(done)
}

async fn apply(client: &mut Client, name: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let tx = client.transaction().await?;
    tx.batch_execute(sql).await?;
    tx.execute("insert into migrations.applied (name, digest) values ($1, $2)", &[&name, &digest(sql)]).await?;
    tx.commit().await
}

fn refuse_newer(known: &[tokio_postgres::Row]) -> Result<(), MigrateFault> {
    let unknown =
        known.iter().map(|row| row.get::<_, String>(0)).find(|name| FILES.iter().all(|(file, _)| file != name));
    unknown.map_or(Ok(()), |name| Err(MigrateFault::Newer { name }))
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
