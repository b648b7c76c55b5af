//! Judgement of a request's head before any HTTP library sees it.
//!
//! Two readers that disagree where a request ends, or whom it is for, let one person's request ride
//! inside another's. So whatever RFC 9112 lets a server repair is refused here: bare line feeds and
//! returns, folded lines, spaces before the colon, two Hosts, a length with a transfer coding. The
//! raw bytes are judged, because a library that repairs them leaves no trace.
//!
//! [`judge`] gives the framing of the body, [`crate::chunked::ChunkedScan`] follows a chunked one,
//! so the owner of the connection always knows where the next head begins.

use memchr::memchr;

use crate::host::Host;

/// Longest request line: path and query at their own limits, with room for the rest.
pub const REQUEST_LINE_MAX: usize = 8 * 1024;
/// Longest header line.
pub const HEADER_LINE_MAX: usize = 8 * 1024;
/// Most header lines: hyper's own limit.
pub const HEADERS_MAX: usize = 100;
/// Longest head: what one connection may make us hold before it has said anything.
pub const HEAD_MAX: usize = 32 * 1024;
/// Empty lines before a request line: RFC 9112 section 2.2 asks for one, old clients send two.
const EMPTY_LINES_MAX: usize = 2;

/// What is known after looking at the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// Nothing wrong yet, and not the end: look again, from the start, when more has come.
    Incomplete,
    /// A whole head, and nothing in it has two meanings.
    Complete(Head<'a>),
}

/// A head that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Bytes of the head, empty lines before and after included: the body starts there.
    pub len: usize,
    /// How the body is delimited.
    pub framing: Framing,
    /// As written.
    pub method: &'a str,
    /// As written.
    pub target: &'a str,
    /// The value of the one `Host`; `None` only in HTTP/1.0.
    pub host: Option<&'a str>,
    /// Whether it is HTTP/1.0.
    pub is_http_1_0: bool,
    /// A header name contains `_`, which some apps read as `-`: such headers are not forwarded.
    pub has_underscore_name: bool,
    /// The request asks to leave HTTP: what follows a 101 is not a head.
    pub wants_upgrade: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// How a request's body is delimited (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// Why a head is refused. The sentence is for the client; the connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// A line feed without a return before it, or a return without a line feed after it.
    #[error("a line of the request ends in a bare line feed or carriage return")]
    BareLineEnd,
    /// Not `method target version`, single spaces between.
    #[error("the request line is malformed")]
    RequestLine,
    /// Too many or too long lines.
    #[error("the request's headers are too large")]
    TooLarge,
    /// The request line alone is too long.
    #[error("the request's address is too long")]
    TargetTooLong,
    /// A method that is no method, or one that we do not know.
    #[error("this method is not supported")]
    Method,
    /// CONNECT and TRACE.
    #[error("this method is not allowed")]
    MethodNotAllowed,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    #[error("this version of HTTP is not supported here")]
    Version,
    /// The target is no path, no URL, no `*` of OPTIONS, or contains what must be encoded.
    #[error("the request's address is malformed")]
    Target,
    /// A line that begins with a space or tab.
    #[error("a header is folded over several lines")]
    Folded,
    /// An empty name, a space before the colon, no colon, or a character that no name has.
    #[error("a header's name is malformed")]
    Name,
    /// A control character in a value.
    #[error("a header's value contains a control character")]
    Value,
    /// More than one, none in HTTP/1.1, or not a host.
    #[error("the request must name exactly one host")]
    Host,
    /// The URL in the request line names another host than `Host`.
    #[error("the request names two different hosts")]
    TwoHosts,
    /// Not a plain number, or more than one.
    #[error("the Content-Length is malformed or repeated")]
    ContentLength,
    /// Both a length and a coding, or a coding in HTTP/1.0.
    #[error("the length of the body is stated in two ways")]
    TwoFramings,
    /// Not exactly one `chunked`.
    #[error("this Transfer-Encoding is not supported")]
    TransferEncoding,
    /// Anything but `100-continue`.
    #[error("this expectation cannot be met")]
    Expectation,
}

