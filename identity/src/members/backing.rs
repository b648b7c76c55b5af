//! What stands behind an invitation when it is accepted: the power of whoever sent it, as it is then (AC-3).
//!
//! A link lives for days. Whoever sent it may have been demoted, removed or shut out meanwhile, have handed the workspace
//! over or lost their key; what they cannot give any more, their links do not give either.

use tenantry_core::clock::Timestamp;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};

use super::invitations::Invitation;
use super::role::{Authority, key_authority, own_role};
use super::store;

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
        (None, Some(key)) => key_authority(tx, roles, key, now).await,
        (None, None) => Ok(None),
    }
}
