//! Routes of platform staff (AC-4).

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_custody::posture;
use tenantry_identity::tenants;

use super::Entries;

impl Entries {
    pub(super) fn platform(&mut self) {
        const SUSPEND: &str = "/-/operator/tenants/{id}/suspend";
        const REACTIVATE: &str = "/-/operator/tenants/{id}/reactivate";
        self.operator(Get, "/-/operator/tenants", get(tenants::operator::list));
        self.operator(Get, SUSPEND, get(tenants::operator::confirm));
        self.operator(Post, SUSPEND, post(tenants::operator::suspend));
        self.operator(Post, REACTIVATE, post(tenants::operator::reactivate));
        self.operator(Get, "/-/operator/controls", get(posture::operator::controls));
        self.operator(Get, "/-/operator/controls/matrix", get(posture::operator::matrix));
        self.operator(Get, "/-/operator/controls/matrix.csv", get(posture::operator::matrix_csv));
        self.operator(Get, "/-/operator/controls/oscal.json", get(posture::operator::oscal));
    }
}
