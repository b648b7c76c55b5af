//! One pass over free text.
//!
//! A table tells which bytes can begin or stand inside something to hide; only there a recogniser
//! looks around, and never back over what was already hidden. Every recogniser cuts at ASCII bytes
//! or takes non-ASCII characters whole, so the text stays UTF-8.

use std::borrow::Cow;

use super::{REDACTED, is_sensitive_name};
use crate::management_key::MANAGEMENT_KEY_CHARS;

/// Longest name in front of `=` or `:` that is looked at.
const NAME_MAX: usize = 64;
/// Bytes in front of an `@` that are looked at: a local part of 64, each percent-encoded, with room.
/// Without such limits a text of nothing but `%40` would take the square of its length.
const LOCAL_MAX: usize = 256;
/// Longest header of a JWT; ours have 60.
const JWT_HEADER_MAX: usize = 1_024;
/// Keys that are told by how they begin: ours, and webhook secrets.
const KEY_PREFIXES: &[&[u8]] = &[b"sk_live_", b"sk_test_", b"whsec_"];
/// The platform's keys begin with three letters alone, which begin innocent words too: their length is looked at.
const MANAGEMENT_PREFIX: &[u8] = b"mk_";

/// A pass over one text.
pub(super) struct Scan<'a> {
    text: &'a str,
    masked: String,
    /// Up to here the text is copied or hidden.
    done: usize,
}

/// What a recogniser found.
struct Hit {
    start: usize,
    end: usize,
    shown: Cow<'static, str>,
}

const fn hit(start: usize, end: usize, shown: &'static str) -> Option<Hit> {
    Some(Hit { start, end, shown: Cow::Borrowed(shown) })
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, masked: String::new(), done: 0 }
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(next) = next_trigger(bytes, at) {
            at = match recognise(bytes, next, self.done) {
                Some(hit) => self.hide(&hit),
                None => after(bytes, next),
            };
        }
        if self.done == 0 {
            return self.text.into();
        }
        self.masked.push_str(&self.text[self.done..]);
        self.masked.into()
    }

    fn hide(&mut self, hit: &Hit) -> usize {
        self.masked.push_str(&self.text[self.done..hit.start]);
        self.masked.push_str(&hit.shown);
        self.done = hit.end;
        hit.end
    }
}

/// Bytes at which something may be recognised.
const TRIGGER: [bool; 256] = {
    let mut table = [false; 256];
    let triggers = b"@%=:?+(0123456789JkwbB";
    let mut at = 0;
    while at < triggers.len() {
        table[triggers[at] as usize] = true;
        at += 1;
    }
    table
};

fn next_trigger(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| TRIGGER[usize::from(*byte)]).map(|ahead| from + ahead)
}

/// Behind a number that is nothing, on to its end: no digit of it is looked at again.
fn after(bytes: &[u8], at: usize) -> usize {
    if bytes[at].is_ascii_digit() { run(bytes, at, |byte| byte.is_ascii_digit()) } else { at + 1 }
}

fn recognise(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    match bytes[at] {
        b'@' => mail(bytes, at, at + 1, floor),
        b'%' => encoded(bytes, at, floor),
        b'=' | b':' => assignment(bytes, at, floor),
        b'?' => query(bytes, at, floor),
        b'+' => phone_abroad(bytes, at, at + 1),
        b'(' => phone_with_area(bytes, at),
        b'J' => jwt(bytes, at, floor),
        b'k' => key(bytes, at.saturating_sub(1), floor),
        b'w' => key(bytes, at, floor),
        b'b' | b'B' => credential(bytes, at),
        _ => number(bytes, at),
    }
}

/// The end of the run of bytes from `at` that satisfy `is_part`.
fn run(bytes: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|byte| !is_part(*byte)).map_or(bytes.len(), |len| at + len)
}

