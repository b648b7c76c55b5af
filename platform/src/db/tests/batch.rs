//! Many tenants' rows in one commit.

use std::iter::repeat_with;

use tenantry_core::ids::{TenantId, uuid7};
use tenantry_platform::db::{AsTenant, Context, DbFault, Live, Modes, Sql, TenantBatch};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Observe, Origin, Permit};
use uuid::Uuid;

use super::tenant;

static NOTE: Sql<AsTenant, Modes> = Sql::registered(
    "insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, '\\x00', now())",
);

fn batch(ground: &Ground, rows: &[(TenantId, Uuid)]) -> TenantBatch<Live> {
    let permit = Permit::<Observe, Live>::system(Context::default(), Actor::system("test", "test"), Origin::default());
    let mut batch = permit.batch(ground);
    rows.iter().for_each(|(tenant, subject)| batch.push(*tenant, &NOTE, vec![Box::new(*subject)]));
    batch
}

async fn stored(db: &TestDb) -> i64 {
    let row = db.administrator().await.query_one("select count(*) from live.subject_keys", &[]).await;
    row.expect("a number").get(0)
}

#[tokio::test]
async fn bad_rows_fail_alone_wherever_they_stand() {
    let db = TestDb::new().await;
    let tenants: Vec<TenantId> = repeat_with(|| tenant(&db.ground)).take(30).collect();
    let subject = || uuid7(&db.ground.clock, &db.ground.entropy);
    let mut rows: Vec<(TenantId, Uuid)> = (0..300).map(|n| (tenants[n % 30], subject())).collect();
    for (bad, good) in [(7, 6), (150, 30), (299, 29)] {
        rows[bad] = (tenants[bad % 30], rows[good].1);
        rows[good].0 = tenants[bad % 30];
    }
    let outcome = batch(&db.ground, &rows).commit().await.expect("committed");
    let bad: Vec<&DbFault> = outcome.faults.iter().flatten().collect();
    assert_eq!(bad.len(), 3);
    assert!(bad.iter().all(|fault| fault.constraint() == Some("subject_keys_pkey")));
    assert_eq!(stored(&db).await, 297);
}

#[tokio::test]
async fn rows_of_many_tenants_are_waited_for_together_and_are_in_only_when_they_are_committed() {
    let db = TestDb::new().await;
    let rows: Vec<(TenantId, Uuid)> =
        repeat_with(|| (tenant(&db.ground), uuid7(&db.ground.clock, &db.ground.entropy))).take(200).collect();
    let before = db.ground.db.live.flushes();
    drop(batch(&db.ground, &rows).write().await.expect("written"));
    assert_eq!((db.ground.db.live.flushes() - before, stored(&db).await), (1, 0));
    batch(&db.ground, &rows).write().await.expect("written").commit().await.expect("committed");
    assert_eq!(stored(&db).await, 200);
}
