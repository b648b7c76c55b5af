//! The queue when its handlers misbehave.

use std::sync::Arc;
use std::time::Duration;

use tenantry_platform::db::{Context, Control};
use tenantry_platform::jobs::{self, JobFault, Runner};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tokio::sync::Barrier;

async fn ask(db: &TestDb, kind: &'static str) {
    let permit =
        Permit::<Authenticate, Control>::system(Context::default(), Actor::system("test", "test"), Origin::default());
    let mut tx = permit.begin(&db.ground);
    jobs::enqueue(&mut tx, &db.ground, kind, &()).await.expect("enqueued");
    tx.commit().await.expect("committed");
}

/// Attempts and the last error of every job there is.
async fn left(db: &TestDb) -> Vec<(i32, String)> {
    let rows = db.administrator().await.query("select attempts, last_error from control.jobs order by id", &[]).await;
    rows.expect("the queue is read").iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_job_that_panics_has_failed_and_the_others_are_done() {
    let db = TestDb::new().await;
    for kind in ["panics", "works"] {
        ask(&db, kind).await;
    }
    let mut runner = Runner::new(db.ground.clone());
    runner.on("panics", |_, ()| async { panic!("a defect") });
    runner.on("works", |_, ()| async { Ok(()) });
    assert_eq!(runner.run_due().await.expect("the queue is read"), 2);
    assert_eq!(left(&db).await, [(1, "it panicked; the log says where".to_owned())]);
}

#[tokio::test]
async fn jobs_claimed_together_run_together_so_that_none_outlives_its_lease_in_a_line() {
    let db = TestDb::new().await;
    ask(&db, "meets").await;
    ask(&db, "meets").await;
    let mut runner = Runner::new(db.ground.clone());
    // Each waits for the other: in a line, the first would wait until it is given up.
    let both = Arc::new(Barrier::new(2));
    runner.on("meets", move |_, ()| {
        let both = Arc::clone(&both);
        async move {
            both.wait().await;
            Ok(())
        }
    });
    let met = tokio::time::timeout(Duration::from_secs(10), runner.run_due()).await;
    assert_eq!(met.expect("they met").expect("the queue is read"), 2);
    assert!(left(&db).await.is_empty());
}

#[tokio::test]
async fn what_failed_for_good_is_kept_for_two_weeks() {
    let db = TestDb::new().await;
    ask(&db, "fails").await;
    let mut runner = Runner::new(db.ground.clone());
    runner.on("fails", |_, ()| async { Err(JobFault::Final("nobody there".to_owned())) });
    runner.run_due().await.expect("the queue is read");
    db.ground.clock.advance(Duration::from_secs(13 * 86_400));
    jobs::forget_failed(&db.ground).await.expect("swept");
    assert_eq!(left(&db).await, [(1, "nobody there".to_owned())], "somebody may still ask why");
    db.ground.clock.advance(Duration::from_secs(2 * 86_400));
    jobs::forget_failed(&db.ground).await.expect("swept");
    assert!(left(&db).await.is_empty());
}
