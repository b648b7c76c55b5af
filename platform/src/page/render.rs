//! From a template to an answer.

use std::fmt;

use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use tenantry_core::random::Entropy;

/// 128 bits, as CSP Level 3 section 7.1 asks for.
const NONCE_BYTES: usize = 16;

/// The word that lets one answer's own scripts run. Fresh for each request.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    pub fn fresh(entropy: &Entropy) -> Self {
        Self(STANDARD.encode(entropy.bytes::<NONCE_BYTES>()))
    }

    /// The word that this request was already given.
    pub fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

/// The policy of Tenantry's own pages. `form_targets` are origins besides this one that a form posts to:
/// the hand-off posts to the tenant's host, and browsers check redirects of a form as well. [WEB-1]
pub fn policy(nonce: &Nonce, form_targets: &[&str]) -> String {
    let targets: String = form_targets.iter().map(|origin| format!(" {origin}")).collect();
    format!(
        "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}' 'strict-dynamic'; \
         img-src 'self' data:; form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A page whose form posts to other origins than its own: it brings its policy itself.
pub fn render_posting_to(page: &impl Template, nonce: &Nonce, origins: &[&str]) -> Response {
    let mut answer = render(page);
    // An origin that is no header value is none that a form could post to: the page keeps the usual policy.
    if let Ok(policy) = HeaderValue::try_from(policy(nonce, origins)) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// A page whose own module asks its own origin while it is open: it brings the policy that lets it. [WEB-1]
pub fn render_asking(status: StatusCode, page: &impl Template, nonce: &Nonce) -> Response {
    let mut answer = render_with(status, page);
    let policy = format!("{}; connect-src 'self'", policy(nonce, &[]));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// A page as an answer with status 200.
pub fn render(page: &impl Template) -> Response {
    render_with(StatusCode::OK, page)
}

/// A page as an answer: a form shown again is 422, a refusal has its own status.
pub fn render_with(status: StatusCode, page: &impl Template) -> Response {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    match page.render() {
        Ok(html) => (status, [(CONTENT_TYPE, HTML), (CACHE_CONTROL, NO_STORE)], html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, [(CACHE_CONTROL, NO_STORE)]).into_response()
        }
    }
}
