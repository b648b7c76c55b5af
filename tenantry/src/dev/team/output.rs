//! What the app says: on to the terminal, and the end of it kept for the page.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

use crate::cli::say;

/// What a page shows without scrolling.
const KEPT_MOST: usize = 40;
/// A line that is longer is passed in parts.
const LINE_BYTES_MAX: u64 = 8 * 1024;
/// What the page shows of a line.
const SHOWN_CHARS_MAX: usize = 500;
/// Begins a sequence of colour or movement.
const ESCAPE: char = '\u{1b}';

/// The last lines of both pipes, oldest first, as plain text.
#[derive(Debug, Default)]
pub(super) struct Lines(VecDeque<String>);

impl Lines {
    fn push(&mut self, line: &str) {
        if self.0.len() >= KEPT_MOST {
            self.0.pop_front();
        }
        self.0.push_back(plain(line).chars().take(SHOWN_CHARS_MAX).collect());
    }

    pub(super) fn text(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Passes a pipe on, line by line, until it closes.
pub(super) async fn pass(pipe: impl AsyncRead + Unpin, lines: Arc<Mutex<Lines>>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut pipe).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        say(&format!("app | {text}"));
        lines.lock().push(text);
    }
}

/// Without colours and other orders to a terminal.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ESCAPE if letters.next_if_eq(&'[').is_some() => {
                // Up to the letter that says what is ordered (ECMA-48, section 5.4).
                while letters.next().is_some_and(|letter| !('\u{40}'..='\u{7e}').contains(&letter)) {}
            }
            '\t' => plain.push(' '),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gets_no_orders_to_a_terminal() {
        assert_eq!(plain("\u{1b}[32mready\u{1b}[0m in \u{1b}[1;31m3\u{1b}[2K s\u{7}\tnow"), "ready in 3 s now");
        assert_eq!(plain("\u{1b}[32"), "");
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut lines = Lines::default();
        (0..KEPT_MOST + 2).for_each(|number| lines.push(&number.to_string()));
        assert!(lines.text().starts_with("2\n") && lines.text().ends_with("\n41"));
    }
}
