//! Routes of the management API: `/-/api/v1/…`, each with the scope that a key needs.

use axum::routing::{delete, get, patch, post};
use tenantry_core::route::Method::{Delete, Get, Patch, Post};
use tenantry_custody::audit;
use tenantry_identity::{apikeys, directory, members, roles, tenants};
use tenantry_platform::config::TierId;
use tenantry_platform::db::{Database, HasStore, Mode};

use super::{API, Access, EXPORT_API, Entries, On, PAGE, Place};
use crate::{openapi, standing};

const DESCRIPTION: Place = (On::All, Access::Public("the description of the API"), PAGE);

/// A mail to a stranger costs the workspace, whichever key asks for it (RL-4).
const INVITING: &[TierId] = &[TierId::API_KEY, TierId::API_IP, TierId::INVITE_TENANT];

/// Asking where one stands must not change it.
const LIMITS: &[TierId] = &[TierId::LIMITS_IP];

impl Entries {
    pub(super) fn programs<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        self.add(Get, "/-/api/openapi.json", DESCRIPTION, get(openapi::serve));
        self.api(Get, "/-/api/v1/whoami", None, get(members::http::whoami));
        self.api(Get, "/-/api/v1/tenant", None, get(tenants::http::read));
        self.api(Patch, "/-/api/v1/tenant", Some("tenant:manage"), patch(tenants::http::update));
        self.add(Get, "/-/api/v1/limits", (On::All, Access::Key(None), LIMITS), get(standing::read));
        self.people_of_the_tenant();
        self.roles();
        self.keys::<M>();
        self.audit::<M>();
        self.directory();
    }

    fn directory(&mut self) {
        let with = |scope| (On::Platform, Access::Management(scope), API);
        self.add(Get, "/-/api/v1/users", with("users:list"), get(directory::http::users));
        self.add(Get, "/-/api/v1/memberships", with("members:list"), get(directory::http::memberships));
        self.add(Get, "/-/api/v1/tenants", with("tenants:list"), get(directory::http::tenants));
    }

    fn people_of_the_tenant(&mut self) {
        const MEMBER: &str = "/-/api/v1/members/{id}";
        const INVITATIONS: &str = "/-/api/v1/invitations";
        let (reads, manages) = (Some("members:read"), Some("members:manage"));
        let sends = (On::All, Access::Key(manages), INVITING);
        self.api(Get, "/-/api/v1/members", reads, get(members::http::list));
        self.api(Get, "/-/api/v1/member-changes", reads, get(directory::http::members));
        self.api(Get, MEMBER, reads, get(members::http::read));
        self.api(Patch, MEMBER, manages, patch(members::http::change));
        self.api(Delete, MEMBER, manages, delete(members::http::remove));
        self.api(Get, INVITATIONS, reads, get(members::invitation_api::list));
        self.add(Post, INVITATIONS, sends, post(members::invitation_api::create));
        self.api(Delete, "/-/api/v1/invitations/{id}", manages, delete(members::invitation_api::revoke));
    }

    fn roles(&mut self) {
        const ROLES: &str = "/-/api/v1/roles";
        const ROLE: &str = "/-/api/v1/roles/{id}";
        let (reads, manages) = (Some("members:read"), Some("roles:manage"));
        self.api(Get, ROLES, reads, get(roles::http::list));
        self.api(Post, ROLES, manages, post(roles::http::create));
        self.api(Get, ROLE, reads, get(roles::http::read));
        self.api(Patch, ROLE, manages, patch(roles::http::update));
        self.api(Delete, ROLE, manages, delete(roles::http::delete));
    }

    fn keys<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const KEYS: &str = "/-/api/v1/keys";
        const KEY: &str = "/-/api/v1/keys/{id}";
        const ROTATE: &str = "/-/api/v1/keys/{id}/rotate";
        const DELETE: &str = "/-/api/v1/keys/{id}/delete";
        let (reads, manages) = (Some("keys:read"), Some("keys:manage"));
        self.api(Get, KEYS, reads, get(apikeys::http::list::<M>));
        self.api(Post, KEYS, manages, post(apikeys::http::create::<M>));
        self.api(Get, KEY, reads, get(apikeys::http::read::<M>));
        self.api(Patch, KEY, manages, patch(apikeys::http::update::<M>));
        self.api(Delete, KEY, manages, delete(apikeys::http::revoke::<M>));
        self.api(Post, ROTATE, manages, post(apikeys::http::rotate::<M>));
        self.api(Post, DELETE, manages, post(apikeys::http::delete::<M>));
    }

    fn audit<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        self.api(Get, "/-/api/v1/audit", Some("audit:read"), get(audit::http::list::<M>));
        let exports = (On::All, Access::Key(Some("audit:export")), EXPORT_API);
        self.add(Get, "/-/api/v1/audit/export", exports, get(audit::http::export::<M>));
    }
}
