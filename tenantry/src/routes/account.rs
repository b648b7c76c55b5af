//! Routes about oneself: whoever is signed in, on the central host.

use axum::routing::{get, post};
use tenantry_core::route::Method::{self, Get, Post};
use tenantry_identity::account;
use tenantry_platform::config::TierId;

use super::{Access, Entries, Handler, On};
use crate::site;

/// Forms that ask for the present password: guessing it here is as slow as at the sign-in.
const PROVING: &[TierId] = &[TierId::PAGE_IP, TierId::REAUTHENTICATION_USER];

impl Entries {
    pub(super) fn own_account(&mut self) {
        const SESSIONS: &str = "/-/account/sessions";
        self.account(Get, "/-/console", get(site::console));
        self.account(Get, "/-/account", get(account::overview));
        self.account(Get, "/-/account/password", get(account::password_form));
        self.proving(Post, "/-/account/password", post(account::change_password));
        self.account(Get, "/-/account/email", get(account::email_form));
        self.proving(Post, "/-/account/email", post(account::change_email));
        self.account(Get, SESSIONS, get(account::sessions));
        self.account(Post, "/-/account/sessions/revoke-others", post(account::revoke_others));
        self.account(Post, "/-/account/sessions/{id}/revoke", post(account::revoke));
        self.account(Get, "/-/account/delete", get(account::delete_form));
        self.proving(Post, "/-/account/delete", post(account::delete));
    }

    /// About oneself, with the present password in the form.
    fn proving(&mut self, method: Method, path: &'static str, handler: Handler) {
        self.add(method, path, (On::Central, Access::SignedIn, PROVING), handler);
    }
}
