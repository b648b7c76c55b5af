//! Another name, other networks (KEY-1, KEY-5).

use tenantry_core::allow_list::AllowList;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{DbFault, Mode, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{FieldFault, Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::create::event;
use super::draft::{Ceiling, MEND, above_ceiling, check_name, check_networks};
use super::maker;
use super::rotate::works_no_more;
use super::store::{self, Key};
use super::verify::permissions;
use crate::Options;
use crate::events;

/// What shall be other than it is. What is none stays.
#[derive(Clone, Debug, Default)]
pub struct KeyEdit {
    /// What people call it.
    pub name: Option<String>,
    /// Networks that it works from; an empty list: from anywhere.
    pub allowed_networks: Option<Vec<String>>,
    /// The version that was read; none: whatever stands there is changed.
    pub version: Option<i64>,
}

/// Changes a key of the transaction's tenant. The caller ends with `commit_and_fence`: fewer networks take something
/// away.
///
/// # Errors
/// 404 when there is no such key; 422 with every field that is wrong; 412 when it is not as it was read; 403 when
/// more networks are asked for by whoever may do less than the key, 401 by a key that works no more; 409 when it works
/// no more itself.
pub async fn update<M: Mode>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    id: KeyId,
    edit: &KeyEdit,
    (ceiling, options): (Ceiling<'_>, &Options),
) -> Result<Key, Problem> {
    let (name, networks) = read(edit)?;
    let key = store::find_in(tx, id).await?.ok_or_else(Problem::not_found)?;
    if edit.version.is_some_and(|version| version != key.version) {
        return Err(Problem::changed_meanwhile());
    }
    if key.revoked_at.is_some() {
        return Err(works_no_more());
    }
    let (name, networks) = (name.unwrap_or_else(|| key.name.clone()), networks.unwrap_or_else(|| key.networks.clone()));
    if !networks.is_within(&key.networks) {
        ceiling
            .permissions
            .check_ceiling(&permissions(&key.scopes, &options.permissions))
            .map_err(|above| above_ceiling(&above))?;
        maker::check(maker::acting(tx, ground.now()).await?.as_ref(), &networks)?;
    }
    if (&name, &networks) == (&key.name, &key.networks) {
        return Ok(key);
    }
    let changed = store::update(tx, id, (&name, &networks), key.version).await?;
    let changed = changed.ok_or_else(Problem::changed_meanwhile)?;
    note(tx, ground, &key, &changed).await?;
    tx.announce(ground, Change { kind: ChangeKind::Key, subject: id.uuid() }).await?;
    Ok(changed)
}

fn read(edit: &KeyEdit) -> Result<(Option<String>, Option<AllowList>), Problem> {
    let mut problem = Problem::new(Kind::Invalid, MEND);
    let mut fault = |field: String, message: String| problem.fields.push(FieldFault { field, message });
    let name = edit.name.as_ref().map(|name| name.trim().to_owned());
    if let Some(Err(message)) = name.as_deref().map(check_name) {
        fault("name".to_owned(), message);
    }
    let networks = edit.allowed_networks.as_ref().map(|lines| check_networks(lines, &mut fault));
    if problem.fields.is_empty() { Ok((name, networks)) } else { Err(problem) }
}

async fn note<M: Mode>(tx: &mut TenantTx<M>, ground: &Ground, before: &Key, now: &Key) -> Result<(), DbFault> {
    let facts = serde_json::json!({ "name": now.name, "start": now.start, "allowed_networks": now.networks.lines() });
    let mut act = Act::new("api_key.updated", "api_key", now.id).with(facts.clone());
    if before.name != now.name {
        act = act.changed("name", before.name.as_str(), now.name.as_str());
    }
    if before.networks != now.networks {
        act = act.changed("allowed_networks", before.networks.lines(), now.networks.lines());
    }
    record::append(tx, ground, act).await?;
    record::emit(tx, ground, &events::API_KEY_UPDATED, event(now, facts)).await.map(drop)
}
