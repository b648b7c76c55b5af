//! A route's policy, made once, with a place left for the nonce.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use tenantry_platform::config::{Csp, CspDirective, Route};
use tenantry_platform::page::Nonce;

use super::INERT;

/// Where browsers send what the policy stopped.
pub const REPORTS_PATH: &str = "/-/csp-reports";

const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");
const ENDPOINTS: HeaderValue = HeaderValue::from_static("csp=\"/-/csp-reports\"");

/// What our policy allows before a route widens it. `'nonce'` stands for the answer's nonce.
const OURS: [(&str, &str); 10] = [
    ("default-src", "'self'"),
    ("script-src", "'nonce' 'strict-dynamic'"),
    ("style-src", "'self' 'nonce'"),
    ("img-src", "'self' data:"),
    ("font-src", "'self'"),
    ("connect-src", "'self'"),
    ("form-action", "'self'"),
    ("object-src", "'none'"),
    ("base-uri", "'none'"),
    ("frame-ancestors", "'none'"),
];

/// Without nonces a page's own files are trusted by where they come from, inline code by its hash.
const SCRIPT_BY_PLACE: &str = "'self'";

/// A route's policy.
#[derive(Clone, Debug)]
pub struct Policy {
    kind: Csp,
    /// The text between the places of the nonce.
    pieces: Vec<String>,
}

impl Policy {
    /// The policy that the route's file describes.
    pub fn new(route: &Route) -> Self {
        let text = written(route);
        Self { kind: route.csp, pieces: text.split("'nonce'").map(str::to_owned).collect() }
    }

    /// Whether an answer of this route may carry a nonce.
    pub const fn has_nonce(&self) -> bool {
        matches!(self.kind, Csp::Nonce | Csp::ReportOnly)
    }

    /// Whether a page of this route must never be stored: its nonce is enforced.
    pub const fn forbids_store(&self) -> bool {
        matches!(self.kind, Csp::Nonce)
    }

    /// The policy with a nonce in its places: for the app's request and for the browser's answer alike.
    ///
    /// # Errors
    /// The file's sources have bytes that no header can carry.
    pub fn with(&self, nonce: &Nonce) -> Result<HeaderValue, InvalidHeaderValue> {
        let room: usize = self.pieces.iter().map(|piece| piece.len() + 40).sum();
        let mut text = String::with_capacity(room);
        for (at, piece) in self.pieces.iter().enumerate() {
            if at > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "'nonce-{nonce}'");
            }
            text.push_str(piece);
        }
        HeaderValue::try_from(text)
    }

    /// The policy of a route without nonces.
    ///
    /// # Errors
    /// As [`Policy::with`].
    pub fn fixed(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::try_from(self.pieces.concat())
    }

    /// Says the policy of an answer. `page` is the route's policy with this request's nonce, for pages.
    pub fn apply(&self, status: StatusCode, headers: &mut HeaderMap, page: Option<&HeaderValue>) {
        if status == StatusCode::NOT_MODIFIED {
            headers.remove(header::CONTENT_SECURITY_POLICY);
            headers.remove(header::CONTENT_SECURITY_POLICY_REPORT_ONLY);
        } else if is_page(headers) {
            self.apply_to_page(headers, page);
        } else {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(INERT));
        }
    }

    fn apply_to_page(&self, headers: &mut HeaderMap, page: Option<&HeaderValue>) {
        match (self.kind, page) {
            (Csp::Keep, _) => keep(headers),
            (Csp::ReportOnly, Some(policy)) => {
                keep(headers);
                headers.insert(header::CONTENT_SECURITY_POLICY_REPORT_ONLY, policy.clone());
                headers.insert(REPORTING_ENDPOINTS, ENDPOINTS);
            }
            (Csp::Nonce | Csp::Hashes, Some(policy)) => {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
                headers.remove(header::CONTENT_SECURITY_POLICY_REPORT_ONLY);
                headers.insert(REPORTING_ENDPOINTS, ENDPOINTS);
            }
            // No policy could be made for this request: nothing on the page may run.
            (_, None) => drop(headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(INERT))),
        }
    }
}

/// The app's own policy stays; where it has none, the page may at least not be framed.
fn keep(headers: &mut HeaderMap) {
    let unframed = HeaderValue::from_static("frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(unframed);
}

/// Whether a browser would take the answer for a document with scripts. Without a type it is none: `nosniff`.
pub(crate) fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/html") || essence.eq_ignore_ascii_case(b"application/xhtml+xml")
}

/// The policy as text, the nonce's places marked.
fn written(route: &Route) -> String {
    let mut text = String::new();
    for (directive, ours) in OURS {
        let ours = if directive == "script-src" && route.csp == Csp::Hashes { SCRIPT_BY_PLACE } else { ours };
        let ours = if route.csp == Csp::Hashes { ours.replace(" 'nonce'", "") } else { ours.to_owned() };
        push(&mut text, directive, &ours, &added(route, directive));
    }
    for directive in [CspDirective::Frame, CspDirective::Manifest, CspDirective::Media, CspDirective::Worker] {
        let added = added(route, directive.as_str());
        if !added.is_empty() {
            push(&mut text, directive.as_str(), "'self'", &added);
        }
    }
    text + "report-uri " + REPORTS_PATH + "; report-to csp"
}

fn added(route: &Route, directive: &str) -> Vec<String> {
    let lists = route.csp_sources.iter().filter(|(widened, _)| widened.as_str() == directive);
    lists.flat_map(|(_, sources)| sources.iter().cloned()).collect()
}

/// `'none'` beside another source would be ignored by browsers with a warning: ours stays unless it is widened.
fn push(text: &mut String, directive: &str, ours: &str, added: &[String]) {
    text.push_str(directive);
    text.push(' ');
    text.push_str(ours);
    for source in added.iter().filter(|source| !ours.split(' ').any(|known| known == *source)) {
        text.push(' ');
        text.push_str(source);
    }
    text.push_str("; ");
}
