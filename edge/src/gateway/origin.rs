//! The Origin rule: who may change something from a browser [WEB-3].
//!
//! Every method but GET, HEAD and OPTIONS, and every upgrade, needs an `Origin` equal to the request's own
//! scheme, host and port. It does not hold for bearer credentials: a browser never adds those by itself.

use http::{HeaderMap, Method, header};
use tenantry_platform::problem::{Kind, Problem};

const FETCH_SITE: &str = "sec-fetch-site";

/// A form or a script of another site.
impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        Self::new(Kind::Forbidden, format!("{}{}.", text[..1].to_uppercase(), &text[1..])).code("foreign_origin")
    }
}

/// Why a request was refused; the message is for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the Origin header names another site than the one asked; send the request from the page's own origin")]
    OtherOrigin,
    #[error("the Origin header is null: the page that sent this has no origin, as in a sandbox or a local file")]
    NullOrigin,
    #[error("a request that changes something needs an Origin header, or Sec-Fetch-Site: same-origin")]
    NoOrigin,
    #[error("the Origin header is given more than once")]
    TwoOrigins,
}

/// The origin that a request was sent to, as its browser knows it.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    pub is_https: bool,
    /// Host and port as in the `Host` header.
    pub host: &'a str,
}

/// Whether the rule holds for such a request at all.
pub fn is_needed(method: &Method, headers: &HeaderMap) -> bool {
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    !is_read || is_upgrade(headers)
}

/// Whether the request asks for another protocol.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

/// Judges the request's origin. Call it for every request with a cookie or a form, after [`is_needed`].
///
/// `others` are origins that the route lets in from elsewhere; pass none when a cookie was presented.
///
/// # Errors
/// The request came from elsewhere, or does not say where from.
pub fn judge(headers: &HeaderMap, own: Own<'_>, others: &[String]) -> Result<(), Refused> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) if is_same_origin_fetch(headers) => Ok(()),
        (None, _) => Err(Refused::NoOrigin),
        (Some(_), Some(_)) => Err(Refused::TwoOrigins),
        (Some(origin), None) if origin == "null" => Err(Refused::NullOrigin),
        (Some(origin), None) if is_own(origin.as_bytes(), own) => Ok(()),
        (Some(origin), None) if others.iter().any(|other| other.as_bytes() == origin.as_bytes()) => Ok(()),
        (Some(_), None) => Err(Refused::OtherOrigin),
    }
}

/// Whether nothing says where the request comes from: no browser that posts leaves both headers out.
pub fn is_unsaid(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ORIGIN) && !headers.contains_key(FETCH_SITE)
}

fn is_same_origin_fetch(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(FETCH_SITE).iter();
    sites.next().is_some_and(|site| site == "same-origin") && sites.next().is_none()
}

/// `scheme://host[:port]`, where a scheme's own port may be said or left out.
fn is_own(origin: &[u8], own: Own<'_>) -> bool {
    let (scheme, port) = if own.is_https { (&b"https://"[..], ":443") } else { (&b"http://"[..], ":80") };
    let bare = |host: &[u8]| host.strip_suffix(port.as_bytes()).unwrap_or(host).to_owned();
    let Some(theirs) = origin.strip_prefix(scheme) else { return false };
    theirs.eq_ignore_ascii_case(own.host.as_bytes()) || bare(theirs).eq_ignore_ascii_case(&bare(own.host.as_bytes()))
}

/// Whether the request is a CORS preflight. Answered on this side and never forwarded: the app's own idea
/// of who may call must not decide about guards that are not its own.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
