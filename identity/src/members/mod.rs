//! Members: who belongs to a tenant, and in which role.
//!
//! What must always hold:
//!
//! - A role means what the configuration says now; a role that it no longer names permits nothing (AC-2).
//! - Names and addresses of people are shown only to members of the tenant that they belong to, through a
//!   door that reads the tenant of the transaction (AC-5).

pub mod http;
mod join;
mod standing;
mod store;

pub(crate) use join::join;
pub use standing::{Standing, permissions_of, standing};
pub use store::Member;

use tenantry_platform::db::{Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permit, ReadMembers};
use uuid::Uuid;

/// The members of the permit's tenant after one of them, in order of id; at most [`MEMBERS_A_PAGE`].
///
/// # Errors
/// What the database says.
pub async fn list(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    after: Option<Uuid>,
) -> Result<Vec<Member>, DbFault> {
    store::list(permit, ground, after.unwrap_or_default()).await
}

/// What the door answers at most.
pub const MEMBERS_A_PAGE: usize = 200;
