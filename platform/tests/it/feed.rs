//! What other processes tell, and when it is heard (KEY-3, ID-11, AC-12).

use std::time::Duration;

use tenantry_core::ids::uuid7;
use tenantry_platform::feed::POLL;
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::Client;
use uuid::Uuid;

/// Far above the poll of 250 ms: only a change that is never told takes so long.
const LONG: Duration = Duration::from_secs(10);

/// Announces as another process does, in whatever transaction the connection has open.
async fn announce(ground: &Ground, client: &Client, subject: Uuid) {
    let (id, at) = (uuid7(&ground.clock, &ground.entropy), ground.now());
    client.execute("select doors.announce($1, 'key', $2, $3)", &[&id, &subject, &at]).await.expect("announced");
}

async fn next(heard: &mut UnboundedReceiver<Uuid>) -> Uuid {
    tokio::time::timeout(LONG, heard.recv()).await.expect("the change is told").expect("the feed goes on")
}

#[tokio::test]
async fn a_change_is_told_at_once_and_once_while_another_transaction_stays_open() {
    let db = TestDb::new().await;
    let [slow, quick] = [db.login("tenantry_test").await, db.login("tenantry_control").await];
    // It holds its number from here on, below those of all that follow, and nothing below it is decided.
    slow.batch_execute("begin; select pg_current_xact_id()").await.expect("begun");
    let (tell, mut heard) = unbounded_channel();
    db.ground.feed.listen(move |change| {
        // The test is over when nobody hears it.
        let _ = tell.send(change.subject);
    });
    let ground = db.ground.clone();
    let following = tokio::spawn(async move { ground.feed.clone().follow(&ground).await });

    let [first, second, last] = [1, 2, 3].map(Uuid::from_u128);
    announce(&db.ground, &quick, first).await;
    assert_eq!(next(&mut heard).await, first, "whoever has a transaction open holds up nobody's revocation");
    announce(&db.ground, &quick, second).await;
    assert_eq!(next(&mut heard).await, second, "and what was told is not told again");
    announce(&db.ground, &slow, last).await;
    slow.batch_execute("commit").await.expect("committed");
    assert_eq!(next(&mut heard).await, last, "what appears behind others is not lost");
    following.abort();
}

#[tokio::test]
async fn whoever_cannot_hear_of_revocations_believes_its_cache_for_two_minutes_and_no_longer() {
    let db = TestDb::new().await;
    let ground = db.ground.clone();
    let following = tokio::spawn(async move { ground.feed.clone().follow(&ground).await });
    let cached = settled(&db.ground).await;
    let admin = db.administrator().await;
    let cut = "revoke execute on function doors.changes_since(xid8, integer) from tenantry_control";
    admin.batch_execute(cut).await.expect("cut off");
    db.ground.clock.advance(Duration::from_secs(119));
    assert!(db.ground.feed.holds(cached, &[]), "nothing can be revoked while the database is away for all");
    db.ground.clock.advance(Duration::from_secs(2));
    until(|| !db.ground.feed.holds(cached, &[])).await;

    let mend = "grant execute on function doors.changes_since(xid8, integer) to tenantry_control";
    admin.batch_execute(mend).await.expect("mended");
    let again = settled(&db.ground).await;
    db.ground.clock.advance(Duration::from_secs(100));
    assert!(db.ground.feed.holds(again, &[]), "what is looked up afterwards holds");
    following.abort();
}

/// The generation once nothing voids everything any more.
async fn settled(ground: &Ground) -> u64 {
    let mut known = u64::MAX;
    tokio::time::timeout(LONG, async {
        while std::mem::replace(&mut known, ground.feed.generation()) != known || known == 0 {
            tokio::time::sleep(POLL * 3).await;
        }
    })
    .await
    .expect("the feed is read");
    known
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it becomes so");
}
