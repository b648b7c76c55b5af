//! `[identity]`, `[sessions]`, `[passwords]`, `[sign_up]`, `[members]`, `[accounts]`, `[api_keys]`,
//! `[signing_keys]`: how people are known, and for how long.

use std::time::Duration;

use super::parse;
use super::section::{Choice, Section};

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// How the identity token for the app is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    EdDsa,
    Es256,
}

impl Choice for Algorithm {
    const WORDS: &'static [(&'static str, Self)] = &[("EdDSA", Self::EdDsa), ("ES256", Self::Es256)];
}

/// `[identity]`: the app contract.
#[derive(Clone, Debug)]
pub struct Identity {
    pub algorithm: Algorithm,
    /// `aud` of the token: the app refuses any other.
    pub audience: String,
    /// How long the app may believe a token.
    pub lifetime: Duration,
}

/// `[sessions]` [ID-8, ID-9].
#[derive(Clone, Debug)]
pub struct Sessions {
    /// An access token's life.
    pub access: Duration,
    /// A session that nobody used for so long is over.
    pub idle: Duration,
    /// A session is over after so long, used or not.
    pub absolute: Duration,
    /// How long the predecessor of a refresh token still gives its one successor.
    pub refresh_grace: Duration,
}

/// `[passwords]` [ID-2].
#[derive(Clone, Debug)]
pub struct Passwords {
    /// In characters, after normalisation.
    pub min_length: u16,
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    /// Hashes computed at once; `None` is one a core.
    pub workers: Option<u16>,
    /// Hashes that wait for a worker before more are shed with Retry-After.
    pub queue: u16,
}

/// `[sign_up]` [ID-3].
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Whether strangers may make a workspace.
    pub is_open: bool,
    /// The life of a mailed link, and of the slug that it reserves.
    pub link_lifetime: Duration,
}

/// `[members]`: how people are added. The default role stands with the roles.
#[derive(Clone, Debug)]
pub struct Invitations {
    /// How long one may be accepted.
    pub lifetime: Duration,
}

/// `[accounts]`: the mailed links that change an account [ID-4].
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The life of a link that sets a new password.
    pub reset_link: Duration,
    /// The life of a link that proves a new address.
    pub email_link: Duration,
    /// How long the old address can undo a change of address.
    pub email_undo: Duration,
}

/// `[api_keys]` [KEY-1, KEY-3].
#[derive(Clone, Debug)]
pub struct ApiKeys {
    /// Every key ends at the latest after so long; `None`: one may be made that does not end by itself.
    pub max_lifetime: Option<Duration>,
    /// When a key ends whose maker says nothing of its end, never beyond the maximum; `None`: it does not.
    pub default_lifetime: Option<Duration>,
    /// Whether every key must end at some time.
    pub require_expiry: bool,
}

/// `[signing_keys]`.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    pub rotate_every: Duration,
    /// How long a new key is in the key set before it signs: longer than verifiers cache the set.
    pub publish_ahead: Duration,
}

impl Identity {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            algorithm: section.choice("algorithm", Algorithm::EdDsa),
            audience: section.text("audience", "app", parse::audience),
            lifetime: Duration::from_secs(section.number("lifetime_s", 90, 10..=900)),
        }
    }
}

impl Sessions {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let sessions = Self {
            access: Duration::from_secs(section.number("access_minutes", 15, 1..=60) * MINUTE_S),
            idle: Duration::from_secs(section.number("idle_minutes", 7 * 24 * 60, 5..=30 * 24 * 60) * MINUTE_S),
            absolute: Duration::from_secs(section.number("absolute_hours", 30 * 24, 1..=30 * 24) * HOUR_S),
            refresh_grace: Duration::from_secs(section.number("refresh_grace_s", 10, 0..=60)),
        };
        sessions.check(section);
        sessions
    }

    fn check(&self, section: &Section<'_, '_>) {
        if self.idle > self.absolute {
            section.reading.fault(
                &section.span_of("idle_minutes"),
                "idle_minutes is longer than absolute_hours and would never count",
                "Make it shorter.",
            );
        }
        if self.access > self.idle {
            section.reading.fault(
                &section.span_of("access_minutes"),
                "access_minutes is longer than idle_minutes: an idle session would outlive its end",
                "Make it shorter.",
            );
        }
    }
}

impl Passwords {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let passwords = Self {
            min_length: section.number("min_length", 15, 8..=64),
            memory_kib: section.number("memory_kib", 19_456, 7_168..=4_194_304),
            iterations: section.number("iterations", 2, 1..=64),
            parallelism: section.number("parallelism", 1, 1..=64),
            workers: Some(section.number("workers", 0, 0..=1024)).filter(|workers| *workers > 0),
            queue: section.number("queue", 64, 1..=10_000),
        };
        passwords.check(section);
        passwords
    }

    /// The weakest pairs that OWASP counts as equal: less memory needs more passes.
    fn check(&self, section: &Section<'_, '_>) {
        const EQUAL: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
        if !EQUAL.iter().any(|(memory, passes)| self.memory_kib >= *memory && self.iterations >= *passes) {
            let what = format!(
                "argon2id with {} KiB and {} passes is weaker than OWASP's minimum",
                self.memory_kib, self.iterations
            );
            let fix = "Write memory_kib and iterations of at least 47104 and 1, 19456 and 2, 12288 and 3, 9216 and 4, or 7168 and 5.";
            section.reading.fault(&section.span_of("memory_kib"), what, fix);
        }
    }
}

impl SignUp {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            is_open: section.flag("open", true),
            link_lifetime: Duration::from_secs(section.number("link_lifetime_hours", 24, 1..=24) * HOUR_S),
        }
    }
}

impl Invitations {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self { lifetime: Duration::from_secs(section.number("invitation_h", 168, 1..=720) * HOUR_S) }
    }
}

impl Accounts {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            reset_link: Duration::from_secs(section.number("reset_link_minutes", 30, 30..=60) * MINUTE_S),
            email_link: Duration::from_secs(section.number("email_link_hours", 1, 1..=24) * HOUR_S),
            email_undo: Duration::from_secs(section.number("email_undo_hours", 72, 24..=168) * HOUR_S),
        }
    }
}

impl ApiKeys {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let span = |days: u64| (days > 0).then(|| Duration::from_secs(days * DAY_S));
        let max_lifetime = span(section.number("max_lifetime_days", 0, 0..=3_650));
        let wanted = span(section.number("default_lifetime_days", 90, 0..=3_650));
        let require_expiry = section.flag("require_expiry", false);
        if require_expiry && wanted.is_none() {
            section.reading.fault(
                &section.span_of("default_lifetime_days"),
                "require_expiry is on and default_lifetime_days is 0: a key without a word about its end would be refused",
                "Write a number of days.",
            );
        }
        let default_lifetime = match max_lifetime {
            Some(longest) => Some(wanted.map_or(longest, |wanted| wanted.min(longest))),
            None => wanted,
        };
        Self { max_lifetime, default_lifetime, require_expiry }
    }
}

impl SigningKeys {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            rotate_every: Duration::from_secs(section.number("rotate_every_days", 30, 1..=365) * DAY_S),
            publish_ahead: Duration::from_secs(section.number("publish_ahead_minutes", 15, 1..=24 * 60) * MINUTE_S),
        }
    }
}
