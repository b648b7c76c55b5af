//! What a tenant that is not served answers: to everybody, before any data access (AC-12).

use tenantry_platform::permit::{TenantRef, TenantStatus};
use tenantry_platform::problem::{Kind, Problem};

/// The refusal that a stopped tenant's hosts and credentials get; `None` for one that is served. What works in
/// which status stands in `docs/tenant-status.md`.
///
/// The reason stands in the tenant's audit log and is not told to whoever asks.
pub fn stopped(tenant: &TenantRef) -> Option<Problem> {
    match tenant.status {
        TenantStatus::Active | TenantStatus::PastDue => None,
        TenantStatus::Suspended => Some(refusal(
            "tenant_suspended",
            "This workspace is suspended. Nothing of it was deleted. Its owner can ask the operator of this service why, and what to do.",
        )),
        TenantStatus::Offboarding | TenantStatus::Deactivated => Some(refusal(
            "tenant_closed",
            "This workspace is closed. Its owner can ask the operator of this service about its data.",
        )),
    }
}

fn refusal(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(Kind::Forbidden, detail).code(code)
}
