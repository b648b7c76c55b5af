//! Routes of a workspace's console: `/-/console/{slug}/{mode}/…`, each with its permission.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_custody::audit;
use tenantry_identity::members::console as members;
use tenantry_identity::roles::console as roles;
use tenantry_identity::{apikeys, sessions, tenants};
use tenantry_platform::config::TierId;
use tenantry_platform::db::{Database, HasStore, Mode};

use super::{Access, EXPORT_PAGE, Entries, On};
use crate::{console, site};

/// A mail to a stranger costs its sender and the workspace (RL-4).
const INVITING: &[TierId] = &[TierId::PAGE_IP, TierId::INVITE_USER, TierId::INVITE_TENANT];

impl Entries {
    pub(super) fn workspace<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        self.console(Get, "/-/console/{slug}", None, get(site::workspace));
        self.console(Get, "/-/console/{slug}/{mode}", None, get(tenants::console::home::<M>));
        self.console(Post, "/-/console/{slug}/{mode}/token", None, post(sessions::http::token));
        self.member_pages();
        self.role_pages();
        self.key_pages::<M>();
        self.block_pages::<M>();
        self.audit_pages::<M>();
        self.settings_pages::<M>();
    }

    fn settings_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const SETTINGS: &str = "/-/console/{slug}/{mode}/settings";
        let manages = Some("tenant:manage");
        self.console(Get, "/-/console/{slug}/{mode}/csp", manages, get(console::csp::list::<M>));
        self.console(Get, SETTINGS, manages, get(tenants::settings::show::<M>));
        self.console(Post, SETTINGS, manages, post(tenants::settings::change::<M>));
    }

    fn member_pages(&mut self) {
        const LIST: &str = "/-/console/{slug}/{mode}/members";
        const INVITE: &str = "/-/console/{slug}/{mode}/members/invite";
        const RESEND: &str = "/-/console/{slug}/{mode}/members/invitations/{id}/resend";
        const REVOKE: &str = "/-/console/{slug}/{mode}/members/invitations/{id}/revoke";
        const ROLE: &str = "/-/console/{slug}/{mode}/members/{id}/role";
        const REMOVE: &str = "/-/console/{slug}/{mode}/members/{id}/remove";
        const TRANSFER: &str = "/-/console/{slug}/{mode}/members/{id}/transfer";
        const LEAVE: &str = "/-/console/{slug}/{mode}/members/leave";
        let (reads, manages) = (Some("members:read"), Some("members:manage"));
        let sends = (On::Central, Access::Workspace(manages), INVITING);
        self.console(Get, LIST, reads, get(members::list));
        self.console(Get, INVITE, manages, get(members::invite_form));
        self.add(Post, INVITE, sends, post(members::invite));
        self.add(Post, RESEND, sends, post(members::resend));
        self.console(Post, REVOKE, manages, post(members::revoke));
        self.console(Get, ROLE, manages, get(members::role_form));
        self.console(Post, ROLE, manages, post(members::change_role));
        self.console(Get, REMOVE, manages, get(members::confirm_removal));
        self.console(Post, REMOVE, manages, post(members::remove));
        // Who owns the workspace is no permission: the handler asks for the owner.
        self.console(Get, TRANSFER, None, get(members::confirm_transfer));
        self.console(Post, TRANSFER, None, post(members::transfer));
        self.console(Get, LEAVE, None, get(members::confirm_leave));
        self.console(Post, LEAVE, None, post(members::leave));
    }

    fn role_pages(&mut self) {
        const LIST: &str = "/-/console/{slug}/{mode}/roles";
        const NEW: &str = "/-/console/{slug}/{mode}/roles/new";
        const EDIT: &str = "/-/console/{slug}/{mode}/roles/{id}/edit";
        const DELETE: &str = "/-/console/{slug}/{mode}/roles/{id}/delete";
        let manages = Some("roles:manage");
        self.console(Get, LIST, Some("members:read"), get(roles::list));
        self.console(Get, NEW, manages, get(roles::create_form));
        self.console(Post, NEW, manages, post(roles::create));
        self.console(Get, EDIT, manages, get(roles::edit_form));
        self.console(Post, EDIT, manages, post(roles::edit));
        self.console(Get, DELETE, manages, get(roles::confirm));
        self.console(Post, DELETE, manages, post(roles::delete));
    }

    fn key_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const LIST: &str = "/-/console/{slug}/{mode}/keys";
        const NEW: &str = "/-/console/{slug}/{mode}/keys/new";
        const KEY: &str = "/-/console/{slug}/{mode}/keys/{id}";
        const EDIT: &str = "/-/console/{slug}/{mode}/keys/{id}/edit";
        const ROTATE: &str = "/-/console/{slug}/{mode}/keys/{id}/rotate";
        const REVOKE: &str = "/-/console/{slug}/{mode}/keys/{id}/revoke";
        const DELETE: &str = "/-/console/{slug}/{mode}/keys/{id}/delete";
        let (reads, manages) = (Some("keys:read"), Some("keys:manage"));
        self.console(Get, LIST, reads, get(apikeys::console::list::<M>));
        self.console(Get, NEW, manages, get(apikeys::console::form::<M>));
        self.console(Post, NEW, manages, post(apikeys::console::create::<M>));
        self.console(Get, KEY, reads, get(apikeys::console::show::<M>));
        self.console(Get, EDIT, manages, get(apikeys::console::edit::<M>));
        self.console(Post, EDIT, manages, post(apikeys::console::save::<M>));
        self.console(Get, ROTATE, manages, get(apikeys::console::confirm_rotate::<M>));
        self.console(Post, ROTATE, manages, post(apikeys::console::rotate::<M>));
        self.console(Get, REVOKE, manages, get(apikeys::console::confirm_revoke::<M>));
        self.console(Post, REVOKE, manages, post(apikeys::console::revoke::<M>));
        self.console(Get, DELETE, manages, get(apikeys::console::confirm_delete::<M>));
        self.console(Post, DELETE, manages, post(apikeys::console::delete::<M>));
    }

    fn block_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const LIFT: &str = "/-/console/{slug}/{mode}/blocks/{id}/lift";
        let manages = Some("keys:manage");
        self.console(Get, "/-/console/{slug}/{mode}/blocks", manages, get(console::blocks::list::<M>));
        self.console(Get, LIFT, manages, get(console::blocks::confirm));
        self.console(Post, LIFT, manages, post(console::blocks::lift));
    }

    fn audit_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const LIST: &str = "/-/console/{slug}/{mode}/audit";
        const EXPORT: &str = "/-/console/{slug}/{mode}/audit/export";
        self.console(Get, LIST, Some("audit:read"), get(audit::http::page::<M>));
        let exports = (On::Central, Access::Workspace(Some("audit:export")), EXPORT_PAGE);
        self.add(Get, EXPORT, exports, get(audit::http::page_export::<M>));
    }
}
