//! The path of a request, as every reader of it will understand it (AC-1).
//!
//! Gateway and app must agree on which route a path is. Whatever two readers could read in two ways
//! is refused: encoded or reversed slashes, dot segments in any spelling, empty segments, path
//! parameters, control characters, encodings that decode twice or not at all. What is left decodes
//! without ambiguity, and routes are matched on the decoded form: `/%61dmin` is `/admin`. An encoded
//! `?` or `#` stays: where an application cuts the path there, [`Table`](crate::route::Table) tells.

use std::borrow::Cow;

/// Longest path: browsers and proxies cut longer ones in their own ways.
pub const PATH_MAX: usize = 4 * 1024;

/// A path with one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanPath<'a> {
    raw: &'a str,
    decoded: Cow<'a, str>,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not start with a slash.
    #[error("the path must start with a slash")]
    Relative,
    /// Above [`PATH_MAX`].
    #[error("the path is longer than 4,096 bytes")]
    TooLong,
    /// A character that must be percent-encoded, or a control character in any form.
    #[error("the path contains a character that is not allowed in a path")]
    Character,
    /// `%` without two hexadecimal digits, an encoded encoding, or bytes that are no UTF-8.
    #[error("the path contains a broken or double percent-encoding")]
    Encoding,
    /// `%2f`, `\` or `%5c`.
    #[error("the path contains an encoded slash or a backslash")]
    Slash,
    /// `.` or `..` as a segment, however spelled.
    #[error("the path contains a dot segment")]
    Dots,
    /// `//`.
    #[error("the path contains an empty segment")]
    Empty,
    /// `;` or `%3b`: many servers cut a segment there.
    #[error("the path contains a path parameter")]
    Parameter,
}

impl<'a> CleanPath<'a> {
    /// Reads the path of a request target, without its query.
    ///
    /// # Errors
    /// [`PathFault`]; nothing is repaired.
    pub fn parse(raw: &'a str) -> Result<Self, PathFault> {
        if !raw.starts_with('/') {
            return Err(PathFault::Relative);
        }
        if raw.len() > PATH_MAX {
            return Err(PathFault::TooLong);
        }
        raw.bytes().try_for_each(check_byte)?;
        let decoded = decode(raw)?;
        check_segments(&decoded)?;
        Ok(Self { raw, decoded })
    }

    /// As it came and as it is forwarded.
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// As it is matched: percent-encodings resolved.
    pub fn decoded(&self) -> &str {
        &self.decoded
    }
}

/// RFC 3986 `pchar` and slash; `|`, `[` and `]` too, which browsers leave as they are.
fn check_byte(byte: u8) -> Result<(), PathFault> {
    match byte {
        b';' => Err(PathFault::Parameter),
        b'\\' => Err(PathFault::Slash),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Ok(()),
        b'/' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' => Ok(()),
        b'*' | b'+' | b',' | b'=' | b':' | b'@' | b'|' | b'[' | b']' => Ok(()),
        _ => Err(PathFault::Character),
    }
}

fn decode(raw: &str) -> Result<Cow<'_, str>, PathFault> {
    let Some(first) = memchr::memchr(b'%', raw.as_bytes()) else { return Ok(raw.into()) };
    let mut decoded = Vec::with_capacity(raw.len());
    decoded.extend_from_slice(&raw.as_bytes()[..first]);
    let mut rest = &raw.as_bytes()[first..];
    while let [byte, tail @ ..] = rest {
        rest = if *byte == b'%' { push_decoded(&mut decoded, tail)? } else { push(&mut decoded, *byte, tail) };
    }
    // A second decoding, somewhere behind us, would change the path again.
    if decoded.windows(3).any(|three| three[0] == b'%' && hex(three[1]).is_some() && hex(three[2]).is_some()) {
        return Err(PathFault::Encoding);
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| PathFault::Encoding)
}

fn push<'a>(decoded: &mut Vec<u8>, byte: u8, tail: &'a [u8]) -> &'a [u8] {
    decoded.push(byte);
    tail
}

fn push_decoded<'a>(decoded: &mut Vec<u8>, after_percent: &'a [u8]) -> Result<&'a [u8], PathFault> {
    let [high, low, tail @ ..] = after_percent else { return Err(PathFault::Encoding) };
    let byte = hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low).ok_or(PathFault::Encoding)?;
    match byte {
        b'/' | b'\\' => Err(PathFault::Slash),
        b';' => Err(PathFault::Parameter),
        0..=0x1f | 0x7f => Err(PathFault::Character),
        _ => Ok(push(decoded, byte, tail)),
    }
}

pub(crate) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The path's last segment may be empty (`/products/`), no other.
fn check_segments(decoded: &str) -> Result<(), PathFault> {
    if decoded.contains("//") {
        return Err(PathFault::Empty);
    }
    if decoded.split('/').any(|segment| matches!(stem(segment), "." | "..")) {
        return Err(PathFault::Dots);
    }
    Ok(())
}

/// What is left of a segment where a reader takes its `?` or `#` for the end of the path.
fn stem(segment: &str) -> &str {
    segment.split(['?', '#']).next().unwrap_or_default()
}
