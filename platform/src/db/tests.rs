//! The walls, tried: each alone, both together, and under cancellation (AC-5 to AC-9).

#[path = "tests/batch.rs"]
mod batch;
#[path = "tests/cancel.rs"]
pub(crate) mod cancel;
#[path = "tests/catalogue.rs"]
mod catalogue;
#[path = "tests/compile_fail.rs"]
mod compile_fail;
#[path = "tests/each.rs"]
mod each;
#[path = "tests/lost.rs"]
mod lost;
#[path = "tests/silent.rs"]
mod silent;
#[path = "tests/walls.rs"]
mod walls;

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{Context, Live};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Permit};

/// A tenant that owns nothing yet.
fn tenant(ground: &Ground) -> TenantId {
    TenantId::new(&ground.clock, &ground.entropy)
}

/// A permit in the live plane.
fn permit(tenant: TenantId) -> Permit<ManageKeys, Live> {
    Permit::minted(Context { tenant: Some(tenant), person: None }, Actor::system("test", "test"))
}

#[tokio::test]
async fn serving_logins_pass_their_own_check() {
    let db = TestDb::new().await;
    db.ground.db.refuse_power().await.expect("the plan's logins have no power");
}

#[tokio::test]
async fn a_login_with_power_is_refused() {
    let db = TestDb::new().await;
    let owner = tenantry_platform::db::logins::OWNER;
    let administrator = db.administrator().await;
    // The roles belong to the whole cluster, so this grant is made and undone in one transaction.
    administrator.batch_execute(&format!("begin; grant {owner} to tenantry_live")).await.expect("granted");
    let member: bool = administrator
        .query_one("select pg_has_role('tenantry_live', $1, 'member')", &[&owner])
        .await
        .expect("asked")
        .get(0);
    administrator.batch_execute("rollback").await.expect("undone");
    assert!(member, "what the check looks at is what the grant changes");
    let urls = db.urls();
    let as_administrator = tenantry_platform::db::Urls { live: db.administrator_url().parse().expect("a URL"), ..urls };
    let pools = tenantry_platform::db::Database::open(as_administrator, Default::default()).expect("pools");
    let refusal = pools.refuse_power().await.expect_err("the administrator may not serve").to_string();
    assert!(refusal.contains("tenantry_live"), "{refusal}");
}

/// A database of before look-alikes were refused may hold some: each tenant keeps its slug, and one of them holds the
/// looks for all. [AC-11]
#[tokio::test]
async fn tenants_that_look_alike_already_keep_their_slugs() {
    const PEOPLE: &str = include_str!("migrations/0004_people.sql");
    let client = TestDb::new().await.administrator().await;
    let before = "drop index control.slugs_skeleton;
        insert into control.slugs (slug, tenant_id, claimed, reserved_until) values
            ('acrne', '00000000-0000-7000-8000-000000000001', true, now()),
            ('acme', '00000000-0000-7000-8000-000000000002', true, now()),
            ('ac-me', '00000000-0000-7000-8000-000000000000', false, now()),
            ('globex', '00000000-0000-7000-8000-000000000003', false, now())";
    client.batch_execute(before).await.expect("look-alikes");
    let begin = PEOPLE.find("alter table control.slugs no force").expect("the filling");
    let end = begin + PEOPLE[begin..].find("\n\n").expect("its end");
    client.batch_execute(&PEOPLE[begin..end]).await.expect("filled");
    let rows = client.query("select slug, skeleton from control.slugs order by slug", &[]).await.expect("rows");
    let slugs: Vec<(String, Option<String>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let held = |skeleton: &str| Some(skeleton.to_owned());
    let expected =
        [("acme".to_owned(), None), ("acrne".to_owned(), held("acrne")), ("globex".to_owned(), held("globex"))];
    assert_eq!(slugs, expected);
    let reserve = "select doors.reserve_slug('a-crne', gen_random_uuid(), now(), now())";
    assert!(!client.query_one(reserve, &[]).await.expect("asked").get::<_, bool>(0), "held for both");
}
