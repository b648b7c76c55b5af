//! What only `tenantry dev` has.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};

use super::{Access, Entries, On, PAGE, Place};
use crate::dev;

pub(super) const SESSION: &str = "/-/dev/session";
pub(super) const CLOCK: &str = "/-/dev/clock";

const DEV: Place = (On::Central, Access::Public("tenantry dev listens on loopback alone"), PAGE);

impl Entries {
    pub(super) fn development(&mut self) {
        let (list, one) = dev::mailbox_handlers();
        self.add(Get, "/-/dev/mail", DEV, list);
        self.add(Get, "/-/dev/mail/{id}", DEV, one);
        self.add(Get, "/-/dev/letters", DEV, get(dev::letters::list));
        self.add(Get, "/-/dev/letters/{name}", DEV, get(dev::letters::one));
        self.add(Get, "/-/dev/letters/{name}/html", DEV, get(dev::letters::html));
        self.add(Post, SESSION, DEV, post(dev::open_session));
        self.add(Get, CLOCK, DEV, get(dev::clock::read));
        self.add(Post, CLOCK, DEV, post(dev::clock::advance));
    }
}
