//! A database of our own in a private cluster: what a DBA does by hand elsewhere.

use tokio_postgres::{Client, Config, NoTls};

use super::logins;
use super::migrate::{MigrateFault, WhileServing, migrate};

/// Why the database could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionFault {
    /// The administrator's connection failed.
    #[error("the private cluster cannot be prepared: {0}")]
    Administrator(#[from] tokio_postgres::Error),
    /// The migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateFault),
}

/// Makes the database and its roles if they are missing, then migrates as the login that may.
///
/// `administrator` reaches the cluster's maintenance database; `password` gives each login's password.
pub async fn provision(
    administrator: &Config,
    database: &str,
    mut password: impl FnMut(&str) -> String,
    now: jiff::Timestamp,
) -> Result<Vec<&'static str>, ProvisionFault> {
    let client = connect(administrator).await?;
    let there = client.query_opt("select from pg_catalog.pg_database where datname = $1", &[&database]).await?;
    if there.is_none() {
        client.batch_execute(&format!("create database {}", quoted(database))).await?;
    }
    let mut inside = administrator.clone();
    inside.dbname(database);
    connect(&inside).await?.batch_execute(&logins::plan(database, &mut password)).await?;
    let mut migrating = inside.clone();
    migrating.user(logins::MIGRATE).password(password(logins::MIGRATE));
    Ok(migrate(&mut connect(&migrating).await?, now, WhileServing::GoOn).await?)
}

/// A copy of a migrated database: grants on the database itself are not copied with it.
pub async fn provision_clone(administrator: &Config, template: &str, database: &str) -> Result<(), ProvisionFault> {
    let client = connect(administrator).await?;
    client
        .batch_execute(&format!(
            "create database {} template {} strategy file_copy",
            quoted(database),
            quoted(template)
        ))
        .await?;
    let mut inside = administrator.clone();
    inside.dbname(database);
    connect(&inside).await?.batch_execute(&logins::database_grants(database)).await?;
    Ok(())
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an administrator's connection ended");
        }
    });
    Ok(client)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
