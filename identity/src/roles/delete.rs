//! The end of a role (AC-2, AC-3).

use tenantry_core::ids::RoleId;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, Problem};

use super::note::{deleted, note};
use super::store::{self, OwnRole};
use super::writer::Writer;
use crate::Options;
use crate::members::Granter;

/// Deletes a role that nobody has. The caller ends with `commit_and_fence`.
///
/// # Errors
/// 404 when there is no such role; 403 where it holds more than the granter; 412 when it is not as it was read; 409
/// while members have it or are invited as it.
pub async fn delete(
    tx: &mut TenantTx<Control>,
    (ground, options): (&Ground, &Options),
    granter: &Granter,
    (id, version): (RoleId, Option<i64>),
) -> Result<OwnRole, Problem> {
    let writer = Writer::of(tx, &options.roles, granter).await?;
    let role = store::lock(tx, id).await?.ok_or_else(Problem::not_found)?;
    writer.check(&role.permissions(&options.roles))?;
    if version.is_some_and(|version| version != role.version) {
        return Err(Problem::changed_meanwhile());
    }
    // Where the configuration has this name by now, its members have the configuration's role.
    if options.roles.find(&role.name).is_none() {
        check_unused(store::uses(tx, &role.name).await?)?;
    }
    store::delete(tx, id).await?;
    note(tx, ground, deleted(&role)).await?;
    Ok(role)
}

fn check_unused(uses: (i64, i64)) -> Result<(), Problem> {
    let (members, invited) = uses;
    if uses == (0, 0) {
        return Ok(());
    }
    let sentence = format!(
        "Members with this role: {members}. Invitations as this role: {invited}. Give them another role, or revoke the invitations, first."
    );
    Err(Problem::new(Kind::Conflict, sentence).code("role_in_use"))
}
