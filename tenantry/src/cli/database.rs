//! `tenantry check`, `tenantry migrate`, `tenantry database`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_platform::config::{Config, Environment, guard_table};
use tenantry_platform::db::{self, WhileServing, logins};
use tenantry_platform::feed::copies;
use tenantry_platform::numbers;
use tenantry_platform::record::hex;
use tokio_postgres::{Client, NoTls};

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Subcommand)]
pub(super) enum DatabaseCommand {
    /// Print the SQL that a DBA runs once (CREATEROLE is enough), and the environment for `serve`.
    Plan {
        /// The database's name.
        #[arg(long, default_value = "tenantry")]
        database: String,
        /// The server, for the URLs that are printed.
        #[arg(long, default_value = "localhost")]
        host: String,
    },
    /// After a dump was loaded into another cluster: give the lists of changes numbers of this one (TENANTRY_MIGRATE_URL).
    ///
    /// Apps that keep tables of their own are told by 422 that their cursors are over, and begin anew.
    Renumber,
    /// After a fail-over to an older copy, or a restore: say that you have looked at what was revoked since, which that copy
    /// may let pass again (TENANTRY_MIGRATE_URL). Its control is red until then.
    AcknowledgeCopy(Where),
}

pub(super) fn run(command: DatabaseCommand) -> Outcome {
    match command {
        DatabaseCommand::Plan { database, host } => plan(&database, &host),
        DatabaseCommand::Renumber => renumber(),
        DatabaseCommand::AcknowledgeCopy(place) => acknowledge_copy(&place),
    }
}

/// Passwords are made here and printed once; whoever keeps them elsewhere replaces them.
fn plan(database: &str, host: &str) -> Outcome {
    let entropy = Entropy::system();
    let mut made = Vec::new();
    let sql = logins::plan(database, |login| {
        let password = hex(&entropy.bytes::<20>());
        made.push((login.to_owned(), password.clone()));
        password
    });
    say(sql.trim_end());
    say("\n-- The environment for `tenantry migrate` and `tenantry serve`. Keep it where secrets are kept.");
    for (login, password) in made {
        let name = login.trim_start_matches("tenantry_").to_uppercase();
        say(&format!("-- TENANTRY_{name}_URL=postgresql://{login}:{password}@{host}/{database}"));
        if name == "CONTROL" {
            say(&format!("-- TENANTRY_LISTEN_URL=postgresql://{login}:{password}@{host}/{database}"));
        }
    }
    say(
        "-- `serve` also takes TENANTRY_ROOT_KEY (made by `tenantry keys new-root`), TENANTRY_SMTP_URL and, for routes",
    );
    say("-- with guard = \"cron\", TENANTRY_CRON_SECRET.");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check(path: &Path) -> Outcome {
    let config = Config::load(path)?;
    say(guard_table(&config).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// What `migrate` takes.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct MigrateArgs {
    /// Migrate although nodes serve on the database.
    ///
    /// Without it nothing is applied as long as a serving login is connected. With it, requests that need what a
    /// migration alters wait for it, and are answered 503 when they have waited for 5 seconds; a migration that waits 30
    /// seconds for a lock gives up and is rolled back. Nodes of the older version are not ready from then on, and what
    /// they still answer may fail: start the new version on each at once.
    #[arg(long)]
    while_serving: bool,
}

/// What to expect of it, said before it begins.
const WAITS: &str = "Migrating under whoever serves: requests wait for it, up to 5 seconds each, then get 503. Start the new version on every node at once.";

pub(super) fn migrate(args: MigrateArgs) -> Outcome {
    let serving = if args.while_serving { WhileServing::GoOn } else { WhileServing::Refuse };
    if args.while_serving {
        say(WAITS);
    }
    let applied = wait(async {
        let mut client = migrating().await?;
        db::migrate(&mut client, Clock::system().now(), serving).await.map_err(Fault::from)
    })??;
    if applied.is_empty() {
        say("The database is up to date.");
    }
    applied.iter().for_each(|name| say(&format!("applied {name}")));
    Ok(ExitCode::SUCCESS)
}

fn renumber() -> Outcome {
    let rows = wait(async {
        let client = migrating().await?;
        numbers::renumber(&client).await.map_err(Fault::from)
    })??;
    say(&match rows {
        0 => "All numbers are this cluster's.".to_owned(),
        rows => format!("{rows} rows have numbers of this cluster now. Start `tenantry serve`."),
    });
    Ok(ExitCode::SUCCESS)
}

fn acknowledge_copy(place: &Where) -> Outcome {
    let notes = wait(async {
        let installation = Installation::open(place).await?;
        let client = installation.owner().await?;
        copies::acknowledge(&client, installation.ground.now()).await.map_err(Fault::from)
    })??;
    say(match notes {
        0 => "No node has found the database to be an older copy.",
        _ => {
            "It is acknowledged, and noted in `tenantry operators log`. The control `database-copy` passes from its next run on."
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// A connection of the login that migrates.
async fn migrating() -> Result<Client, Fault> {
    let config = super::connect::migrate_login(&Environment::of_process())?;
    let (client, connection) =
        config.connect(NoTls).await.map_err(|error| format!("the database cannot be reached: {error}"))?;
    tokio::spawn(connection);
    Ok(client)
}
