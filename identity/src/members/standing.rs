//! What a person may do in a tenant: their role, and what the configuration says of it.

use std::sync::Arc;

use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::permission::{PermissionSet, RoleName};
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Origin, Permit, Resolve};

use super::role::role_named;
use super::store;

/// A person's place in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The role's name.
    pub role: RoleName,
    /// What it may do now.
    pub permissions: Arc<PermissionSet>,
}

/// The place of a person in a tenant; none when they are no member.
///
/// # Errors
/// What the database says.
pub async fn standing(
    ground: &Ground,
    roles: &Roles,
    tenant: TenantId,
    person: PersonId,
) -> Result<Option<Standing>, DbFault> {
    let context = Context { tenant: Some(tenant), person: None };
    let permit = Permit::<Resolve, Control>::system(context, Actor::system("gateway", "resolve"), Origin::default());
    let role = store::role(&permit, ground, person).await?;
    Ok(role.and_then(|role| {
        Some(Standing { permissions: permissions_of(roles, &role), role: RoleName::parse(&role).ok()? })
    }))
}

/// What a role may do. One that the configuration does not name may do nothing.
pub fn permissions_of(roles: &Roles, role: &str) -> Arc<PermissionSet> {
    Arc::new(role_named(roles, role).map(|found| found.role.permissions).unwrap_or_default())
}
