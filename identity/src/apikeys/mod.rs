//! API keys: made once, shown once, verified from memory, revoked at once.
//!
//! What must always hold:
//!
//! - Only the SHA-256 of a key and the first eight characters of its random part are kept (KEY-2). The
//!   plaintext leaves in one answer and nowhere else: no log, no `Debug`, no audit row.
//! - A key never does more than its maker could when it was made, and never a word that the configuration
//!   no longer knows (KEY-1). It keeps who is behind it and in which role they were: it gives and takes no role above
//!   that one, and never their own (AC-3). A successor has the lower one of two roles.
//! - A key works in the one tenant and mode that it names (AC-7, AC-14).
//! - A key works from its own networks alone, judged on every request from memory, by the client's address as trusted
//!   proxies tell it (KEY-1). It never passes on more than it has: neither scopes nor networks nor time. A key
//!   that a key makes or rotates ends no later than that one, so one that rotates itself keeps its end.
//! - A key has one successor at most; while both work, the old one never works longer than it would have. Whoever gets
//!   a successor's plaintext may do what it does (AC-3).
//! - A key belongs to the tenant: it works on when its maker has left.
//! - Of a key that ends people are told in time, once a threshold, whatever restarts and however many nodes there are.
//! - A wrong checksum is refused without a look-up. Unknown keys are remembered within a bound of their own.
//! - When [`revoke`] has been fenced, no cache of this process accepts the key, not even one that was being
//!   filled meanwhile (KEY-3). Expiry is judged on every request.
//! - Every change has its audit row and its event in its own transaction (KEY-5).

pub mod console;
mod create;
mod delete;
pub mod documents;
mod draft;
pub mod http;
mod maker;
pub mod page;
mod revoke;
mod rotate;
mod store;
mod update;
mod uses;
mod verify;
mod warn;

pub use create::{CreatedKey, create};
pub use delete::delete;
pub use draft::{Ceiling, Draft, KEY_NAME_CHARS_MOST, KEYS_MOST, NewKey, usual_end};
pub use maker::Behind;
pub use revoke::revoke;
pub use rotate::{OVERLAP_MOST, OVERLAP_USUAL, Overlap, Rotated, rotate};
pub use store::{Key, KeyState};
pub use update::{KeyEdit, update};
pub use verify::{ApiKeys, Counts, Pending, Presented, Refusal, VerifiedKey};
pub use warn::{WARN_EVERY, WARNED_DAYS_BEFORE};

use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, DbFault, HasStore, Mode};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permit, ReadKeys};
use tenantry_platform::problem::Problem;

/// Keys on a page, when nobody asks for fewer.
pub const KEYS_A_PAGE: u16 = 50;
/// Keys on a page at most: an answer of about 100 KB.
pub const KEYS_A_PAGE_MOST: u16 = 200;

/// A page of the tenant's keys, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn list<M: Mode>(
    permit: &Permit<ReadKeys, M>,
    ground: &Ground,
    after: Option<KeyId>,
    limit: u16,
) -> Result<(Vec<Key>, bool), DbFault>
where
    Database: HasStore<M>,
{
    let limit = usize::from(limit.clamp(1, KEYS_A_PAGE_MOST));
    let mut keys = store::list(permit, ground, after, limit + 1).await?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    Ok((keys, more))
}

/// How many of the tenant's keys work now.
///
/// # Errors
/// What the database says.
pub async fn count<M: Mode>(permit: &Permit<ReadKeys, M>, ground: &Ground) -> Result<i64, DbFault>
where
    Database: HasStore<M>,
{
    store::count(permit, ground, ground.now()).await
}

/// One of the tenant's keys.
///
/// # Errors
/// 404 when it is not there, or not this tenant's, or of the other mode.
pub async fn find<M: Mode>(permit: &Permit<ReadKeys, M>, ground: &Ground, id: KeyId) -> Result<Key, Problem>
where
    Database: HasStore<M>,
{
    store::find(permit, ground, id).await?.ok_or_else(Problem::not_found)
}
