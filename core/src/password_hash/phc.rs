//! The one spelling: `$name$v=19$key=value,…$salt$tag`, base64 without padding
//! (<https://github.com/P-H-C/phc-string-format>).

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::DecodePaddingMode};

use super::{Argon2Variant, NotAHash, PasswordHash, Prf, Recipe};
use crate::secret::SecretString;

/// Writes without padding; reads with and without, since products differ.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The version of argon2 that RFC 9106 describes; older ones are other functions.
const ARGON2_VERSION: &str = "v=19";

pub(super) fn argon2(variant: Argon2Variant, rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("argon2");
    let [version, params, salt, tag] = parts(rest).ok_or_else(damaged)?;
    let [memory_kib, passes, lanes] = numbers(params, ["m", "t", "p"]).ok_or_else(damaged)?;
    if version != ARGON2_VERSION {
        return Err(damaged());
    }
    let recipe = Recipe::Argon2 { variant, memory_kib, passes, lanes };
    Ok(spelled(recipe, decode(salt).ok_or_else(damaged)?, decode(tag).ok_or_else(damaged)?))
}

pub(super) fn scrypt(rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("scrypt");
    let [params, salt, tag] = parts(rest).ok_or_else(damaged)?;
    let [log_n, r, p] = numbers(params, ["ln", "r", "p"]).ok_or_else(damaged)?;
    let log_n = u8::try_from(log_n).ok().filter(|log_n| *log_n < 64).ok_or_else(damaged)?;
    let recipe = Recipe::Scrypt { log_n, r, p };
    Ok(spelled(recipe, decode(salt).ok_or_else(damaged)?, decode(tag).ok_or_else(damaged)?))
}

/// `i=…,l=…` as the PHC has it, or passlib's bare number.
pub(super) fn pbkdf2(prf: Prf, rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("PBKDF2");
    let [params, salt, tag] = parts(rest).ok_or_else(damaged)?;
    let written = params.split(',').find_map(|pair| pair.strip_prefix("i=")).unwrap_or(params);
    let iterations = written.parse().map_err(|_| damaged())?;
    let recipe = Recipe::Pbkdf2 { prf, iterations };
    Ok(spelled(recipe, decode(salt).ok_or_else(damaged)?, decode(tag).ok_or_else(damaged)?))
}

/// A hash with its text.
pub(super) fn spelled(recipe: Recipe, salt: Vec<u8>, tag: Vec<u8>) -> PasswordHash {
    let head = match recipe {
        Recipe::Argon2 { variant, memory_kib, passes, lanes } => {
            format!("${}${ARGON2_VERSION}$m={memory_kib},t={passes},p={lanes}", variant.name())
        }
        Recipe::Scrypt { log_n, r, p } => format!("$scrypt$ln={log_n},r={r},p={p}"),
        Recipe::Pbkdf2 { prf, iterations } => format!("${}$i={iterations},l={}", prf.name(), tag.len()),
        Recipe::Bcrypt { cost } => format!("$2b${cost:02}"),
    };
    let text = format!("{head}${}${}", BASE64.encode(&salt), BASE64.encode(&tag));
    PasswordHash { recipe, salt, tag, text: SecretString::from(text) }
}

/// passlib writes `.` where base64 has `+`.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.replace('.', "+")).ok()
}

/// Exactly so many parts between dollars.
pub(super) fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

fn numbers<const N: usize>(params: &str, keys: [&str; N]) -> Option<[u32; N]> {
    let mut pairs = params.split(',');
    let found: Vec<u32> =
        keys.iter().map_while(|key| pairs.next()?.strip_prefix(key)?.strip_prefix('=')?.parse().ok()).collect();
    found.try_into().ok().filter(|_| pairs.next().is_none())
}
