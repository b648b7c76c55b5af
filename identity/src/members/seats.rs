//! Seats: how many people a workspace's plan has room for (RL-4).

use tenantry_platform::config::Plans;
use tenantry_platform::db::{Control, TenantTx};
use tenantry_platform::problem::{Kind, Problem};

use super::store;
use crate::tenants;

/// Refuses one more where all seats of the plan are taken. The tenant's row is held from here on, so that of two who take
/// the last seat one finds it taken. `beside`: what has a seat besides the members.
pub(super) async fn check(tx: &mut TenantTx<Control>, plans: &Plans, beside: i64) -> Result<(), Problem> {
    let Some(name) = tenants::plan_held(tx).await? else { return Ok(()) };
    let Some(seats) = plans.find(&name).and_then(|plan| plan.seats) else { return Ok(()) };
    let taken = beside + store::count(tx).await?;
    if taken < i64::from(seats) { Ok(()) } else { Err(no_seats(seats)) }
}

fn no_seats(seats: u32) -> Problem {
    let sentence = format!(
        "All {seats} seats of the workspace's plan are taken, by members and open invitations. Remove somebody, withdraw an \
         invitation, or ask for a larger plan."
    );
    Problem::new(Kind::Conflict, sentence).code("no_seats")
}
