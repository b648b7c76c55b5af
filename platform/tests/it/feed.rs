//! What other processes tell, when it is heard, and who waits for whom (KEY-3, ID-11, AC-12).

use std::sync::Arc;
use std::time::Duration;

use tenantry_core::clock::Clock;
use tenantry_core::ids::uuid7;
use tenantry_platform::db::{Context, Control, Database, PoolOptions};
use tenantry_platform::feed::{Change, ChangeKind, LEASE, Reach, Terms, copies};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Authenticate, Permit};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

/// Far above the poll of 250 ms: only a change that is never told takes so long.
const LONG: Duration = Duration::from_secs(10);

/// Another process on the same database: its own pools, caches and lease.
struct Node {
    ground: Ground,
    stop: watch::Sender<bool>,
    following: JoinHandle<()>,
}

impl Node {
    async fn start(db: &TestDb) -> Self {
        Self::with(db, Duration::ZERO).await
    }

    async fn with(db: &TestDb, outage_grace: Duration) -> Self {
        let pools = Database::open(db.urls(), PoolOptions::default()).expect("pools");
        let ground = Ground::new(pools, Clock::system(), db.ground.entropy.clone(), Arc::clone(&db.ground.sealer));
        let terms = Terms { listen: db.urls().control, name: "a node".to_owned(), outage_grace };
        let (stop, stopped) = watch::channel(false);
        let follower = ground.clone();
        let following = tokio::spawn(async move { follower.feed.clone().follow(&follower, &terms, stopped).await });
        tokio::time::timeout(LONG, ground.feed.ready(&ground.clock)).await.expect("the first lease comes");
        Self { ground, stop, following }
    }

    fn trusts(&self) -> bool {
        self.ground.feed.trusts(&self.ground.clock)
    }

    async fn leave(self) {
        self.stop.send_replace(true);
        self.following.await.expect("it ends");
    }
}

async fn take_away(ground: &Ground, subject: Uuid) -> Reach {
    let permit = Permit::<Authenticate, Control>::minted(Context::default(), Actor::system("test", "test"));
    let mut tx = permit.begin(ground);
    tx.announce(ground, Change { kind: ChangeKind::Key, subject }).await.expect("announced");
    tx.commit_and_fence(ground).await.expect("committed")
}

/// Announces in whatever transaction the connection has open.
async fn announce(ground: &Ground, client: &Client, subject: Uuid) {
    let (id, at) = (uuid7(&ground.clock, &ground.entropy), ground.now());
    client.execute("select doors.announce_change($1, 'key', $2, $3)", &[&id, &subject, &at]).await.expect("announced");
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
    let node = Node::start(&db).await;
    let (tell, mut heard) = unbounded_channel();
    node.ground.feed.listen(move |change| {
        // The test is over when nobody hears it.
        let _ = tell.send(change.subject);
    });

    let [first, second, last] = [1, 2, 3].map(Uuid::from_u128);
    announce(&db.ground, &quick, first).await;
    assert_eq!(next(&mut heard).await, first, "whoever has a transaction open holds up nobody's revocation");
    announce(&db.ground, &quick, second).await;
    assert_eq!(next(&mut heard).await, second, "and what was told is not told again");
    announce(&db.ground, &slow, last).await;
    slow.batch_execute("commit").await.expect("committed");
    assert_eq!(next(&mut heard).await, last, "what appears behind others is not lost");
}

/// Whoever is let in after a change goes on: a long export, a socket. [KEY-3 AC-12]
#[tokio::test]
async fn a_change_of_this_process_shuts_nobody_out_who_was_let_in_after_it() {
    let db = TestDb::new().await;
    let node = Node::start(&db).await;
    let quick = db.login("tenantry_control").await;
    let (tell, mut heard) = unbounded_channel();
    node.ground.feed.listen(move |change| {
        // The test is over when nobody hears it.
        let _ = tell.send(change.subject);
    });
    for number in 1..=20 {
        let [own, others] = [number, 1_000 + number].map(Uuid::from_u128);
        take_away(&node.ground, own).await;
        let began = node.ground.feed.generation();
        announce(&db.ground, &quick, others).await;
        while next(&mut heard).await != others {}
        assert!(node.ground.feed.holds(began, &[own]), "the table tells of it, and it was applied before");
        assert!(!node.ground.feed.holds(began, &[others]), "what others take away is applied");
    }
}

