//! What both walls cost: a scoped read through [`Permit::read`] against the same read without tenant, context and
//! transaction, interleaved, on the same private cluster. `cargo run --release -p tenantry-platform --example scoped_read`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::time::{Duration, Instant};

use tenantry_core::ids::TenantId;
use tenantry_platform::db::{AsTenant, Context, Live, Modes, Sql};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Permit, ReadKeys};
use tokio_postgres::Client;

/// Rounds of each kind in turn; the median round counts.
const ROUNDS: usize = 9;
/// Reads a round.
const READS: u32 = 2_000;
/// Tenants with a row each, so that the index has something to find.
const TENANTS: usize = 1_000;

static FIND: Sql<AsTenant, Modes> =
    Sql::registered("select id, name, start from api_keys where tenant_id = $1 and id = $2");
const BARE: &str = "select id, name, start from bare_keys where tenant_id = $1 and id = $2";

#[tokio::main]
async fn main() {
    let db = TestDb::new().await;
    let rows = fill(&db).await;
    let bare = db.administrator().await;
    let (mut scoped, mut unscoped) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        scoped.push(read_scoped(&db, &rows).await);
        unscoped.push(read_bare(&bare, &rows).await);
    }
    let (scoped, unscoped) = (median(scoped), median(unscoped));
    println!("scoped read     {:>7.1} us   BEGIN, context, statement, COMMIT in one flush", micros(scoped));
    println!(
        "unscoped read   {:>7.1} us   the statement alone, as administrator, on a table without policies",
        micros(unscoped)
    );
    println!("difference      {:>7.1} us   network round trips: 1 and 1", micros(scoped) - micros(unscoped));
}

async fn fill(db: &TestDb) -> Vec<(TenantId, uuid::Uuid)> {
    let client = db.administrator().await;
    let mut rows = Vec::with_capacity(TENANTS);
    for number in 0..TENANTS {
        let (tenant, id) = (
            TenantId::new(&db.ground.clock, &db.ground.entropy),
            tenantry_core::ids::uuid7(&db.ground.clock, &db.ground.entropy),
        );
        let digest = db.ground.entropy.bytes::<32>();
        client
            .execute(
                "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at) values ($1, $2, $3, $4, 'aaaaaaaa', '{}', now())",
                &[&tenant.uuid(), &id, &format!("key {number}"), &digest.as_slice()],
            )
            .await
            .expect("the administrator may insert");
        rows.push((tenant, id));
    }
    let copy = "create table bare_keys as select * from live.api_keys; create unique index on bare_keys (tenant_id, id); analyze";
    client.batch_execute(copy).await.expect("the administrator may copy");
    rows
}

async fn read_scoped(db: &TestDb, rows: &[(TenantId, uuid::Uuid)]) -> Duration {
    let began = Instant::now();
    for (tenant, id) in rows.iter().cycle().take(READS as usize) {
        let permit = Permit::<ReadKeys, Live>::minted(
            Context { tenant: Some(*tenant), person: None },
            Actor::system("bench", "bench"),
        );
        let found = permit.read(&db.ground, &FIND, &[id]).await.expect("the row is there");
        assert_eq!(found.len(), 1);
    }
    began.elapsed() / READS
}

async fn read_bare(client: &Client, rows: &[(TenantId, uuid::Uuid)]) -> Duration {
    let statement = client.prepare(BARE).await.expect("it prepares");
    let began = Instant::now();
    for (tenant, id) in rows.iter().cycle().take(READS as usize) {
        let found = client.query(&statement, &[&tenant.uuid(), id]).await.expect("the row is there");
        assert_eq!(found.len(), 1);
    }
    began.elapsed() / READS
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
