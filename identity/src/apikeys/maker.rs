//! What a key may pass on: never more than it has itself, neither scopes (see [`NewKey`](super::NewKey)) nor places.

use tenantry_core::allow_list::AllowList;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::permit::Acting;
use tenantry_platform::problem::{Kind, Problem};

use super::store;

/// The key that acts, if one does.
pub(super) fn key_of(acting: &Acting) -> Option<KeyId> {
    (acting.actor.kind == "api_key").then(|| KeyId::from_uuid(acting.actor.subject))
}

/// The networks that a key gets from whoever acts. A key that works from some networks alone gives just these when
/// nothing is said; otherwise whoever stole it would make one that works from everywhere.
///
/// # Errors
/// 403 where the wanted networks reach beyond those of the acting key.
pub(super) async fn bounded<M: Mode>(tx: &mut TenantTx<M>, wanted: &AllowList) -> Result<AllowList, Problem> {
    let own = own_networks(tx).await?;
    if *wanted == AllowList::Anywhere {
        return Ok(own);
    }
    if wanted.is_within(&own) { Ok(wanted.clone()) } else { Err(beyond()) }
}

/// Whether whoever acts may let a key work from these networks.
///
/// # Errors
/// 403 where they reach beyond those of the acting key.
pub(super) async fn check<M: Mode>(tx: &mut TenantTx<M>, wanted: &AllowList) -> Result<(), Problem> {
    if wanted.is_within(&own_networks(tx).await?) { Ok(()) } else { Err(beyond()) }
}

/// From where the acting key works; a person's acts have no such bound.
async fn own_networks<M: Mode>(tx: &mut TenantTx<M>) -> Result<AllowList, DbFault> {
    let Some(id) = key_of(tx.acting()) else { return Ok(AllowList::Anywhere) };
    // A key that is gone meanwhile passes nothing on.
    Ok(store::find_in(tx, id).await?.map_or(AllowList::Only(Vec::new()), |key| key.networks))
}

fn beyond() -> Problem {
    let sentence = "A key cannot let another one work from more networks than it does itself. Name networks within its own, or ask a person to do it in the console.";
    Problem::new(Kind::Forbidden, sentence).code("above_ceiling")
}
