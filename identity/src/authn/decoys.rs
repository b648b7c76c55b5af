//! Decoys: what a password is compared with where there is no account, so that the answer takes as long (ID-4, ID-7).
//!
//! A house that imported people compares with several recipes, and their times tell them apart. So a decoy is drawn
//! by the address that was asked for: always the same one for the same address, and of each recipe as often as that
//! recipe is stored. Whoever imports and never signs in stays among them; whoever does is hashed by today's.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tenantry_core::email::EmailAddress;
use tenantry_core::password_hash::{PasswordHash, Recipe};
use tenantry_core::random::Entropy;
use tenantry_core::seal::MacKey;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::config::Passwords;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};

use super::hashing::recipe;
use super::store;

/// A salt and a tag of some bytes, to complete a recipe's text with. bcrypt's has 53 characters.
const REST: &str = "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const BCRYPT_REST: &str = ".....................................................";

/// The decoys of this installation.
pub struct Decoys {
    key: MacKey,
    today: Recipe,
    entropy: Entropy,
    mix: ArcSwap<Vec<Decoy>>,
}

/// A decoy, and up to which of all stored hashes it stands for them.
struct Decoy {
    up_to: u64,
    hash: SecretString,
}

impl std::fmt::Debug for Decoys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoys({} recipes)", self.mix.load().len())
    }
}

impl Decoys {
    /// Today's recipe alone, until [`Decoys::refresh`] has looked at what is stored.
    pub fn new(ground: &Ground, options: &Passwords) -> Self {
        let today = recipe::of_today(options);
        let hash = recipe::decoy(today, &ground.entropy).as_str().into();
        Self {
            key: ground.sealer.derive("decoy", &[]),
            today,
            entropy: ground.entropy.clone(),
            mix: ArcSwap::from_pointee(vec![Decoy { up_to: 1, hash }]),
        }
    }

    /// Looks at how passwords are stored. Run at the start, hourly, and after an import.
    ///
    /// # Errors
    /// When the database does not answer; the decoys stay as they were.
    pub async fn refresh(&self, ground: &Ground) -> Result<(), DbFault> {
        let actor = Actor::system("job", "decoys");
        let permit = Permit::<Authenticate, Control>::system(Context::default(), actor, Origin::default());
        let kinds = store::hash_kinds(&permit, ground).await?;
        self.mix.store(Arc::new(self.mixed(&kinds)));
        Ok(())
    }

    /// The decoy of an address.
    pub(super) fn of(&self, address: &EmailAddress) -> SecretString {
        let mix = self.mix.load();
        let [a, b, c, d, e, f, g, h, ..] = self.key.sign(&[address.lookup().as_bytes()]);
        let drawn = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // Invariant: a mix is never empty, and its last decoy stands up to the sum.
        let sum = mix.last().map_or(1, |decoy| decoy.up_to.max(1));
        let found = mix.iter().find(|decoy| drawn % sum < decoy.up_to);
        found.map_or_else(SecretString::default, |decoy| decoy.hash.expose_secret().to_owned().into())
    }

    /// With which recipe an address that nobody has would be compared.
    pub fn recipe_of(&self, address: &EmailAddress) -> Option<Recipe> {
        PasswordHash::stored(self.of(address).expose_secret()).ok().map(|hash| hash.recipe())
    }

    fn mixed(&self, kinds: &[(String, i64)]) -> Vec<Decoy> {
        let mut known: Vec<(Recipe, u64)> = kinds
            .iter()
            .filter_map(|(kind, hashes)| {
                Some((recipe_of(kind)?, u64::try_from(*hashes).ok().filter(|count| *count > 0)?))
            })
            .collect();
        if known.is_empty() {
            known.push((self.today, 1));
        }
        let sums = known.iter().scan(0_u64, |sum, (_, hashes)| {
            *sum = sum.saturating_add(*hashes);
            Some(*sum)
        });
        let hash = |recipe: Recipe| recipe::decoy(recipe, &self.entropy).as_str().into();
        known.iter().zip(sums).map(|((recipe, _), up_to)| Decoy { up_to, hash: hash(*recipe) }).collect()
    }
}

/// `$argon2id$v=19$m=19456,t=2,p=1` or `$2b$12`.
fn recipe_of(kind: &str) -> Option<Recipe> {
    let rest = if kind.starts_with("$2b$") { BCRYPT_REST } else { REST };
    PasswordHash::stored(&format!("{kind}${rest}")).ok().map(|hash| hash.recipe())
}
