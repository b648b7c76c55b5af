//! Sealing under the root key (EN-1, EN-2).
//!
//! The root key is 32 bytes that never enter the database. Every use derives its own key with
//! HKDF-SHA256 from a label, a scope and a place, so that what was sealed for one purpose, tenant,
//! table or column cannot be opened as another. The ciphertext is AES-256-GCM under a random 96-bit
//! nonce, bound to the whole [`Place`] and to its own header: a value moved to another row does not
//! open. One derived key seals one column of one scope, far below the 2^32 messages of NIST SP
//! 800-38D. Labels and places are ours, never a tenant's, so GCM's lack of key commitment gives
//! nobody a choice of keys.
//!
//! A sealed value: format (1 byte, `1`), version of the key (4), nonce (12), ciphertext, tag (16).
//! Two root keys may be present: the current one seals, both open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use zeroize::Zeroizing;

use crate::canonical::Fields;
use crate::random::Entropy;
use crate::secret::SecretString;

/// Bytes of the root key and of every derived key.
pub const KEY_BYTES: usize = 32;
const FORMAT: u8 = 1;
const VERSION_BYTES: usize = 4;
const HEADER: usize = 1 + VERSION_BYTES;
const TAG: usize = 16;
/// Bytes that sealing adds to a value.
pub const OVERHEAD_BYTES: usize = HEADER + NONCE_LEN + TAG;
/// Names this scheme in every derivation, so that a later one starts from other keys.
const SCHEME: &str = "tenantry/v1";
const CANARY: &[u8] = b"this database was made with this root key";
const CANARY_PLACE: Place<'_> =
    Place { label: "canary", scope: "installation", table: "installation", column: "canary", row: b"" };

/// The key above all keys, as it was read from file, environment or command. Wiped when dropped.
pub struct RootKey(Zeroizing<[u8; KEY_BYTES]>);

/// The text is no root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARootKey {
    /// Not the base64 of 32 bytes.
    #[error("the root key must be 32 bytes in base64 (44 characters); make one with `tenantry keys new-root`")]
    Form,
    /// A placeholder: one byte repeated.
    #[error("this root key is a placeholder, not random; make one with `tenantry keys new-root`")]
    Placeholder,
}

/// Which key sealed a value: a fingerprint that gives nothing of the key away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyVersion([u8; VERSION_BYTES]);

/// Where a sealed value lives: it opens there and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What the value is for: `field`, `signing-key`, `session-key`, `audit-subject`, …
    pub label: &'static str,
    /// Whose it is: a tenant's id, or a word for what belongs to no tenant.
    pub scope: &'a str,
    /// The table that holds it.
    pub table: &'a str,
    /// The column that holds it.
    pub column: &'a str,
    /// The id of its row.
    pub row: &'a [u8],
}

/// Seals with the current root key and opens with either.
pub struct Sealer {
    current: Key,
    previous: Option<Key>,
}

/// A key of its own, such as one per person in the audit log: dropping it erases what it sealed.
pub struct DataKey {
    key: Key,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// A key for HMAC-SHA256: derived from the root, or drawn and then kept sealed.
pub struct MacKey {
    key: hmac::Key,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Why a value did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// Not something that was sealed here.
    #[error("this is not a sealed value")]
    Malformed,
    /// Sealed by a key that is not present.
    #[error("this was sealed by root key {0}, which is not loaded; give it as the previous root key")]
    UnknownKey(KeyVersion),
    /// Altered, or moved from another place.
    #[error("this sealed value was altered or belongs to another place")]
    Refused,
}

/// The root key and the database do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this root key does not open this database; the database was sealed by root key {sealed_by} and the key given is {given}: \
     give the key that the database was made with, from its file, environment or command, or restore it from your backup"
)]
pub struct WrongRootKey {
    /// The version that the canary names.
    pub sealed_by: KeyVersion,
    /// The version of the key that was given.
    pub given: KeyVersion,
}

