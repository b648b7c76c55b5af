//! What a terminal bears: its width, colours, and no control characters of anybody's names.

use std::io::IsTerminal as _;

use crate::finding::Severity;

/// Lines are no longer than that, however wide the terminal: nobody reads longer ones gladly.
const WIDEST: usize = 100;
const NARROWEST: usize = 40;

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The longest line, in characters.
    pub width: usize,
    /// Whether colours are understood.
    pub has_colours: bool,
}

impl Style {
    /// For files and pipes.
    pub const fn plain() -> Self {
        Self { width: WIDEST, has_colours: false }
    }

    /// For whatever standard output is. `NO_COLOR` is respected (<https://no-color.org>).
    pub fn of_terminal() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::plain();
        }
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        Self { width: width.clamp(NARROWEST, WIDEST), has_colours: !is_set("NO_COLOR") && !is_dumb }
    }

    /// Emphasis.
    pub fn bold(self, text: &str) -> String {
        self.painted("1", text)
    }

    /// What need not be read first.
    pub fn faint(self, text: &str) -> String {
        self.painted("2", text)
    }

    /// What is well.
    pub fn good(self, text: &str) -> String {
        self.painted("32", text)
    }

    /// In the colour of how bad it is.
    pub fn weighed(self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Critical => "1;31",
            Severity::High => "31",
            Severity::Medium => "33",
            Severity::Low => "36",
            Severity::Info => "2",
        };
        self.painted(code, text)
    }

    fn painted(self, code: &str, text: &str) -> String {
        if self.has_colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Words in lines that begin with `indent` and end within the width.
    pub fn wrapped(self, indent: &str, text: &str) -> String {
        let room = self.width.saturating_sub(indent.chars().count()).max(20);
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let line = lines.last_mut().expect("there is one from the beginning");
            if line.is_empty() {
                line.push_str(word);
            } else if line.chars().count() + 1 + word.chars().count() <= room {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
        lines.iter().map(|line| format!("{indent}{line}\n")).collect()
    }

    /// Lines as they are, each behind `indent`: what is to be copied is not wrapped.
    pub fn indented(self, indent: &str, text: &str) -> String {
        text.trim_end().lines().map(|line| format!("{indent}{}\n", printable(line))).collect()
    }
}

/// A text without characters that move a cursor, change a colour, hide or turn around what is beside them: whoever
/// names a table does not write on the terminal of whoever reads the report.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) { out.extend(character.escape_default()) } else { out.push(character) }
    }
    out
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::{Style, printable};

    #[test]
    fn a_name_does_not_write_on_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc\u{202e}d\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}");
        assert_eq!(printable("größe 表"), "größe 表");
    }

    #[test]
    fn lines_end_within_the_width() {
        let style = Style { width: 40, has_colours: false };
        let set = style.wrapped("    ", &"word ".repeat(40));
        assert!(set.lines().all(|line| line.chars().count() <= 40 && line.starts_with("    word")), "{set}");
        assert_eq!(set.split_whitespace().count(), 40);
    }
}
