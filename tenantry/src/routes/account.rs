//! Routes about oneself: whoever is signed in, on the central host.

use axum::routing::get;
use tenantry_core::route::Method::Get;

use super::Entries;
use crate::site;

impl Entries {
    pub(super) fn own_account(&mut self) {
        self.account(Get, "/-/console", get(site::console));
    }
}
