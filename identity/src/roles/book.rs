//! What the names of roles mean in one tenant.

use tenantry_core::permission::{PermissionSet, Role, RoleName};
use tenantry_platform::config::{ConfiguredRole, Roles};
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};

use super::store::{self, OwnRole};

/// A role as it is known now.
#[derive(Clone, Debug)]
pub struct KnownRole {
    /// Name, permissions, rank. A tenant's own has no rank.
    pub role: Role,
    /// What people read beside the name.
    pub description: String,
    /// The one that owns the workspace.
    pub is_owner: bool,
}

/// Every role that somebody can have in a tenant.
#[derive(Clone, Debug)]
pub struct RoleBook<'a> {
    configured: &'a Roles,
    own: Vec<OwnRole>,
}

impl<'a> RoleBook<'a> {
    /// The roles of the transaction's tenant, as they stand now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(tx: &mut TenantTx<Control>, configured: &'a Roles) -> Result<Self, DbFault> {
        Ok(Self { configured, own: store::list(tx).await? })
    }

    /// The same outside of a transaction, for what a page offers. The verbs look again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn read<P: Permission>(
        permit: &Permit<P, Control>,
        ground: &Ground,
        configured: &'a Roles,
    ) -> Result<Self, DbFault> {
        Ok(Self { configured, own: store::read_list(permit, ground).await? })
    }

    /// The role of a name. One that nobody knows permits nothing.
    pub fn named(&self, name: &str) -> Option<KnownRole> {
        let own = || self.own.iter().find(|own| own.name == name).and_then(|own| own.known(self.configured));
        self.configured.find(name).map(KnownRole::from).or_else(own)
    }

    /// The role that is about to be granted, as it stays until the end of the transaction.
    pub(crate) async fn hold(&self, tx: &mut TenantTx<Control>, name: &str) -> Result<Option<KnownRole>, DbFault> {
        if let Some(found) = self.configured.find(name) {
            return Ok(Some(found.into()));
        }
        Ok(store::hold(tx, name).await?.and_then(|own| own.known(self.configured)))
    }

    /// Every role that can be given: the configuration's, highest first, then the tenant's own by name.
    pub fn all(&self) -> Vec<KnownRole> {
        let configured = self.configured.iter().map(KnownRole::from);
        configured.chain(self.own.iter().filter_map(|own| self.visible(own))).collect()
    }

    /// The tenant's own roles, also those that one of the configuration hides.
    pub fn own(&self) -> &[OwnRole] {
        &self.own
    }

    fn visible(&self, own: &OwnRole) -> Option<KnownRole> {
        if self.configured.find(&own.name).is_some() { None } else { own.known(self.configured) }
    }
}

impl OwnRole {
    /// What it permits now.
    pub fn permissions(&self, configured: &Roles) -> PermissionSet {
        within(configured, &self.words)
    }

    fn known(&self, configured: &Roles) -> Option<KnownRole> {
        let role =
            Role { name: RoleName::parse(&self.name).ok()?, permissions: self.permissions(configured), rank: None };
        Some(KnownRole { role, description: self.description.clone(), is_owner: false })
    }
}

impl From<&ConfiguredRole> for KnownRole {
    fn from(found: &ConfiguredRole) -> Self {
        Self { role: found.role.clone(), description: found.description.clone(), is_owner: found.is_owner }
    }
}

/// What a member with a role of this name may do, where the tenant's own role of the name has these words.
pub fn permissions_of(configured: &Roles, name: &str, own: Option<&[String]>) -> PermissionSet {
    match (configured.find(name), own) {
        (Some(found), _) => found.role.permissions.clone(),
        (None, Some(words)) => within(configured, words),
        (None, None) => PermissionSet::EMPTY,
    }
}

/// What words permit now: those that the ceiling holds, and so no word that the configuration does not declare.
fn within(configured: &Roles, words: &[String]) -> PermissionSet {
    let ceiling = configured.own_ceiling().iter();
    ceiling.filter(|held| words.iter().any(|word| word == held.as_str())).cloned().collect()
}
