//! Password hashes that were made elsewhere: argon2i, argon2id, bcrypt, scrypt, PBKDF2 (ID-2).
//!
//! What must always hold:
//!
//! - What is read has one spelling, the PHC string (bcrypt keeps its own), whichever product wrote it.
//! - A hash whose check would cost more than [`limits`] allow is refused: whoever brings the file could stop
//!   every sign-in with it.
//! - A bare digest (MD5, SHA-1, SHA-2) is no password hash, and is refused.

mod forms;
pub mod limits;
mod phc;

use std::fmt;

use crate::secret::{ExposeSecret, SecretString};

/// How a hash is computed, with its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// RFC 9106, version 1.3.
    Argon2 {
        /// The data-independent variant `argon2i` or the hybrid `argon2id`.
        variant: Argon2Variant,
        /// KiB of memory.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// `2^cost` rounds.
    Bcrypt {
        /// The exponent.
        cost: u32,
    },
    /// RFC 7914: `N = 2^log_n`.
    Scrypt {
        /// The exponent of N.
        log_n: u8,
        /// Block size.
        r: u32,
        /// Parallelism.
        p: u32,
    },
    /// RFC 8018.
    Pbkdf2 {
        /// Under which hash.
        prf: Prf,
        /// How often.
        iterations: u32,
    },
}

/// Which argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Argon2Variant {
    /// Data-independent.
    I,
    /// Hybrid: the one that OWASP recommends.
    Id,
}

/// The hash inside PBKDF2's HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prf {
    /// HMAC-SHA-1: old, and still not broken in this use.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// A hash in its one spelling. Its `Debug` shows the recipe alone.
#[derive(Clone)]
pub struct PasswordHash {
    recipe: Recipe,
    salt: Vec<u8>,
    tag: Vec<u8>,
    text: SecretString,
}

/// Why a text is not taken for a hash: what is wrong, and what to do. Never the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAHash {
    /// None of the spellings that are read.
    #[error(
        "the hash is in no form that is read: argon2i, argon2id, bcrypt, scrypt or PBKDF2, as PHC strings or as Django, passlib and Werkzeug write them. Leave it out, and the person sets a password by the reset mail."
    )]
    Unknown,
    /// The form is known, and this is not it.
    #[error("the {0} hash is damaged: a part is missing, too short, too long or not encoded as it should be")]
    Damaged(&'static str),
    /// Digests without cost can be tried by the billion.
    #[error("a bare digest is no password hash. Leave it out, and the person sets a password by the reset mail.")]
    Digest,
    /// bcrypt over another digest, which cannot be told from the rest.
    #[error(
        "{0} hashes another digest of the password, which is not read. Leave it out, and the person sets a password by the reset mail."
    )]
    Prehashed(&'static str),
    /// Too much work for a sign-in.
    #[error(
        "{what} is {found}, and {most} is the most that a sign-in may cost. Leave it out, and the person sets a password by the reset mail."
    )]
    TooCostly {
        /// Which parameter.
        what: &'static str,
        /// As found.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Less work than deserves the name.
    #[error(
        "{what} is {found}, and below {least} it protects nobody. Leave it out, and the person sets a password by the reset mail."
    )]
    TooCheap {
        /// Which parameter.
        what: &'static str,
        /// As found.
        found: u64,
        /// The limit.
        least: u64,
    },
}

impl PasswordHash {
    /// Reads a hash that somebody brings, in any spelling that is known, within the [`limits`].
    ///
    /// # Errors
    /// [`NotAHash`], with what to do about it.
    pub fn import(text: &str) -> Result<Self, NotAHash> {
        let hash = Self::stored(text)?;
        limits::check(&hash.recipe, &hash.salt, &hash.tag)?;
        Ok(hash)
    }

    /// Reads a hash that is stored: one of our own may cost what the configuration says.
    ///
    /// # Errors
    /// [`NotAHash`]: the row is damaged.
    pub fn stored(text: &str) -> Result<Self, NotAHash> {
        forms::read(text)
    }

    /// A hash of one's own making.
    pub fn of(recipe: Recipe, salt: Vec<u8>, tag: Vec<u8>) -> Self {
        phc::spelled(recipe, salt, tag)
    }

    /// How it is computed.
    pub const fn recipe(&self) -> Recipe {
        self.recipe
    }

    /// The salt. Empty for bcrypt, whose text holds it.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// What the computation has to give. Empty for bcrypt, whose text holds it.
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// The one spelling, which is stored.
    pub fn as_str(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({})", self.recipe)
    }
}

/// As reports name it: `bcrypt, cost 12`.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2 { variant, memory_kib, passes, lanes } => {
                write!(f, "{}, {memory_kib} KiB, {passes} passes, {lanes} lanes", variant.name())
            }
            Self::Bcrypt { cost } => write!(f, "bcrypt, cost {cost}"),
            Self::Scrypt { log_n, r, p } => write!(f, "scrypt, N 2^{log_n}, r {r}, p {p}"),
            Self::Pbkdf2 { prf, iterations } => write!(f, "{}, {iterations} iterations", prf.name()),
        }
    }
}

impl Argon2Variant {
    /// The PHC name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I => "argon2i",
            Self::Id => "argon2id",
        }
    }
}

impl Prf {
    /// The PHC name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "pbkdf2-sha1",
            Self::Sha256 => "pbkdf2-sha256",
            Self::Sha512 => "pbkdf2-sha512",
        }
    }
}
