//! The spellings that are read: PHC strings, bcrypt's own, and those of Django, passlib and Werkzeug.

use super::phc::{self, decode, parts, spelled};
use super::{Argon2Variant, NotAHash, PasswordHash, Prf, Recipe};
use crate::secret::SecretString;

/// Longest text that is looked at: the longest tag and salt in hexadecimal, with room for the parameters.
const TEXT_MAX: usize = 512;
/// bcrypt after its cost: 22 characters of salt and 31 of tag.
const BCRYPT_REST: usize = 53;

pub(super) fn read(text: &str) -> Result<PasswordHash, NotAHash> {
    if text.len() > TEXT_MAX || !text.is_ascii() {
        return Err(NotAHash::Unknown);
    }
    text.strip_prefix('$').map_or_else(|| read_named(text), read_phc)
}

/// What begins with a dollar.
fn read_phc(text: &str) -> Result<PasswordHash, NotAHash> {
    let (name, rest) = text.split_once('$').ok_or(NotAHash::Unknown)?;
    match name {
        "argon2i" => phc::argon2(Argon2Variant::I, rest),
        "argon2id" => phc::argon2(Argon2Variant::Id, rest),
        "scrypt" => phc::scrypt(rest),
        // passlib calls HMAC-SHA-1 just `pbkdf2`.
        "pbkdf2" | "pbkdf2-sha1" => phc::pbkdf2(Prf::Sha1, rest),
        "pbkdf2-sha256" => phc::pbkdf2(Prf::Sha256, rest),
        "pbkdf2-sha512" => phc::pbkdf2(Prf::Sha512, rest),
        "2a" | "2b" | "2x" | "2y" => bcrypt(name, rest),
        "bcrypt-sha256" => Err(NotAHash::Prehashed("bcrypt-sha256")),
        _ => Err(NotAHash::Unknown),
    }
}

/// What begins with a name.
fn read_named(text: &str) -> Result<PasswordHash, NotAHash> {
    if is_digest(text) {
        return Err(NotAHash::Digest);
    }
    let (name, rest) = text.split_once('$').ok_or(NotAHash::Unknown)?;
    match name.split(':').collect::<Vec<_>>().as_slice() {
        // Django.
        ["argon2" | "bcrypt"] => read(&format!("${}", rest.trim_start_matches('$'))),
        ["bcrypt_sha256"] => Err(NotAHash::Prehashed("bcrypt_sha256")),
        ["pbkdf2_sha256"] => django_pbkdf2(Prf::Sha256, rest),
        ["pbkdf2_sha1"] => django_pbkdf2(Prf::Sha1, rest),
        ["scrypt"] => django_scrypt(rest),
        ["md5" | "sha1" | "unsalted_md5" | "unsalted_sha1"] => Err(NotAHash::Digest),
        // Werkzeug.
        ["scrypt", n, r, p] => werkzeug(scrypt_recipe(n, r, p)?, rest),
        ["pbkdf2", hash, iterations] => werkzeug(pbkdf2_recipe(hash, iterations)?, rest),
        _ => Err(NotAHash::Unknown),
    }
}

/// `$2b$12$` and 53 characters. `2x` marks a broken implementation; the other three are one function for all
/// passwords that a browser sends, and `2b` is its present name.
fn bcrypt(name: &str, rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("bcrypt");
    let [cost, tail] = parts(rest).ok_or_else(damaged)?;
    let is_whole =
        tail.len() == BCRYPT_REST && tail.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    let cost: u32 = cost.parse().ok().filter(|_| cost.len() == 2 && is_whole && name != "2x").ok_or_else(damaged)?;
    let text = SecretString::from(format!("$2b${cost:02}${tail}"));
    Ok(PasswordHash { recipe: Recipe::Bcrypt { cost }, salt: Vec::new(), tag: Vec::new(), text })
}

/// `iterations$salt$base64`; the salt is the text itself.
fn django_pbkdf2(prf: Prf, rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("PBKDF2");
    let [iterations, salt, tag] = parts(rest).ok_or_else(damaged)?;
    let recipe = Recipe::Pbkdf2 { prf, iterations: iterations.parse().map_err(|_| damaged())? };
    Ok(spelled(recipe, salt.as_bytes().to_vec(), decode(tag).ok_or_else(damaged)?))
}

/// `N$salt$r$p$base64` or, since 5.0, `salt$N$r$p$base64`: N is the one that is a power of two.
fn django_scrypt(rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("scrypt");
    let [first, second, r, p, tag] = parts(rest).ok_or_else(damaged)?;
    let is_n = |text: &str| text.parse::<u64>().is_ok_and(u64::is_power_of_two);
    let (n, salt) = if is_n(first) { (first, second) } else { (second, first) };
    Ok(spelled(scrypt_recipe(n, r, p)?, salt.as_bytes().to_vec(), decode(tag).ok_or_else(damaged)?))
}

/// `salt$hexadecimal`; the salt is the text itself.
fn werkzeug(recipe: Recipe, rest: &str) -> Result<PasswordHash, NotAHash> {
    let damaged = || NotAHash::Damaged("Werkzeug");
    let [salt, tag] = parts(rest).ok_or_else(damaged)?;
    Ok(spelled(recipe, salt.as_bytes().to_vec(), unhex(tag).ok_or_else(damaged)?))
}

fn scrypt_recipe(n: &str, r: &str, p: &str) -> Result<Recipe, NotAHash> {
    let damaged = || NotAHash::Damaged("scrypt");
    let n: u64 = n.parse().ok().filter(|n: &u64| n.is_power_of_two()).ok_or_else(damaged)?;
    // Invariant: the logarithm of a u64 is below 64.
    let log_n = u8::try_from(n.ilog2()).unwrap_or(u8::MAX);
    Ok(Recipe::Scrypt { log_n, r: r.parse().map_err(|_| damaged())?, p: p.parse().map_err(|_| damaged())? })
}

fn pbkdf2_recipe(hash: &str, iterations: &str) -> Result<Recipe, NotAHash> {
    let prf = match hash {
        "sha1" => Prf::Sha1,
        "sha256" => Prf::Sha256,
        "sha512" => Prf::Sha512,
        _ => return Err(NotAHash::Unknown),
    };
    Ok(Recipe::Pbkdf2 { prf, iterations: iterations.parse().map_err(|_| NotAHash::Damaged("PBKDF2"))? })
}

/// Hexadecimal of MD5's, SHA-1's or SHA-2's length.
fn is_digest(text: &str) -> bool {
    [32, 40, 56, 64, 96, 128].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.as_bytes().chunks(2).map(pair).collect()).flatten()
}
