//! The words of a route: its guards, its kind, its policy.

use tenantry_core::route::Method;

use crate::config::section::Choice;

/// Who is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Guard {
    /// A person of the tenant, signed in.
    Session,
    /// An API key of the tenant.
    Key,
    /// A first-party token of a person of the tenant: five minutes, no cookie [KEY-6].
    Jwt,
    /// Whoever knows the cron secret.
    Cron,
    /// Anybody, for a reason that is written beside it.
    Public,
}

impl Choice for Guard {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("session", Self::Session),
        ("key", Self::Key),
        ("jwt", Self::Jwt),
        ("cron", Self::Cron),
        ("public", Self::Public),
    ];
}

impl Guard {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// The guards of a route: one of them has to let the request through. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guards(u8);

impl Guards {
    /// Whether this guard is among them.
    pub const fn contains(self, guard: Guard) -> bool {
        self.0 & (1 << guard as u8) != 0
    }

    /// Whether each of these is one of `others`.
    pub const fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// Whether one of them reads a cookie, which browsers send by themselves.
    pub const fn take_a_cookie(self) -> bool {
        self.contains(Guard::Session)
    }

    /// Whether one of them knows what its bearer may do.
    pub const fn show_permissions(self) -> bool {
        self.contains(Guard::Session) || self.contains(Guard::Key) || self.contains(Guard::Jwt)
    }

    /// Whether everybody passes.
    pub const fn is_public(self) -> bool {
        self.contains(Guard::Public)
    }

    /// The guards, in the order in which they are tried.
    pub fn iter(self) -> impl Iterator<Item = Guard> {
        Guard::WORDS.iter().map(|(_, guard)| *guard).filter(move |guard| self.contains(*guard))
    }
}

impl FromIterator<Guard> for Guards {
    fn from_iter<I: IntoIterator<Item = Guard>>(guards: I) -> Self {
        Self(guards.into_iter().fold(0, |bits, guard| bits | (1 << guard as u8)))
    }
}

/// What is served: it decides the limits and the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Api,
    Page,
    Asset,
}

impl Choice for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[("api", Self::Api), ("page", Self::Page), ("asset", Self::Asset)];
}

impl Kind {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Whose content security policy an HTML answer carries [WEB-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Csp {
    /// Ours, with a fresh nonce that the app writes into its scripts.
    Nonce,
    /// Ours, with the hashes of the scripts that the answer contains.
    Hashes,
    /// The app's own.
    Keep,
    /// Ours, which reports and does not yet forbid.
    ReportOnly,
}

impl Choice for Csp {
    const WORDS: &'static [(&'static str, Self)] =
        &[("nonce", Self::Nonce), ("hashes", Self::Hashes), ("keep", Self::Keep), ("report-only", Self::ReportOnly)];
}

impl Csp {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Directives that a route may widen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CspDirective {
    Connect,
    Font,
    FormAction,
    Frame,
    Img,
    Manifest,
    Media,
    Script,
    Style,
    Worker,
}

impl Choice for CspDirective {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("connect-src", Self::Connect),
        ("font-src", Self::Font),
        ("form-action", Self::FormAction),
        ("frame-src", Self::Frame),
        ("img-src", Self::Img),
        ("manifest-src", Self::Manifest),
        ("media-src", Self::Media),
        ("script-src", Self::Script),
        ("style-src", Self::Style),
        ("worker-src", Self::Worker),
    ];
}

impl CspDirective {
    /// The directive's name.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

impl Choice for Method {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("GET", Self::Get),
        ("HEAD", Self::Head),
        ("POST", Self::Post),
        ("PUT", Self::Put),
        ("PATCH", Self::Patch),
        ("DELETE", Self::Delete),
        ("OPTIONS", Self::Options),
    ];
}