#[tokio::test]
async fn a_revocation_answers_when_every_node_has_applied_it() {
    let db = TestDb::new().await;
    let (one, two, three) = (Node::start(&db).await, Node::start(&db).await, Node::start(&db).await);
    for number in 1..=50 {
        let subject = Uuid::from_u128(number);
        let before = [&two, &three].map(|node| node.ground.feed.generation());
        let reach = take_away(&one.ground, subject).await;
        assert_eq!(reach, Reach { applied: 3, lapsed: 0, may_accept_until: None });
        for (node, began) in [&two, &three].into_iter().zip(before) {
            assert!(!node.ground.feed.holds(began, &[subject]), "it was told before the answer");
        }
    }
}

tenantry_platform::sql! {
    AsPerson OnlyControl END taking = "update sessions set ended_at = now() where person_id = $1 and ended_at is null";
    AsPerson OnlyControl END_NONE taking =
        "update sessions set ended_at = now() where person_id = $1 and ended_at is null returning true";
}

/// A defect of ours opens no door: what was taken away and not announced, or announced and not waited for, is not done.
#[tokio::test]
async fn what_takes_something_away_commits_through_the_fence_alone() {
    let db = TestDb::new().await;
    let person = tenantry_core::ids::PersonId::new(&db.ground.clock, &db.ground.entropy);
    let context = Context { tenant: None, person: Some(person) };
    let begin = || Permit::<Authenticate, Control>::minted(context, Actor::system("test", "test")).begin(&db.ground);
    let (change, refused) = (Change { kind: ChangeKind::Person, subject: person.uuid() }, "takes something away");

    let mut tx = begin();
    tx.execute(&END, &[]).await.expect("done");
    assert!(tx.commit().await.expect_err("not announced").to_string().contains(refused));
    let mut tx = begin();
    tx.execute(&END, &[]).await.expect("done");
    assert!(tx.commit_and_fence(&db.ground).await.expect_err("not announced").to_string().contains(refused));
    let mut tx = begin();
    tx.announce(&db.ground, change).await.expect("announced");
    assert!(tx.commit().await.expect_err("not waited for").to_string().contains(refused));
    let told = db.administrator().await.query_one("select count(*) from control.change", &[]).await.expect("counted");
    assert_eq!(told.get::<_, i64>(0), 0, "all of it was rolled back");

    let mut tx = begin();
    tx.execute(&END_NONE, &[]).await.expect("done");
    tx.commit().await.expect("nothing was taken away");
    let mut tx = begin();
    tx.execute(&END, &[]).await.expect("done");
    tx.announce(&db.ground, change).await.expect("announced");
    tx.commit_and_fence(&db.ground).await.expect("as it should be");
}

#[tokio::test]
async fn an_older_copy_is_noted_until_somebody_has_looked() {
    let db = TestDb::new().await;
    let node = Node::start(&db).await;
    let (admin, cached) = (db.administrator().await, node.ground.feed.generation());
    assert_eq!(copies::noticed(&db.ground).await.expect("read"), None);
    admin.batch_execute("update control.nodes set beat = 0").await.expect("older");
    until(|| !node.ground.feed.holds(cached, &[])).await;
    tokio::time::timeout(LONG, node.ground.feed.ready(&node.ground.clock)).await.expect("it is a node again");
    assert_eq!(copies::noticed(&db.ground).await.expect("read").map(|noticed| noticed.nodes), Some(1));
    assert_eq!(copies::acknowledge(&admin, db.ground.now()).await.expect("acknowledged"), 1);
    assert_eq!(copies::noticed(&db.ground).await.expect("read"), None);
}

