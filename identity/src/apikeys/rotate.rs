//! A successor for a key, and a time in which both work (KEY-3, KEY-5).

use std::time::Duration;

use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::KeyId;
use tenantry_core::permission::PermissionSet;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::create::{CreatedKey, Making, draw, event};
use super::draft::{Ceiling, KEYS_MOST, above_ceiling, after};
use super::maker::{self, Behind};
use super::store::{self, Key, KeyState};
use super::verify::permissions;
use crate::Options;
use crate::events;

/// How long both keys work when nobody says otherwise: a day to roll a change out.
pub const OVERLAP_USUAL: Duration = Duration::from_secs(24 * 3_600);
/// How long both keys work at most: a week's release.
pub const OVERLAP_MOST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long both keys work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    /// So many seconds; [`OVERLAP_USUAL`] where nobody says.
    ///
    /// # Errors
    /// 422 beyond [`OVERLAP_MOST`].
    pub fn of(seconds: Option<u64>) -> Result<Self, Problem> {
        let span = seconds.map_or(OVERLAP_USUAL, Duration::from_secs);
        if span <= OVERLAP_MOST {
            return Ok(Self(span));
        }
        let most = OVERLAP_MOST.as_secs();
        Err(Problem::invalid("overlap_s", format!("Write 0 to {most} seconds. With 0 the old key ends at once.")))
    }
}

/// Both keys after a rotation.
#[derive(Debug)]
pub struct Rotated {
    /// The new one, with its plaintext.
    pub successor: CreatedKey,
    /// The old one, with its new end.
    pub predecessor: Key,
}

/// Makes a successor of the same name, scopes, networks and lifetime, which ends no later than a key that rotates it: a
/// key that rotates itself keeps its end. The old key works until the overlap ends, never longer than it would have. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 404 when there is no such key; 403 when it may do more than the caller, who would get a key for it; 409 when it
/// does not work any more, has a successor already, or the tenant has as many keys as it may; 401 where the key that
/// acts works no more.
pub async fn rotate<M: Mode>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    id: KeyId,
    overlap: Overlap,
    (ceiling, options): (Ceiling<'_>, &Options),
) -> Result<Rotated, Problem> {
    let now = ground.now();
    // Counting takes the tenant's lock: of two who rotate at once, the second reads what the first has done.
    let held = store::count_live(tx, now).await?;
    let acting = maker::acting(tx, now).await?;
    let key = store::find_in(tx, id).await?.ok_or_else(Problem::not_found)?;
    let scopes = permissions(&key.scopes, &options.permissions);
    ceiling.permissions.check_ceiling(&scopes).map_err(|above| above_ceiling(&above))?;
    maker::check(acting.as_ref(), &key.networks)?;
    check(&key, &scopes, now)?;
    if held >= KEYS_MOST && !overlap.0.is_zero() {
        return Err(no_room());
    }
    let behind = Behind::of(acting.as_ref(), tx.context().person, ceiling.role);
    let making = Making {
        name: &key.name,
        scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        networks: key.networks.clone(),
        expires_at: maker::no_later(acting.as_ref(), next_end(&key, options, now)),
        behind: behind.no_higher_than(key.behind.role.as_deref(), &options.roles),
        rotated_from: Some(id),
    };
    let successor = draw(tx, ground, making).await?;
    let replaced = store::replace(tx, id, successor.key.id, (after(now, overlap.0), now)).await?;
    let replaced = replaced.ok_or_else(|| replaced_meanwhile(None))?;
    note(tx, ground, (&key, &replaced), overlap).await?;
    let predecessor = if overlap.0.is_zero() { super::revoke(tx, ground, id).await? } else { replaced };
    tx.announce(ground, Change { kind: ChangeKind::Key, subject: id.uuid() }).await?;
    Ok(Rotated { successor, predecessor })
}

fn check(key: &Key, scopes: &PermissionSet, now: Timestamp) -> Result<(), Problem> {
    if let Some(successor) = key.replaced_by {
        return Err(replaced_meanwhile(Some(successor)));
    }
    if key.state(now) != KeyState::Active {
        return Err(works_no_more());
    }
    if scopes.is_empty() {
        let sentence =
            "None of this key's scopes exists any more, so a successor could do nothing. Create another key.";
        return Err(Problem::new(Kind::Conflict, sentence).code("scopes_gone"));
    }
    Ok(())
}

/// As long as the old key was meant to live, within what is allowed now.
fn next_end(key: &Key, options: &Options, now: Timestamp) -> Option<Timestamp> {
    let meant = key.expires_at.and_then(|end| Duration::try_from(end.duration_since(key.created_at)).ok());
    let policy = &options.api_keys;
    let span = match (meant, policy.max_lifetime) {
        (Some(meant), Some(longest)) => Some(meant.min(longest)),
        (None, Some(longest)) => Some(longest),
        (None, None) if policy.require_expiry => policy.default_lifetime,
        (meant, None) => meant,
    };
    span.map(|span| after(now, span))
}

async fn note<M: Mode>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    (before, now): (&Key, &Key),
    overlap: Overlap,
) -> Result<(), DbFault> {
    let facts = json!({
        "name": now.name, "start": now.start, "replaced_by": now.replaced_by, "overlap_s": overlap.0.as_secs(),
        "expires_at": text(now.expires_at),
    });
    let act = Act::new("api_key.rotated", "api_key", now.id)
        .with(facts.clone())
        .changed("expires_at", text(before.expires_at), text(now.expires_at))
        .changed("replaced_by", json!(before.replaced_by), json!(now.replaced_by));
    record::append(tx, ground, act).await?;
    record::emit(tx, ground, &events::API_KEY_ROTATED, event(now, facts)).await.map(drop)
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// Somebody was faster, now or long ago.
pub(super) fn replaced_meanwhile(successor: Option<KeyId>) -> Problem {
    let whom = successor.map_or_else(|| "a successor".to_owned(), |id| format!("the successor {id}"));
    let sentence =
        format!("This key was rotated already and has {whom}. Use that one, rotate it in turn, or revoke this key.");
    Problem::new(Kind::Conflict, sentence).code("already_rotated")
}

/// Revoked or expired: there is nothing to go on from.
pub(super) fn works_no_more() -> Problem {
    Problem::new(Kind::Conflict, "This key is revoked or expired and stays as it is. Create another one.")
        .code("key_not_working")
}

fn no_room() -> Problem {
    let sentence = format!(
        "The workspace has {KEYS_MOST} keys that work in this mode, so both cannot work side by side. Revoke a key that nobody uses, or rotate with an overlap of 0."
    );
    Problem::new(Kind::Conflict, sentence).code("too_many_keys")
}
