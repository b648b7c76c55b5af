//! Which door a request knocks at, from its `Host` (AC-10, AC-11).
//!
//! A host has one spelling: lower case, without the dot at its end, ASCII or punycode, labels of
//! letters, digits and inner dashes. Anything else is refused rather than repaired, because the
//! app behind us might repair it in another way.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::mode::Mode;
use crate::slug;

/// RFC 1035 section 2.3.4, as text without the last dot.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;
/// What stands after a tenant's slug in the label of its test host.
pub const TEST_SUFFIX: &str = "--test";

/// A host as it was asked for, in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// Lower case, no dot at the end; an IPv6 address keeps its brackets.
    pub name: Cow<'a, str>,
    /// As written after the colon.
    pub port: Option<u16>,
}

/// The text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Host of this request is not a host name with an optional port")]
pub struct NotAHost;

/// Our own names: the base domain and the labels that are not tenants.
#[derive(Clone, Debug)]
pub struct HostNames {
    /// With its dot in front: `.example.com`.
    suffix: String,
    central: String,
    api: String,
}

/// The base domain or a label is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNamesFault {
    /// The base domain.
    #[error("the base domain must be a host name in lower case without a port, such as example.com")]
    Base,
    /// The central or API label, or both alike.
    #[error("the central and API labels must be two different single words, such as app and api")]
    Label,
}

/// Whose host it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName<'a> {
    /// The console and sign-in.
    Central,
    /// The shared API host: the credential names the tenant.
    Api,
    /// A tenant's own host. The slug has the form of one and may not exist.
    Tenant {
        /// The tenant's label.
        slug: &'a str,
        /// Test for `{slug}--test`.
        mode: Mode,
    },
    /// Not under our base: a custom domain, an address, or unknown.
    Other(&'a str),
}

impl<'a> Host<'a> {
    /// Reads the value of a `Host` header, or the authority of a request target.
    ///
    /// # Errors
    /// [`NotAHost`] for anything but a name or bracketed IPv6 address with an optional port.
    pub fn parse(value: &'a [u8]) -> Result<Self, NotAHost> {
        let text = str::from_utf8(value).map_err(|_| NotAHost)?;
        let (name, port) = split_port(text).ok_or(NotAHost)?;
        if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = address.parse().map_err(|_| NotAHost)?;
            return Ok(Self { name: format!("[{address}]").into(), port });
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_name(name) {
            return Err(NotAHost);
        }
        Ok(Self { name: lowered(name), port })
    }

    /// The port, or the scheme's own when none is written.
    pub fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }
}

impl HostNames {
    /// Our names in one installation.
    ///
    /// # Errors
    /// [`HostNamesFault`] when they are not in their one spelling.
    pub fn new(base: &str, central: &str, api: &str) -> Result<Self, HostNamesFault> {
        let host = Host::parse(base.as_bytes()).map_err(|_| HostNamesFault::Base)?;
        if host.name != base || host.port.is_some() {
            return Err(HostNamesFault::Base);
        }
        let is_word = |word: &str| is_label(word) && !word.bytes().any(|byte| byte.is_ascii_uppercase());
        if central == api || !is_word(central) || !is_word(api) {
            return Err(HostNamesFault::Label);
        }
        Ok(Self { suffix: format!(".{base}"), central: central.to_owned(), api: api.to_owned() })
    }

    /// Whose host a name is. Takes [`Host::name`]; nothing is looked up.
    pub fn resolve<'h>(&self, name: &'h str) -> HostName<'h> {
        let Some(label) = name.strip_suffix(self.suffix.as_str()) else { return HostName::Other(name) };
        if label == self.central {
            return HostName::Central;
        }
        if label == self.api {
            return HostName::Api;
        }
        let (slug, mode) = match label.strip_suffix(TEST_SUFFIX) {
            Some(slug) => (slug, Mode::Test),
            None => (label, Mode::Live),
        };
        if slug::check(slug).is_ok() { HostName::Tenant { slug, mode } } else { HostName::Other(name) }
    }

    /// Whether a tenant may not have this slug because a host of ours has it, or looks like it.
    pub fn is_ours(&self, slug: &str) -> bool {
        [&self.central, &self.api].into_iter().any(|ours| slug::skeleton(ours) == slug::skeleton(slug))
    }

    /// The central host's name.
    pub fn central(&self) -> String {
        format!("{}{}", self.central, self.suffix)
    }

    /// The API host's name.
    pub fn api(&self) -> String {
        format!("{}{}", self.api, self.suffix)
    }

    /// The name of a tenant's host in a mode.
    pub fn tenant(&self, slug: &str, mode: Mode) -> String {
        let test = if mode == Mode::Test { TEST_SUFFIX } else { "" };
        format!("{slug}{test}{}", self.suffix)
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let from = text.rfind(']').unwrap_or(0);
    let Some(colon) = text[from..].find(':').map(|at| from + at) else { return Some((text, None)) };
    let digits = &text[colon + 1..];
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|_| plain)?;
    Some((&text[..colon], Some(port)))
}

/// Labels between dots, in one pass: each request's host comes by here twice.
fn is_name(name: &str) -> bool {
    let (mut label, mut before) = (0, b'.');
    for byte in name.bytes() {
        match byte {
            b'.' if label == 0 || before == b'-' => return false,
            b'.' => label = 0,
            b'-' if label == 0 => return false,
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if label < LABEL_MAX => label += 1,
            _ => return false,
        }
        before = byte;
    }
    name.len() <= NAME_MAX && label > 0 && before != b'-'
}

fn is_label(label: &str) -> bool {
    is_name(label) && !label.contains('.')
}

fn lowered(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}