/// The start of the run of bytes before `at` that satisfy `is_part`, not before `floor`.
fn run_back(bytes: &[u8], at: usize, floor: usize, is_part: impl Fn(u8) -> bool) -> usize {
    bytes[floor..at].iter().rposition(|byte| !is_part(*byte)).map_or(floor, |last| floor + last + 1)
}

fn starts_with_ignoring_case(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
}

/// Whether the byte before `at` satisfies the test; the start of the text does not.
fn follows(bytes: &[u8], at: usize, test: impl Fn(u8) -> bool) -> bool {
    at.checked_sub(1).is_some_and(|before| test(bytes[before]))
}

const fn is_wordish(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

// ---- e-mail addresses and credentials in URLs

/// `sign..end` is the `@`, or its encoding.
fn mail(bytes: &[u8], sign: usize, end: usize, floor: usize) -> Option<Hit> {
    if let Some(start) = url_authority(bytes, sign, floor) {
        return hit(start, sign, REDACTED);
    }
    let start = run_back(bytes, sign, floor.max(sign.saturating_sub(LOCAL_MAX)), is_local);
    let start = start + bytes[start..sign].iter().take_while(|byte| matches!(byte, 0x80..=0xbf)).count();
    // `\n` before a name in JSON: the escape keeps its letter, which is ASCII.
    let escape = follows(bytes, start, |byte| byte == b'\\') && bytes[start].is_ascii_alphanumeric();
    let start = start + usize::from(escape);
    let stop = run(bytes, end, |byte| is_wordish(byte) && byte != b'_' || matches!(byte, b'.' | b'-'));
    let domain = &bytes[end..stop];
    let dots = domain.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let domain = &domain[..domain.len() - dots];
    let named = domain
        .iter()
        .rposition(|byte| *byte == b'.')
        .is_some_and(|dot| domain[dot + 1].is_ascii_alphabetic() || domain[dot + 1] >= 0x80);
    let is_address = start < sign && (named || domain == b"localhost");
    if is_address { hit(start, end + domain.len(), "[email]") } else { None }
}

const fn is_local(byte: u8) -> bool {
    is_wordish(byte) || matches!(byte, b'.' | b'+' | b'-' | b'%')
}

/// The start of `user:password` in `scheme://user:password@host`.
fn url_authority(bytes: &[u8], sign: usize, floor: usize) -> Option<usize> {
    let start = run_back(bytes, sign, floor.max(sign.saturating_sub(LOCAL_MAX)), |byte| {
        !matches!(byte, b'/' | b'"' | b'\'' | b'@') && !byte.is_ascii_whitespace()
    });
    let has_scheme = start >= floor + 3 && bytes[..start].ends_with(b"://");
    (has_scheme && start < sign).then_some(start)
}

/// `%40` is an `@`, `%2B` a `+`.
fn encoded(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    match bytes.get(at + 1..at + 3)? {
        b"40" => mail(bytes, at, at + 3, floor),
        b"2B" | b"2b" => phone_abroad(bytes, at, at + 3),
        _ => None,
    }
}

// ---- names and their values

fn assignment(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    let name = Name::before(bytes, at, floor)?;
    if !is_sensitive_name(name.text) || name.is_prose(bytes, at) {
        return None;
    }
    let start = run(bytes, at + 1, |byte| matches!(byte, b' ' | b'\t'));
    if let Some(quote) = Quote::at(bytes, start) {
        let end = quote.end(bytes);
        return if end > quote.inside { hit(quote.inside, end, REDACTED) } else { None };
    }
    let end = name.bare_end(bytes, start);
    if matches!(&bytes[start..end], b"" | b"null" | b"true" | b"false") {
        return None;
    }
    let quotes = name.quotes;
    Some(Hit { start, end, shown: format!("{quotes}{REDACTED}{quotes}").into() })
}

/// The name in front of `=` or `:`, with the quotes that it stands in.
struct Name<'a> {
    text: &'a str,
    quotes: &'a str,
}

