//! The shape of an API key (KEY-2, KEY-4, AC-14).
//!
//! `sk_<live|test>_<tenant, 22><random, 32><checksum, 6>`, everything after the prefix in base62.
//! 32 base62 characters drawn uniformly carry 190 bits, so a bare SHA-256 is enough to store one.
//! The checksum is the CRC32 of all that stands before it: a mistyped key, a made-up key and a test
//! key relabelled as live are refused before any cache or database is asked. The key names its own
//! tenant and mode; whoever reads it must still compare both with the host that it came in by.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::ids::TenantId;
use crate::mode::Mode;
use crate::random::Entropy;
use crate::secret::{ExposeSecret, SecretString};

/// What a secret scanner should look for: published, so that leaked keys are found by others too.
pub const SCANNER_REGEX: &str = r"\bsk_(?:live|test)_[0-9A-Za-z]{60}\b";

/// Characters of `sk_live_`, and of `sk_test_`.
const PREFIX: usize = 8;
/// 62^22 exceeds 2^128, 62^21 does not.
const TENANT: usize = 22;
pub(crate) const RANDOM: usize = 32;
/// 62^6 exceeds 2^32, 62^5 does not.
pub(crate) const CHECKSUM: usize = 6;
/// Length of every key.
pub const KEY_CHARS: usize = PREFIX + TENANT + RANDOM + CHECKSUM;
/// Characters of the random part that are stored and shown, so that people can tell keys apart.
pub const START_CHARS: usize = 8;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The greatest multiple of 62 in a byte: larger draws are thrown away, or some letters would be likelier.
const UNBIASED: u8 = 248;

/// A new key in plaintext: shown once, never stored.
#[derive(Debug)]
pub struct ApiKey(SecretString);

/// A key that was presented and whose form is right. It may still be unknown, revoked or expired.
#[derive(Clone, Copy)]
pub struct ParsedKey<'a> {
    text: &'a str,
    mode: Mode,
    tenant: TenantId,
}

/// SHA-256 of a whole key: what is stored. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

/// Why a text is no key. Neither says anything about keys that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It does not have the shape of a key.
    #[error("this is not an API key; keys start with sk_live_ or sk_test_")]
    NotAKey,
    /// It has the shape and the checksum is wrong: mistyped, cut, or made up. Worth counting.
    #[error("this API key is mistyped or incomplete; copy it again as it was shown")]
    BadChecksum,
}

impl ApiKey {
    /// Draws a new key for a tenant and mode.
    pub fn generate(mode: Mode, tenant: TenantId, entropy: &Entropy) -> Self {
        let mut text = String::with_capacity(KEY_CHARS);
        text.push_str(prefix(mode));
        push_base62(&mut text, tenant.uuid().as_u128(), TENANT);
        push_random(&mut text, entropy);
        let sum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, u128::from(sum), CHECKSUM);
        Self(text.into())
    }

    /// Reads a key as presented: exact length, alphabet, prefix and checksum, nothing trimmed.
    ///
    /// # Errors
    /// [`KeyFault`], found without any look-up.
    pub fn parse(text: &str) -> Result<ParsedKey<'_>, KeyFault> {
        if text.len() != KEY_CHARS || !text.is_ascii() {
            return Err(KeyFault::NotAKey);
        }
        let mode = mode_of(&text[..PREFIX]).ok_or(KeyFault::NotAKey)?;
        let (body, sum) = text.split_at(KEY_CHARS - CHECKSUM);
        let tenant = base62(&text[PREFIX..PREFIX + TENANT]).ok_or(KeyFault::NotAKey)?;
        let sum = base62(sum).ok_or(KeyFault::NotAKey)?;
        if !body[PREFIX..].bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(KeyFault::NotAKey);
        }
        if sum != u128::from(crc32fast::hash(body.as_bytes())) {
            return Err(KeyFault::BadChecksum);
        }
        Ok(ParsedKey { text, mode, tenant: TenantId::from_uuid(Uuid::from_u128(tenant)) })
    }

    /// The new key, read back: its digest and start are what gets stored.
    pub fn parsed(&self) -> ParsedKey<'_> {
        // Invariant: `generate` is the only maker and writes what `parse` reads; a property test holds them together.
        Self::parse(self.0.expose_secret()).expect("a generated key parses")
    }

    /// The plaintext, for the one answer that shows it.
    pub fn into_plaintext(self) -> SecretString {
        self.0
    }
}

impl ParsedKey<'_> {
    /// The mode that the key names.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The tenant that the key names.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// SHA-256 of the whole key.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.text)
    }

    /// The first eight characters of the random part: what lists and audit rows show.
    pub fn start(&self) -> &str {
        let at = PREFIX + TENANT;
        &self.text[at..at + START_CHARS]
    }
}

impl fmt::Debug for ParsedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedKey").field("mode", &self.mode).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl KeyDigest {
    /// Of a whole key, as it was presented.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A digest as it was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a driver.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl Hash for KeyDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

const fn prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "sk_live_",
        Mode::Test => "sk_test_",
    }
}

fn mode_of(text: &str) -> Option<Mode> {
    [Mode::Live, Mode::Test].into_iter().find(|mode| prefix(*mode) == text)
}

pub(crate) fn push_random(text: &mut String, entropy: &Entropy) {
    let full = text.len() + RANDOM;
    while text.len() < full {
        let draw: [u8; RANDOM] = entropy.bytes();
        let fair = draw.iter().filter(|byte| **byte < UNBIASED);
        let missing = full - text.len();
        text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
}

/// Big-endian base62 of fixed width, zeros on the left.
pub(crate) fn push_base62(text: &mut String, number: u128, width: usize) {
    let mut digits = [b'0'; TENANT];
    let mut rest = number;
    for digit in digits[..width].iter_mut().rev() {
        // Below 62, so it fits and indexes the alphabet.
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    text.extend(digits[..width].iter().map(|digit| char::from(*digit)));
}

/// `None` for a foreign character or a number that does not fit.
pub(crate) fn base62(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        sum.checked_mul(62)?.checked_add(u128::from(digit))
    })
}
