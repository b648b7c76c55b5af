//! The tenant that a credential acts in: `GET /-/api/v1/tenant`.

use serde::Serialize;
use tenantry_platform::http::{Caller, Json};
use tenantry_platform::permit::TenantRef;
use tenantry_platform::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

/// A tenant, as its own people and keys see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantDocument {
    id: Uuid,
    /// Its name in hosts.
    slug: String,
    name: String,
    plan: String,
    /// `active`, `past_due`, `suspended`, `offboarding` or `deactivated`.
    status: &'static str,
}

impl From<&TenantRef> for TenantDocument {
    fn from(tenant: &TenantRef) -> Self {
        Self {
            id: tenant.id.uuid(),
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            plan: tenant.plan.clone(),
            status: tenant.status.as_str(),
        }
    }
}

/// The tenant that the credential acts in.
#[utoipa::path(
    get, path = "/-/api/v1/tenant", tag = "tenant", operation_id = "read_tenant",
    responses((status = 200, body = TenantDocument), (status = 401))
)]
pub async fn read(caller: Caller) -> Result<Json<TenantDocument>, Problem> {
    let tenant = caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)?;
    Ok(Json(tenant.into()))
}
