//! A session as requests meet it: loaded once, believed until something that it depends on changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::permission::{PermissionSet, RoleName};
use tenantry_platform::cache::Depends;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{
    Actor, Authenticate, Credential, Origin, Parts, Permit, PersonRef, Principal, Realm, TenantRef,
};
use uuid::Uuid;

use super::store::{self, Stored, StoredMembership};
use crate::roles::permissions_of;

/// Which session, by whom: what a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The person.
    pub person: PersonId,
    /// Their session.
    pub session: SessionId,
}

/// One workspace of a person, and what they may do there.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The workspace.
    pub tenant: TenantRef,
    /// Their role.
    pub role: String,
    /// What the role holds. A role that nobody knows holds nothing.
    pub permissions: Arc<PermissionSet>,
}

/// A living session of a member of staff, on one host.
#[derive(Debug)]
pub struct StaffSession {
    /// Which.
    pub id: SessionId,
    /// The central session that it came from, or itself.
    pub root: SessionId,
    /// The origin that its cookies belong to.
    pub host: String,
    /// Nobody believes it from here on.
    pub expires_at: Timestamp,
    person: PersonRef,
    memberships: Vec<Membership>,
    principal: Arc<Principal>,
    auth_time: Timestamp,
    amr: Vec<String>,
    /// Whom first-party tokens act for, by workspace and mode: two for each membership at most.
    bearers: Mutex<Vec<(Place, Arc<Principal>)>>,
    /// The last rotation whose use is recorded.
    recorded: AtomicI64,
}

/// A workspace and a mode.
type Place = (TenantId, Mode);

impl StaffSession {
    /// Who.
    pub const fn person(&self) -> &PersonRef {
        &self.person
    }

    /// The central session of its tree, by name.
    pub(crate) const fn root_key(&self) -> Key {
        Key { person: self.person.id, session: self.root }
    }

    /// On a tenant's host: its one tenant. On the central host: all workspaces of the person.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// The principal of the host that the session belongs to: on the central host, of no tenant.
    pub const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The principal of a console path. `None`: no workspace of theirs, or a session of a tenant's own host.
    pub fn principal_in(&self, slug: &str, mode: Mode) -> Option<Arc<Principal>> {
        let central = self.id == self.root;
        let membership = self.memberships.iter().find(|membership| central && membership.tenant.slug == slug)?;
        Some(Arc::new(self.vouched(Credential::Session(self.id), membership, mode)))
    }

    /// The role in a workspace. `None`: it is none of theirs, or the session's own host is another one or of another mode.
    pub(super) fn role_in(&self, tenant: TenantId, mode: Mode) -> Option<&str> {
        self.membership_in(tenant, mode).map(|membership| membership.role.as_str())
    }

    /// Whom a first-party token acts for in a workspace: one principal for as long as the session is cached, so that what
    /// is made for it once is found again.
    pub(super) fn bearer_in(&self, tenant: TenantId, mode: Mode) -> Option<Arc<Principal>> {
        let (membership, place) = (self.membership_in(tenant, mode)?, (tenant, mode));
        let mut bearers = self.bearers.lock();
        if let Some((_, known)) = bearers.iter().find(|(known, _)| *known == place) {
            return Some(Arc::clone(known));
        }
        let principal = Arc::new(self.vouched(Credential::Token(self.id), membership, mode));
        bearers.push((place, Arc::clone(&principal)));
        Some(principal)
    }

    fn membership_in(&self, tenant: TenantId, mode: Mode) -> Option<&Membership> {
        let is_elsewhere = self.principal.parts().mode.is_some_and(|own| own != mode);
        self.memberships.iter().find(|membership| !is_elsewhere && membership.tenant.id == tenant)
    }

    /// Whether the session is believed here and now.
    pub fn holds(&self, host: &str, now: Timestamp) -> bool {
        self.host == host && now < self.expires_at
    }

