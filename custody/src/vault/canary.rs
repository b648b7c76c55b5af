//! The canary: a value that only the right root key opens.

use tenantry_platform::ground::Ground;

use super::{VaultFault, store};

/// Whether the database was served before: its canary is planted.
///
/// # Errors
/// When the database does not answer.
pub async fn is_planted(ground: &Ground) -> Result<bool, VaultFault> {
    Ok(store::canary(ground).await?.is_some())
}

/// Plants the canary in a database that has none, or opens the one that is there.
///
/// # Errors
/// [`VaultFault::WrongRootKey`], whose sentence tells the operator what to do.
pub async fn ensure_canary(ground: &Ground) -> Result<(), VaultFault> {
    let stored = match store::canary(ground).await? {
        Some(sealed) => sealed,
        None => plant(ground).await?,
    };
    Ok(ground.sealer.check_canary(&stored)?)
}

/// Of several nodes that start on an empty database, one plants; all of them open what is there then.
async fn plant(ground: &Ground) -> Result<Vec<u8>, VaultFault> {
    let ours = ground.sealer.canary(&ground.entropy);
    store::plant_canary(ground, &ours).await?;
    Ok(store::canary(ground).await?.unwrap_or(ours))
}
