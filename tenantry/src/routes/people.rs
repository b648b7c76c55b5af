//! Routes of people who are nobody yet: signing in, signing up, links in mails, hand-off.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_identity::members::invitation_page;
use tenantry_identity::{authn, sessions, users};
use tenantry_platform::config::TierId;

use super::Access::Public;
use super::{Access, Entries, On, PAGE};
use crate::site;

const SIGN_IN: Access = Public("whoever signs in is nobody yet");
const SIGN_UP: Access = Public("whoever signs up is nobody yet");
const LINK: Access = Public("the link in the mail is the credential");
const FRONT: Access = Public("leads to the console or to signing in");
const HAND_OFF: Access = Public("asks for the session itself, and for a code");
const REDEEM: Access = Public("the code and the verifier are the credential");
const SIGN_OUT: Access = Public("signing out twice is no fault");

const SIGN_IN_TIER: &[TierId] = &[TierId::SIGN_IN_IP];
const SIGN_UP_TIER: &[TierId] = &[TierId::SIGN_UP_IP];
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
        self.add(Get, "/-/handoff", (On::People, HAND_OFF, PAGE), get(site::handoff));
        self.add(Post, "/-/handoff", (On::Tenant, REDEEM, PAGE), post(sessions::http::redeem));
        self.add(Post, "/-/sign-out", (On::People, SIGN_OUT, PAGE), post(sessions::http::sign_out));
    }
}
