//! The tenant that the credential acts in: `/-/api/v1/tenant`.

use std::sync::Arc;

use ::http::{StatusCode, header};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tenantry_platform::http::{Caller, ControlPermit, IfMatch, Json, etag};
use tenantry_platform::idempotency::{Idempotency, IdempotencyHeader};
use tenantry_platform::permit::{ManageTenant, TenantRef};
use tenantry_platform::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Versioned, WorkspaceName, store};
use crate::Identity;

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
    /// Grows with each change; the `ETag` says the same. Only where the tenant itself is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTenant {
    /// What people call it, 1 to 100 characters.
    name: String,
}

impl From<&TenantRef> for TenantDocument {
    fn from(tenant: &TenantRef) -> Self {
        Self {
            id: tenant.id.uuid(),
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            plan: tenant.plan.clone(),
            status: tenant.status.as_str(),
            version: None,
        }
    }
}

/// The tenant that the credential acts in.
#[utoipa::path(
    get, path = "/-/api/v1/tenant", tag = "tenant", operation_id = "read_tenant",
    responses((status = 200, body = TenantDocument, headers(("ETag" = String))), (status = 401))
)]
pub async fn read(caller: Caller, State(identity): State<Arc<Identity>>) -> Result<Response, Problem> {
    let tenant = caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)?;
    let found = store::versioned_by_id(&identity.ground, tenant.id).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::ETAG, etag(found.version))], Json(document(&found))).into_response())
}

/// Gives the tenant another name. With `If-Match` only while it is as it was read.
#[utoipa::path(
    patch, path = "/-/api/v1/tenant", tag = "tenant", operation_id = "update_tenant", request_body = UpdateTenant,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of a read"), IdempotencyHeader),
    responses(
        (status = 200, body = TenantDocument, headers(("ETag" = String))),
        (status = 400), (status = 401), (status = 403, description = "Needs tenant:manage with a live key"),
        (status = 412, description = "Somebody changed it after it was read"), (status = 415),
        (status = 422, description = "The name is empty or too long")
    )
)]
pub async fn update(
    ControlPermit(permit): ControlPermit<ManageTenant>,
    idem: Idempotency,
    State(identity): State<Arc<Identity>>,
    IfMatch(expected): IfMatch,
    Json(sent): Json<UpdateTenant>,
) -> Result<Response, Problem> {
    let mut tx = permit.begin(&identity.ground);
    if let Some(answer) = idem.claim(&mut tx, &identity.ground).await? {
        return Ok(answer);
    }
    let name = WorkspaceName::parse(&sent.name).map_err(|fault| Problem::invalid("name", fault))?;
    let changed = super::rename(&mut tx, &identity.ground, &name, expected).await?;
    let mut answer = idem.commit(tx, &identity.ground, StatusCode::OK, &document(&changed)).await?;
    answer.headers_mut().insert(header::ETAG, etag(changed.version));
    Ok(answer)
}

fn document(found: &Versioned) -> TenantDocument {
    TenantDocument { version: Some(found.version), ..TenantDocument::from(&found.tenant) }
}
