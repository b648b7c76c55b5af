//! What no program can check: somebody answers for it, until a day [EV-5].
//!
//! An attestation counts from its date to its last day. Then it leaves the public page by itself, and is red to
//! platform staff. A practice that nobody attested is not claimed anywhere (EV-1).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tenantry_core::clock::Timestamp;
use tenantry_platform::config::{Attested, Practice};

/// The claim that every attested practice belongs to.
pub const CLAIM: &str = "EV-5";

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Somebody answers for it today.
    InForce,
    /// Its last day is over.
    Expired,
    /// Its date has not come.
    Ahead,
}

impl Status {
    /// On this day.
    pub fn on(attested: &Attested, today: Date) -> Self {
        match (attested.is_in_force(today), today > attested.expires) {
            (true, _) => Self::InForce,
            (false, true) => Self::Expired,
            (false, false) => Self::Ahead,
        }
    }

    /// The word in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "attested",
            Self::Expired => "expired",
            Self::Ahead => "ahead",
        }
    }
}

/// The day of the calendar, in UTC.
pub(super) fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// The beginning of a day, in UTC.
pub(super) fn midnight(day: Date) -> Timestamp {
    // Invariant: the configuration's days have four digits; a day out of range is shown as the beginning of time.
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp())
}

/// The practice's name: a word of the catalogue.
pub(super) const fn word(practice: Practice) -> &'static str {
    match practice {
        Practice::IncidentPlan => "practice.incident_plan",
        Practice::Subprocessors => "practice.subprocessors",
        Practice::DataProcessingAgreement => "practice.data_processing_agreement",
        Practice::ManagedBackups => "practice.managed_backups",
        Practice::KeyRotationPolicy => "practice.key_rotation_policy",
        Practice::HostingProtection => "practice.hosting_protection",
        Practice::SecretsOutOfCommits => "practice.secrets_out_of_commits",
    }
}

/// The criteria of SOC 2 that a practice is evidence for.
pub const fn criteria(practice: Practice) -> &'static [&'static str] {
    match practice {
        Practice::IncidentPlan => &["CC7.3", "CC7.4", "CC7.5"],
        Practice::Subprocessors => &["CC6.7"],
        Practice::DataProcessingAgreement => &["CC6.5", "CC6.7"],
        Practice::ManagedBackups => &["CC7.5"],
        Practice::KeyRotationPolicy => &["CC6.1"],
        Practice::HostingProtection => &["CC6.6", "CC7.2"],
        Practice::SecretsOutOfCommits => &["CC6.1", "CC8.1"],
    }
}
