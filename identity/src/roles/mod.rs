//! Roles: those of the configuration, and those that a tenant adds for itself.
//!
//! What must always hold (AC-2, AC-3):
//!
//! - A role means what is written now; a name that nobody knows permits nothing. There is one place that knows what a
//!   name means, [`RoleBook`]; the configuration's roles come first, also before a role of the same name that a tenant
//!   made earlier.
//! - A tenant's own role stays within the ceiling role of the configuration, when it is written and again whenever it
//!   is read: a lowered ceiling takes effect, and a word that is no longer declared grants nothing.
//! - Nobody writes into a role, or out of one, what they do not hold themselves, measured in the very transaction.
//! - An own role has no rank: its permissions alone decide who may give it, and whoever has it gives no ranked role.
//! - A name stands for one role of a tenant, in any case, and never changes: memberships and invitations name it. The
//!   database decides. A role that somebody has, or is invited as, is not deleted; whoever grants it holds its row, so
//!   that the deletion waits and sees.
//! - Every change has its audit row and its event in its transaction, and announces the tenant, so that no session
//!   keeps what was taken away.

mod book;
pub mod console;
mod create;
mod delete;
mod draft;
pub mod http;
mod note;
pub mod page;
mod store;
mod update;
mod writer;

pub use book::{KnownRole, RoleBook, permissions_of};
pub use create::{OWN_ROLES_MOST, create};
pub use delete::delete;
pub use draft::{RoleDraft, RoleEdit};
pub use store::OwnRole;
pub use update::update;

use tenantry_core::ids::RoleId;
use tenantry_platform::db::Control;
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};
use tenantry_platform::problem::Problem;

/// One role of the permit's tenant's own.
///
/// # Errors
/// 404 where it has none with this id.
pub async fn find<P: Permission>(permit: &Permit<P, Control>, ground: &Ground, id: RoleId) -> Result<OwnRole, Problem> {
    store::find(permit, ground, id).await?.ok_or_else(Problem::not_found)
}