    /// Whether the use of this rotation still has to be recorded. Asked once a request, true once a rotation.
    pub(super) fn is_first_use(&self, rotation: i64) -> bool {
        rotation > self.recorded.load(Ordering::Relaxed)
            && self.recorded.fetch_max(rotation, Ordering::Relaxed) < rotation
    }

    /// The record failed: the next request tries again.
    pub(super) fn forget_use(&self, rotation: i64) {
        let _ = self.recorded.compare_exchange(rotation, rotation - 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn vouched(&self, credential: Credential, membership: &Membership, mode: Mode) -> Principal {
        Principal::vouch(parts(credential, &self.person, (self.auth_time, &self.amr), Some((membership, mode))))
    }
}

impl Depends for StaffSession {
    fn subjects(&self) -> Vec<Uuid> {
        let tenants = self.memberships.iter().map(|membership| membership.tenant.id.uuid());
        [self.root.uuid(), self.person.id.uuid()].into_iter().chain(tenants).collect()
    }
}

/// Reads a session with what it may do. `None`: there is none, it is over, or its tenant let the person go.
pub(super) async fn load(ground: Ground, roles: Arc<Roles>, key: Key) -> Result<Option<StaffSession>, DbFault> {
    let context = Context { tenant: None, person: Some(key.person) };
    let permit = Permit::<Authenticate, Control>::system(
        context,
        Actor::system("session", key.session.to_string()),
        Origin::default(),
    );
    let Some(stored) = store::find(&permit, &ground, key.person, key.session).await? else { return Ok(None) };
    let memberships = store::read_memberships(&permit, &ground).await?;
    Ok(assemble(key.session, stored, memberships, &roles))
}

fn assemble(id: SessionId, stored: Stored, memberships: Vec<StoredMembership>, roles: &Roles) -> Option<StaffSession> {
    let wanted = |tenant: &TenantRef| stored.tenant.is_none_or(|(own, _)| own == tenant.id);
    let found = memberships.into_iter().filter(|membership| wanted(&membership.tenant));
    let memberships: Vec<Membership> = found.map(|membership| with_permissions(membership, roles)).collect();
    let place = match stored.tenant {
        Some((_, mode)) => Some((memberships.first()?, mode)),
        None => None,
    };
    let principal = Arc::new(Principal::vouch(parts(
        Credential::Session(id),
        &stored.person,
        (stored.auth_time, &stored.amr),
        place,
    )));
    // The first token of a session has no predecessor: there is nothing to record for it.
    let recorded =
        if stored.successor_used_at.is_some() || stored.counter == 0 { stored.counter } else { stored.counter - 1 };
    Some(StaffSession {
        id,
        root: stored.root,
        host: stored.host,
        expires_at: stored.expires_at,
        person: stored.person,
        memberships,
        principal,
        auth_time: stored.auth_time,
        amr: stored.amr,
        bearers: Mutex::default(),
        recorded: AtomicI64::new(recorded),
    })
}

fn with_permissions(membership: StoredMembership, roles: &Roles) -> Membership {
    let permissions = permissions_of(roles, &membership.role, membership.own_permissions.as_deref());
    Membership { tenant: membership.tenant, role: membership.role, permissions: Arc::new(permissions) }
}

fn parts(
    credential: Credential,
    person: &PersonRef,
    proof: (Timestamp, &[String]),
    place: Option<(&Membership, Mode)>,
) -> Parts {
    let role = place.and_then(|(membership, _)| RoleName::parse(&membership.role).ok());
    Parts {
        realm: Realm::Staff,
        credential,
        tenant: place.map(|(membership, _)| membership.tenant.clone()),
        mode: place.map(|(_, mode)| mode),
        person: Some(person.clone()),
        roles: role.into_iter().collect(),
        permissions: place.map(|(membership, _)| Arc::clone(&membership.permissions)).unwrap_or_default(),
        auth_time: Some(proof.0),
        amr: proof.1.to_vec(),
    }
}
