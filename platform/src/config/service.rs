//! `[mail]`, `[database]`, `[root_key]`, `[security_txt]`, `[audit]`, `[events]`, `[log]`, `[headers]`: what surrounds the requests.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::parse;
use super::routes::Kind;
use super::section::{Choice, Section};
use crate::feed::GRACE_MOST;

/// `[mail]`. The server's URL is a secret.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `Acme <no-reply@example.com>`.
    pub from: String,
    pub timeout: Duration,
    /// A PEM file of certificates that the server's may be signed by, besides the system's.
    pub tls_ca: Option<PathBuf>,
    /// A directory of templates that letters are drawn with instead of the built-in ones.
    pub templates: Option<PathBuf>,
}

/// `[database]`. The logins' URLs are secrets.
#[derive(Clone, Debug)]
pub struct DatabasePools {
    /// Connections of each login at most.
    pub max_connections: u16,
    /// How long a request waits for a free one.
    pub wait: Duration,
    /// How long a node serves from memory while the database is known to be down. Zero: not at all.
    pub outage_grace: Duration,
}

/// `[root_key]`.
#[derive(Clone, Debug)]
pub struct RootKeyCommand {
    /// A program and its arguments that print the key; empty: environment or file.
    pub command: Vec<String>,
}

/// `[security_txt]` (RFC 9116).
#[derive(Clone, Debug)]
pub struct SecurityTxt {
    pub contact: String,
    pub expires: Timestamp,
    /// Where the policy is; none: Tenantry's own page on disclosure.
    pub policy: Option<String>,
    /// Working days within which a person answers a report, as that page promises.
    pub answer_days: usize,
}

/// `[audit]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How long rows are kept, a year at least; `None`: for ever.
    pub retention_months: Option<u16>,
}

/// `[events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// How long events are kept; `None`: for ever.
    pub retention_months: Option<u16>,
}

/// No row is dropped before (AUD-4). The database has the same floor, where no setting reaches it.
const RETENTION_MONTHS_LEAST: u16 = 12;

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl LogLevel {
    /// As the file writes it and a log filter reads it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// `[headers]` [WEB-2].
#[derive(Clone, Debug)]
pub struct Headers {
    /// `Strict-Transport-Security` under our own base domain; zero: none.
    pub hsts_max_age: Duration,
    pub api: HeaderPreset,
    pub page: HeaderPreset,
    pub asset: HeaderPreset,
}

/// What a kind of route sends with every answer.
#[derive(Clone, Debug)]
pub struct HeaderPreset {
    pub referrer_policy: ReferrerPolicy,
    /// The value of `Permissions-Policy`.
    pub permissions_policy: String,
}

/// The values that do not leak paths to other sites (Referrer Policy, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrerPolicy {
    NoReferrer,
    SameOrigin,
    StrictOrigin,
    StrictOriginWhenCrossOrigin,
}

impl Choice for ReferrerPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("no-referrer", Self::NoReferrer),
        ("same-origin", Self::SameOrigin),
        ("strict-origin", Self::StrictOrigin),
        ("strict-origin-when-cross-origin", Self::StrictOriginWhenCrossOrigin),
    ];
}

impl ReferrerPolicy {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Powers that few apps need, all off.
const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), usb=(), browsing-topics=()";

impl Mail {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<&str>) -> Self {
        Self {
            from: section
                .required("from", "\"Acme <no-reply@example.com>\"", given, parse::mailbox)
                .unwrap_or_default(),
            timeout: Duration::from_millis(section.number("timeout_ms", 10_000, 100..=300_000)),
            tls_ca: section.maybe("tls_ca", a_path),
            templates: section.maybe("templates", a_path),
        }
    }
}

/// Whether anything is there is looked at where it is read.
fn a_path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

impl DatabasePools {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            max_connections: section.number("max_connections", 8, 1..=1_000),
            wait: Duration::from_millis(section.number("wait_ms", 5_000, 1..=60_000)),
            outage_grace: Duration::from_secs(section.number("outage_grace_s", 120, 0..=GRACE_MOST.as_secs())),
        }
    }
}

impl RootKeyCommand {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let command: Vec<String> = section.list("command", parse::header_value);
        if command.first().is_some_and(String::is_empty) {
            section.reading.fault(
                &section.span_of("command"),
                "the command has no program",
                "Write the program first, then its arguments.",
            );
        }
        Self { command }
    }
}

impl SecurityTxt {
    pub(super) fn read(section: &Section<'_, '_>, given: Option<(&str, &str)>) -> Self {
        let (contact, expires) = given.unzip();
        Self {
            contact: section
                .required("contact", "\"mailto:security@example.com\"", contact, parse::contact)
                .unwrap_or_default(),
            expires: section.required("expires", "\"2027-06-30T00:00:00Z\"", expires, parse::time).unwrap_or_default(),
            policy: section.maybe("policy", parse::link),
            answer_days: section.number("answer_days", 3, 1..=30),
        }
    }
}

impl Audit {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let months: u16 = section.number("retention_months", 0, 0..=1_200);
        if (1..RETENTION_MONTHS_LEAST).contains(&months) {
            section.reading.fault(
                &section.span_of("retention_months"),
                format!("audit rows cannot be dropped after {months} months"),
                format!("Write {RETENTION_MONTHS_LEAST} or more, or 0 to keep them for ever."),
            );
        }
        Self { retention_months: Some(months).filter(|months| *months >= RETENTION_MONTHS_LEAST) }
    }
}

impl Events {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let months: u16 = section.number("retention_months", 3, 0..=1_200);
        Self { retention_months: Some(months).filter(|months| *months > 0) }
    }
}

pub(super) fn read_log(section: &Section<'_, '_>) -> LogLevel {
    section.choice("level", LogLevel::Info)
}

impl Headers {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            hsts_max_age: Duration::from_secs(section.number("hsts_max_age_s", 63_072_000, 0..=315_360_000)),
            api: section.section("api", |section| HeaderPreset::read(section, ReferrerPolicy::NoReferrer)),
            page: section
                .section("page", |section| HeaderPreset::read(section, ReferrerPolicy::StrictOriginWhenCrossOrigin)),
            asset: section.section("asset", |section| HeaderPreset::read(section, ReferrerPolicy::NoReferrer)),
        }
    }

    /// The preset of a kind of route.
    pub const fn preset(&self, kind: Kind) -> &HeaderPreset {
        match kind {
            Kind::Api => &self.api,
            Kind::Page => &self.page,
            Kind::Asset => &self.asset,
        }
    }
}

impl HeaderPreset {
    fn read(section: &Section<'_, '_>, referrer: ReferrerPolicy) -> Self {
        Self {
            referrer_policy: section.choice("referrer_policy", referrer),
            permissions_policy: section.text("permissions_policy", PERMISSIONS_POLICY, parse::header_value),
        }
    }
}
