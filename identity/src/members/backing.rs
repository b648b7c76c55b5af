//! What stands behind an invitation when it is accepted: the power of whoever sent it, as it is then (AC-3).
//!
//! A link lives for days. Whoever sent it may have been demoted, removed or shut out meanwhile, have handed the workspace
//! over or lost their key; what they cannot give any more, their links do not give either.

use std::sync::Arc;

use tenantry_core::clock::Timestamp;
use tenantry_core::permission::Permission;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::permit::{ManageMembers, Permission as _};

use super::invitations::Invitation;
use super::role::{Authority, own_role};
use super::store::{self, ActingKey};

/// How far whoever sent it may go now, and until the end of the transaction. `None`: they invite nobody any more, or
/// nobody knows who it was.
pub(super) async fn backing(
    tx: &mut TenantTx<Control>,
    roles: &Roles,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<Option<Authority>, DbFault> {
    match (invitation.invited_by, invitation.invited_by_key) {
        (Some(person), _) => {
            // Locked first: who is demoted or removed at this moment is read as they are afterwards.
            let role = own_role(tx, roles, person).await?;
            let is_active = store::find_in(tx, person).await?.is_some_and(|member| member.status == store::ACTIVE);
            Ok(role.filter(|_| is_active).and_then(Authority::of_role))
        }
        (None, Some(key)) => Ok(store::key_that_acts(tx, key).await?.and_then(|key| of_key(&key, now))),
        (None, None) => Ok(None),
    }
}

fn of_key(key: &ActingKey, now: Timestamp) -> Option<Authority> {
    let is_active = key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end);
    let manages = key.scopes.iter().any(|scope| scope == ManageMembers::WORD);
    let scopes = || key.scopes.iter().filter_map(|scope| Permission::parse(scope).ok()).collect();
    (is_active && manages).then(|| Authority::Scopes(Arc::new(scopes())))
}
