//! The shape of a management key: the platform's own, of no tenant and no mode (KEY-2).
//!
//! `mk_<random, 32><checksum, 6>` in base62, 190 bits; otherwise as an API key ([`crate::keyformat`]). The other
//! prefix keeps the two kinds apart before anything is looked up: neither is ever taken for the other.

use std::fmt;

use crate::keyformat::{CHECKSUM, KeyDigest, KeyFault, RANDOM, START_CHARS, base62, push_base62, push_random};
use crate::random::Entropy;
use crate::secret::{ExposeSecret, SecretString};

/// What every management key starts with.
pub const PREFIX: &str = "mk_";
/// What a secret scanner should look for.
pub const SCANNER_REGEX: &str = r"\bmk_[0-9A-Za-z]{38}\b";
/// Length of every management key.
pub const MANAGEMENT_KEY_CHARS: usize = PREFIX.len() + RANDOM + CHECKSUM;

/// A new management key in plaintext: shown once, never stored.
#[derive(Debug)]
pub struct ManagementKey(SecretString);

/// A management key that was presented and whose form is right.
#[derive(Clone, Copy)]
pub struct ParsedManagementKey<'a>(&'a str);

impl ManagementKey {
    /// Draws a new key.
    pub fn generate(entropy: &Entropy) -> Self {
        let mut text = String::with_capacity(MANAGEMENT_KEY_CHARS);
        text.push_str(PREFIX);
        push_random(&mut text, entropy);
        let sum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, u128::from(sum), CHECKSUM);
        Self(text.into())
    }

    /// Reads a key as presented: exact length, prefix, alphabet and checksum, nothing trimmed.
    ///
    /// # Errors
    /// [`KeyFault`], found without any look-up.
    pub fn parse(text: &str) -> Result<ParsedManagementKey<'_>, KeyFault> {
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() == MANAGEMENT_KEY_CHARS);
        if !body.is_some_and(|body| body.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Err(KeyFault::NotAKey);
        }
        let (signed, sum) = text.split_at(MANAGEMENT_KEY_CHARS - CHECKSUM);
        let is_right = base62(sum) == Some(u128::from(crc32fast::hash(signed.as_bytes())));
        if is_right { Ok(ParsedManagementKey(text)) } else { Err(KeyFault::BadChecksum) }
    }

    /// The new key, read back: its digest and start are what gets stored.
    pub fn parsed(&self) -> ParsedManagementKey<'_> {
        ParsedManagementKey(self.0.expose_secret())
    }

    /// The plaintext, for the one answer that shows it.
    pub fn into_plaintext(self) -> SecretString {
        self.0
    }
}

impl ParsedManagementKey<'_> {
    /// SHA-256 of the whole key.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0)
    }

    /// The first eight characters of the random part: what lists show.
    pub fn start(&self) -> &str {
        &self.0[PREFIX.len()..PREFIX.len() + START_CHARS]
    }
}

impl fmt::Debug for ParsedManagementKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParsedManagementKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyformat::ApiKey;

    #[test]
    fn a_drawn_key_is_read_back_and_no_character_of_it_can_be_another() {
        let key = ManagementKey::generate(&Entropy::seeded(7));
        let text = key.parsed().0.to_owned();
        assert_eq!(ManagementKey::parse(&text).map(|parsed| parsed.digest()), Ok(key.parsed().digest()));
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'x' { "y" } else { "x" };
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert!(ManagementKey::parse(&changed).is_err(), "{at}");
        }
        assert_eq!(ManagementKey::parse(&format!("{text} ")).err(), Some(KeyFault::NotAKey));
    }

    #[test]
    fn neither_kind_of_key_is_taken_for_the_other() {
        let key = ManagementKey::generate(&Entropy::seeded(7));
        assert_eq!(ApiKey::parse(key.parsed().0).err(), Some(KeyFault::NotAKey));
        assert_eq!(ManagementKey::parse("sk_live_00000000000000000000000000000000").err(), Some(KeyFault::NotAKey));
    }
}
