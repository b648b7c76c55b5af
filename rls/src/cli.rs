//! What can be asked, and what a run ends with: 0 nothing found, 1 findings, 2 it could not run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::fault::Fault;

/// A verb.
#[derive(Debug, Subcommand)]
pub enum RlsCommand {
    /// Judge the catalogue: reads only, in one snapshot.
    Verify(Common),
}

/// What every verb takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The database, as an administrator: postgresql://USER:PASSWORD@HOST/DATABASE
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub url: String,
    /// What the database is meant to be.
    #[arg(long, default_value = "rls.toml")]
    pub config: PathBuf,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For code hosts.
    Sarif,
}

/// Runs a verb to its end.
pub fn run(command: RlsCommand) -> ExitCode {
    match wait(dispatch(command)) {
        Ok(code) => code,
        Err(fault) => {
            say_error(&format!("tenantry rls: {fault}"));
            ExitCode::from(2)
        }
    }
}

async fn dispatch(command: RlsCommand) -> Result<ExitCode, Fault> {
    match command {
        RlsCommand::Verify(common) => {
            let _ = common;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn wait<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Fault::Refused(format!("no runtime can be made: {error}")))?.block_on(work)
}

fn say_error(line: &str) {
    use std::io::Write as _;
    // There is no third place to say that nobody hears it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
