//! Other permissions, another description (AC-2, AC-3).

use tenantry_core::ids::RoleId;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::Problem;

use super::draft::{Faults, RoleEdit, words};
use super::note::{note, updated};
use super::store::{self, OwnRole};
use super::writer::Writer;
use crate::Options;
use crate::members::Granter;

/// Changes a role, at once for everybody who has it. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 404 when there is no such role; 422 with every field that is wrong; 403 where the role holds, or shall hold, more
/// than the granter; 412 when it is not as it was read.
pub async fn update(
    tx: &mut TenantTx<Control>,
    (ground, options): (&Ground, &Options),
    granter: &Granter,
    id: RoleId,
    edit: &RoleEdit,
) -> Result<OwnRole, Problem> {
    let mut faults = Faults::default();
    let description = edit.description.as_ref().map(|text| faults.description(text));
    let permissions = edit.permissions.as_ref().map(|words| faults.permissions(words, options));
    faults.end()?;
    let writer = Writer::of(tx, &options.roles, granter).await?;
    let before = store::lock(tx, id).await?.ok_or_else(Problem::not_found)?;
    writer.check(&before.permissions(&options.roles))?;
    if edit.version.is_some_and(|version| version != before.version) {
        return Err(Problem::changed_meanwhile());
    }
    let wanted = match permissions {
        Some(permissions) => {
            writer.check(&permissions)?;
            words(&permissions)
        }
        None => before.words.clone(),
    };
    let description = description.unwrap_or_else(|| before.description.clone());
    if (&wanted, &description) == (&before.words, &before.description) {
        return Ok(before);
    }
    let now = store::update(tx, id, (&description, &wanted), ground.now()).await?;
    note(tx, ground, updated(&before, &now)).await?;
    Ok(now)
}
