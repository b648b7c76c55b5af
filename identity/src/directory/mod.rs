//! The directory: who and what changed, in an order that loses nothing, for apps that keep tables of their own (AC-2).
//!
//! What must always hold:
//!
//! - The database notes each change of a person, a membership and a workspace itself, in the transaction of the change.
//!   A list goes by the number of that transaction and ends where not everything is decided yet, so that whoever goes
//!   on from a cursor meets each change, however long another transaction took.
//! - What is gone stays in the list as an id that says so, and nothing else of it.
//! - Lists of all workspaces are read with a management key alone: the platform's own, of no tenant, with one scope for
//!   each list. Only the owner's login makes and revokes one; the app's routes and tenants' routes refuse it.
//! - A tenant's own key reads the changes of its own members alone: the door reads the tenant of the transaction (AC-5).

pub mod cli;
mod cursor;
pub mod http;
mod store;
mod verify;

pub use cursor::{Cursor, Kind};
pub use store::{Changed, Listed, MemberChange, MembershipChange, TenantChange, UserChange};
pub use verify::{ManagementKeys, Pending, Presented};

use tenantry_core::clock::Timestamp;
use tenantry_platform::db::{Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ListMembers, ListTenants, ListUsers, Permit, ReadMembers};
use tenantry_platform::problem::Problem;

/// Changes on a page, when nobody asks for fewer or more.
pub const CHANGES_A_PAGE: u16 = 100;
/// Changes on a page at most: an answer of about 150 KB.
pub const CHANGES_A_PAGE_MOST: u16 = 500;

/// Where a page begins, and how long it is at most.
#[derive(Clone, Copy, Debug)]
pub struct From {
    /// Behind this place.
    pub cursor: Cursor,
    /// On the first page: only what has changed since then, or a little before.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: u16,
}

/// A page, in the order of the changes.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The changes.
    pub changes: Vec<T>,
    /// Where to go on, also when there is nothing more for now.
    pub next: Cursor,
    /// Whether more is there already.
    pub more: bool,
}

/// Everybody who has an account.
///
/// # Errors
/// 422 for a cursor of another database.
pub async fn users(
    permit: &Permit<ListUsers, Control>,
    ground: &Ground,
    from: From,
) -> Result<Page<UserChange>, Problem> {
    page(from, store::users(permit, ground, from).await)
}

/// Who belongs to which workspace.
///
/// # Errors
/// 422 for a cursor of another database.
pub async fn memberships(
    permit: &Permit<ListMembers, Control>,
    ground: &Ground,
    from: From,
) -> Result<Page<MembershipChange>, Problem> {
    page(from, store::memberships(permit, ground, from).await)
}

/// All workspaces.
///
/// # Errors
/// 422 for a cursor of another database.
pub async fn tenants(
    permit: &Permit<ListTenants, Control>,
    ground: &Ground,
    from: From,
) -> Result<Page<TenantChange>, Problem> {
    page(from, store::tenants(permit, ground, from).await)
}

/// The members of the permit's own tenant.
///
/// # Errors
/// 422 for a cursor of another database.
pub async fn members(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    from: From,
) -> Result<Page<MemberChange>, Problem> {
    page(from, store::members(permit, ground, from).await)
}

/// One more than the page holds was read: whether it was there tells of the next page.
fn page<T>(from: From, listed: Result<Listed<T>, DbFault>) -> Result<Page<T>, Problem> {
    let Listed { horizon, mut changes } = listed?;
    if from.cursor.is_beyond(horizon) {
        return Err(cursor::unknown());
    }
    let limit = usize::from(from.limit);
    let more = changes.len() > limit;
    changes.truncate(limit);
    let next = match changes.last() {
        Some((last, _)) if more => *last,
        // All that is decided was read.
        _ => from.cursor.at_horizon(horizon),
    };
    Ok(Page { changes: changes.into_iter().map(|(_, change)| change).collect(), next, more })
}
