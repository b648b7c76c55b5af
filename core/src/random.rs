//! Chance as an argument: the operating system's, or a seeded stream in tests.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of unpredictable bytes. Clones share one stream.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<ChaCha20Rng>>),
}

impl Entropy {
    /// The operating system's generator.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A repeatable stream, for tests only: whoever knows the seed knows every secret made from it.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))))
    }

    /// `N` fresh bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing secret may be made without it.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0_u8; N];
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place where the machine's chance is taken")]
            Source::System => getrandom::fill(&mut out).expect("the operating system gives randomness"),
            Source::Seeded(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut out),
        }
        out
    }

    /// `N` fresh bytes for what has to be one of a kind and is no secret: the system is asked for many at a time.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes).
    pub fn unique<const N: usize>(&self) -> [u8; N] {
        match &self.0 {
            Source::System => SUPPLY.with_borrow_mut(|supply| supply.take(self)),
            Source::Seeded(_) => self.bytes(),
        }
    }

    /// A time from `least` to `most`, each as likely as another: what began together does not go on together.
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        let part = f64::from(u32::from_be_bytes(self.bytes())) / f64::from(u32::MAX);
        least + most.saturating_sub(least).mul_f64(part)
    }
}

/// Random bytes that a thread has not used yet.
struct Supply {
    bytes: [u8; SUPPLY_BYTES],
    used: usize,
}

/// A few dozen names at a time.
const SUPPLY_BYTES: usize = 512;

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply { bytes: [0; SUPPLY_BYTES], used: SUPPLY_BYTES }) };
}

impl Supply {
    /// The next ones; each byte is given out once.
    fn take<const N: usize>(&mut self, entropy: &Entropy) -> [u8; N] {
        let Some(next) = self.bytes.get(self.used..).and_then(|left| left.first_chunk()).copied() else {
            (self.bytes, self.used) = (entropy.bytes(), N);
            return self.bytes.first_chunk().copied().unwrap_or_else(|| entropy.bytes());
        };
        self.used += N;
        next
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Entropy::System",
            Source::Seeded(_) => "Entropy::Seeded",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Entropy, SUPPLY_BYTES};

    #[test]
    fn no_byte_of_the_supply_is_given_twice() {
        let entropy = Entropy::system();
        let names: HashSet<[u8; 10]> = (0..SUPPLY_BYTES).map(|_| entropy.unique()).collect();
        assert_eq!(names.len(), SUPPLY_BYTES);
        assert_ne!(entropy.unique::<{ 2 * SUPPLY_BYTES }>(), [0; 2 * SUPPLY_BYTES], "more than the supply holds");
    }

    #[test]
    fn a_seeded_stream_is_one_stream() {
        let (one, other) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(one.unique::<10>(), other.bytes::<10>());
    }
}
