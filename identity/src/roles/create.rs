//! A new role of the tenant's own (AC-2, AC-3).

use tenantry_core::ids::RoleId;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::problem::{Kind, Problem};

use super::draft::{Faults, RoleDraft, check_twin, name_taken, words};
use super::note::{created, note};
use super::store::{self, OwnRole};
use super::writer::Writer;
use crate::Options;
use crate::members::Granter;

/// Roles of a tenant's own: more cannot be told apart by people.
pub const OWN_ROLES_MOST: i64 = 50;

/// Makes a role. The caller ends with `commit_and_fence`: a member may have this name from a role that the
/// configuration no longer has.
///
/// # Errors
/// 422 with every field that is wrong; 403 for more than the granter holds; 409 for a name that is taken, and where
/// the tenant has [`OWN_ROLES_MOST`] roles.
pub async fn create(
    tx: &mut TenantTx<Control>,
    (ground, options): (&Ground, &Options),
    granter: &Granter,
    draft: &RoleDraft,
) -> Result<OwnRole, Problem> {
    let mut faults = Faults::default();
    let (name, description) = (faults.name(&draft.name), faults.description(&draft.description));
    let permissions = faults.permissions(&draft.permissions, options);
    faults.end()?;
    Writer::of(tx, &options.roles, granter).await?.check(&permissions)?;
    check_twin(&name, &options.roles)?;
    if store::count(tx).await? >= OWN_ROLES_MOST {
        return Err(too_many());
    }
    let id = RoleId::new(&ground.clock, &ground.entropy);
    let wanted = (name.as_str(), description.as_str(), &*words(&permissions));
    let made = store::insert(tx, id, wanted, ground.now()).await?.ok_or_else(name_taken)?;
    note(tx, ground, created(&made)).await?;
    Ok(made)
}

fn too_many() -> Problem {
    let sentence = format!("A workspace has at most {OWN_ROLES_MOST} roles of its own. Delete one that nobody has.");
    Problem::new(Kind::Conflict, sentence).code("too_many_roles")
}
