//! Members: who belongs to a tenant, in which role, who is invited, and whose the tenant is.
//!
//! What must always hold (AC-2, AC-3, AC-16):
//!
//! - What a role means, [`RoleBook`] alone says; a role that nobody knows any more permits nothing.
//! - Nobody gives, changes or takes away a role above their own, measured in the very transaction; a key goes as far
//!   as its scopes and the rank of whoever is behind it, and never makes an owner.
//! - An owner is neither demoted nor removed by anybody else. Nobody changes or removes themselves, with a key of theirs
//!   neither; leaving is a verb of its own. The database keeps at least one active owner of each tenant, whoever is taken away, also of two that
//!   are taken away at once.
//! - An invitation is accepted by whoever has both its token, of which only the digest is kept, and the proven address
//!   that it names. It works once, ends, and is open once an address. It gives what whoever sent it may give when it is
//!   accepted, and nothing once they may invite nobody any more.
//! - Every verb that takes something away announces the person, so that no cached session keeps it.
//! - Every change has its audit row and its event in its own transaction. Names and addresses of people are shown only
//!   to members of the tenant that they belong to, through a door that reads the tenant of the transaction (AC-5).

pub mod accept;
mod backing;
mod change_role;
pub mod console;
pub mod http;
pub mod invitation_api;
pub mod invitation_page;
mod invitations;
mod invite;
mod join;
pub mod page;
mod refusal;
mod remove;
mod role;
mod seats;
mod store;
mod token;
mod transfer;

pub use change_role::change_role;
pub use invitations::{Invitation, InvitationState, list_invitations, sweep};
pub use invite::{INVITATIONS_OPEN_MOST, Invite, MEMBERS_MOST, invite, resend, revoke_invitation};
pub(crate) use join::{note, place};
pub(crate) use refusal::too_many_workspaces;
pub(crate) use remove::leave_each;
pub use remove::{leave, remove};
pub use role::{Authority, Granter};
pub use store::Member;
pub(crate) use store::{KEEP_AN_OWNER, MEMBERSHIPS_MOST};
pub use transfer::transfer;

use tenantry_core::ids::PersonId;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ManageMembers, Permission as _, Permit, ReadMembers};
use tenantry_platform::problem::Problem;
use uuid::Uuid;

use crate::roles::RoleBook;

/// What the door answers at most.
pub const MEMBERS_A_PAGE: usize = 200;

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

/// One member of the permit's tenant.
///
/// # Errors
/// 404 for who is no member.
pub async fn find(permit: &Permit<ReadMembers, Control>, ground: &Ground, person: PersonId) -> Result<Member, Problem> {
    store::find(permit, ground, person).await?.ok_or_else(Problem::not_found)
}

/// A member, how far the granter may go, both held until the end of the transaction, and what the roles mean. One
/// statement locks both, so that of two who act on one another one waits.
async fn held<'a>(
    tx: &mut TenantTx<Control>,
    (ground, roles): (&Ground, &'a Roles),
    granter: &Granter,
    person: PersonId,
) -> Result<(store::Held, Authority, RoleBook<'a>), Problem> {
    let mut people = vec![person];
    people.extend(granter.person());
    let found = store::lock(tx, &people).await?;
    let book = RoleBook::load(tx, roles).await?;
    let of = |person: PersonId| found.iter().find(|held| held.person == person);
    let authority = match granter {
        Granter::Key(key, _) => role::key_authority(tx, roles, *key, ground.now()).await?,
        Granter::Person(own) => of(*own).and_then(|own| book.named(&own.role)).and_then(Authority::of_role),
    };
    let authority = authority.ok_or_else(|| Problem::missing_permission(ManageMembers::WORD))?;
    Ok((of(person).ok_or_else(Problem::not_found)?.clone(), authority, book))
}
