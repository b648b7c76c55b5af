//! Routes of people who are nobody yet: signing in, signing up, links in mails, hand-off.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_identity::members::invitation_page;
use tenantry_identity::{account, authn, sessions, users};
use tenantry_platform::config::TierId;

use super::Access::Public;
use super::{Access, Entries, On, PAGE};
use crate::site;

const SIGN_IN: Access = Public("whoever signs in is nobody yet");
const SIGN_UP: Access = Public("whoever signs up is nobody yet");
const LINK: Access = Public("the link in the mail is the credential");
const FORGOT: Access = Public("whoever forgot their password cannot sign in");
const STRENGTH: Access = Public("whoever chooses a first password is nobody yet");
const FRONT: Access = Public("leads to the console or to signing in");
const HAND_OFF: Access = Public("asks for the session itself, and for a code");
const REDEEM: Access = Public("the code and the verifier are the credential");
const SIGN_OUT: Access = Public("signing out twice is no fault");

const SIGN_IN_TIER: &[TierId] = &[TierId::SIGN_IN_IP];
const SIGN_UP_TIER: &[TierId] = &[TierId::SIGN_UP_IP];
const RESET_TIER: &[TierId] = &[TierId::RESET_IP];
const STRENGTH_TIER: &[TierId] = &[TierId::PASSWORD_STRENGTH_IP];
const VERIFY_TIER: &[TierId] = &[TierId::VERIFICATION_IP];

impl Entries {
    pub(super) fn people(&mut self) {
        self.add(Get, "/", (On::Central, FRONT, PAGE), get(site::front));
        self.add(Get, "/-/sign-in", (On::People, SIGN_IN, PAGE), get(site::sign_in));
        self.add(Post, "/-/sign-in", (On::Central, SIGN_IN, SIGN_IN_TIER), post(authn::http::sign_in));
        self.add(Get, "/-/sign-up", (On::Central, SIGN_UP, PAGE), get(users::http::form));
        self.add(Post, "/-/sign-up", (On::Central, SIGN_UP, SIGN_UP_TIER), post(users::http::sign_up));
        self.add(Get, "/-/verify", (On::Central, LINK, VERIFY_TIER), get(users::http::look));
        self.add(Post, "/-/verify", (On::Central, LINK, VERIFY_TIER), post(users::http::verify));
        self.add(Get, "/-/invitation", (On::Central, LINK, VERIFY_TIER), get(invitation_page::look));
        self.add(Post, "/-/invitation", (On::Central, LINK, VERIFY_TIER), post(invitation_page::accept));
        self.forgotten();
        self.add(Get, "/-/handoff", (On::People, HAND_OFF, PAGE), get(site::handoff));
        self.add(Post, "/-/handoff", (On::Tenant, REDEEM, PAGE), post(sessions::http::redeem));
        self.add(Post, "/-/token", (On::Tenant, Access::SignedIn, PAGE), post(sessions::http::token));
        self.add(Post, "/-/sign-out", (On::People, SIGN_OUT, PAGE), post(sessions::http::sign_out));
    }

    /// What a mailed link of an account opens: looking is a GET and changes nothing, the POST uses it.
    fn forgotten(&mut self) {
        use account::http as links;
        const RESET: &str = "/-/reset-password";
        const CONFIRM: &str = "/-/confirm-email";
        const UNDO: &str = "/-/undo-email";
        self.add(Get, "/-/forgot-password", (On::Central, FORGOT, PAGE), get(links::forgot_form));
        self.add(Post, "/-/forgot-password", (On::Central, FORGOT, RESET_TIER), post(links::forgot));
        self.add(Get, RESET, (On::Central, LINK, VERIFY_TIER), get(links::reset_form));
        self.add(Post, RESET, (On::Central, LINK, VERIFY_TIER), post(links::reset));
        self.add(Get, CONFIRM, (On::Central, LINK, VERIFY_TIER), get(links::confirm_email_form));
        self.add(Post, CONFIRM, (On::Central, LINK, VERIFY_TIER), post(links::confirm_email));
        self.add(Get, UNDO, (On::Central, LINK, VERIFY_TIER), get(links::undo_email_form));
        self.add(Post, UNDO, (On::Central, LINK, VERIFY_TIER), post(links::undo_email));
        self.add(Post, "/-/password-strength", (On::Central, STRENGTH, STRENGTH_TIER), post(account::strength));
    }
}
