//! `[[attested]]`: what no program can check, and somebody answers for until a day [EV-5, EV-1].

use jiff::civil::Date;

use super::parse::{self, Parsed};
use super::section::{Choice, Section};

/// Longer, and nobody remembers having said it: auditors ask for the same yearly.
const DAYS_MOST: i32 = 366;

/// A practice that somebody answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub practice: Practice,
    /// What holds, in the words of whoever answers for it.
    pub statement: String,
    /// A person or a role.
    pub owner: String,
    /// When it was looked at last.
    pub date: Date,
    /// The last day on which it counts.
    pub expires: Date,
    /// Where the document is.
    pub evidence: Option<String>,
}

/// The practices of EV-5. What is not configured is not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Practice {
    IncidentPlan,
    Subprocessors,
    DataProcessingAgreement,
    ManagedBackups,
    KeyRotationPolicy,
    HostingProtection,
    SecretsOutOfCommits,
}

impl Choice for Practice {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("incident-plan", Self::IncidentPlan),
        ("subprocessors", Self::Subprocessors),
        ("data-processing-agreement", Self::DataProcessingAgreement),
        ("managed-backups", Self::ManagedBackups),
        ("key-rotation-policy", Self::KeyRotationPolicy),
        ("hosting-protection", Self::HostingProtection),
        ("secrets-out-of-commits", Self::SecretsOutOfCommits),
    ];
}

impl Practice {
    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }

    fn parse(text: &str) -> Parsed<Self> {
        let known = Self::WORDS.iter().find(|(word, _)| *word == text).map(|(_, practice)| *practice);
        let words: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
        known.ok_or_else(|| format!("write one of {}", words.join(", ")))
    }
}

impl Attested {
    /// Whether it counts on this day.
    pub fn is_in_force(&self, today: Date) -> bool {
        (self.date..=self.expires).contains(&today)
    }

    /// `None` where something required is missing or malformed: the report names it.
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        let practice = section.required("claim", "\"incident-plan\"", None, Practice::parse);
        let statement = section.required(
            "statement",
            "\"We follow a written plan, and tell you within 72 hours\"",
            None,
            parse::sentence,
        );
        let owner = section.required("owner", "\"Dana Lee, security\"", None, parse::name);
        let date = section.required("date", "\"2026-06-15\"", None, parse::day);
        let expires = section.required("expires", "\"2027-06-15\"", None, parse::day);
        let evidence = section.maybe("evidence", parse::link);
        let read = Self {
            practice: practice?,
            statement: statement?,
            owner: owner?,
            date: date?,
            expires: expires?,
            evidence,
        };
        read.check(section);
        Some(read)
    }

    fn check(&self, section: &Section<'_, '_>) {
        let days = (self.expires - self.date).get_days();
        if days < 0 {
            section.reading.fault(&section.span_of("expires"), "expires is before date", "Write a later day.");
        } else if days > DAYS_MOST {
            let what = format!("this would count for {days} days");
            section.reading.fault(
                &section.span_of("expires"),
                what,
                "Write a day within one year of date, and look again by then.",
            );
        }
    }
}

/// Every one of the file. One practice is attested once: two owners would be none.
pub(super) fn read_all(root: &Section<'_, '_>) -> Vec<Attested> {
    let mut seen = Vec::new();
    let read = root.each("attested", |section| {
        let read = Attested::read(section)?;
        if seen.contains(&read.practice) {
            let what = format!("{:?} is attested twice", read.practice.as_str());
            section.reading.fault(&section.span_of("claim"), what, "Leave one of them out.");
        }
        seen.push(read.practice);
        Some(read)
    });
    read.into_iter().flatten().collect()
}
