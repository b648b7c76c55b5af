//! Routes of platform staff (AC-4).

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_custody::posture;
use tenantry_edge::offenders::PAGE;
use tenantry_identity::{staff, tenants};

use super::Entries;
use crate::operator;

impl Entries {
    pub(super) fn platform(&mut self) {
        self.workspaces();
        self.queue();
        self.people_of_the_house();
        self.blocked_addresses();
        self.operator(Get, "/-/operator/controls", get(posture::operator::controls));
        self.operator(Get, "/-/operator/controls/matrix", get(posture::operator::matrix));
        self.operator(Get, "/-/operator/controls/matrix.csv", get(posture::operator::matrix_csv));
        self.operator(Get, "/-/operator/controls/oscal.json", get(posture::operator::oscal));
    }

    fn workspaces(&mut self) {
        const SUSPEND: &str = "/-/operator/tenants/{id}/suspend";
        const REACTIVATE: &str = "/-/operator/tenants/{id}/reactivate";
        self.operator(Get, "/-/operator/tenants", get(tenants::operator::list));
        self.operator(Get, "/-/operator/tenants/{id}", get(tenants::operator_detail::show));
        self.operator(Get, SUSPEND, get(tenants::operator::confirm));
        self.operator(Post, SUSPEND, post(tenants::operator::suspend));
        self.operator(Post, REACTIVATE, post(tenants::operator::reactivate));
    }

    fn people_of_the_house(&mut self) {
        const DEACTIVATE: &str = "/-/operator/people/{id}/deactivate";
        self.operator(Get, "/-/operator/people", get(staff::http::list));
        self.operator(Get, DEACTIVATE, get(staff::acts::confirm));
        self.operator(Post, DEACTIVATE, post(staff::acts::deactivate));
        self.operator(Post, "/-/operator/people/{id}/reactivate", post(staff::acts::reactivate));
    }

    fn blocked_addresses(&mut self) {
        const BLOCK: &str = "/-/operator/offenders/block";
        const LIFT: &str = "/-/operator/offenders/{id}/lift";
        self.operator(Get, PAGE, get(operator::offenders::list));
        self.operator(Get, BLOCK, get(operator::offenders::form));
        self.operator(Post, BLOCK, post(operator::offenders::block));
        self.operator(Get, LIFT, get(operator::offenders::confirm));
        self.operator(Post, LIFT, post(operator::offenders::lift));
    }

    fn queue(&mut self) {
        const DISCARD: &str = "/-/operator/jobs/{id}/discard";
        self.operator(Get, "/-/operator/jobs", get(operator::http::jobs));
        self.operator(Get, "/-/operator/mails", get(operator::http::mails));
        self.operator(Post, "/-/operator/jobs/{id}/retry", post(operator::http::retry));
        self.operator(Get, DISCARD, get(operator::http::confirm));
        self.operator(Post, DISCARD, post(operator::http::discard));
    }
}
