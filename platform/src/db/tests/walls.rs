//! Two tenants at once, thousands of statements: with both walls, and with each alone.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, Modes, PoolOptions, Sql};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use uuid::Uuid;

use super::{permit, tenant};

/// Statements in the three worlds, enough that every connection of the pool serves both tenants often.
const ROUNDS: usize = 60;
const WORKERS: usize = 8;

static INSERT: Sql<AsTenant, Modes> = Sql::registered(
    "insert into api_keys (tenant_id, id, name, digest, start, scopes, created_at) values ($1, $2, $3, $4, 'aaaaaaaa', '{}', now())",
);
static LIST: Sql<AsTenant, Modes> = Sql::registered("select tenant_id from api_keys where tenant_id = $1");
static REVOKE: Sql<AsTenant, Modes> =
    Sql::registered("update api_keys set revoked_at = now() where tenant_id = $1 and id = $2 returning tenant_id");
/// The same as a forgetful room would write them: the first wall is not there.
static LIST_ALL: Sql<AsTenant, Modes> =
    Sql::registered("select tenant_id from api_keys where (tenant_id = $1 or true)");
static REVOKE_ALL: Sql<AsTenant, Modes> = Sql::registered(
    "update api_keys set revoked_at = now() where (tenant_id = $1 or true) and id = $2 returning tenant_id",
);

/// The statements of one world.
#[derive(Clone, Copy)]
struct Room {
    list: &'static Sql<AsTenant, Modes>,
    revoke: &'static Sql<AsTenant, Modes>,
}

const CAREFUL: Room = Room { list: &LIST, revoke: &REVOKE };
const FORGETFUL: Room = Room { list: &LIST_ALL, revoke: &REVOKE_ALL };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_never_meet_behind_both_walls() {
    let db = TestDb::with(PoolOptions { most: 3, ..PoolOptions::default() }).await;
    assert_eq!(meetings(&db, CAREFUL).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_never_meet_behind_row_level_security_alone() {
    let db = TestDb::with(PoolOptions { most: 3, ..PoolOptions::default() }).await;
    assert_eq!(meetings(&db, FORGETFUL).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_never_meet_behind_the_statements_alone() {
    let db = TestDb::with(PoolOptions { most: 3, ..PoolOptions::default() }).await;
    without_policies(&db).await;
    assert_eq!(meetings(&db, CAREFUL).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_wall_they_do_meet_so_the_test_can_fail() {
    let db = TestDb::with(PoolOptions { most: 3, ..PoolOptions::default() }).await;
    without_policies(&db).await;
    assert!(meetings(&db, FORGETFUL).await > 0);
}

/// Rows of the other tenant that anybody saw or changed.
async fn meetings(db: &TestDb, room: Room) -> usize {
    let ground = Arc::new(db.ground.clone());
    let tenants = [tenant(&ground), tenant(&ground)];
    let ids = Arc::new(Mutex::new(Vec::new()));
    let workers = (0..WORKERS).map(|number| {
        let (ground, ids) = (Arc::clone(&ground), Arc::clone(&ids));
        tokio::spawn(async move { work(&ground, tenants[number % 2], room, &ids).await })
    });
    join_all(workers).await.into_iter().map(|met| met.expect("no worker panics")).sum()
}

/// `ids` are of both tenants: everybody also reaches for what is not theirs.
async fn work(ground: &Ground, own: TenantId, room: Room, ids: &Mutex<Vec<Uuid>>) -> usize {
    let mut met = 0;
    for round in 0..ROUNDS {
        let made = insert(ground, own).await;
        let id = {
            let mut ids = ids.lock().expect("nobody panics with it");
            ids.push(made);
            ids[ground.entropy.bytes::<2>()[0] as usize % ids.len()]
        };
        let rows = if round % 3 == 0 {
            permit(own).read(ground, room.list, &[]).await.expect("listed")
        } else {
            let mut tx = permit(own).begin(ground);
            let mut rows = tx.query(room.revoke, &[&id]).await.expect("revoked");
            rows.extend(tx.query(room.list, &[]).await.expect("listed"));
            if round % 3 == 1 {
                tx.commit().await.expect("committed")
            } else {
                tx.rollback().await.expect("rolled back")
            }
            rows
        };
        met += rows.iter().filter(|row| row.get::<_, Uuid>(0) != own.uuid()).count();
    }
    met
}

async fn insert(ground: &Ground, own: TenantId) -> Uuid {
    let id = tenantry_core::ids::uuid7(&ground.clock, &ground.entropy);
    let digest = ground.entropy.bytes::<32>();
    let mut tx = permit(own).begin(ground);
    tx.execute(&INSERT, &[&id, &"a key", &digest.as_slice()]).await.expect("inserted");
    tx.commit().await.expect("committed");
    id
}

/// What the database would be if the second wall had been forgotten.
async fn without_policies(db: &TestDb) {
    let sql =
        "alter table live.api_keys no force row level security; alter table live.api_keys disable row level security";
    db.administrator().await.batch_execute(sql).await.expect("the administrator may");
}
