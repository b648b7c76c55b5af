//! Routes for everybody: health, public keys, assets, reports, the trust page.

use axum::routing::{get, post};
use tenantry_core::route::Method::{Get, Post};
use tenantry_custody::posture;
use tenantry_platform::config::TierId;
use tenantry_platform::page::assets;

use super::Access::Public;
use super::{Entries, On, PAGE, Place};
use crate::site;

const ASSET: &[TierId] = &[TierId::ASSET_IP];
const REPORTS: &[TierId] = &[TierId::CSP_REPORT_IP];

const HEALTH: Place = (On::All, Public("a load balancer asks, and it says one word"), PAGE);
const KEYS: Place = (On::All, Public("public keys are public"), ASSET);
const ASSETS: Place = (On::All, Public("style sheets and scripts of our own pages"), ASSET);
const CSP: Place = (On::All, Public("browsers report without cookies"), REPORTS);
const CONTACT: Place = (On::All, Public("strangers report weaknesses (RFC 9116)"), PAGE);
const TRUST: Place = (On::All, Public("the trust page is for everybody"), PAGE);
const TRUST_JSON: Place = (On::Central, Public("the trust page, for programs"), PAGE);

impl Entries {
    pub(super) fn everywhere(&mut self) {
        self.add(Get, "/-/health/live", HEALTH, get(site::live));
        self.add(Get, "/-/health/ready", HEALTH, get(site::ready));
        self.add(Get, "/-/jwks.json", KEYS, get(site::jwks));
        self.add(Get, "/-/assets/{name}", ASSETS, assets::handler());
        self.add(Post, "/-/csp-reports", CSP, post(site::report));
        self.add(Get, "/.well-known/security.txt", CONTACT, get(site::security_txt));
        self.add(Get, "/security", TRUST, get(posture::http::trust));
        self.add(Get, "/security.json", TRUST_JSON, get(posture::http::trust_json));
        self.add(Get, "/security/disclosure", CONTACT, get(site::disclosure));
    }
}
