//! What became of the shared store, for the log of the whole installation: a row each time that this node loses it, and
//! each time that it answers again.

use std::time::Duration;

use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permit};
use tokio::sync::watch;

use super::limiter::Limiter;
use super::store::StoreState;

tenantry_platform::sql! {
    AsDoor OnlyControl NOTE = "select doors.note_limits_store($1, $2, $3)";
}

/// Before a row that the database did not take is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Limiter {
    /// Notes what becomes of the store, under the name of this node, until `stopped` says so. A state that ends before it
    /// is written has no row, and a start that finds the store is nothing to tell.
    pub async fn note_store(&self, ground: &Ground, node: &str, mut stopped: watch::Receiver<bool>) {
        let Some(mut state) = self.store() else { return };
        let mut noted = StoreState::Unknown;
        loop {
            let now = *state.borrow_and_update();
            let is_expected = now == noted || (noted, now) == (StoreState::Unknown, StoreState::Shared);
            let is_noted = is_expected || self.note(ground, node, now).await;
            if is_noted {
                noted = now;
            }
            tokio::select! {
                _ = state.changed() => {}
                () = tokio::time::sleep(AGAIN_AFTER), if !is_noted => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn note(&self, ground: &Ground, node: &str, state: StoreState) -> bool {
        let act = match state {
            StoreState::Unknown => return true,
            StoreState::Shared => "shared",
            StoreState::Lost => "lost",
        };
        let written = write(ground, node, act, i32::try_from(self.nodes()).unwrap_or(i32::MAX)).await;
        written
            .inspect_err(|fault| tracing::warn!(%fault, "what became of the store of limits is not noted yet"))
            .is_ok()
    }
}

async fn write(ground: &Ground, node: &str, act: &str, nodes: i32) -> Result<(), DbFault> {
    let actor = Actor::system("gateway", "limits");
    let permit = Permit::<Observe, Control>::system(Context::default(), actor, Origin::default());
    let mut tx = permit.begin(ground);
    tx.execute(&NOTE, &[&node, &act, &nodes]).await?;
    tx.commit().await
}
