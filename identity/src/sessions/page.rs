//! The two pages between the central host and a tenant's.

use askama::Template;
use tenantry_platform::page::Chrome;

/// A form, on the tenant's host, that sends itself back to it; its button is for browsers without JavaScript.
#[derive(Debug, Template)]
#[template(path = "sessions/handoff.html")]
pub struct Handoff {
    pub chrome: Chrome,
    /// Its name, for its members alone; for others its slug.
    pub workspace: String,
    /// Beside the name; empty where there is none.
    pub slug: String,
    /// `/-/handoff`.
    pub action: String,
    pub fields: Vec<HiddenField>,
}

impl Handoff {
    pub const TITLE: &'static str = "handoff.submit";
}

/// The end, on a tenant's host. A page rather than a way on: the next request would only begin to sign in again.
#[derive(Debug, Template)]
#[template(path = "sessions/signed_out.html")]
pub struct SignedOut {
    pub chrome: Chrome,
}

impl SignedOut {
    pub const TITLE: &'static str = "signed_out.title";
}

/// Asked at the first use of a custom domain: "Continue to … as …".
#[derive(Debug, Template)]
#[template(path = "sessions/continue.html")]
pub struct Continue {
    pub chrome: Chrome,
    pub workspace: String,
    pub host: String,
    pub name: String,
    pub email: String,
    pub action: String,
    pub fields: Vec<HiddenField>,
    /// Where somebody else signs in.
    pub other_href: String,
}

impl Continue {
    pub const TITLE: &'static str = "handoff.submit";
}

#[derive(Clone, Debug)]
pub struct HiddenField {
    pub name: &'static str,
    pub value: String,
}
