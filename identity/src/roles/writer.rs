//! How far somebody goes who writes roles.

use tenantry_core::permission::PermissionSet;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::permit::{ManageRoles, Permission as _};
use tenantry_platform::problem::{Kind, Problem};

use crate::members::Granter;

/// What a writer of roles holds themselves, measured in the transaction that writes.
#[derive(Debug)]
pub(super) struct Writer {
    held: PermissionSet,
}

impl Writer {
    /// # Errors
    /// 403 for who no longer writes roles: what the request's guard saw may be gone by now.
    pub(super) async fn of(tx: &mut TenantTx<Control>, configured: &Roles, granter: &Granter) -> Result<Self, Problem> {
        let held = granter.held(tx, configured).await?;
        if held.contains(ManageRoles::WORD) {
            Ok(Self { held })
        } else {
            Err(Problem::missing_permission(ManageRoles::WORD))
        }
    }

    /// Refuses what they do not hold.
    ///
    /// # Errors
    /// 403 `above_ceiling`, which says what is too much.
    pub(super) fn check(&self, permissions: &PermissionSet) -> Result<(), Problem> {
        self.held.check_ceiling(permissions).map_err(|above| {
            let sentence = format!(
                "Nobody writes a role that holds more than they do themselves: {above}. Ask somebody who does."
            );
            Problem::new(Kind::Forbidden, sentence).code("above_ceiling")
        })
    }
}
