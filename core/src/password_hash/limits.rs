//! What a hash from elsewhere may cost: both ways.

use super::{NotAHash, Recipe};

/// bcrypt's exponent: 14 takes about a second of a core, and each step doubles that.
pub const BCRYPT_COST_MAX: u32 = 14;
/// Below, OWASP's floor of 10 is far; 8 was a default of the nineties' end.
pub const BCRYPT_COST_MIN: u32 = 8;
/// KiB that one check may take: several run at once, on machines of a few GB.
pub const MEMORY_KIB_MAX: u64 = 131_072;
/// Passes of argon2, with the memory above about a second.
pub const ARGON2_PASSES_MAX: u32 = 10;
/// KiB of argon2: what no product's default went below.
pub const ARGON2_MEMORY_KIB_MIN: u64 = 512;
/// Lanes of argon2; one core computes them all.
pub const LANES_MAX: u32 = 16;
/// `N * r * p` of scrypt: 128 MiB once, or less several times.
pub const SCRYPT_WORK_MAX: u64 = 1 << 20;
/// scrypt's N at the least: RFC 7914's example for interactive use is 2^14.
pub const SCRYPT_LOG_N_MIN: u8 = 12;
/// Iterations of PBKDF2: three times OWASP's figure, about a second of a core.
pub const PBKDF2_MAX: u32 = 2_000_000;
/// RFC 8018's least, from the year 2000; NIST SP 800-132 repeats it.
pub const PBKDF2_MIN: u32 = 1_000;
/// Bytes of a salt: NIST SP 800-63B-4 section 3.1.1.2 asks for 4.
pub const SALT_MIN: usize = 4;
/// Bytes of a salt at most: the PHC format's limit.
pub const SALT_MAX: usize = 48;
/// Bytes of a tag at least: shorter ones collide.
pub const TAG_MIN: usize = 16;
/// Bytes of a tag at most.
pub const TAG_MAX: usize = 64;

pub(super) fn check(recipe: &Recipe, salt: &[u8], tag: &[u8]) -> Result<(), NotAHash> {
    match *recipe {
        // Its text has one length, and holds both.
        Recipe::Bcrypt { cost } => {
            return within("bcrypt's cost", cost.into(), BCRYPT_COST_MIN.into(), BCRYPT_COST_MAX.into());
        }
        Recipe::Argon2 { memory_kib, passes, lanes, .. } => {
            within("argon2's memory in KiB", memory_kib.into(), ARGON2_MEMORY_KIB_MIN, MEMORY_KIB_MAX)?;
            within("argon2's number of passes", passes.into(), 1, ARGON2_PASSES_MAX.into())?;
            within("argon2's number of lanes", lanes.into(), 1, LANES_MAX.into())?;
        }
        Recipe::Scrypt { log_n, r, p } => {
            within("the exponent of scrypt's N", log_n.into(), SCRYPT_LOG_N_MIN.into(), 20)?;
            let work = (1_u64 << log_n).saturating_mul(r.into()).saturating_mul(p.into());
            within("scrypt's N * r * p", work, 1 << SCRYPT_LOG_N_MIN, SCRYPT_WORK_MAX)?;
        }
        Recipe::Pbkdf2 { iterations, .. } => {
            within("PBKDF2's number of iterations", iterations.into(), PBKDF2_MIN.into(), PBKDF2_MAX.into())?;
        }
    }
    let fits = (SALT_MIN..=SALT_MAX).contains(&salt.len()) && (TAG_MIN..=TAG_MAX).contains(&tag.len());
    if fits { Ok(()) } else { Err(NotAHash::Damaged(name(recipe))) }
}

const fn name(recipe: &Recipe) -> &'static str {
    match recipe {
        Recipe::Argon2 { .. } => "argon2",
        Recipe::Bcrypt { .. } => "bcrypt",
        Recipe::Scrypt { .. } => "scrypt",
        Recipe::Pbkdf2 { .. } => "PBKDF2",
    }
}

fn within(what: &'static str, found: u64, least: u64, most: u64) -> Result<(), NotAHash> {
    match found {
        _ if found > most => Err(NotAHash::TooCostly { what, found, most }),
        _ if found < least => Err(NotAHash::TooCheap { what, found, least }),
        _ => Ok(()),
    }
}
