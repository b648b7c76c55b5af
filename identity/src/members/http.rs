//! Members over HTTP: `GET /-/api/v1/members`, and `GET /-/api/v1/whoami`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_platform::http::{Caller, ControlPermit, Json, Query};
use tenantry_platform::permit::{Principal, ReadMembers};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{MEMBERS_A_PAGE, Member};
use crate::Identity;
use crate::tenants::http::TenantDocument;

/// A person in the tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberDocument {
    /// The person.
    id: Uuid,
    name: String,
    email: String,
    /// `pending`, `active` or `deactivated`.
    status: String,
    /// The role's name.
    role: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// A page of members, in order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberPage {
    /// The members.
    data: Vec<MemberDocument>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<Uuid>,
}

/// Which members.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_after` of the page before.
    after: Option<Uuid>,
}

/// Who a credential is, where it acts, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    actor: ActorDocument,
    tenant: Option<TenantDocument>,
    /// `live` or `test`.
    mode: Option<&'static str>,
    /// Role names; a key has none.
    roles: Vec<String>,
    /// A role's permissions, or a key's scopes.
    permissions: Vec<String>,
}

/// Who acts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorDocument {
    /// `api_key` or `session`.
    kind: &'static str,
    /// The key's or the person's id.
    id: String,
    /// The person's name; a key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Who belongs to the tenant, 200 to a page.
#[utoipa::path(
    get, path = "/-/api/v1/members", tag = "members", operation_id = "list_members", params(ListQuery),
    responses((status = 200, body = MemberPage), (status = 401), (status = 403, description = "Needs members:read"))
)]
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<MemberPage>, Problem> {
    let members = super::list(&permit, &identity.ground, query.after).await?;
    let next_after = members.last().filter(|_| members.len() == MEMBERS_A_PAGE).map(|last| last.id.uuid());
    Ok(Json(MemberPage { data: members.into_iter().map(document).collect(), next_after }))
}

/// Who the credential is, where it acts, and what it may do.
#[utoipa::path(
    get, path = "/-/api/v1/whoami", tag = "tenant", operation_id = "who_am_i",
    responses((status = 200, body = WhoAmI), (status = 401))
)]
pub async fn whoami(caller: Caller) -> Result<Json<WhoAmI>, Problem> {
    Ok(Json(describe(caller.principal()?)))
}

fn describe(principal: &Principal) -> WhoAmI {
    let (parts, actor) = (principal.parts(), principal.actor());
    WhoAmI {
        actor: ActorDocument { kind: parts.credential.kind(), id: actor.id, name: actor.name },
        tenant: parts.tenant.as_ref().map(TenantDocument::from),
        mode: parts.mode.map(tenantry_core::mode::Mode::as_str),
        roles: parts.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        permissions: parts.permissions.iter().map(|word| word.as_str().to_owned()).collect(),
    }
}

fn document(member: Member) -> MemberDocument {
    MemberDocument {
        id: member.id.uuid(),
        name: member.name,
        email: member.email,
        status: member.status,
        role: member.role,
        since: member.since,
    }
}
