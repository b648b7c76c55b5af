//! The command line: what each command needs, and what it says when it ends.

mod connect;
mod database;
mod import;
mod keys;
mod management;
mod offenders;
mod people;
mod posture;
mod tenants;

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::Fault;

pub use connect::{Where, ground, ground_at};

/// The security layer of a multi-tenant SaaS.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, about, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, with a private PostgreSQL and a demo app.
    Dev(DevArgs),
    /// Serve: the gateway in front of your app.
    Serve(ConfigArg),
    /// Read the configuration, name every fault, and print who may pass where.
    Check(ConfigArg),
    /// Bring the database up to this version, while nobody serves on it (TENANTRY_MIGRATE_URL).
    Migrate(database::MigrateArgs),
    /// What the database needs.
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// The root key and the signing keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Tenants: create, list, suspend, reactivate.
    #[command(subcommand)]
    Tenants(tenants::TenantsCommand),
    /// People: deactivate, reactivate, import.
    #[command(subcommand)]
    People(people::PeopleCommand),
    /// Platform staff: grant, revoke, and the log of what was done to the whole installation.
    #[command(subcommand)]
    Operators(tenants::OperatorsCommand),
    /// Keys of the platform's own app, to list users, memberships and workspaces.
    #[command(subcommand)]
    ManagementKeys(management::ManagementKeysCommand),
    /// Addresses, keys and people that are refused for a while: list, lift, block.
    #[command(subcommand)]
    Offenders(offenders::OffendersCommand),
    /// Check every claim against the running system.
    Posture(posture::PostureArgs),
    /// Prove the isolation of any PostgreSQL that relies on Row Level Security: verify, attack, plan, apply.
    #[command(subcommand)]
    Rls(tenantry_rls::cli::RlsCommand),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct ConfigArg {
    /// The configuration file.
    #[arg(long, default_value = "tenantry.toml", env = "TENANTRY_CONFIG")]
    pub config: PathBuf,
}

/// What `dev` takes.
#[derive(Clone, Debug, Args)]
pub struct DevArgs {
    /// Where the database, the keys and `dev.json` live.
    #[arg(long, default_value = ".tenantry")]
    pub data_dir: PathBuf,
    /// The port on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Your configuration instead of the demo's. Beside a command, ./tenantry.toml unless said.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Where your app listens, instead of what the configuration says: http://HOST:PORT or unix:/PATH.
    #[arg(long)]
    pub upstream: Option<String>,
    /// The same as --upstream http://127.0.0.1:PORT.
    #[arg(long, conflicts_with = "upstream")]
    pub app_port: Option<u16>,
    /// A data directory for this run alone, without waiting for the disk: for tests.
    #[arg(long, conflicts_with = "data_dir")]
    pub ephemeral: bool,
    /// The workspaces to begin with, instead of the demo's; see docs/dev.md.
    #[arg(long, requires = "ephemeral")]
    pub seed: Option<PathBuf>,
    /// Write dev.json here too, when everything answers.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// The command that starts your app, which gets PORT and other variables: tenantry dev -- npm run dev
    #[arg(last = true)]
    pub command: Vec<OsString>,
}

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What a command ends with: its own exit code, or one sentence for the terminal and 2.
pub type Outcome = Result<ExitCode, Fault>;

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(_) if IS_UNSAID.load(Ordering::Relaxed) => ExitCode::from(2),
        Ok(code) => code,
        Err(error) => {
            say_error(&format!("tenantry: {error}"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Dev(args) => crate::dev::run(args),
        Command::Serve(config) => crate::serve::run(&config.config),
        Command::Check(config) => database::check(&config.config),
        Command::Migrate(args) => database::migrate(args),
        Command::Database(command) => database::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Tenants(command) => tenants::run(command),
        Command::People(command) => people::run(command),
        Command::Operators(command) => tenants::run_operators(command),
        Command::ManagementKeys(command) => management::run(command),
        Command::Offenders(command) => offenders::run(command),
        Command::Posture(args) => posture::run(args),
        Command::Rls(command) => Ok(tenantry_rls::cli::run(command)),
    }
}

/// Whether something that was said could not be written.
static IS_UNSAID: AtomicBool = AtomicBool::new(false);

/// One line for the person at the terminal. A reader that has gone, as of `| head -1`, has read what it wanted; what
/// is lost on a full disk makes the command fail at its end.
pub fn say(line: &str) {
    let Err(fault) = writeln!(std::io::stdout(), "{line}") else { return };
    if fault.kind() != ErrorKind::BrokenPipe && !IS_UNSAID.swap(true, Ordering::Relaxed) {
        say_error(&format!("standard output cannot be written: {fault}"));
    }
}

/// One line for the person at the terminal, about a fault.
pub fn say_error(line: &str) {
    // There is no third place to say that nobody hears it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// This very program, as another process of it can be started: also after its file was replaced, where the system
/// keeps it.
pub fn program() -> Option<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Some(own.to_owned()) } else { std::env::current_exe().ok() }
}

/// A runtime for a command that talks to the database and ends.
fn wait<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work))
}