impl<'a> Name<'a> {
    fn before(bytes: &'a [u8], at: usize, floor: usize) -> Option<Self> {
        let end = run_back(bytes, at, floor, |byte| byte == b' ');
        let unquoted = run_back(bytes, end, floor, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
        let floor = floor.max(unquoted.saturating_sub(NAME_MAX));
        let start =
            run_back(bytes, unquoted, floor, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        let starts = bytes[start..unquoted].first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
        let text = str::from_utf8(&bytes[start..unquoted]).ok().filter(|_| starts)?;
        Some(Self { text, quotes: str::from_utf8(&bytes[unquoted..end]).ok()? })
    }

    /// `Error code: 404` is a sentence and `code=404` is a parameter.
    fn is_prose(&self, bytes: &[u8], at: usize) -> bool {
        let sentence = bytes[at] == b':' && self.quotes.is_empty();
        sentence && (self.text.eq_ignore_ascii_case("code") || self.text.eq_ignore_ascii_case("signature"))
    }

    /// Where a value without quotes ends: a header's at the line's end, others at the next separator.
    fn bare_end(&self, bytes: &[u8], start: usize) -> usize {
        let is_header = self.quotes.is_empty()
            && ["authorization", "proxy-authorization", "cookie", "set-cookie"]
                .iter()
                .any(|name| self.text.eq_ignore_ascii_case(name));
        match bytes.get(start) {
            Some(b'[' | b'{') => container_end(bytes, start),
            _ if is_header => run(bytes, start, |byte| !matches!(byte, b'\r' | b'\n')),
            _ => credential_end(bytes, start),
        }
    }
}

/// The end of a word, past words that only say how to read the next: `Bearer abc`.
fn credential_end(bytes: &[u8], start: usize) -> usize {
    const SCHEMES: [&[u8]; 3] = [b"bearer", b"basic", b"token"];
    let (mut from, mut end) = (start, word_end(bytes, start));
    while SCHEMES.iter().any(|scheme| bytes[from..end].eq_ignore_ascii_case(scheme)) {
        from = run(bytes, end, |byte| byte == b' ');
        end = word_end(bytes, from);
    }
    end
}

fn word_end(bytes: &[u8], start: usize) -> usize {
    const ENDS: &[u8] = b",;&)]}\"'<\\";
    run(bytes, start, |byte| !byte.is_ascii_whitespace() && !ENDS.contains(&byte))
}

/// The end of a JSON array or object, or of the text when it never closes.
fn container_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.len()
}

/// An opening quote, perhaps escaped because JSON stands inside JSON.
struct Quote {
    mark: u8,
    backslashes: usize,
    inside: usize,
}

impl Quote {
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let mark_at = run(bytes, start, |byte| byte == b'\\');
        let mark = *bytes.get(mark_at).filter(|byte| matches!(byte, b'"' | b'\''))?;
        Some(Self { mark, backslashes: mark_at - start, inside: mark_at + 1 })
    }

    /// Where the text inside ends: before the closing quote of the same depth, or with the text.
    fn end(&self, bytes: &[u8]) -> usize {
        let mut at = self.inside;
        while let Some(ahead) = memchr::memchr(self.mark, &bytes[at..]) {
            let mark = at + ahead;
            let slashes = mark - run_back(bytes, mark, self.inside, |byte| byte == b'\\');
            let closes = if self.backslashes == 0 { slashes.is_multiple_of(2) } else { slashes <= self.backslashes };
            if closes {
                return mark - if self.backslashes == 0 { 0 } else { slashes };
            }
            at = mark + 1;
        }
        bytes.len()
    }
}

// ---- queries

fn query(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    let in_url = at == floor && floor > 0 || follows(bytes, at, |byte| is_wordish(byte) || b"/.-~%)]*".contains(&byte));
    let names = bytes.get(at + 1).is_some_and(|first| is_wordish(*first) || matches!(first, b'%' | b'&'));
    if !in_url || !names {
        return None;
    }
    let is_part = |byte: u8| byte > b' ' && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | 0x7f);
    let end = run(bytes, at + 1, is_part);
    let mut shown = String::from("?");
    push_query(&mut shown, str::from_utf8(&bytes[at + 1..end]).ok()?);
    Some(Hit { start: at, end, shown: shown.into() })
}