impl RootKey {
    /// Draws a new root key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    /// Reads a root key from its base64 text; spaces and line ends around it are dropped.
    ///
    /// # Errors
    /// [`NotARootKey`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, NotARootKey> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| NotARootKey::Form)?);
        let bytes: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| NotARootKey::Form)?;
        Self::from_bytes(&Zeroizing::new(bytes))
    }

    /// A root key that was read elsewhere.
    ///
    /// # Errors
    /// [`NotARootKey::Placeholder`].
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, NotARootKey> {
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(NotARootKey::Placeholder);
        }
        Ok(Self(Zeroizing::new(*bytes)))
    }

    /// The base64 text that [`RootKey::parse`] reads.
    pub fn to_text(&self) -> SecretString {
        STANDARD.encode(self.0.as_slice()).into()
    }
}

impl Sealer {
    /// A sealer with one root key.
    pub fn new(current: &RootKey) -> Self {
        Self { current: Key::new(&current.0), previous: None }
    }

    /// Adds the key that opens what is not rewrapped yet.
    #[must_use]
    pub fn with_previous(mut self, previous: &RootKey) -> Self {
        self.previous = Some(Key::new(&previous.0));
        self
    }

    /// The version that seals now.
    pub const fn version(&self) -> KeyVersion {
        self.current.version
    }

    /// Seals a value for one place. Adds [`OVERHEAD_BYTES`].
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8], entropy: &Entropy) -> Vec<u8> {
        self.current.seal(place, plaintext, entropy)
    }

    /// Opens what was sealed for this very place.
    ///
    /// # Errors
    /// [`SealFault`]; nothing of the content is known then.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        self.key_of(version_of(sealed)?)?.open(place, sealed)
    }

    /// Seals anew under the current key; `None` when the value is already under it.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn rewrap(&self, place: &Place<'_>, sealed: &[u8], entropy: &Entropy) -> Result<Option<Vec<u8>>, SealFault> {
        let plaintext = self.open(place, sealed)?;
        let stale = version_of(sealed)? != self.version();
        Ok(stale.then(|| self.seal(place, &plaintext, entropy)))
    }

    /// Derives a key for HMAC from the current root key; `parts` are kept apart by their lengths.
    pub fn derive(&self, label: &str, parts: &[&[u8]]) -> MacKey {
        self.current.derive(label, parts)
    }

    /// The same key as [`Sealer::derive`] gave before the root key was rotated, while that is still loaded.
    pub fn derive_previous(&self, label: &str, parts: &[&[u8]]) -> Option<MacKey> {
        self.previous.as_ref().map(|key| key.derive(label, parts))
    }

    /// A value to keep in the database, so that a wrong root key is told at start.
    pub fn canary(&self, entropy: &Entropy) -> Vec<u8> {
        self.seal(&CANARY_PLACE, CANARY, entropy)
    }

    /// Tries the stored canary.
    ///
    /// # Errors
    /// [`WrongRootKey`], a sentence for the operator.
    pub fn check_canary(&self, canary: &[u8]) -> Result<(), WrongRootKey> {
        match self.open(&CANARY_PLACE, canary) {
            Ok(text) if *text == CANARY => Ok(()),
            _ => Err(WrongRootKey { sealed_by: version_of(canary).unwrap_or(KeyVersion::NONE), given: self.version() }),
        }
    }

    fn key_of(&self, version: KeyVersion) -> Result<&Key, SealFault> {
        let mut keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        keys.find(|key| key.version == version).ok_or(SealFault::UnknownKey(version))
    }
}

/// Which key sealed this value: counted before a key is dropped.
///
/// # Errors
/// [`SealFault::Malformed`] when it is no sealed value.
pub fn version_of(sealed: &[u8]) -> Result<KeyVersion, SealFault> {
    match sealed {
        [FORMAT, a, b, c, d, ..] if sealed.len() >= OVERHEAD_BYTES => Ok(KeyVersion([*a, *b, *c, *d])),
        _ => Err(SealFault::Malformed),
    }
}

impl DataKey {
    /// Draws a new key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self::from_bytes(&Zeroizing::new(entropy.bytes()))
    }

    /// A key that was opened by a [`Sealer`].
    pub fn from_bytes(bytes: &Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { key: Key::new(bytes), bytes: bytes.clone() }
    }

    /// The key itself, to be sealed and stored.
    pub fn expose_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// As [`Sealer::seal`], under this key.
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8], entropy: &Entropy) -> Vec<u8> {
        self.key.seal(place, plaintext, entropy)
    }

    /// As [`Sealer::open`], under this key.
    ///
    /// # Errors
    /// [`SealFault`]; [`SealFault::UnknownKey`] when another key sealed it.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        match version_of(sealed)? {
            version if version == self.key.version => self.key.open(place, sealed),
            other => Err(SealFault::UnknownKey(other)),
        }
    }

    /// As [`Sealer::derive`], from this key.
    pub fn derive(&self, label: &str, parts: &[&[u8]]) -> MacKey {
        self.key.derive(label, parts)
    }
}

