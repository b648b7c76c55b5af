//! `tenantry`: the security layer of a multi-tenant SaaS.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenantry::cli::run()
}
