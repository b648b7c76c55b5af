//! Routes of a workspace's console: `/-/console/{slug}/{mode}/…`, each with its permission.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_custody::audit;
use tenantry_identity::{apikeys, tenants};
use tenantry_platform::db::{Database, HasStore, Mode};

use super::Entries;
use crate::site;

impl Entries {
    pub(super) fn workspace<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        self.console(Get, "/-/console/{slug}", None, get(site::workspace));
        self.console(Get, "/-/console/{slug}/{mode}", None, get(tenants::console::home::<M>));
        self.key_pages::<M>();
        self.audit_pages::<M>();
    }

    fn key_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const LIST: &str = "/-/console/{slug}/{mode}/keys";
        const NEW: &str = "/-/console/{slug}/{mode}/keys/new";
        const REVOKE: &str = "/-/console/{slug}/{mode}/keys/{id}/revoke";
        let (reads, manages) = (Some("keys:read"), Some("keys:manage"));
        self.console(Get, LIST, reads, get(apikeys::console::list::<M>));
        self.console(Get, NEW, manages, get(apikeys::console::form::<M>));
        self.console(Post, NEW, manages, post(apikeys::console::create::<M>));
        self.console(Get, REVOKE, manages, get(apikeys::console::confirm::<M>));
        self.console(Post, REVOKE, manages, post(apikeys::console::revoke::<M>));
    }

    fn audit_pages<M: Mode>(&mut self)
    where
        Database: HasStore<M>,
    {
        const LIST: &str = "/-/console/{slug}/{mode}/audit";
        const EXPORT: &str = "/-/console/{slug}/{mode}/audit/export";
        self.console(Get, LIST, Some("audit:read"), get(audit::http::page::<M>));
        self.console(Get, EXPORT, Some("audit:export"), get(audit::http::page_export::<M>));
    }
}
