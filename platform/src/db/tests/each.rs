//! Statements of many tenants in one transaction and few flushes.

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, Context, DbFault, Live, Modes, Sql, Step};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Observe, Permit};
use uuid::Uuid;

use super::{permit, tenant};

/// `$2` may be there already: then the row is refused.
static NOTE: Sql<AsTenant, Modes> = Sql::registered(
    "insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, '\\x00', now())",
);
/// Without the first wall, so that a wrong context would show.
static SEEN: Sql<AsTenant, Modes> = Sql::registered(
    "select subject_id, current_setting('tenantry.tenant') from subject_keys where (tenant_id = $1 or true)",
);

fn observer(tenant: TenantId) -> Permit<Observe, Live> {
    Permit::system(Context { tenant: Some(tenant), person: None }, Actor::system("test", "test"), Default::default())
}

/// So many tenants, each with a permit and something to write.
fn many(ground: &Ground, count: usize) -> Vec<(Permit<Observe, Live>, Uuid)> {
    let one = || (observer(tenant(ground)), tenantry_core::ids::uuid7(&ground.clock, &ground.entropy));
    std::iter::repeat_with(one).take(count).collect()
}

async fn seen(ground: &Ground, by: &Permit<Observe, Live>) -> Vec<Uuid> {
    let rows = by.read(ground, &SEEN, &[]).await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn each_statement_runs_in_its_own_context_and_the_transaction_comes_back_to_its_own() {
    let db = TestDb::new().await;
    let (home, all) = (permit(tenant(&db.ground)), many(&db.ground, 1_200));
    let mut tx = home.begin(&db.ground);
    let before = db.ground.db.live.flushes();
    let writing: Vec<_> = all.iter().map(|(there, id)| Step::new(there, &NOTE, &[id]).expect("a step")).collect();
    tx.each(&writing).await.expect("written");
    assert_eq!(db.ground.db.live.flushes() - before, 3, "1,200 statements are 3 flushes");
    let reading: Vec<_> = all.iter().map(|(there, _)| Step::new(there, &SEEN, &[]).expect("a step")).collect();
    for ((there, id), rows) in all.iter().zip(tx.each(&reading).await.expect("read")) {
        let found: Vec<(Uuid, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(found, [(*id, there.tenant().expect("a tenant").to_string())], "its own row alone");
    }
    assert!(tx.query(&SEEN, &[]).await.expect("read").is_empty(), "home again, where nothing was written");
    tx.commit().await.expect("committed");
    assert_eq!(seen(&db.ground, &all[700].0).await, [all[700].1]);
}

#[tokio::test]
async fn one_refused_statement_takes_all_with_it_and_is_the_one_that_is_named() {
    let db = TestDb::new().await;
    let (home, mut all) = (permit(tenant(&db.ground)), many(&db.ground, 20));
    all.push((observer(all[10].0.tenant().expect("a tenant")), all[10].1));
    all.extend(many(&db.ground, 20));
    let mut tx = home.begin(&db.ground);
    let writing: Vec<_> = all.iter().map(|(there, id)| Step::new(there, &NOTE, &[id]).expect("a step")).collect();
    let fault = tx.each(&writing).await.expect_err("twice the same");
    assert_eq!(fault.constraint(), Some("subject_keys_pkey"));
    assert!(matches!(tx.each(&writing).await, Err(DbFault::Over)), "there is nothing left to go on with");
    drop(tx);
    for (there, _) in &all {
        assert!(seen(&db.ground, there).await.is_empty());
    }
}
