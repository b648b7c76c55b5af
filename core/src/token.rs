//! Signed tokens: JWS compact (RFC 7515) with Ed25519 (RFC 8037) or ECDSA P-256 (RFC 7518).
//!
//! The algorithm belongs to the key and the header only repeats it (RFC 8725 section 3.1), so `none`
//! and confusion of public key and secret have nowhere to enter. A token must name our key, our
//! kind (`typ`), our issuer and our audience: a token of one realm is never read in another (ID-5,
//! ID-8). Everything has one spelling: canonical base64url, no member twice, nothing after the end.
//! A signature never suffices for access: the caller still asks whether the session lives.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::strict_json;

/// Longest token that is looked at: twice the largest identity token, well below a header limit.
pub const TOKEN_MAX: usize = 8 * 1024;

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519: small and fast, the default.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256, for libraries that know no Ed25519.
    #[serde(rename = "ES256")]
    Es256,
}

/// A private key with its name.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    private: EncodingKey,
    public: Vec<u8>,
}

/// A public key with its name.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: DecodingKey,
}

/// A public key as JWKS publishes it (RFC 7517, RFC 8037): nothing private can stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicJwk {
    /// `OKP` or `EC`.
    pub kty: &'static str,
    /// `Ed25519` or `P-256`.
    pub crv: &'static str,
    /// Base64url, 32 bytes.
    pub x: String,
    /// Base64url, 32 bytes; only for `EC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The one algorithm that this key signs with.
    pub alg: Algorithm,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The key's name, repeated in each token's header.
    pub kid: String,
}

/// The keys of one kind of token.
#[derive(Clone, Default)]
pub struct Verifier(HashMap<String, VerifyingKey>);

/// What a token must say to be believed.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The kind of token, exactly.
    pub typ: &'a str,
    /// Who signed it.
    pub iss: &'a str,
    /// Whom it is for: one of the token's audiences.
    pub aud: &'a str,
    /// Now, in seconds since 1970.
    pub now_s: u64,
    /// How far the clocks of two machines may differ, in seconds.
    pub leeway_s: u64,
}

/// Why a token is refused. For logs and counters: the answer to the caller is one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Above [`TOKEN_MAX`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of canonical base64url with JSON in the first, or a member stands twice.
    #[error("the token is malformed")]
    Malformed,
    /// A header parameter that moves the key or changes the meaning: `crit`, `b64`, `jwk`, `jku`, …
    #[error("the token's header carries a parameter that is not accepted")]
    Header,
    /// No key of that name.
    #[error("the token names a key that is not known")]
    UnknownKey,
    /// The header names another algorithm than the key's, or `none`.
    #[error("the token's algorithm is not that of its key")]
    Algorithm,
    /// Another kind of token.
    #[error("the token is of another kind")]
    Type,
    /// The signature is not that key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// `exp` is missing or the claims are not those of this kind of token.
    #[error("the token's claims are incomplete")]
    Claims,
    /// Over.
    #[error("the token has expired")]
    Expired,
    /// Not begun, or made in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// Another issuer.
    #[error("the token comes from another issuer")]
    Issuer,
    /// Meant for someone else.
    #[error("the token is for another audience")]
    Audience,
}

/// What was given is not a key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a usable Ed25519 or P-256 signing key")]
pub struct NotAKey;

/// The claims cannot be written as a JSON object, or the token would be too long to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims cannot be signed: they are no JSON object or too large")]
pub struct NotSignable;

