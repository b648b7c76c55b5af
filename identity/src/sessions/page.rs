//! The two pages between the central host and a tenant's.

use askama::Template;
use tenantry_platform::page::Chrome;

/// A form that sends itself to the tenant's host; its button is for browsers without JavaScript.
/// Its answer is made by `page::render_posting_to`, so that the policy names the tenant's origin.
#[derive(Debug, Template)]
#[template(path = "sessions/handoff.html")]
pub struct Handoff {
    pub chrome: Chrome,
    pub workspace: String,
    /// `https://acme.example.com/-/handoff`.
    pub action: String,
    pub fields: Vec<HiddenField>,
}

impl Handoff {
    pub const TITLE: &'static str = "handoff.submit";
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
