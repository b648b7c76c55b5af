//! Following a chunked body to its end (RFC 9112 section 7.1), stricter than the RFC allows a reader to be.
//!
//! The scan validates and forgets: it holds no byte of the body. Sizes are plain hexadecimal, every
//! line ends in CR LF, an extension is well formed and short, trailers cannot change the framing or
//! the host. What it accepts, every chunked reader reads alike.

use crate::head::{is_name_byte, is_value_byte};

/// Hexadecimal digits of one size: 2^60 bytes are enough, and no sum overflows.
const SIZE_DIGITS_MAX: u32 = 15;
/// Bytes of extensions in a whole body: nobody uses them, and they are read for nothing.
const EXTENSION_MAX: u32 = 4 * 1024;
/// Bytes of all trailers, and of a trailer's name.
const TRAILERS_MAX: u32 = 8 * 1024;
const NAME_MAX: usize = 64;
/// Trailers that would frame, route or authenticate the message a second time (RFC 9110 section 6.5.1).
const REFUSED_TRAILERS: &[&[u8]] =
    &[b"authorization", b"connection", b"content-length", b"cookie", b"host", b"te", b"trailer", b"transfer-encoding"];

/// A scan of one chunked body, fed with its bytes as they come.
#[derive(Clone, Debug, Default)]
pub struct ChunkedScan {
    state: State,
    extension_bytes: u32,
    trailer_bytes: u32,
    name: Vec<u8>,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes belong to the body, and it goes on.
    More,
    /// The body ended after so many of the bytes: the next head begins there.
    Done(usize),
}

/// The body is malformed: answer 400 if nothing was answered yet, and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    /// No hexadecimal number, or too long a one.
    #[error("a chunk's size is malformed")]
    Size,
    /// Not `;name`, `;name=word` or `;name="text"`, or too much of it.
    #[error("a chunk's extension is malformed or too long")]
    Extension,
    /// A bare line feed or return, or data that runs over its size.
    #[error("a chunk does not end where its size says, or in a bare line feed or return")]
    LineEnd,
    /// Malformed, too long, or a field that may not stand there.
    #[error("a trailer is malformed, too long or not allowed")]
    Trailer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u32 },
    ExtensionName { value: u64, is_empty: bool },
    ExtensionValue { value: u64, is_empty: bool },
    ExtensionText { value: u64, is_escaped: bool },
    ExtensionEnd { value: u64 },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    LastEnd,
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

impl ChunkedScan {
    /// At the start of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ChunkFault`]; the scan is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, ChunkFault> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Done {
                return Ok(Progress::Done(at));
            }
            at += match self.state {
                State::Data { left } => self.skip(left, bytes.len() - at),
                _ => self.step(bytes[at])?,
            };
        }
        Ok(if self.state == State::Done { Progress::Done(at) } else { Progress::More })
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - taken as u64;
        self.state = if left == 0 { State::DataReturn } else { State::Data { left } };
        taken
    }

    /// One byte outside the data.
    fn step(&mut self, byte: u8) -> Result<usize, ChunkFault> {
        self.state = match self.state {
            State::Size { value, digits } => after_size(value, digits, byte)?,
            State::ExtensionName { .. }
            | State::ExtensionValue { .. }
            | State::ExtensionText { .. }
            | State::ExtensionEnd { .. } => self.after_extension(byte)?,
            State::SizeEnd { value } => after_size_line(value, byte)?,
            State::DataReturn if byte == b'\r' => State::DataEnd,
            State::DataEnd if byte == b'\n' => State::default(),
            State::TrailerStart | State::TrailerName | State::TrailerValue => self.after_trailer(byte)?,
            State::TrailerEnd if byte == b'\n' => State::TrailerStart,
            State::LastEnd if byte == b'\n' => State::Done,
            _ => return Err(ChunkFault::LineEnd),
        };
        Ok(1)
    }

    fn after_extension(&mut self, byte: u8) -> Result<State, ChunkFault> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_MAX {
            return Err(ChunkFault::Extension);
        }
        match (self.state, byte) {
            (State::ExtensionName { value, .. }, _) if is_name_byte(byte) => {
                Ok(State::ExtensionName { value, is_empty: false })
            }
            (State::ExtensionName { value, is_empty: false }, b'=') => {
                Ok(State::ExtensionValue { value, is_empty: true })
            }
            (State::ExtensionValue { value, .. }, _) if is_name_byte(byte) => {
                Ok(State::ExtensionValue { value, is_empty: false })
            }
            (State::ExtensionValue { value, is_empty: true }, b'"') => {
                Ok(State::ExtensionText { value, is_escaped: false })
            }
            (State::ExtensionText { value, is_escaped }, _) if is_value_byte(byte) => {
                Ok(after_text(value, is_escaped, byte))
            }
            (State::ExtensionName { value, is_empty: false }, _)
            | (State::ExtensionValue { value, is_empty: false }, _)
            | (State::ExtensionEnd { value }, _) => after_word(value, byte),
            _ => Err(ChunkFault::Extension),
        }
    }

    fn after_trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILERS_MAX {
            return Err(ChunkFault::Trailer);
        }
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::LastEnd),
            (State::TrailerStart | State::TrailerName, _) if is_name_byte(byte) => {
                self.name.push(byte.to_ascii_lowercase());
                if self.name.len() > NAME_MAX { Err(ChunkFault::Trailer) } else { Ok(State::TrailerName) }
            }
            (State::TrailerName, b':') => {
                let refused = REFUSED_TRAILERS.contains(&self.name.as_slice());
                self.name.clear();
                if refused { Err(ChunkFault::Trailer) } else { Ok(State::TrailerValue) }
            }
            (State::TrailerValue, b'\r') => Ok(State::TrailerEnd),
            (State::TrailerValue, _) if is_value_byte(byte) => Ok(State::TrailerValue),
            _ => Err(ChunkFault::Trailer),
        }
    }
}

fn after_size(value: u64, digits: u32, byte: u8) -> Result<State, ChunkFault> {
    match (char::from(byte).to_digit(16), byte) {
        (Some(digit), _) if digits < SIZE_DIGITS_MAX => {
            Ok(State::Size { value: value << 4 | u64::from(digit), digits: digits + 1 })
        }
        (None, b';') if digits > 0 => Ok(State::ExtensionName { value, is_empty: true }),
        (None, b'\r') if digits > 0 => Ok(State::SizeEnd { value }),
        (None, b'\n') if digits > 0 => Err(ChunkFault::LineEnd),
        _ => Err(ChunkFault::Size),
    }
}

const fn after_size_line(value: u64, byte: u8) -> Result<State, ChunkFault> {
    match (byte, value) {
        (b'\n', 0) => Ok(State::TrailerStart),
        (b'\n', left) => Ok(State::Data { left }),
        _ => Err(ChunkFault::LineEnd),
    }
}

const fn after_text(value: u64, is_escaped: bool, byte: u8) -> State {
    match byte {
        b'"' if !is_escaped => State::ExtensionEnd { value },
        b'\\' if !is_escaped => State::ExtensionText { value, is_escaped: true },
        _ => State::ExtensionText { value, is_escaped: false },
    }
}

/// A name or value is complete: another extension, or the end of the line.
const fn after_word(value: u64, byte: u8) -> Result<State, ChunkFault> {
    match byte {
        b';' => Ok(State::ExtensionName { value, is_empty: true }),
        b'\r' => Ok(State::SizeEnd { value }),
        _ => Err(ChunkFault::Extension),
    }
}
