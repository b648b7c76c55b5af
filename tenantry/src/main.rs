//! `tenantry`: the security layer of a multi-tenant SaaS.

use std::process::ExitCode;

/// A request takes and gives back some eighty small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tenantry::cli::run()
}
