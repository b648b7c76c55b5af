//! What was found, in the words of the report.

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::remedy::Remedy;

/// Which part found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// By reading the catalogue.
    Verify,
    /// By trying.
    Attack,
}

/// How bad it is. Everything above `Info` makes a run end with exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For your information: nothing leaks by it alone.
    Info,
    /// Tells little, or only with much else.
    Low,
    /// Tells whether something exists, or waits for one more mistake.
    Medium,
    /// Another tenant's rows, under a condition.
    High,
    /// Another tenant's rows, for whoever asks.
    Critical,
}

impl Severity {
    /// Its word, as reports write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// One hole.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which hole.
    pub class: Class,
    /// `schema.name`; a function as `schema.name(argument types)`; a role, publication or extension by its name.
    pub object: String,
    /// What sets it apart from others of its class on the same object: a policy, a column, a privilege. May be empty.
    pub detail: String,
    /// Which part found it.
    pub part: Part,
    /// How bad it is, here.
    pub severity: Severity,
    /// Why it leaks, here, in a sentence or two.
    pub explanation: String,
    /// What shows it: of `attack`, a script for psql; of `verify`, the text in the catalogue that says so.
    pub proof: String,
    /// What closes it.
    pub remedy: Remedy,
}

impl Finding {
    /// A finding of `verify`, with the severity that its class has by default.
    pub fn verified(class: Class, object: impl Into<String>, explanation: impl Into<String>) -> Self {
        Self {
            class,
            object: object.into(),
            detail: String::new(),
            part: Part::Verify,
            severity: class.severity(),
            explanation: explanation.into(),
            proof: String::new(),
            remedy: Remedy::default(),
        }
    }

    /// A finding of `attack`, with the script that shows it.
    pub fn shown(
        class: Class,
        object: impl Into<String>,
        explanation: impl Into<String>,
        script: impl Into<String>,
    ) -> Self {
        Self { part: Part::Attack, proof: script.into(), ..Self::verified(class, object, explanation) }
    }

    /// The same, told apart from others of its class on its object.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, as bad as it is here.
    #[must_use]
    pub fn weighing(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same, with what shows it.
    #[must_use]
    pub fn because(mut self, proof: impl Into<String>) -> Self {
        self.proof = proof.into();
        self
    }

    /// The same, with what closes it.
    #[must_use]
    pub fn closed_by(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// The same from run to run, for `[[accepted]]` and for code hosts: class, object and detail.
    pub fn id(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(":{}", self.detail) };
        format!("{}:{}{detail}", self.class.id(), self.object)
    }
}