/// The names of a query's parameters, as far as they are plain words, without any value.
pub(super) fn push_query(out: &mut String, query: &str) {
    for (at, pair) in query.split('&').enumerate() {
        out.push_str(if at == 0 { "" } else { "&" });
        let name = pair.split_once('=').map(|(name, _)| name);
        let plain = name.filter(|name| {
            name.len() <= NAME_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
        });
        // A name that is a number may itself be what the value should be.
        if let Some(name) = plain.filter(|name| name.bytes().any(|byte| byte.is_ascii_alphabetic()) && mask_free(name))
        {
            out.push_str(name);
            out.push('=');
        }
        out.push('*');
    }
}

fn mask_free(name: &str) -> bool {
    matches!(Scan::new(name).finish(), Cow::Borrowed(_))
}

// ---- tokens and keys

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// `eyJ` is how the base64 of `{"` begins; `J` is the rarest of the three letters.
fn jwt(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    let start = at.checked_sub(2).filter(|start| *start >= floor && bytes[*start..].starts_with(b"ey"))?;
    let near = &bytes[..bytes.len().min(at + JWT_HEADER_MAX)];
    let header = run(near, at, is_base64url);
    let claims = bytes.get(header).filter(|byte| **byte == b'.').map(|_| run(bytes, header + 1, is_base64url))?;
    // Encrypted tokens have five parts.
    let end = run(bytes, claims, |byte| is_base64url(byte) || byte == b'.');
    if claims > header + 1 { hit(start, end, "[token]") } else { None }
}

fn key(bytes: &[u8], at: usize, floor: usize) -> Option<Hit> {
    if at >= floor && bytes[at..].starts_with(MANAGEMENT_PREFIX) {
        let end = run(bytes, at + MANAGEMENT_PREFIX.len(), |byte| byte.is_ascii_alphanumeric());
        return if end - at >= MANAGEMENT_KEY_CHARS { hit(at, end, "[key]") } else { None };
    }
    let prefix = KEY_PREFIXES.iter().find(|prefix| at >= floor && bytes[at..].starts_with(prefix))?;
    let end = run(bytes, at + prefix.len(), |byte| is_base64url(byte) || matches!(byte, b'+' | b'/' | b'='));
    if end > at + prefix.len() { hit(at, end, "[key]") } else { None }
}

/// `Bearer …` and `Basic …` (RFC 6750, RFC 7617), unless what follows is a word of a sentence.
fn credential(bytes: &[u8], at: usize) -> Option<Hit> {
    let scheme =
        [b"bearer".as_slice(), b"basic"].into_iter().find(|word| starts_with_ignoring_case(bytes, at, word))?;
    let gap = at + scheme.len();
    let start = run(bytes, gap, |byte| byte == b' ');
    if start == gap || follows(bytes, at, is_wordish) {
        return None;
    }
    let end = run(bytes, start, |byte| is_base64url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'='));
    if looks_random(&bytes[start..end]) { hit(start, end, REDACTED) } else { None }
}

fn looks_random(token: &[u8]) -> bool {
    let odd = |byte: &u8| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() || matches!(byte, b'=' | b'_' | b'-' | b'/' | b'+')
    };
    token.len() >= 6 && token[1..].iter().any(odd)
}

// ---- numbers

/// Groups of digits with one separator between: what cards and phone numbers look like.
#[derive(Default)]
struct Groups {
    digits: [u8; 19],
    count: usize,
    sizes: [usize; 8],
    groups: usize,
    end: usize,
}

