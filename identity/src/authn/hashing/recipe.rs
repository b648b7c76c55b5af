//! Computing one hash: today's recipe, and every other that may be stored.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use tenantry_core::password::Password;
use tenantry_core::password_hash::{Argon2Variant, PasswordHash, Prf, Recipe};
use tenantry_core::random::Entropy;
use tenantry_platform::config::Passwords;

use super::Verdict;

/// NIST SP 800-63B-4 section 3.1.1.2 asks for 4 bytes; RFC 9106 section 3.1 recommends 16.
pub(super) const SALT_BYTES: usize = 16;
/// RFC 9106 section 4: a 256-bit tag.
const TAG_BYTES: usize = 32;
/// bcrypt's least: a decoy's text is made with it, and then says another.
const BCRYPT_LEAST: u32 = 4;

/// Argon2's blocks, kept by a worker from one hash to the next.
pub(super) type Memory = Vec<Block>;

/// What new passwords are hashed with.
pub(in crate::authn) const fn of_today(options: &Passwords) -> Recipe {
    Recipe::Argon2 {
        variant: Argon2Variant::Id,
        memory_kib: options.memory_kib,
        passes: options.iterations,
        lanes: options.parallelism,
    }
}

/// A new hash. `None`: the recipe is none of argon2's.
pub(super) fn hash(today: Recipe, password: &Password, salt: &[u8], memory: &mut Memory) -> Option<PasswordHash> {
    let tag = tag(today, password, salt, TAG_BYTES, memory)?;
    Some(PasswordHash::of(today, salt.to_vec(), tag))
}

/// A damaged hash matches nothing. It takes no time then, which tells nobody but its owner.
pub(super) fn compare(today: Recipe, password: &Password, stored: &str, memory: &mut Memory) -> Verdict {
    let Ok(stored) = PasswordHash::stored(stored) else { return Verdict::Wrong };
    let stale = stored.recipe() != today || stored.tag().len() != TAG_BYTES;
    if is_right(&stored, password, memory) { Verdict::Right { stale } } else { Verdict::Wrong }
}

/// A hash that no password is known for, and that takes as long as one of its recipe.
pub(in crate::authn) fn decoy(recipe: Recipe, entropy: &Entropy) -> PasswordHash {
    let Recipe::Bcrypt { cost } = recipe else {
        // Any tag will do.
        return PasswordHash::of(recipe, entropy.bytes::<SALT_BYTES>().to_vec(), entropy.bytes::<TAG_BYTES>().to_vec());
    };
    let made = bcrypt::hash_with_salt(entropy.bytes::<TAG_BYTES>(), BCRYPT_LEAST, entropy.bytes());
    // Invariant: bcrypt takes any 32 bytes with its own least cost, and its text says the cost at a fixed place.
    let text = made.map(|made| made.to_string()).unwrap_or_default().replacen("$04$", &format!("${cost:02}$"), 1);
    PasswordHash::stored(&text).unwrap_or_else(|_| PasswordHash::of(recipe, Vec::new(), Vec::new()))
}

fn is_right(stored: &PasswordHash, password: &Password, memory: &mut Memory) -> bool {
    if matches!(stored.recipe(), Recipe::Bcrypt { .. }) {
        // Cuts at 72 bytes, as whoever made the hash did.
        return bcrypt::verify(password.expose().as_bytes(), stored.as_str()).unwrap_or(false);
    }
    let found = tag(stored.recipe(), password, stored.salt(), stored.tag().len(), memory);
    found.is_some_and(|found| found.ct_eq(stored.tag()).into())
}

fn tag(recipe: Recipe, password: &Password, salt: &[u8], length: usize, memory: &mut Memory) -> Option<Vec<u8>> {
    let (mut out, password) = (vec![0; length], password.expose().as_bytes());
    match recipe {
        Recipe::Argon2 { variant, memory_kib, passes, lanes } => {
            let params = Params::new(memory_kib, passes, lanes, Some(length)).ok()?;
            memory.resize_with(params.block_count(), Block::default);
            let argon2 = Argon2::new(algorithm(variant), Version::V0x13, params);
            argon2.hash_password_into_with_memory(password, salt, &mut out, memory).ok()?;
        }
        Recipe::Scrypt { log_n, r, p } => {
            scrypt::scrypt(password, salt, &scrypt::Params::new(log_n, r, p).ok()?, &mut out).ok()?;
        }
        Recipe::Pbkdf2 { prf: Prf::Sha1, iterations } => {
            pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, salt, iterations, &mut out)
        }
        Recipe::Pbkdf2 { prf: Prf::Sha256, iterations } => {
            pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out)
        }
        Recipe::Pbkdf2 { prf: Prf::Sha512, iterations } => {
            pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut out)
        }
        Recipe::Bcrypt { .. } => return None,
    }
    Some(out)
}

const fn algorithm(variant: Argon2Variant) -> Algorithm {
    match variant {
        Argon2Variant::I => Algorithm::Argon2i,
        Argon2Variant::Id => Algorithm::Argon2id,
    }
}