impl HeadFault {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::MethodNotAllowed => 405,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::TooLarge => 431,
            Self::Method | Self::TransferEncoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Judges the head at the start of `bytes`. What is wrong is told as soon as its line is complete.
///
/// # Errors
/// [`HeadFault`]: answer its status and close the connection, for nobody knows where the next request starts.
pub fn judge(bytes: &[u8]) -> Result<Judgement<'_>, HeadFault> {
    let mut lines = Lines { bytes, at: 0 };
    let Some(request_line) = lines.first()? else { return Ok(Judgement::Incomplete) };
    let mut head = read_request_line(request_line)?;
    let mut seen = Seen::default();
    for _ in 0..=HEADERS_MAX {
        match lines.next(HEADER_LINE_MAX, HeadFault::TooLarge)? {
            None => return Ok(Judgement::Incomplete),
            Some([]) => {
                head.len = lines.at;
                seen.settle(&mut head)?;
                return Ok(Judgement::Complete(head));
            }
            Some(line) => read_header(line, &mut head, &mut seen)?,
        }
    }
    Err(HeadFault::TooLarge)
}

/// Lines that end in CR LF and contain neither.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn first(&mut self) -> Result<Option<&'a [u8]>, HeadFault> {
        for _ in 0..=EMPTY_LINES_MAX {
            match self.next(REQUEST_LINE_MAX, HeadFault::TargetTooLong)? {
                Some([]) => {}
                line => return Ok(line),
            }
        }
        Err(HeadFault::RequestLine)
    }

    fn next(&mut self, max: usize, too_long: HeadFault) -> Result<Option<&'a [u8]>, HeadFault> {
        let rest = &self.bytes[self.at..];
        if self.at > 0 && matches!(rest, [b' ' | b'\t', ..]) {
            return Err(HeadFault::Folded);
        }
        let Some(end) = memchr(b'\n', rest) else { return unfinished(rest, self.at, max, too_long) };
        let line = rest[..end].strip_suffix(b"\r").ok_or(HeadFault::BareLineEnd)?;
        if memchr(b'\r', line).is_some() {
            return Err(HeadFault::BareLineEnd);
        }
        self.at += end + 1;
        if line.len() > max {
            return Err(too_long);
        }
        if self.at > HEAD_MAX {
            return Err(HeadFault::TooLarge);
        }
        Ok(Some(line))
    }
}

fn unfinished<'a>(rest: &[u8], at: usize, max: usize, too_long: HeadFault) -> Result<Option<&'a [u8]>, HeadFault> {
    if rest.len() > max {
        return Err(too_long);
    }
    if at + rest.len() > HEAD_MAX {
        return Err(HeadFault::TooLarge);
    }
    // A return that is not the last byte so far has no line feed after it.
    match memchr(b'\r', rest) {
        Some(cr) if cr + 1 < rest.len() => Err(HeadFault::BareLineEnd),
        _ => Ok(None),
    }
}

fn read_request_line(line: &[u8]) -> Result<Head<'_>, HeadFault> {
    let line = visible_ascii(line).ok_or(HeadFault::RequestLine)?;
    let (method, rest) = line.split_once(' ').ok_or(HeadFault::RequestLine)?;
    let (target, version) = rest.split_once(' ').ok_or(HeadFault::RequestLine)?;
    let is_http_1_0 = read_version(version)?;
    check_method(method)?;
    check_target(method, target)?;
    Ok(Head {
        len: 0,
        framing: Framing::None,
        method,
        target,
        host: None,
        is_http_1_0,
        has_underscore_name: false,
        wants_upgrade: false,
        expects_continue: false,
    })
}

/// Printable ASCII and spaces; nothing else belongs into a request line.
fn visible_ascii(line: &[u8]) -> Option<&str> {
    let plain = all(line, |byte| (b' '..=b'~').contains(&byte));
    str::from_utf8(line).ok().filter(|_| plain)
}

fn read_version(version: &str) -> Result<bool, HeadFault> {
    match version.as_bytes() {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(HeadFault::Version)
        }
        _ => Err(HeadFault::RequestLine),
    }
}

fn check_method(method: &str) -> Result<(), HeadFault> {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Ok(()),
        // CONNECT would make us a tunnel, TRACE shows credentials to scripts.
        "CONNECT" | "TRACE" => Err(HeadFault::MethodNotAllowed),
        _ if !method.is_empty() && method.bytes().all(is_name_byte) => Err(HeadFault::Method),
        _ => Err(HeadFault::RequestLine),
    }
}

fn check_target(method: &str, target: &str) -> Result<(), HeadFault> {
    let origin = target.starts_with('/');
    let asterisk = target == "*" && method == "OPTIONS";
    let known = origin || asterisk || authority(target).is_some();
    if known && !target.contains('#') { Ok(()) } else { Err(HeadFault::Target) }
}

/// The authority and default port of a target in absolute form.
fn authority(target: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = target.split_once("://")?;
    let port = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => 80,
        _ if scheme.eq_ignore_ascii_case("https") => 443,
        _ => return None,
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some((&rest[..end], port))
}

