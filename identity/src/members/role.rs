//! Who may give and take roles.

use std::sync::Arc;

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::permission::{AboveCeiling, Permission, PermissionSet};
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Credential, ManageMembers, Permission as _, Principal};
use tenantry_platform::problem::{Kind, Problem};

use super::store;
use crate::roles::{KnownRole, RoleBook};

/// Who gives and takes roles.
#[derive(Clone, Debug)]
pub enum Granter {
    /// A person, as far as their own role goes at that moment.
    Person(PersonId),
    /// A key, as far as its scopes and the role of whoever is behind it go. It never makes an owner.
    Key(KeyId, Arc<PermissionSet>),
}

impl Granter {
    /// Whoever is behind a credential.
    ///
    /// # Errors
    /// 403 for a test key (AC-14). 401 for what is neither a person nor a key.
    pub fn of(principal: &Principal) -> Result<Self, Problem> {
        principal.live_only()?;
        let parts = principal.parts();
        match (&parts.credential, &parts.person) {
            (_, Some(person)) => Ok(Self::Person(person.id)),
            (Credential::Key(key), None) => Ok(Self::Key(*key, Arc::clone(&parts.permissions))),
            _ => Err(Problem::unauthorized()),
        }
    }

    /// The person, if it is one.
    pub const fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person(person) => Some(*person),
            Self::Key(..) => None,
        }
    }

    /// The key, if it is one.
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Person(_) => None,
            Self::Key(key, _) => Some(*key),
        }
    }

    /// What they may give, read in the transaction that gives it: a role that was taken away meanwhile gives nothing,
    /// nor does a key that works no more.
    pub(super) async fn authority(
        &self,
        tx: &mut TenantTx<Control>,
        (ground, roles): (&Ground, &Roles),
    ) -> Result<Authority, Problem> {
        let authority = match self {
            Self::Key(key, _) => key_authority(tx, roles, *key, ground.now()).await?,
            Self::Person(person) => own_role(tx, roles, *person).await?.and_then(Authority::of_role),
        };
        authority.ok_or_else(|| Problem::missing_permission(ManageMembers::WORD))
    }

    /// What they hold themselves, read in the transaction that asks.
    pub(crate) async fn held(&self, tx: &mut TenantTx<Control>, roles: &Roles) -> Result<PermissionSet, DbFault> {
        match self {
            Self::Key(_, scopes) => Ok(PermissionSet::clone(scopes)),
            Self::Person(person) => {
                Ok(own_role(tx, roles, *person).await?.map(|own| own.role.permissions).unwrap_or_default())
            }
        }
    }
}

/// The role of a person, who keeps it until the end of the transaction.
pub(super) async fn own_role(
    tx: &mut TenantTx<Control>,
    roles: &Roles,
    person: PersonId,
) -> Result<Option<KnownRole>, DbFault> {
    let Some(held) = store::lock(tx, &[person]).await?.pop() else { return Ok(None) };
    Ok(RoleBook::load(tx, roles).await?.named(&held.role))
}

/// How far a key of the tenant goes, which stays as it is until the end of the transaction. `None`: it works no more, or
/// manages no members.
pub(super) async fn key_authority(
    tx: &mut TenantTx<Control>,
    roles: &Roles,
    id: KeyId,
    now: Timestamp,
) -> Result<Option<Authority>, DbFault> {
    let Some(key) = store::key_that_acts(tx, id).await? else { return Ok(None) };
    let is_active = key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end);
    let scopes: PermissionSet = key.scopes.iter().filter_map(|scope| Permission::parse(scope).ok()).collect();
    let rank = key.role.and_then(|role| roles.find(&role)?.role.rank);
    let manages = is_active && scopes.contains(ManageMembers::WORD);
    Ok(manages.then_some(Authority::Key { scopes, rank, behind: key.person }))
}

/// How far somebody may go now.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Up to this role.
    Role(KnownRole),
    /// A key.
    Key {
        /// Up to these scopes.
        scopes: PermissionSet,
        /// Up to this rank; without one, to no role that has one.
        rank: Option<u16>,
        /// Whose power it is: nobody changes themselves, with a key neither.
        behind: Option<PersonId>,
    },
}

impl Authority {
    /// That of a role which manages members.
    pub(super) fn of_role(role: KnownRole) -> Option<Self> {
        role.role.permissions.contains(ManageMembers::WORD).then_some(Self::Role(role))
    }

    /// Whether it is a key of this very person.
    pub(super) fn is_key_of(&self, person: PersonId) -> bool {
        matches!(self, Self::Key { behind: Some(behind), .. } if *behind == person)
    }

    /// Refuses what stands above.
    ///
    /// # Errors
    /// 403 `above_ceiling`, which says what is too much.
    pub fn check(&self, role: &KnownRole) -> Result<(), Problem> {
        let judged = match self {
            Self::Role(own) => own.role.check_grant(&role.role),
            Self::Key { .. } if role.is_owner => Err(AboveCeiling::Rank(role.role.name.clone())),
            Self::Key { scopes, rank, .. } => {
                scopes.check_ceiling(&role.role.permissions).and_then(|()| role.role.check_rank(*rank))
            }
        };
        judged.map_err(|above| above_ceiling(&above))
    }

    /// The same for a role that somebody has already. One that nobody knows any more stands above nobody.
    pub(super) fn check_present(&self, book: &RoleBook<'_>, name: &str) -> Result<(), Problem> {
        book.named(name).map_or(Ok(()), |role| self.check(&role))
    }
}

/// The role that is asked for, if it may be given. It stays as it is until the end of the transaction.
pub(super) async fn grantable(
    tx: &mut TenantTx<Control>,
    book: &RoleBook<'_>,
    authority: &Authority,
    name: &str,
) -> Result<KnownRole, Problem> {
    let unknown = || Problem::invalid("role", "Choose one of the workspace's roles.");
    let role = book.hold(tx, name).await?.ok_or_else(unknown)?;
    authority.check(&role)?;
    Ok(role)
}

fn above_ceiling(above: &AboveCeiling) -> Problem {
    let sentence = format!("Nobody gives, changes or takes away a role above their own: {above}. Ask an owner.");
    Problem::new(Kind::Forbidden, sentence).code("above_ceiling")
}
