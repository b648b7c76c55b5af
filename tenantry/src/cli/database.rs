//! `tenantry check`, `tenantry migrate`, `tenantry database plan`.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_platform::config::{Config, Environment, guard_table};
use tenantry_platform::db::{self, logins};
use tenantry_platform::record::hex;
use tokio_postgres::NoTls;

use super::{Outcome, say, wait};

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
}

pub(super) fn run(command: DatabaseCommand) -> Outcome {
    match command {
        DatabaseCommand::Plan { database, host } => plan(&database, &host),
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

pub(super) fn migrate() -> Outcome {
    let config = super::connect::migrate_login(&Environment::of_process())?;
    let applied = wait(async {
        let (mut client, connection) =
            config.connect(NoTls).await.map_err(|error| format!("the database cannot be reached: {error}"))?;
        tokio::spawn(connection);
        db::migrate(&mut client, Clock::system().now()).await.map_err(|error| error.to_string())
    })??;
    if applied.is_empty() {
        say("The database is up to date.");
    }
    applied.iter().for_each(|name| say(&format!("applied {name}")));
    Ok(ExitCode::SUCCESS)
}
