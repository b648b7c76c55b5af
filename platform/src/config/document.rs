//! Reading a document so that nothing is overlooked: each setting is asked for once, with its
//! default and its range, and what nobody asked for is a fault.
//!
//! A reader never fails: it notes a fault, goes on with the default, and the report at the end
//! decides. So one slip never hides another. The same asking, noted down, is the list of settings
//! that the manual is compared with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::fault::{Fault, Faults, Place};

/// A configuration larger than this is not a configuration.
pub(super) const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A setting as the types know it: what the manual must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands: `sessions.access_minutes`, `routes.path`, `limits.tiers.NAME.limit`.
    pub path: String,
    /// Its default as TOML, if it has one.
    pub default: Option<String>,
    /// Whether nothing starts without it.
    pub is_required: bool,
    /// What is accepted: `1 to 60`, or the words. Empty when the setting's text says it.
    pub range: String,
}

/// One file being read, and what was noticed.
pub(super) struct Reading<'t> {
    file: &'t str,
    text: &'t str,
    faults: RefCell<Vec<Fault>>,
    settings: RefCell<Vec<Setting>>,
    /// Lines that are no TOML: what else seems wrong there, or missing anywhere, may only be unreadable.
    broken_lines: RefCell<BTreeSet<usize>>,
}

/// A place in the text.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<'t> Reading<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let (faults, settings, broken_lines) = Default::default();
        Self { file, text, faults, settings, broken_lines }
    }

    /// Where the file is: names of other files in it begin there.
    pub(super) fn directory(&self) -> PathBuf {
        let directory = Path::new(self.file).parent().filter(|directory| !directory.as_os_str().is_empty());
        directory.unwrap_or(Path::new(".")).to_owned()
    }

    /// The document, as far as it can be read.
    pub(super) fn parse(&self) -> Spanned<DeTable<'t>> {
        if self.text.len() > FILE_BYTES_MAX {
            self.note(Place::File, format!("the file is larger than {FILE_BYTES_MAX} bytes"), "Is it the right file?");
            return Spanned::new(0..0, DeTable::new());
        }
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            self.fault(&span, one_line(error.message()), "Mend the TOML here; the form is at https://toml.io.");
            self.broken_lines.borrow_mut().insert(self.line(&span));
        }
        document
    }

    /// Notes what is wrong at a place of the text.
    pub(super) fn fault(&self, span: &Span, what: impl Into<String>, fix: impl Into<String>) {
        if !self.broken_lines.borrow().contains(&self.line(span)) {
            self.note(place(self.text, span.start), what, fix);
        }
    }

    /// Notes that something is not there.
    pub(super) fn missing(&self, span: &Span, what: impl Into<String>, fix: impl Into<String>) {
        if self.broken_lines.borrow().is_empty() {
            self.fault(span, what, fix);
        }
    }

    fn note(&self, place: Place, what: impl Into<String>, fix: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { place, what: what.into(), fix: fix.into() });
    }

    pub(super) fn remember(&self, setting: Setting) {
        let mut settings = self.settings.borrow_mut();
        if !settings.iter().any(|known| known.path == setting.path) {
            settings.push(setting);
        }
    }

    pub(super) fn line(&self, span: &Span) -> usize {
        match place(self.text, span.start) {
            Place::Text { line, .. } => line,
            Place::File | Place::Variable(_) => 0,
        }
    }

    pub(super) fn finish(self) -> (Faults, Vec<Setting>) {
        (Faults::new(self.file, self.faults.into_inner()), self.settings.into_inner())
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place::Text { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}
