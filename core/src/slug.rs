//! A tenant's name in a host: `acme` in `acme.example.com` (AC-10, AC-11).
//!
//! A DNS label without surprises. A double dash is kept for ourselves (`acme--test` is a tenant's
//! test host) and keeps punycode out. Words that a visitor would take for the operator's own hosts
//! are refused when a tenant is made, and so is what looks like one of them ([`skeleton`]): `1ogin`,
//! `adrnin`, `mai-l`. Whether a slug looks like another tenant's is the database's
//! to say, by the same skeleton.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Shortest slug: shorter ones are worth keeping for the operator.
pub const SLUG_MIN: usize = 3;
/// Longest slug: leaves room for `--test` and a prefix within the 63 bytes of a DNS label.
pub const SLUG_MAX: usize = 40;

/// Words that no tenant may have, from three characters on: shorter ones are no slugs anyway.
const RESERVED: &str = include_str!("reserved.txt");

/// What the reserved words look like.
static LOOKS_RESERVED: LazyLock<HashSet<String>> =
    LazyLock::new(|| RESERVED.split_ascii_whitespace().map(skeleton).collect());

/// A tenant's label, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Arc<str>);

/// Why a text cannot be a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlugFault {
    /// Too short or too long.
    #[error("use 3 to 40 characters")]
    Length,
    /// A character outside `a-z`, `0-9` and `-`.
    #[error("use lower-case letters, digits and dashes only")]
    Character,
    /// A dash at an edge, or two together.
    #[error("a dash must stand alone between letters or digits")]
    Dash,
    /// A word that belongs to the operator.
    #[error("this name is reserved; choose another")]
    Reserved,
}

impl Slug {
    /// Reads a slug that someone wants to have.
    ///
    /// # Errors
    /// [`SlugFault`], a sentence for the form.
    pub fn parse(text: &str) -> Result<Self, SlugFault> {
        if is_reserved(text) { Err(SlugFault::Reserved) } else { Self::from_stored(text) }
    }

    /// Reads a slug that a tenant already has: the form is checked, the reserved words are not,
    /// so that a longer list never locks out a tenant of yesterday.
    ///
    /// # Errors
    /// [`SlugFault`], never [`SlugFault::Reserved`].
    pub fn from_stored(text: &str) -> Result<Self, SlugFault> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The slug as it stands in a host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a label is kept for the operator, or looks as if it were.
pub fn is_reserved(label: &str) -> bool {
    LOOKS_RESERVED.contains(&skeleton(label))
}

/// What a label looks like: two labels that a reader may take for one another have the same skeleton, by the idea
/// of UTS 39 section 4 for `a-z`, `0-9` and the dash. Each character becomes its prototype, and the wide ones
/// become the pairs that imitate them, so that the order of replacing does not matter. The door `slug_skeleton`
/// does the same in SQL; a test compares both.
pub fn skeleton(label: &str) -> String {
    let mut shape = String::with_capacity(label.len() * 2);
    for letter in label.chars() {
        match letter {
            '-' => {}
            '0' => shape.push('o'),
            '1' | 'i' => shape.push('l'),
            '2' => shape.push('z'),
            '5' => shape.push('s'),
            'm' => shape.push_str("rn"),
            'w' => shape.push_str("vv"),
            other => shape.push(other),
        }
    }
    shape
}

/// The form alone, without making a slug: for the host of every request.
pub(crate) fn check(text: &str) -> Result<(), SlugFault> {
    if !(SLUG_MIN..=SLUG_MAX).contains(&text.len()) {
        return Err(SlugFault::Length);
    }
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(SlugFault::Character);
    }
    if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
        return Err(SlugFault::Dash);
    }
    Ok(())
}

impl TryFrom<String> for Slug {
    type Error = SlugFault;

    fn try_from(text: String) -> Result<Self, SlugFault> {
        Self::from_stored(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.as_str().to_owned()
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