impl MacKey {
    /// Draws a new key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self::from_bytes(Zeroizing::new(entropy.bytes()))
    }

    /// A key that was derived, or opened by a [`Sealer`].
    pub fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice()), bytes }
    }

    /// The key itself, to be sealed and stored.
    pub fn expose_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// HMAC-SHA256 over the parts, each preceded by its length.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.key, &joined(parts)).as_ref());
        out
    }

    /// Whether the tag is that of these parts; in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        hmac::verify(&self.key, &joined(parts), tag).is_ok()
    }
}

impl KeyVersion {
    /// Stands where a damaged value names no key.
    const NONE: Self = Self([0; VERSION_BYTES]);

    /// The version as stored in a column of key versions.
    pub const fn as_bytes(&self) -> &[u8; VERSION_BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyVersion({self})")
    }
}

/// What all keys of 32 bytes can do: derive by label, seal and open.
struct Key {
    version: KeyVersion,
    prk: Prk,
}

impl Key {
    fn new(bytes: &Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let prk = Salt::new(HKDF_SHA256, SCHEME.as_bytes()).extract(bytes.as_slice());
        let mut version = [0; VERSION_BYTES];
        expand(&prk, &info("version", &[]), &mut version);
        Self { version: KeyVersion(version), prk }
    }

    fn seal(&self, place: &Place<'_>, plaintext: &[u8], entropy: &Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.version.0);
        let aad = bound(&sealed, place);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let body = &mut sealed[HEADER + NONCE_LEN..];
        let tag = self.aead(place).seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, body);
        // Invariant: AES-GCM refuses only messages above 64 GiB.
        sealed.extend_from_slice(tag.expect("AES-GCM seals what fits in memory").as_ref());
        sealed
    }

    /// The caller has read the version, so the header and the least length are there.
    fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        let (header, rest) = sealed.split_at(HEADER);
        let (nonce, body) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealFault::Malformed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let opened = self.aead(place).open_in_place(nonce, bound(header, place), &mut body);
        let len = opened.map_err(|_| SealFault::Refused)?.len();
        body.truncate(len);
        Ok(body)
    }

    fn aead(&self, place: &Place<'_>) -> LessSafeKey {
        let parts = [place.scope.as_bytes(), place.table.as_bytes(), place.column.as_bytes()];
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        expand(&self.prk, &info(place.label, &parts), bytes.as_mut_slice());
        // Invariant: the key has the length of AES-256.
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_slice()).expect("32 bytes are an AES-256 key"))
    }

    fn derive(&self, label: &str, parts: &[&[u8]]) -> MacKey {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        // Its own word, so that no seal key is ever a MAC key.
        let parts: Vec<_> = std::iter::once(b"mac".as_slice()).chain(parts.iter().copied()).collect();
        expand(&self.prk, &info(label, &parts), bytes.as_mut_slice());
        MacKey::from_bytes(bytes)
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &Prk, info: &[u8], out: &mut [u8]) {
    let info = [info];
    let filled = prk.expand(&info, Length(out.len())).and_then(|okm| okm.fill(out));
    // Invariant: HKDF-SHA256 gives up to 8,160 bytes and is asked for 32.
    filled.expect("HKDF gives 32 bytes");
}

/// HKDF info: scheme, label and parts, each preceded by its length.
fn info(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(Fields::new(SCHEME).text(label), |fields, part| fields.bytes(part)).into_bytes()
}

/// Associated data: the header, which is only a hint until it is bound, and the whole place.
fn bound(header: &[u8], place: &Place<'_>) -> Aad<Vec<u8>> {
    let fields = Fields::new(SCHEME).bytes(header).text(place.label).text(place.scope);
    Aad::from(fields.text(place.table).text(place.column).bytes(place.row).into_bytes())
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(Fields::default(), |fields, part| fields.bytes(part)).into_bytes()
}

macro_rules! hidden {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

hidden!(RootKey, Sealer, DataKey, MacKey);
