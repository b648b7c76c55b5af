//! A text that a pattern takes: checks describe slugs, numbers of invoices and codes of countries by patterns.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};

/// What may be there any number of times is there so often, so that rows differ.
const TIMES: u32 = 6;
/// Longer texts are of no use.
const LONGEST: usize = 200;

/// A text for a pattern, other for other numbers where the pattern leaves room. `None`: it is not understood.
pub(super) fn sample(pattern: &str, serial: usize) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut sample = Sample { text: String::new(), left: serial };
    sample.take(&hir).then_some(sample.text)
}

struct Sample {
    text: String,
    /// What is left of the number that makes it another.
    left: usize,
}

impl Sample {
    fn take(&mut self, hir: &Hir) -> bool {
        if self.text.len() > LONGEST {
            return false;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => true,
            HirKind::Literal(literal) => match str::from_utf8(&literal.0) {
                Ok(text) => {
                    self.text.push_str(text);
                    true
                }
                Err(_) => false,
            },
            HirKind::Class(Class::Unicode(class)) => self.choose(class),
            HirKind::Class(Class::Bytes(_)) => false,
            HirKind::Repetition(repetition) => (0..times(repetition)).all(|_| self.take(&repetition.sub)),
            HirKind::Capture(group) => self.take(&group.sub),
            HirKind::Concat(parts) => parts.iter().all(|part| self.take(part)),
            HirKind::Alternation(choices) => choices.first().is_some_and(|first| self.take(first)),
        }
    }

    fn choose(&mut self, class: &ClassUnicode) -> bool {
        let plain = ('0'..='9').chain('a'..='z').chain('A'..='Z');
        let plain: Vec<char> =
            plain.filter(|c| class.ranges().iter().any(|range| range.start() <= *c && *c <= range.end())).collect();
        // Digits alone where there are digits: they are in every alphabet.
        let digits = plain.iter().filter(|c| c.is_ascii_digit()).count();
        let (choices, count) = if digits > 0 { (&plain[..digits], digits) } else { (&plain[..], plain.len().min(26)) };
        if count > 0 {
            self.text.push(choices[self.left % count]);
            self.left /= count;
            return true;
        }
        let Some(range) = class.ranges().first() else { return false };
        self.text.push(range.start());
        true
    }
}

fn times(repetition: &Repetition) -> u32 {
    match repetition.max {
        Some(1) => repetition.min,
        Some(most) => repetition.min.max(TIMES).min(most),
        None => repetition.min.max(TIMES),
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::sample;

    #[test]
    fn a_pattern_takes_what_is_made_for_it() {
        let patterns = [
            "^INV-[0-9]{4}-[0-9]{5}$",
            "^[a-z][a-z0-9-]*[a-z0-9]$",
            r"^\w+@\w+\.[a-z]{2,}$",
            "^(EUR|USD)$",
            "^#?[[:xdigit:]]{6}$",
            r"^\+[1-9]\d{6,14}$",
        ];
        for pattern in patterns {
            let text = sample(pattern, 2_345).unwrap();
            assert!(Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text}");
        }
        assert_ne!(sample("^[a-z]{3}$", 1), sample("^[a-z]{3}$", 2));
        assert_eq!(sample("^(?!a)b$", 1), None);
    }
}