/// What may stand once, and what must agree, over all headers.
#[derive(Default)]
struct Seen {
    length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
    connection_upgrades: bool,
}

fn read_header<'a>(line: &'a [u8], head: &mut Head<'a>, seen: &mut Seen) -> Result<(), HeadFault> {
    let colon = memchr(b':', line).ok_or(HeadFault::Name)?;
    let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
    if name.is_empty() || !name.iter().copied().all(is_name_byte) {
        return Err(HeadFault::Name);
    }
    if !all(value, is_value_byte) {
        return Err(HeadFault::Value);
    }
    head.has_underscore_name |= name.contains(&b'_');
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"host") => read_host(value, head),
        6 if name.eq_ignore_ascii_case(b"expect") => read_expect(value, head),
        7 if name.eq_ignore_ascii_case(b"upgrade") => {
            seen.has_upgrade = true;
            Ok(())
        }
        10 if name.eq_ignore_ascii_case(b"connection") => {
            seen.connection_upgrades |= value.split(|byte| *byte == b',').any(is_upgrade);
            Ok(())
        }
        14 if name.eq_ignore_ascii_case(b"content-length") => read_length(value, seen),
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => read_coding(value, seen),
        _ => Ok(()),
    }
}

fn read_host<'a>(value: &'a [u8], head: &mut Head<'a>) -> Result<(), HeadFault> {
    Host::parse(value).map_err(|_| HeadFault::Host)?;
    let host = str::from_utf8(value).map_err(|_| HeadFault::Host)?;
    match head.host.replace(host) {
        None => Ok(()),
        Some(_) => Err(HeadFault::Host),
    }
}

fn read_expect(value: &[u8], head: &mut Head<'_>) -> Result<(), HeadFault> {
    head.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
    if head.expects_continue { Ok(()) } else { Err(HeadFault::Expectation) }
}

/// Digits alone, once: neither `+2` nor `2, 2` nor two equal headers.
fn read_length(value: &[u8], seen: &mut Seen) -> Result<(), HeadFault> {
    let digits = value.iter().all(u8::is_ascii_digit);
    let length = str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    match (seen.length, length) {
        (None, Some(length)) => {
            seen.length = Some(length);
            Ok(())
        }
        _ => Err(HeadFault::ContentLength),
    }
}

fn read_coding(value: &[u8], seen: &mut Seen) -> Result<(), HeadFault> {
    if seen.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
        return Err(HeadFault::TransferEncoding);
    }
    seen.is_chunked = true;
    Ok(())
}

impl Seen {
    fn settle(&self, head: &mut Head<'_>) -> Result<(), HeadFault> {
        if self.is_chunked && (self.length.is_some() || head.is_http_1_0) {
            return Err(HeadFault::TwoFramings);
        }
        head.framing = match self.length {
            _ if self.is_chunked => Framing::Chunked,
            None | Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
        };
        head.wants_upgrade = self.has_upgrade && self.connection_upgrades;
        check_hosts(head)
    }
}

fn check_hosts(head: &Head<'_>) -> Result<(), HeadFault> {
    if head.host.is_none() && !head.is_http_1_0 {
        return Err(HeadFault::Host);
    }
    let Some((authority, port)) = authority(head.target).filter(|_| !head.target.starts_with('/')) else {
        return Ok(());
    };
    let named = Host::parse(authority.as_bytes()).map_err(|_| HeadFault::Target)?;
    let Some(host) = head.host.and_then(|host| Host::parse(host.as_bytes()).ok()) else { return Err(HeadFault::Host) };
    let same = named.name == host.name && named.port_or(port) == host.port_or(port);
    if same { Ok(()) } else { Err(HeadFault::TwoHosts) }
}

/// Looks at every byte, also behind the first bad one: without a way out early it is done many bytes at a time.
fn all(bytes: &[u8], is_good: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |good, byte| good & is_good(*byte))
}

fn is_upgrade(token: &[u8]) -> bool {
    trimmed(token).eq_ignore_ascii_case(b"upgrade")
}

/// Without optional whitespace: spaces and tabs, nothing else.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

/// `tchar` of RFC 9110 section 5.6.2, as a table: every byte of every name is looked up.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        byte += 1;
    }
    table
};

pub(crate) const fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[byte as usize]
}

/// Visible characters, spaces, tabs, and the upper half (RFC 9110 section 5.5).
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ') & (byte != 0x7f) | (byte == b'\t')
}