/// A number at the start of a group, read as a card or a phone number.
fn number(bytes: &[u8], at: usize) -> Option<Hit> {
    let inside = follows(bytes, at, |byte| is_wordish(byte) || matches!(byte, b'-' | b'.' | b'+'));
    if inside {
        return None;
    }
    let mut read = Groups { end: at, ..Groups::default() };
    let mut separator = None;
    while read.take_group(bytes) {
        if !bytes.get(read.end).copied().is_some_and(is_wordish) {
            if read.is_card() {
                let last: String =
                    read.digits[read.count - 4..read.count].iter().map(|digit| char::from(b'0' + digit)).collect();
                return Some(Hit { start: at, end: read.end, shown: format!("[card {last}]").into() });
            }
            if read.is_phone() {
                return hit(at, read.end, "[phone]");
            }
        }
        let next = bytes.get(read.end).copied().filter(|byte| matches!(byte, b' ' | b'-' | b'.'));
        if next.is_none() || *separator.get_or_insert(next) != next {
            break;
        }
        read.end += 1;
    }
    None
}

impl Groups {
    /// Takes the digits at `end`; false when there are none or too many for a card.
    fn take_group(&mut self, bytes: &[u8]) -> bool {
        let stop = run(bytes, self.end, |byte| byte.is_ascii_digit());
        let size = stop - self.end;
        if size == 0 || self.groups == self.sizes.len() || self.count + size > self.digits.len() {
            return false;
        }
        for (place, digit) in self.digits[self.count..].iter_mut().zip(&bytes[self.end..stop]) {
            *place = digit - b'0';
        }
        self.sizes[self.groups] = size;
        self.groups += 1;
        self.count += size;
        self.end = stop;
        true
    }

    /// 13 to 19 digits of a known network, alone or in groups as printed on cards, with the right check digit.
    fn is_card(&self) -> bool {
        let sizes = &self.sizes[..self.groups];
        let printed = sizes.len() == 1 || sizes[0] == 4 && sizes.iter().all(|size| (3..=7).contains(size));
        let network = (2..=6).contains(&self.digits[0]);
        printed && network && self.count >= 13 && is_luhn(&self.digits[..self.count])
    }

    /// North American: 415-555-2671, 1 415 555 2671.
    fn is_phone(&self) -> bool {
        let (sizes, area) = match &self.sizes[..self.groups] {
            [1, rest @ ..] if self.digits[0] == 1 => (rest, self.digits[1]),
            sizes => (sizes, self.digits[0]),
        };
        sizes == [3, 3, 4] && area >= 2
    }
}

/// ISO/IEC 7812-1 annex B.
fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, digit)| weighed(at, u32::from(*digit))).sum();
    sum.is_multiple_of(10)
}

const fn weighed(at: usize, digit: u32) -> u32 {
    match (at % 2, digit * 2) {
        (0, _) => digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    }
}

/// E.164: `+`, then 8 to 15 digits, not beginning with 0, with anything usual between.
fn phone_abroad(bytes: &[u8], at: usize, first: usize) -> Option<Hit> {
    let starts = bytes.get(first).is_some_and(|digit| (b'1'..=b'9').contains(digit));
    if !starts || follows(bytes, at, is_wordish) {
        return None;
    }
    phone(bytes, at, first, 8)
}

/// `(11) 91234-5678`: an area code in parentheses, then at least six digits.
fn phone_with_area(bytes: &[u8], at: usize) -> Option<Hit> {
    let close = run(bytes, at + 1, |byte| byte.is_ascii_digit());
    let area = (2..=4).contains(&(close - at - 1)) && bytes.get(close) == Some(&b')');
    if area { phone(bytes, at, at + 1, 8) } else { None }
}

fn phone(bytes: &[u8], start: usize, first: usize, least: usize) -> Option<Hit> {
    let (mut digits, mut end) = (0, first);
    for (at, byte) in bytes.iter().enumerate().skip(first) {
        match byte {
            b'0'..=b'9' if digits < 15 => (digits, end) = (digits + 1, at + 1),
            b' ' | b'-' | b'.' | b'(' | b')' if at < end + 2 => {}
            _ => break,
        }
    }
    if digits >= least { hit(start, end, "[phone]") } else { None }
}
