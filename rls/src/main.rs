//! `tenantry-rls`, for those who want this one tool.

use std::process::ExitCode;

use clap::Parser;
use tenantry_rls::cli::{self, RlsCommand};

/// Prove the isolation of any PostgreSQL that relies on Row Level Security.
#[derive(Debug, Parser)]
#[command(name = "tenantry-rls", version, about, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: RlsCommand,
}

fn main() -> ExitCode {
    cli::run(Cli::parse().command)
}
