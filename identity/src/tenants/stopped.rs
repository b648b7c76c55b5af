//! What a tenant that is not served answers: to everybody, before any data access (AC-12).

use tenantry_platform::permit::TenantRef;
use tenantry_platform::problem::{Kind, Problem};

/// The refusal that a stopped tenant's hosts and credentials get; `None` for one that is served.
///
/// The reason stands in the tenant's audit log and is not told to whoever asks.
pub fn stopped(tenant: &TenantRef) -> Option<Problem> {
    let detail = "This workspace is suspended. Nothing of it was deleted. Its owner can ask the operator of this service why, and what to do.";
    (!tenant.status.is_served()).then(|| Problem::new(Kind::Forbidden, detail).code("tenant_suspended"))
}
