//! What is wrong with a configuration: every fault with its place, what it is and how it is mended [EN-5].

use std::fmt;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where to look.
    pub place: Place,
    /// What is wrong: the beginning of a sentence, without its full stop.
    pub what: String,
    /// What to do about it: whole sentences.
    pub fix: String,
}

/// Where a fault is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file itself.
    File,
    /// A line and a column of the file, both from 1; the column counts characters.
    Text { line: usize, column: usize },
    /// A variable of the environment.
    Variable(String),
}

/// Every fault of one configuration, in the order in which the file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    file: String,
    faults: Vec<Fault>,
}

impl Faults {
    pub(super) fn new(file: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        faults.dedup();
        Self { file: file.to_owned(), faults }
    }

    /// The faults, by place.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Fault> {
        self.faults.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// These faults and those of a later step, in one report.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.faults.extend(later.faults);
        Self::new(if self.file.is_empty() { &later.file } else { &self.file }, self.faults)
    }

    /// `value`, when nothing is wrong.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    /// A line a fault: `tenantry.toml:12:9: route "/api/x" has no guard. Add guard = "session", …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match &fault.place {
                Place::File => write!(f, "{}: ", self.file)?,
                Place::Text { line, column } => write!(f, "{}:{line}:{column}: ", self.file)?,
                Place::Variable(name) => write!(f, "{name}: ")?,
            }
            write!(f, "{}. {}", fault.what, fault.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// `Did you mean …? ` when one of the words is a slip away from `given`, else nothing.
pub(super) fn did_you_mean<'w>(given: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    nearest(given, words).map_or_else(String::new, |word| format!("Did you mean {word}? "))
}

/// The word that a slip of the finger or of the memory turns into `given`.
pub(super) fn nearest<'w>(given: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // Longer texts are no slips, and the comparison is quadratic.
    const COMPARED_MAX: usize = 64;
    if given.len() > COMPARED_MAX {
        return None;
    }
    let tolerance = (given.chars().count() / 3).clamp(1, 3);
    let measured =
        words.into_iter().filter(|word| word.len() <= COMPARED_MAX).map(|word| (distance(given, word), word));
    measured.filter(|(distance, _)| *distance <= tolerance).min().map(|(_, word)| word)
}

/// Optimal string alignment: insertions, deletions, replacements and swapped neighbours, case aside.
fn distance(a: &str, b: &str) -> usize {
    let lower = |text: &str| text.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["methods", "guard", "permission"];
        assert_eq!(nearest("gaurd", words), Some("guard"));
        assert_eq!(nearest("permissions", words), Some("permission"));
        assert_eq!(nearest("Methods", words), Some("methods"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("x", words), None);
    }
}