#[tokio::test]
async fn nobody_waits_for_a_node_that_has_left() {
    let db = TestDb::new().await;
    let (one, two) = (Node::start(&db).await, Node::start(&db).await);
    two.leave().await;
    assert_eq!(take_away(&one.ground, Uuid::from_u128(1)).await.applied, 1);
}

#[tokio::test]
async fn a_node_that_hears_nothing_has_no_lease_when_the_revocation_answers() {
    let db = TestDb::new().await;
    let (one, two) = (Node::start(&db).await, Node::start(&db).await);
    let admin = db.administrator().await;
    // Its renewals hang, as behind a network that carries nothing: the other one's do, too.
    admin.batch_execute("begin; lock table control.nodes in share mode").await.expect("locked");
    let reach = take_away(&one.ground, Uuid::from_u128(1)).await;
    assert!(!two.trusts(), "its lease is over");
    assert_eq!((reach.applied, reach.lapsed, reach.may_accept_until), (1, 1, None));
    admin.batch_execute("commit").await.expect("unlocked");
    tokio::time::timeout(LONG, two.ground.feed.ready(&two.ground.clock)).await.expect("it catches up");
}

/// A renewal arrives whose answer is lost, as where a way carries again what it held back. The node finds its place once
/// more, and believes nothing before it has read what it missed.
#[tokio::test]
async fn a_node_that_finds_its_place_again_reads_what_it_missed_before_it_believes_anything() {
    let db = TestDb::new().await;
    let node = Node::start(&db).await;
    let (missed, cached) = (Uuid::from_u128(7), node.ground.feed.generation());
    let mut admin = db.administrator().await;
    let renewal = "create or replace function doors.renew_node(node uuid, expected bigint, applied pg_snapshot)
        returns table (is_renewed boolean, stands_at bigint) language plpgsql strict security definer set search_path = '' as $$
        begin
            return query update control.nodes n set beat = n.beat + 1, seen = applied
                where n.node_id = node and n.beat = expected returning true, n.beat;
            if found then perform pg_catalog.pg_sleep(0.3);
            else return query select false, n.beat from control.nodes n where n.node_id = node;
            end if;
        end $$";
    admin.batch_execute(renewal).await.expect("renewals that take their time");
    let tx = admin.transaction().await.expect("begun");
    tx.batch_execute("lock table control.nodes in share mode").await.expect("locked");
    until(|| !node.trusts()).await;
    tx.batch_execute("update control.nodes set beat = beat + 1").await.expect("arrived");
    announce(&node.ground, tx.client(), missed).await;
    tx.commit().await.expect("committed");
    until(|| node.trusts()).await;
    assert!(!node.ground.feed.holds(cached, &[missed]), "it has a lease, and has not heard of the change");
}

#[tokio::test]
async fn whom_the_database_does_not_know_believes_nothing_that_was_cached() {
    let db = TestDb::new().await;
    let node = Node::start(&db).await;
    let cached = node.ground.feed.generation();
    assert!(node.ground.feed.holds(cached, &[]));
    // As in a copy of an hour ago.
    db.administrator().await.batch_execute("update control.nodes set beat = 0").await.expect("older");
    until(|| !node.ground.feed.holds(cached, &[])).await;
    tokio::time::timeout(LONG, node.ground.feed.ready(&node.ground.clock)).await.expect("it is a node again");
}

#[tokio::test]
async fn a_lease_ends_by_itself_when_the_login_may_no_longer_renew_it() {
    let db = TestDb::new().await;
    let node = Node::with(&db, Duration::from_secs(120)).await;
    let cut = "revoke execute on function doors.renew_node(uuid, bigint, pg_snapshot) from tenantry_control";
    db.administrator().await.batch_execute(cut).await.expect("cut off");
    tokio::time::timeout(LONG, async {
        while node.trusts() {
            tokio::time::sleep(LEASE / 20).await;
        }
    })
    .await
    .expect("a database that answers is not down, whatever the grace is");
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it becomes so");
}
