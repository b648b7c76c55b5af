//! Where a person is sent back to after signing in: a place on the same host, never anywhere else.
//!
//! Browsers forgive much in a URL (reversed slashes, tabs, missing slashes, credentials before an
//! `@`), so a target is not inspected for what is bad: it must be a plain path from the root that
//! has one meaning, with a plain query and fragment.

use std::fmt;

use crate::path::{CleanPath, hex};

/// Longest target: it travels in a query, and URLs above this are cut here and there.
pub const RETURN_TO_MAX: usize = 2_048;

/// A relative target on the same host, such as `/orders?page=2#last`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReturnTo(Box<str>);

/// The text leads elsewhere, or might.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return address must be a path on this host, such as /orders")]
pub struct NotAReturnTo;

impl ReturnTo {
    /// The front page: where to go when no target was given, or none that is allowed.
    pub fn home() -> Self {
        Self("/".into())
    }

    /// Reads a target.
    ///
    /// # Errors
    /// [`NotAReturnTo`] for every absolute URL, our own included, and for whatever is not plain.
    pub fn parse(text: &str) -> Result<Self, NotAReturnTo> {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let (path, tail) = text.split_at(end);
        let plain = text.len() <= RETURN_TO_MAX && CleanPath::parse(path).is_ok() && is_plain(tail.as_bytes());
        plain.then(|| Self(text.into())).ok_or(NotAReturnTo)
    }

    /// The target, for a `Location` on the same host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Visible ASCII without `\` and quotes, and no encoded control character.
fn is_plain(tail: &[u8]) -> bool {
    let visible = tail.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    visible && tail.split(|byte| *byte == b'%').skip(1).all(is_harmless)
}

/// Two hexadecimal digits that are no control character.
fn is_harmless(after_percent: &[u8]) -> bool {
    match after_percent {
        [high, low, ..] => hex(*high).zip(hex(*low)).is_some_and(|(high, low)| high > 1 && (high, low) != (7, 15)),
        _ => false,
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