impl SigningKey {
    /// Makes a key. Chance comes from AWS-LC itself, which takes no seed for P-256.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub fn generate(algorithm: Algorithm, kid: impl Into<String>) -> Self {
        // Invariant: generation fails only without randomness, and what was made is read back.
        let made = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()),
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()),
        };
        let pkcs8 = made.expect("the operating system gives randomness");
        Self::from_pkcs8(algorithm, kid, pkcs8.as_ref()).expect("a generated key reads back")
    }

    /// Reads a key that [`SigningKey::pkcs8`] gave.
    ///
    /// # Errors
    /// [`NotAKey`], also for a key of the other algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, kid: impl Into<String>, pkcs8: &[u8]) -> Result<Self, NotAKey> {
        let (private, public) = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| NotAKey)?;
                (EncodingKey::from_ed_der(pkcs8), pair.public_key().as_ref().to_vec())
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| NotAKey)?;
                (EncodingKey::from_ec_der(pkcs8), pair.public_key().as_ref().to_vec())
            }
        };
        Ok(Self { algorithm, kid: kid.into(), private, public })
    }

    /// The private key as PKCS#8 DER, to be sealed and stored.
    pub fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.private.as_bytes().to_vec())
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half, to verify with.
    pub fn verifying_key(&self) -> VerifyingKey {
        let key = match self.algorithm {
            Algorithm::EdDsa => DecodingKey::from_ed_der(&self.public),
            Algorithm::Es256 => DecodingKey::from_ec_der(&self.public),
        };
        VerifyingKey { algorithm: self.algorithm, kid: Some(self.kid.clone()), key }
    }

    /// The public half, to publish.
    pub fn jwk(&self) -> PublicJwk {
        let (kty, crv, x, y) = match self.algorithm {
            Algorithm::EdDsa => ("OKP", "Ed25519", self.public.as_slice(), None),
            // SEC 1: 0x04, then both coordinates.
            Algorithm::Es256 => ("EC", "P-256", &self.public[1..33], Some(URL_SAFE_NO_PAD.encode(&self.public[33..]))),
        };
        let x = URL_SAFE_NO_PAD.encode(x);
        PublicJwk { kty, crv, x, y, alg: self.algorithm, usage: "sig", kid: self.kid.clone() }
    }

    /// Signs claims as a token of kind `typ`.
    ///
    /// # Errors
    /// [`NotSignable`] when the claims are no JSON object or the token exceeds [`TOKEN_MAX`].
    pub fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, NotSignable> {
        let header = serde_json::json!({ "alg": self.algorithm, "kid": self.kid, "typ": typ });
        let claims = serde_json::to_vec(claims).map_err(|_| NotSignable)?;
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
        let signature = crypto::sign(token.as_bytes(), &self.private, self.algorithm.into());
        // Invariant: the key was read when this value was made.
        let signature = signature.expect("a key that was read signs");
        token.push('.');
        token.push_str(&signature);
        (claims.starts_with(b"{") && token.len() <= TOKEN_MAX).then_some(token).ok_or(NotSignable)
    }
}

impl VerifyingKey {
    /// Reads a public JWK; members that do not matter here are ignored (RFC 7517 section 4).
    ///
    /// # Errors
    /// [`NotAKey`] for another type or curve, a wrong length, an `alg`, `use` or `key_ops` that
    /// does not allow verifying, or a member that stands twice.
    pub fn from_jwk(json: &str) -> Result<Self, NotAKey> {
        let jwk: ReadJwk = strict_json::from_slice(json.as_bytes()).map_err(|_| NotAKey)?;
        let (algorithm, public) = jwk.point()?;
        let key = match algorithm {
            Algorithm::EdDsa => DecodingKey::from_ed_der(&public),
            Algorithm::Es256 => DecodingKey::from_ec_der(&public),
        };
        jwk.may_verify(algorithm).then_some(Self { algorithm, kid: jwk.kid, key }).ok_or(NotAKey)
    }

    /// Verifies form and signature, not the claims, and gives the signed bytes.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn verify_signature(&self, token: &str) -> Result<Vec<u8>, TokenFault> {
        let parts = Parts::read(token)?;
        let same_kid = parts.header.kid.is_none() || self.kid.is_none() || parts.header.kid == self.kid;
        if !same_kid {
            return Err(TokenFault::UnknownKey);
        }
        self.check(&parts)?;
        Ok(parts.claims)
    }

    fn check(&self, parts: &Parts<'_>) -> Result<(), TokenFault> {
        if parts.header.alg != self.algorithm.name() {
            return Err(TokenFault::Algorithm);
        }
        let right = crypto::verify(parts.signature, parts.signed.as_bytes(), &self.key, self.algorithm.into());
        if right.unwrap_or(false) { Ok(()) } else { Err(TokenFault::Signature) }
    }
}

impl Verifier {
    /// Trusts these keys, each by its name; a key without a name is never asked.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self(keys.into_iter().filter_map(|key| Some((key.kid.clone()?, key))).collect())
    }

    /// Believes a token, or says why not.
    ///
    /// # Errors
    /// [`TokenFault`]; no claim is read before the signature is right.
    pub fn verify<C: DeserializeOwned>(&self, token: &str, expect: &Expect<'_>) -> Result<C, TokenFault> {
        let parts = Parts::read(token)?;
        let kid = parts.header.kid.as_deref().ok_or(TokenFault::UnknownKey)?;
        self.0.get(kid).ok_or(TokenFault::UnknownKey)?.check(&parts)?;
        if parts.header.typ.as_deref() != Some(expect.typ) {
            return Err(TokenFault::Type);
        }
        let registered: Registered = strict_json::from_slice(&parts.claims).map_err(|_| TokenFault::Claims)?;
        registered.check(expect)?;
        serde_json::from_slice(&parts.claims).map_err(|_| TokenFault::Claims)
    }
}

