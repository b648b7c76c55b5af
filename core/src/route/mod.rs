//! Path patterns of the application's routes, and the table that finds the one for a request [AC-15].
//!
//! `/api/products` is itself, `{id}` is one segment that is not empty, and a last `*` is whatever
//! follows its slash, also nothing. The most specific pattern wins, whatever the order in the
//! file: segment by segment from the left, a literal before `{id}` before `*`.
//!
//! What must hold:
//! - The path decides first and the method second. `POST /admin` never falls through to a public
//!   `/*` because `/admin` was declared for `GET` alone.
//! - Literals are compared with the *decoded* segment, so `/%61dmin` is `/admin`.
//! - An application may be laxer than this table: Express takes `/Admin` and `/admin/` for
//!   `/admin`. [`Table::may_be_read`] tells which other patterns such a path could reach.

mod method;
#[cfg(any(test, feature = "fuzzing"))]
pub mod property;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

pub use method::{Method, Methods};
pub use table::{Clash, Found, Table};

/// Longer patterns are mistakes: request paths themselves are capped at this order of size.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// A path pattern, well formed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    Literal(Box<str>),
    /// One segment that is not empty. Its name is for people.
    Param,
    /// The rest, also nothing. Only at the end.
    Rest,
}

/// Why a text is no pattern; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    #[error("a path begins with /")]
    NoSlash,
    #[error("a path is at most {PATTERN_BYTES_MAX} bytes long")]
    TooLong,
    #[error("two slashes in a row match nothing; write one")]
    EmptySegment,
    #[error("{0} is resolved by browsers before it is sent; write the path that it leads to")]
    DotSegment(Box<str>),
    #[error("* stands alone after the last slash, as in /assets/*")]
    Star,
    #[error("a parameter is a whole segment with a name of letters, digits and _, as in /orders/{{id}}")]
    Param,
    #[error("{0:?} cannot stand in a path pattern; write letters as they are, without %-encoding, query or fragment")]
    Character(char),
}

impl Pattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `path` (no query) matches.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut parts = rest.split('/');
        for segment in &self.segments {
            if *segment == Segment::Rest {
                return parts.next().is_some();
            }
            if !parts.next().is_some_and(|part| segment.takes(part)) {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// Whether every path that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.segments, &other.segments)
    }

    /// Whether both match exactly the same paths; the names of parameters make no difference.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.segments == other.segments
    }

    /// Whether a lax application could take both for one: they differ at most in case and a last slash.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.lax() == other.lax()
    }

    /// Whether a lax application takes every path of `other` for one of this pattern too.
    pub fn covers_laxly(&self, other: &Self) -> bool {
        covers(&self.lax(), &other.lax())
    }

    /// The pattern as a lax application reads it: lower case, no slash at the end.
    fn lax(&self) -> Vec<Segment> {
        without_last_slash(self.folded())
    }

    fn folded(&self) -> Vec<Segment> {
        self.segments.iter().map(Segment::folded).collect()
    }

    fn trimmed(&self) -> Vec<Segment> {
        without_last_slash(self.segments.clone())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let rest = text.strip_prefix('/').ok_or(NotAPattern::NoSlash)?;
        if text.len() > PATTERN_BYTES_MAX {
            return Err(NotAPattern::TooLong);
        }
        let last = rest.split('/').count() - 1;
        let segments = rest.split('/').enumerate().map(|(at, part)| Segment::parse(part, at == last));
        Ok(Self { text: text.into(), segments: segments.collect::<Result<_, _>>()? })
    }
}

fn covers(wide: &[Segment], narrow: &[Segment]) -> bool {
    let mut theirs = narrow.iter();
    for mine in wide {
        match (mine, theirs.next()) {
            (Segment::Rest, Some(_)) => return true,
            (Segment::Param, Some(Segment::Param)) => {}
            (Segment::Param, Some(Segment::Literal(text))) if !text.is_empty() => {}
            (Segment::Literal(a), Some(Segment::Literal(b))) if a == b => {}
            _ => return false,
        }
    }
    theirs.next().is_none()
}

fn without_last_slash(mut segments: Vec<Segment>) -> Vec<Segment> {
    if segments.len() > 1 && segments.last().is_some_and(Segment::is_empty) {
        segments.pop();
    }
    segments
}

impl Segment {
    fn parse(part: &str, is_last: bool) -> Result<Self, NotAPattern> {
        match part {
            "" if !is_last => Err(NotAPattern::EmptySegment),
            "." | ".." => Err(NotAPattern::DotSegment(part.into())),
            "*" if is_last => Ok(Self::Rest),
            _ if part.contains('*') => Err(NotAPattern::Star),
            _ if part.contains(['{', '}']) => parameter(part),
            _ => literal(part),
        }
    }

    fn takes(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => *decoded(part) == **text,
            Self::Param => !part.is_empty(),
            Self::Rest => true,
        }
    }

    fn folded(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_ascii_lowercase().into()),
            other => other.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }
}

fn parameter(part: &str) -> Result<Segment, NotAPattern> {
    let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).ok_or(NotAPattern::Param)?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { Ok(Segment::Param) } else { Err(NotAPattern::Param) }
}

/// RFC 3986 `pchar` without `%` and without `;`, which many servers cut off.
fn literal(part: &str) -> Result<Segment, NotAPattern> {
    let stands = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,=:@".contains(c);
    match part.chars().find(|c| !stands(*c)) {
        Some(character) => Err(NotAPattern::Character(character)),
        None => Ok(Segment::Literal(part.into())),
    }
}

/// The segment as the application will read it. Bytes that are no UTF-8 equal no literal.
fn decoded(part: &str) -> Cow<'_, str> {
    match memchr::memchr(b'%', part.as_bytes()) {
        None => Cow::Borrowed(part),
        Some(_) => percent_decode_str(part).decode_utf8_lossy(),
    }
}
