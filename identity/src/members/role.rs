//! Who may give and take roles.

use std::sync::Arc;

use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::mode::Mode;
use tenantry_core::permission::{AboveCeiling, PermissionSet};
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::permit::{Credential, ManageMembers, Permission as _, Principal};
use tenantry_platform::problem::{Kind, Problem};

use super::store;
use crate::roles::{KnownRole, RoleBook};

/// Who gives and takes roles.
#[derive(Clone, Debug)]
pub enum Granter {
    /// A person, as far as their own role goes at that moment.
    Person(PersonId),
    /// A key, as far as its scopes go. It has no rank, and never makes an owner.
    Key(KeyId, Arc<PermissionSet>),
}

impl Granter {
    /// Whoever is behind a credential.
    ///
    /// # Errors
    /// 403 for a test key: people are the same in both modes, and what is made for trying out changes none of them
    /// (AC-14). 401 for what is neither a person nor a key.
    pub fn of(principal: &Principal) -> Result<Self, Problem> {
        let parts = principal.parts();
        match (&parts.credential, &parts.person) {
            (_, Some(person)) => Ok(Self::Person(person.id)),
            (Credential::Key(key), None) if parts.mode == Some(Mode::Live) => {
                Ok(Self::Key(*key, Arc::clone(&parts.permissions)))
            }
            (Credential::Key(_), None) => Err(live_only()),
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

    /// What they may give, read in the transaction that gives it: a role that was taken away meanwhile gives nothing.
    pub(super) async fn authority(&self, tx: &mut TenantTx<Control>, roles: &Roles) -> Result<Authority, Problem> {
        let authority = match self {
            Self::Key(_, scopes) => Some(Authority::Scopes(Arc::clone(scopes))),
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

/// How far somebody may go now.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Up to this role.
    Role(KnownRole),
    /// Up to these scopes.
    Scopes(Arc<PermissionSet>),
}

impl Authority {
    /// That of a role which manages members.
    pub(super) fn of_role(role: KnownRole) -> Option<Self> {
        role.role.permissions.contains(ManageMembers::WORD).then_some(Self::Role(role))
    }

    /// Refuses what stands above.
    ///
    /// # Errors
    /// 403 `above_ceiling`, which says what is too much.
    pub fn check(&self, role: &KnownRole) -> Result<(), Problem> {
        let judged = match self {
            Self::Role(own) => own.role.check_grant(&role.role),
            Self::Scopes(_) if role.is_owner => Err(AboveCeiling::Rank(role.role.name.clone())),
            Self::Scopes(scopes) => scopes.check_ceiling(&role.role.permissions),
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

fn live_only() -> Problem {
    let sentence = "People are the same in live and test mode, and a test key changes none of them. Use a live key.";
    Problem::new(Kind::Forbidden, sentence).code("live_only")
}
