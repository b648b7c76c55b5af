//! What a key may pass on: never more than it has itself, neither scopes (see [`NewKey`]) nor places, nor time, nor the
//! rank of whoever is behind it.

use tenantry_core::allow_list::AllowList;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::permission::RoleName;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Mode, TenantTx};
use tenantry_platform::permit::Acting;
use tenantry_platform::problem::{Kind, Problem};

use super::draft::NewKey;
use super::store::{self, Key, KeyState};

/// The key that acts, if one does.
pub(super) fn key_of(acting: &Acting) -> Option<KeyId> {
    (acting.actor.kind == "api_key").then(|| KeyId::from_uuid(acting.actor.subject))
}

/// The key that acts, as it stays until the end of the transaction; none where a person does. What the request's guard
/// believed may be gone by now, and a key that works no more passes nothing on.
///
/// # Errors
/// 401 for one that was revoked, ended or deleted meanwhile.
pub(super) async fn acting<M: Mode>(tx: &mut TenantTx<M>, now: Timestamp) -> Result<Option<Key>, Problem> {
    let Some(id) = key_of(tx.acting()) else { return Ok(None) };
    let held = store::hold(tx, id).await?.filter(|key| key.state(now) == KeyState::Active);
    held.map(Some).ok_or_else(refused)
}

/// Whose power a key carries: a person's, in the role that they had when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// They are not changed or removed by the key.
    pub person: Option<PersonId>,
    /// The key reaches no higher role. None: it gives and takes no role that has a rank.
    pub role: Option<String>,
}

impl Behind {
    /// Who is behind whoever acts: a key passes on who is behind it.
    pub(super) fn of(acting: Option<&Key>, person: Option<PersonId>, role: Option<&RoleName>) -> Self {
        match acting {
            Some(acting) => acting.behind.clone(),
            None => Self { person, role: role.map(|role| role.as_str().to_owned()) },
        }
    }

    /// The same person in the lower one of two roles, as the configuration ranks them now.
    pub(super) fn no_higher_than(self, role: Option<&str>, roles: &Roles) -> Self {
        let rank = |role: Option<&str>| role.and_then(|role| roles.find(role)?.role.rank);
        let is_higher = rank(self.role.as_deref()) > rank(role);
        if is_higher { Self { role: role.map(str::to_owned), ..self } } else { self }
    }
}

/// The networks that a key gets from whoever acts. A key that works from some networks alone gives just these when
/// nothing is said; otherwise whoever stole it would make one that works from everywhere.
///
/// # Errors
/// 403 where the wanted networks reach beyond those of the acting key.
pub(super) fn bounded(acting: Option<&Key>, wanted: &AllowList) -> Result<AllowList, Problem> {
    match acting {
        Some(acting) if *wanted == AllowList::Anywhere => Ok(acting.networks.clone()),
        acting => check(acting, wanted).map(|()| wanted.clone()),
    }
}

/// Whether whoever acts may let a key work from these networks. A person's acts have no such bound.
///
/// # Errors
/// 403 where they reach beyond those of the acting key.
pub(super) fn check(acting: Option<&Key>, wanted: &AllowList) -> Result<(), Problem> {
    if acting.is_none_or(|acting| wanted.is_within(&acting.networks)) { Ok(()) } else { Err(beyond()) }
}

/// The end of a key that whoever acts makes: a key makes none that outlives it, or nobody would need the longer one. Where
/// nothing was said of the end, it is the acting key's own.
///
/// # Errors
/// 403 where the wanted end comes after that of the acting key.
pub(super) fn ending(acting: Option<&Key>, new: &NewKey) -> Result<Option<Timestamp>, Problem> {
    let wanted = new.expires_at();
    let soonest = no_later(acting, wanted);
    if soonest == wanted || new.is_end_usual() { Ok(soonest) } else { Err(outliving(soonest)) }
}

/// The end, or that of the acting key where it comes before.
pub(super) fn no_later(acting: Option<&Key>, end: Option<Timestamp>) -> Option<Timestamp> {
    [acting.and_then(|acting| acting.expires_at), end].into_iter().flatten().min()
}

fn outliving(end: Option<Timestamp>) -> Problem {
    let until = end.map(|end| format!(" {end}")).unwrap_or_default();
    let sentence = format!(
        "A key cannot make one that outlives it. Name an end no later than its own,{until}, leave `expires_at` out, or ask a person to do it in the console."
    );
    Problem::new(Kind::Forbidden, sentence).code("above_ceiling")
}

fn refused() -> Problem {
    let sentence = "This API key was revoked or has ended meanwhile. Nothing was changed. Create another one in the console under API keys.";
    Problem::new(Kind::Unauthorized, sentence).code("key_refused")
}

fn beyond() -> Problem {
    let sentence = "A key cannot let another one work from more networks than it does itself. Name networks within its own, or ask a person to do it in the console.";
    Problem::new(Kind::Forbidden, sentence).code("above_ceiling")
}
