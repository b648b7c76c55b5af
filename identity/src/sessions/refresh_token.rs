//! Refresh tokens: person, session, counter, and an HMAC over them. A session has one row; its tokens are
//! computed, so the successor of a token is always the same one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenantry_core::ids::{PersonId, SessionId};
use tenantry_core::seal::{MacKey, Sealer};
use uuid::Uuid;

use super::staff::Key;

/// The first byte: another layout gets another number.
const VERSION: u8 = 1;
const NAMED_BYTES: usize = 1 + 16 + 16 + 8;
const TAG_BYTES: usize = 32;

/// A genuine token, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub(super) key: Key,
    pub(super) counter: i64,
}

/// Makes tokens and recognises them, also those made before the root key was changed.
#[derive(Debug)]
pub(super) struct RefreshTokens {
    current: MacKey,
    previous: Option<MacKey>,
}

impl RefreshTokens {
    pub(super) fn new(sealer: &Sealer) -> Self {
        const LABEL: &str = "session-refresh";
        let parts: [&[u8]; 1] = [b"staff"];
        Self { current: sealer.derive(LABEL, &parts), previous: sealer.derive_previous(LABEL, &parts) }
    }

    pub(super) fn write(&self, token: &RefreshToken) -> String {
        let mut bytes = named(token);
        let tag = self.current.sign(&[&bytes]);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for whatever we did not make, in one spelling.
    pub(super) fn read(&self, text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == NAMED_BYTES + TAG_BYTES)?;
        let (named, tag) = bytes.split_at(NAMED_BYTES);
        let genuine =
            [Some(&self.current), self.previous.as_ref()].into_iter().flatten().any(|key| key.verify(&[named], tag));
        parse(named).filter(|_| genuine)
    }
}

fn named(token: &RefreshToken) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(NAMED_BYTES + TAG_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(token.key.person.uuid().as_bytes());
    bytes.extend_from_slice(token.key.session.uuid().as_bytes());
    bytes.extend_from_slice(&token.counter.to_be_bytes());
    bytes
}

fn parse(named: &[u8]) -> Option<RefreshToken> {
    let (version, rest) = named.split_first()?;
    let (person, rest) = rest.split_first_chunk::<16>()?;
    let (session, rest) = rest.split_first_chunk::<16>()?;
    let key = Key {
        person: PersonId::from_uuid(Uuid::from_bytes(*person)),
        session: SessionId::from_uuid(Uuid::from_bytes(*session)),
    };
    let counter = i64::from_be_bytes(rest.try_into().ok()?);
    (*version == VERSION).then_some(RefreshToken { key, counter })
}
