//! How a stranger reports a weakness: the disclosure page and `security.txt`. [EV-4]

use askama::Template;
use tenantry_core::clock::Timestamp;

use super::chrome::Chrome;

/// The page on responsible disclosure.
#[derive(Debug, Template)]
#[template(path = "disclosure.html")]
pub struct Disclosure {
    pub chrome: Chrome,
    /// An address or an https form.
    pub contact: String,
    pub contact_href: String,
    /// How fast a report is answered, in working days.
    pub answer_days: usize,
    /// Hosts that may be tested, as their owner would write them.
    pub in_scope: Vec<String>,
    pub out_of_scope: Vec<String>,
}

impl Disclosure {
    pub const TITLE: &'static str = "disclosure.title";
}

/// `/.well-known/security.txt`, RFC 9116.
#[derive(Debug, Template)]
#[template(path = "security.txt", escape = "none")]
pub struct SecurityTxt {
    /// `mailto:` or `https:`.
    pub contact: String,
    /// After this the file must not be trusted; at most a year ahead.
    pub expires: Timestamp,
    pub languages: String,
    /// `https://app.example.com`, without a slash at its end.
    pub origin: String,
    /// Where a stranger reads how reports are taken.
    pub policy: String,
}
