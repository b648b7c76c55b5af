//! Signing keys: made, rotated, and loaded into the rings that every room signs with (EN-2).

use std::sync::Arc;
use std::time::Duration;

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::SigningKeyId;
use tenantry_core::seal::Place;
use tenantry_core::token::{Algorithm, SigningKey};
use tenantry_platform::feed::ChangeKind;
use tenantry_platform::ground::Ground;
use tenantry_platform::signing::{LoadedKey, Purpose};
use tokio::sync::{Notify, watch};

use super::store::{self, NewKey, StoredKey};
use super::{Schedule, VaultFault};

/// How often the schedule is looked at. Shorter than the least time by which a key is published ahead.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A key that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its name in tokens.
    pub kid: String,
    /// What it signs.
    pub purpose: Purpose,
    /// From when.
    pub signs_from: Timestamp,
}

impl std::fmt::Display for Added {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} signs from {}", self.purpose.as_str(), self.kid, self.signs_from)
    }
}

/// Loads the keys that still verify into this process. Answers how many.
///
/// # Errors
/// When a key does not open; the rings then stay as they were.
pub async fn load(ground: &Ground) -> Result<usize, VaultFault> {
    let stored = store::keys(ground).await?;
    let keys = stored.iter().filter_map(|key| Some((purpose_of(key)?, key)));
    let keys: Vec<_> =
        keys.map(|(purpose, key)| Ok((purpose, open(ground, key)?))).collect::<Result<_, VaultFault>>()?;
    let count = keys.len();
    ground.signing.load(keys);
    Ok(count)
}

/// How many stored keys open: the check that nobody lost the root key or altered a row.
///
/// # Errors
/// As [`load`].
pub async fn count_openable(ground: &Ground) -> Result<usize, VaultFault> {
    let stored = store::keys(ground).await?;
    stored.iter().try_for_each(|key| open(ground, key).map(drop))?;
    Ok(stored.len())
}

/// What some key signs for right now.
///
/// # Errors
/// What the database said.
pub async fn signing_now(ground: &Ground) -> Result<Vec<Purpose>, VaultFault> {
    let (stored, now) = (store::keys(ground).await?, ground.now());
    let signs = |purpose: &Purpose| {
        stored.iter().any(|key| purpose_of(key) == Some(*purpose) && (key.signs_from..key.signs_until).contains(&now))
    };
    Ok(Purpose::ALL.into_iter().filter(signs).collect())
}

/// Makes the first key of each purpose, and the next ones when it is time, then loads all of them.
pub async fn ensure(ground: &Ground, schedule: &Schedule) -> Result<Vec<Added>, VaultFault> {
    add_where(ground, schedule, |known, now| schedule.due(known, now)).await
}

/// Adds a key of each purpose now; it signs as soon as every node has it.
pub async fn rotate_now(ground: &Ground, schedule: &Schedule) -> Result<Vec<Added>, VaultFault> {
    add_where(ground, schedule, |known, now| Some(schedule.soonest(known, now))).await
}

/// Rotates by the schedule, and loads what other nodes add, until `stop` says so.
pub async fn keep(ground: &Ground, schedule: &Schedule, mut stop: watch::Receiver<bool>) {
    let bell = Arc::new(Notify::new());
    let ring = Arc::clone(&bell);
    ground.feed.listen(move |change| {
        if change.kind == ChangeKind::SigningKeys {
            ring.notify_one();
        }
    });
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        let done = tokio::select! {
            _ = tick.tick() => ensure(ground, schedule).await.map(drop),
            () = bell.notified() => load(ground).await.map(drop),
            _ = stop.changed() => Ok(()),
        };
        if let Err(fault) = done {
            tracing::error!(%fault, "signing keys could not be rotated or loaded; the loaded ones stay in use");
        }
    }
}

async fn add_where(
    ground: &Ground,
    schedule: &Schedule,
    starts: impl Fn(&[(Timestamp, Timestamp)], Timestamp) -> Option<Timestamp>,
) -> Result<Vec<Added>, VaultFault> {
    let (stored, now, mut added) = (store::keys(ground).await?, ground.now(), Vec::new());
    for purpose in Purpose::ALL {
        let of_purpose = stored.iter().filter(|key| key.purpose == purpose.as_str());
        let known: Vec<_> = of_purpose.map(|key| (key.signs_from, key.signs_until)).collect();
        if let Some(signs_from) = starts(&known, now) {
            added.extend(add(ground, schedule, purpose, signs_from, known.len()).await?);
        }
    }
    load(ground).await?;
    Ok(added)
}

/// `None` where another node was faster.
async fn add(
    ground: &Ground,
    schedule: &Schedule,
    purpose: Purpose,
    from: Timestamp,
    known: usize,
) -> Result<Option<Added>, VaultFault> {
    let id = SigningKeyId::new(&ground.clock, &ground.entropy);
    let (times, algorithm) = (schedule.times(purpose, from), schedule.algorithm(purpose));
    let key = SigningKey::generate(algorithm, id.to_string());
    let sealed = ground.sealer.seal(&place(id.uuid().as_bytes()), &key.pkcs8(), &ground.entropy);
    let new = NewKey {
        id,
        purpose: purpose.as_str(),
        algorithm: algorithm.name(),
        // Invariant: a public key is plain strings.
        jwk: serde_json::to_value(key.jwk()).expect("a public key is JSON"),
        sealed: &sealed,
        signs_from: times.signs_from,
        signs_until: times.signs_until,
        verifies_until: times.verifies_until,
        expected: i64::try_from(known).unwrap_or(i64::MAX),
    };
    if !store::add_key(ground, &new).await? {
        return Ok(None);
    }
    tracing::info!(kid = %id, purpose = purpose.as_str(), signs_from = %from, "a signing key was added");
    Ok(Some(Added { kid: id.to_string(), purpose, signs_from: from }))
}

/// A purpose that this binary does not know belongs to a newer one.
fn purpose_of(key: &StoredKey) -> Option<Purpose> {
    Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == key.purpose)
}

fn open(ground: &Ground, key: &StoredKey) -> Result<LoadedKey, VaultFault> {
    let kid = key.id.to_string();
    let sealed = |cause| VaultFault::Sealed { kid: kid.clone(), cause };
    let pkcs8 = ground.sealer.open(&place(key.id.uuid().as_bytes()), &key.sealed).map_err(sealed)?;
    let algorithm = if key.algorithm == Algorithm::Es256.name() { Algorithm::Es256 } else { Algorithm::EdDsa };
    let opened =
        SigningKey::from_pkcs8(algorithm, kid.clone(), &pkcs8).map_err(|cause| VaultFault::Damaged { kid, cause })?;
    Ok(LoadedKey {
        key: Arc::new(opened),
        signs_from: key.signs_from,
        signs_until: key.signs_until,
        verifies_until: key.verifies_until,
    })
}

fn place(id: &[u8; 16]) -> Place<'_> {
    Place { label: "signing-key", scope: "installation", table: "signing_keys", column: "sealed", row: id }
}
