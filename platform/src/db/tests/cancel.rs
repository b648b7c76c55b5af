//! A client that goes away at any await leaves nothing behind for the next tenant on the same connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, DbFault, Modes, PoolOptions, Sql};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use uuid::Uuid;

use super::{permit, tenant};

/// Cancellations of a usual run. `TENANTRY_CANCELS=10000` runs the long one.
const CANCELS: usize = 600;
/// More polls than any of the calls below needs: every await is hit.
const POLLS_MOST: usize = 12;

static NOTE: Sql<AsTenant, Modes> = Sql::registered(
    "insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, '\\x00', now())",
);
/// Without the first wall, so that a context left behind would show.
static SEEN: Sql<AsTenant, Modes> = Sql::registered(
    "select coalesce(array_agg(distinct tenant_id), '{}'), current_setting('tenantry.tenant') from subject_keys where (tenant_id = $1 or true)",
);

#[tokio::test]
async fn a_cancelled_call_leaves_no_context_on_the_connection() {
    let db = TestDb::with(PoolOptions { most: 1, ..PoolOptions::default() }).await;
    let tenants = [tenant(&db.ground), tenant(&db.ground)];
    let most = std::env::var("TENANTRY_CANCELS").ok().and_then(|text| text.parse().ok()).unwrap_or(CANCELS);
    let mut cancelled = 0;
    let mut round = 0;
    while cancelled < most {
        let (victim, next) = (tenants[round % 2], tenants[(round + 1) % 2]);
        let polls = 1 + (round / 2) % POLLS_MOST;
        cancelled += usize::from(Cut { call: Box::pin(both(&db.ground, victim)), polls }.await.is_none());
        assert_own_rows_alone(&db.ground, next).await;
        round += 1;
    }
}

/// Two statements and a commit, then one read.
async fn both(ground: &Ground, own: TenantId) -> Result<(), DbFault> {
    let permit = permit(own);
    let mut tx = permit.begin(ground);
    for _ in 0..2 {
        tx.execute(&NOTE, &[&tenantry_core::ids::uuid7(&ground.clock, &ground.entropy)]).await?;
    }
    tx.commit().await?;
    permit.read(ground, &SEEN, &[]).await.map(drop)
}

async fn assert_own_rows_alone(ground: &Ground, own: TenantId) {
    let rows = permit(own).read(ground, &SEEN, &[]).await.expect("the pool has a clean connection");
    let seen: Vec<Uuid> = rows[0].get(0);
    assert!(seen.iter().all(|tenant| *tenant == own.uuid()), "{own} saw {seen:?}");
    assert_eq!(rows[0].get::<_, &str>(1), own.to_string());
}

/// Polls a call so often and then drops it: `None` where it was not done by then.
pub(crate) struct Cut<F> {
    pub(crate) call: Pin<Box<F>>,
    pub(crate) polls: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.call.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
