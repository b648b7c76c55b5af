//! `attack`: tries it, and rolls it back.

use std::time::Duration;

use tokio_postgres::Client;

use crate::catalog::Catalog;
use crate::config::Settings;
use crate::fault::Fault;
use crate::finding::Finding;

/// What was asked of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database, as an administrator: connections of its own are opened with it, which hear notices.
    pub url: String,
    /// Also where other clients are active on a primary.
    pub yes: bool,
    /// After how long nothing new is begun.
    pub budget: Duration,
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Attack {
    /// The holes, each with a script for psql.
    pub findings: Vec<Finding>,
    /// What a rollback cannot undo; what could not be tried, and why.
    pub notes: Vec<String>,
    /// How much was tried.
    pub tried: Tried,
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Tables, partitions, views and the like.
    pub relations: usize,
    /// Functions and procedures.
    pub functions: usize,
    /// Statements as an app role.
    pub statements: usize,
}

/// Tries what an app role could try. Everything is rolled back.
///
/// # Errors
/// When the database is in use by others and `yes` was not said, when it is a standby, or when a statement of ours fails.
pub async fn attack(
    client: &mut Client,
    catalog: &Catalog,
    settings: &Settings,
    options: &Options,
) -> Result<Attack, Fault> {
    let _ = (client, catalog, settings, options);
    Ok(Attack::default())
}
