//! What a role's name means, and who may give or take it.

use std::sync::Arc;

use tenantry_core::ids::PersonId;
use tenantry_core::mode::Mode;
use tenantry_core::permission::{AboveCeiling, PermissionSet, Role};
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::permit::{Credential, ManageMembers, Permission as _, Principal};
use tenantry_platform::problem::{Kind, Problem};

use super::store;

/// A role as it is known now.
#[derive(Clone, Debug)]
pub struct KnownRole {
    /// Name, permissions, rank.
    pub role: Role,
    /// What people read beside the name.
    pub description: String,
    /// The one that owns the workspace.
    pub is_owner: bool,
}

/// The role of a name: the one place that knows where roles come from. A name that nobody knows permits nothing.
pub fn role_named(roles: &Roles, name: &str) -> Option<KnownRole> {
    roles.find(name).map(|found| KnownRole {
        role: found.role.clone(),
        description: found.description.clone(),
        is_owner: found.is_owner,
    })
}

/// Every role that somebody can have, highest first.
pub fn all_roles(roles: &Roles) -> Vec<KnownRole> {
    roles.iter().filter_map(|role| role_named(roles, role.role.name.as_str())).collect()
}

/// Who gives and takes roles.
#[derive(Clone, Debug)]
pub enum Granter {
    /// A person, as far as their own role goes at that moment.
    Person(PersonId),
    /// A key, as far as its scopes go. It has no rank, and never makes an owner.
    Key(Arc<PermissionSet>),
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
            (Credential::Key(_), None) if parts.mode == Some(Mode::Live) => {
                Ok(Self::Key(Arc::clone(&parts.permissions)))
            }
            (Credential::Key(_), None) => Err(live_only()),
            _ => Err(Problem::unauthorized()),
        }
    }

    /// The person, if it is one.
    pub const fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person(person) => Some(*person),
            Self::Key(_) => None,
        }
    }

    /// What they may give, read in the transaction that gives it: a role that was taken away meanwhile gives nothing.
    pub(super) async fn authority(&self, tx: &mut TenantTx<Control>, roles: &Roles) -> Result<Authority, Problem> {
        let person = match self {
            Self::Key(scopes) => return Ok(Authority::Scopes(Arc::clone(scopes))),
            Self::Person(person) => *person,
        };
        let own = store::lock(tx, &[person]).await?.pop().and_then(|own| role_named(roles, &own.role));
        own.and_then(Authority::of_role).ok_or_else(|| Problem::missing_permission(ManageMembers::WORD))
    }
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
    pub(super) fn check_present(&self, roles: &Roles, name: &str) -> Result<(), Problem> {
        role_named(roles, name).map_or(Ok(()), |role| self.check(&role))
    }
}

/// The role that is asked for, if it may be given.
pub(super) fn grantable(roles: &Roles, authority: &Authority, name: &str) -> Result<KnownRole, Problem> {
    let role =
        role_named(roles, name).ok_or_else(|| Problem::invalid("role", "Choose one of the workspace's roles."))?;
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
