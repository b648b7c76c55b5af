//! What every answer says to a browser, whoever made it [WEB-2, EN-4].

use http::header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use tenantry_platform::config::{HeaderPreset, Headers, Kind};

use super::contract::REQUEST_ID;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What even a refused request is answered with.
pub(super) const BASELINE: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", crate::csp::INERT),
];

/// Whose host an answer leaves from: it decides how far `Strict-Transport-Security` may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// A host under our base domain, by https.
    Own,
    /// Plain http, where the header means nothing (RFC 6797, section 7.2).
    Plain,
}

/// The headers of one kind of route, made once.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    fixed: [(HeaderName, HeaderValue); 4],
    hsts: Option<HeaderValue>,
}

impl SecurityHeaders {
    /// The headers that the configuration sets for a kind of route.
    ///
    /// # Errors
    /// A value that no header can carry.
    pub fn new(headers: &Headers, kind: Kind) -> Result<Self, InvalidHeaderValue> {
        let HeaderPreset { referrer_policy, permissions_policy } = headers.preset(kind);
        Ok(Self {
            fixed: [
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
                (header::REFERRER_POLICY, HeaderValue::from_static(referrer_policy.as_str())),
                (PERMISSIONS_POLICY, HeaderValue::from_str(permissions_policy)?),
            ],
            hsts: hsts(headers.hsts_max_age.as_secs())?,
        })
    }

    /// Says them, in place of whatever the app said, with the request's id [OBS-1].
    pub fn apply(&self, headers: &mut HeaderMap, site: Site, request_id: &HeaderValue) {
        for (name, value) in &self.fixed {
            headers.insert(name, value.clone());
        }
        match &self.hsts {
            Some(hsts) if site == Site::Own => drop(headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone())),
            _ => drop(headers.remove(header::STRICT_TRANSPORT_SECURITY)),
        }
        headers.insert(REQUEST_ID, request_id.clone());
    }
}

fn hsts(seconds: u64) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
    let value = || HeaderValue::try_from(format!("max-age={seconds}; includeSubDomains; preload"));
    (seconds > 0).then(value).transpose()
}