impl Algorithm {
    /// As it stands in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::EdDSA,
            Algorithm::Es256 => Self::ES256,
        }
    }
}

/// Whether a token says of itself that it is of kind `typ`. Nothing is verified: for what must not be passed on.
pub fn is_said_to_be(token: &str, typ: &str) -> bool {
    let header = token.split('.').next().filter(|header| header.len() <= TOKEN_MAX);
    let header = header.and_then(|header| decode(header).ok());
    let header = header.and_then(|json| serde_json::from_slice::<Header>(&json).ok());
    header.is_some_and(|header| header.typ.as_deref() == Some(typ))
}

/// A token taken apart, nothing believed yet.
struct Parts<'a> {
    header: Header,
    signed: &'a str,
    claims: Vec<u8>,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(flatten)]
    others: HashMap<String, serde_json::Value>,
}

/// Parameters that bring their own key, change what is signed, or must be understood (RFC 7515
/// sections 4.1.2 to 4.1.11, RFC 7797). Others are ignored, as section 4 asks.
const REFUSED_PARAMETERS: &[&str] = &["b64", "crit", "enc", "jku", "jwk", "x5c", "x5u", "zip"];

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_MAX {
            return Err(TokenFault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let header: Header = strict_json::from_slice(&decode(header)?).map_err(|_| TokenFault::Malformed)?;
        if header.others.keys().any(|name| REFUSED_PARAMETERS.contains(&name.as_str())) {
            return Err(TokenFault::Header);
        }
        // Ed25519 and P-256 signatures are both 64 bytes; `crypto::verify` decodes this once more.
        if decode(signature)?.len() != 64 {
            return Err(TokenFault::Malformed);
        }
        Ok(Self { header, signed, claims: decode(claims)?, signature })
    }
}

/// Canonical base64url: no padding, no other alphabet, no stray bits at the end.
fn decode(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)
}

#[derive(Deserialize)]
struct Registered {
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    iss: String,
    aud: Audience,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Registered {
    fn check(&self, expect: &Expect<'_>) -> Result<(), TokenFault> {
        let latest_start = expect.now_s.saturating_add(expect.leeway_s);
        if self.exp.saturating_add(expect.leeway_s) <= expect.now_s {
            return Err(TokenFault::Expired);
        }
        if self.nbf.max(self.iat).is_some_and(|start| start > latest_start) {
            return Err(TokenFault::NotYet);
        }
        if self.iss != expect.iss {
            return Err(TokenFault::Issuer);
        }
        let meant = match &self.aud {
            Audience::One(aud) => aud == expect.aud,
            Audience::Many(auds) => auds.iter().any(|aud| aud == expect.aud),
        };
        if meant { Ok(()) } else { Err(TokenFault::Audience) }
    }
}

/// A JWK as others write it.
#[derive(Deserialize)]
struct ReadJwk {
    kty: String,
    crv: String,
    x: String,
    y: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
}

impl ReadJwk {
    /// The public point: 32 bytes for Ed25519, 65 for P-256 (SEC 1, uncompressed).
    fn point(&self) -> Result<(Algorithm, Vec<u8>), NotAKey> {
        match (self.kty.as_str(), self.crv.as_str(), &self.y) {
            ("OKP", "Ed25519", None) => Ok((Algorithm::EdDsa, coordinate(&self.x)?)),
            ("EC", "P-256", Some(y)) => {
                Ok((Algorithm::Es256, [vec![4], coordinate(&self.x)?, coordinate(y)?].concat()))
            }
            _ => Err(NotAKey),
        }
    }

    fn may_verify(&self, algorithm: Algorithm) -> bool {
        let alg = self.alg.as_deref().is_none_or(|alg| alg == algorithm.name());
        let usage = self.usage.as_deref().is_none_or(|usage| usage == "sig");
        alg && usage && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }
}

fn coordinate(text: &str) -> Result<Vec<u8>, NotAKey> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32).ok_or(NotAKey)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
