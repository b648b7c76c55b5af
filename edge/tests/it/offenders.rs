//! Whoever is refused again and again: warned, slowed, refused, blocked for growing times, on every node, and let go
//! [RL-4, RL-7, ID-7].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_edge::offenders::{
    self, Ledger, Offence, Offender, Search, Standing, Why, block, lift, lift_own, list, own, parse_blockable,
};
use tenantry_platform::db::{Context, Control, Database, Operator, PoolOptions};
use tenantry_platform::feed::{ChangeKind, Terms};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Operate, Permit};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::kit::{EVERYTHING, config};

const STRANGER: &str = "203.0.113.7";

fn ledger_with(ground: &Ground, lines: &str) -> Arc<Ledger> {
    Arc::new(Ledger::new(&config(&format!("{lines}\n{EVERYTHING}")), &ground.sealer, &ground.entropy))
}

fn ledger(ground: &Ground) -> Arc<Ledger> {
    ledger_with(ground, "")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> Offender {
    Offender::Address(ip(text))
}

fn key(tenant: TenantId) -> Offender {
    Offender::Key { tenant, key: KeyId::from_uuid(Uuid::from_u128(0x77)) }
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

fn offend(ledger: &Ledger, ground: &Ground, offender: Offender, times: usize) {
    (0..times).for_each(|_| ledger.note(Offence::Limit, offender, ground.clock.now_ms()));
}

fn standing(ledger: &Ledger, ground: &Ground, offender: Offender) -> Standing {
    ledger.standing(offender, ground.clock.now_ms())
}

fn is_blocked(ledger: &Ledger, ground: &Ground, offender: Offender) -> bool {
    matches!(standing(ledger, ground, offender), Standing::Blocked { .. })
}

fn wait_s(ledger: &Ledger, ground: &Ground, offender: Offender) -> u64 {
    match standing(ledger, ground, offender) {
        Standing::Blocked { retry_after_s, .. } => retry_after_s,
        standing => panic!("{standing:?}"),
    }
}

fn staff() -> Permit<Operate, Operator> {
    Permit::minted(Context::default(), Actor::system("test", "test"))
}

fn owner(of: TenantId) -> Permit<ManageKeys, Control> {
    Permit::minted(Context { tenant: Some(of), person: None }, Actor::system("test", "owner"))
}

fn why() -> Why {
    Why::parse("a mistake").unwrap()
}

async fn count(db: &TestDb, sql: &str) -> i64 {
    db.administrator().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn whoever_goes_on_is_warned_slowed_refused_and_blocked() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    let mut seen = Vec::new();
    for _ in 0..100 {
        offend(&ledger, ground, at(STRANGER), 1);
        let now = standing(&ledger, ground, at(STRANGER));
        if seen.last() != Some(&std::mem::discriminant(&now)) {
            seen.push(std::mem::discriminant(&now));
        }
    }
    let steps = [
        Standing::Clear,
        Standing::Warned,
        Standing::Slowed,
        Standing::Refused { retry_after_s: 1 },
        standing(&ledger, ground, at(STRANGER)),
    ];
    assert_eq!(seen, steps.map(|step| std::mem::discriminant(&step)));
    assert!(
        is_blocked(&ledger, ground, at(STRANGER)) && standing(&ledger, ground, at("203.0.113.8")) == Standing::Clear
    );
}

#[tokio::test]
async fn what_is_refused_now_and_then_is_forgiven() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    for _ in 0..100 {
        offend(&ledger, ground, at(STRANGER), 10);
        ground.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Clear);
    offend(&ledger, ground, at(STRANGER), 85);
    let Standing::Refused { retry_after_s } = standing(&ledger, ground, at(STRANGER)) else { panic!("it is refused") };
    ground.clock.advance(Duration::from_secs(retry_after_s));
    assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Slowed, "refused no longer, when it was promised");
}

#[tokio::test]
async fn blocks_grow_end_by_themselves_and_begin_anew_after_a_quiet_day() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    for wanted in [60, 300, 900, 3_600, 86_400, 86_400] {
        offend(&ledger, ground, at(STRANGER), 100);
        ledger.flush(ground).await;
        assert_eq!(wait_s(&ledger, ground, at(STRANGER)), wanted);
        ground.clock.advance(Duration::from_secs(wanted - 1));
        assert!(is_blocked(&ledger, ground, at(STRANGER)));
        ground.clock.advance(Duration::from_secs(1));
        assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Clear);
    }
    ground.clock.advance(Duration::from_secs(86_400));
    offend(&ledger, ground, at(STRANGER), 100);
    ledger.flush(ground).await;
    assert_eq!(wait_s(&ledger, ground, at(STRANGER)), 60);
}

/// One customer of a provider has a /64: whatever address of it comes, it is the same offender.
#[tokio::test]
async fn the_whole_of_an_ipv6_network_is_one_offender() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    for number in 0..100 {
        offend(&ledger, ground, at(&format!("2001:db8:0:1::{number:x}")), 1);
    }
    ledger.flush(ground).await;
    assert!(is_blocked(&ledger, ground, at("2001:db8:0:1:ffff::1")));
    assert!(!is_blocked(&ledger, ground, at("2001:db8:0:2::1")));
}

#[tokio::test]
async fn a_flood_of_networks_takes_no_more_memory_and_forgets_nobody_who_is_blocked() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    offend(&ledger, ground, at(STRANGER), 100);
    offend(&ledger, ground, at("203.0.113.8"), 90);
    for number in 0_u32..400_000 {
        offend(
            &ledger,
            ground,
            Offender::Address(IpAddr::from([0x2001, 0xdb8, (number >> 16) as u16, number as u16, 0, 0, 0, 1])),
            1,
        );
    }
    assert!(is_blocked(&ledger, ground, at(STRANGER)));
    assert!(matches!(standing(&ledger, ground, at("203.0.113.8")), Standing::Refused { .. }));
    assert!(ledger.displaced().0 > 300_000, "{:?}", ledger.displaced());
}

#[tokio::test]
async fn proxies_private_networks_and_what_is_configured_are_never_blocked() {
    let db = TestDb::new().await;
    let lines = "[offenders]\nnever = [\"198.51.100.0/24\"]\n[forward_auth]\ntrusted = [\"192.0.2.1\"]";
    let (ground, ledger) = (&db.ground, ledger_with(&db.ground, lines));
    for spared in ["198.51.100.9", "::ffff:198.51.100.9", "192.0.2.1", "127.0.0.1", "10.1.2.3", "fd00::1"] {
        offend(&ledger, ground, at(spared), 200);
        assert_eq!(standing(&ledger, ground, at(spared)), Standing::Clear, "{spared}");
        assert!(parse_blockable(spared, &ledger).is_err() || spared.starts_with("::ffff"), "{spared}");
    }
    assert!(parse_blockable("198.0.0.0/8", &ledger).unwrap_err().contains("198.51.100.0/24"));
    assert!(parse_blockable("0.0.0.0/0", &ledger).unwrap_err().contains("too wide"));
    let open = ledger_with(ground, "[offenders]\nprivate_networks = true");
    offend(&open, ground, at("10.1.2.3"), 200);
    assert!(is_blocked(&open, ground, at("10.1.2.3")));
}

/// Whoever is let in by a workspace must not shut out its other people.
#[tokio::test]
async fn a_workspace_is_counted_and_never_blocked() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    offend(&ledger, ground, Offender::Tenant(tenant(1)), 10_000);
    assert!(matches!(standing(&ledger, ground, Offender::Tenant(tenant(1))), Standing::Warned));
    assert_eq!(ledger.blocks_in_force(), 0);
}

#[tokio::test]
async fn a_person_who_is_blocked_in_one_workspace_is_nobodys_offender_in_another() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    let person = PersonId::from_uuid(Uuid::from_u128(5));
    let of = |number| Offender::Person { tenant: tenant(number), person };
    offend(&ledger, ground, of(1), 100);
    ledger.flush(ground).await;
    assert!(is_blocked(&ledger, ground, of(1)) && !is_blocked(&ledger, ground, of(2)));
}

/// [ID-7] Five wrong passwords from one address stop sign-ins to that account from there alone, whether or not there is
/// such an account.
#[tokio::test]
async fn whoever_guesses_a_password_locks_nobody_out() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    let ada = EmailAddress::parse("Ada@acme.example").unwrap();
    let (guesser, elsewhere) = (ledger.account(&ada, ip(STRANGER)), ledger.account(&ada, ip("203.0.113.8")));
    for _ in 0..4 {
        ledger.note(Offence::SignIn, guesser, ground.clock.now_ms());
        assert_eq!(standing(&ledger, ground, guesser), Standing::Clear);
        // Slowly, too.
        ground.clock.advance(Duration::from_secs(3_600));
    }
    ledger.note(Offence::SignIn, guesser, ground.clock.now_ms());
    ledger.flush(ground).await;
    assert_eq!(wait_s(&ledger, ground, guesser), 900);
    assert_eq!(standing(&ledger, ground, elsewhere), Standing::Clear);
    let same = ledger.account(&EmailAddress::parse("ada@ACME.example").unwrap(), ip(STRANGER));
    assert!(is_blocked(&ledger, ground, same), "however it is spelled");
    assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Clear, "everybody else signs in there");
}

#[tokio::test]
async fn the_right_password_forgives_the_wrong_ones() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    let account = ledger.account(&EmailAddress::parse("ada@acme.example").unwrap(), ip(STRANGER));
    for _ in 0..10 {
        (0..4).for_each(|_| ledger.note(Offence::SignIn, account, ground.clock.now_ms()));
        ledger.forgive(account);
    }
    assert_eq!(standing(&ledger, ground, account), Standing::Clear);
}

#[tokio::test]
async fn shadow_decides_and_nobody_notices() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger_with(&db.ground, "[offenders]\nmode = \"shadow\""));
    offend(&ledger, ground, at(STRANGER), 90);
    assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Clear);
    assert_eq!((ledger.counters.spared(), ledger.counters.offences(Offence::Limit)), (1, 90));
    offend(&ledger, ground, at(STRANGER), 200);
    ledger.flush(ground).await;
    assert_eq!(count(&db, "select count(*) from control.address_blocks").await, 0);
}

#[tokio::test]
async fn while_the_database_is_away_a_block_holds_on_the_node_that_found_it() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    ground.db.close();
    offend(&ledger, ground, at(STRANGER), 100);
    ledger.flush(ground).await;
    assert_eq!((wait_s(&ledger, ground, at(STRANGER)), ledger.counters.unwritten()), (60, 1));
    ground.clock.advance(Duration::from_secs(60));
    assert_eq!(standing(&ledger, ground, at(STRANGER)), Standing::Clear);
}

#[tokio::test]
async fn a_start_knows_who_is_blocked() {
    let db = TestDb::new().await;
    let (ground, before) = (&db.ground, ledger(&db.ground));
    let account = |ledger: &Ledger| ledger.account(&EmailAddress::parse("ada@acme.example").unwrap(), ip(STRANGER));
    let of = [at(STRANGER), Offender::Reporter(ip(STRANGER)), key(tenant(1)), account(&before)];
    of.iter().for_each(|offender| offend(&before, ground, *offender, 100));
    before.flush(ground).await;
    let after = ledger(ground);
    after.load(ground).await.unwrap();
    assert!(of.iter().all(|offender| is_blocked(&after, ground, *offender)));
    assert!(is_blocked(&after, ground, account(&after)));
    assert_eq!(after.blocks_in_force(), 4);
}

/// Another process on the same database.
struct Node {
    ground: Ground,
    ledger: Arc<Ledger>,
    heard: Arc<Notify>,
    _stop: watch::Sender<bool>,
}

impl Node {
    async fn start(db: &TestDb) -> Self {
        let pools = Database::open(db.urls(), PoolOptions::default()).unwrap();
        let ground =
            Ground::new(pools, db.ground.clock.clone(), db.ground.entropy.clone(), Arc::clone(&db.ground.sealer));
        let (ledger, heard) = (ledger(&ground), Arc::new(Notify::new()));
        ledger.listen(&ground);
        let bell = Arc::clone(&heard);
        ground.feed.listen(move |change| {
            if change.kind == ChangeKind::Block {
                bell.notify_one();
            }
        });
        let terms = Terms { listen: db.urls().control, name: "a node".to_owned(), outage_grace: Duration::ZERO };
        let (stop, stopped) = watch::channel(false);
        let follower = ground.clone();
        tokio::spawn(async move { follower.feed.clone().follow(&follower, &terms, stopped).await });
        ground.feed.ready(&ground.clock).await;
        Self { ground, ledger, heard, _stop: stop }
    }

    /// The next block that another node tells of is enforced when this returns.
    async fn hear(&self) {
        self.heard.notified().await;
        self.ledger.read_named(&self.ground).await.unwrap();
    }
}

#[tokio::test]
async fn another_node_refuses_whoever_is_blocked_and_lets_go_when_the_lift_returns() {
    let db = TestDb::new().await;
    let (here, there) = (ledger(&db.ground), Node::start(&db).await);
    here.listen(&db.ground);
    offend(&here, &db.ground, at(STRANGER), 100);
    here.flush(&db.ground).await;
    there.hear().await;
    assert!(is_blocked(&there.ledger, &there.ground, at(STRANGER)));
    let (found, _) = list(&staff(), &db.ground, &Search::default()).await.unwrap();
    assert_eq!(lift(&staff(), &db.ground, found[0].id, &why()).await.unwrap(), "203.0.113.7/32");
    assert!(!is_blocked(&here, &db.ground, at(STRANGER)) && !is_blocked(&there.ledger, &there.ground, at(STRANGER)));
    assert!(lift(&staff(), &db.ground, found[0].id, &why()).await.is_err(), "it is over");
    // A mistake does not count against anybody.
    offend(&here, &db.ground, at(STRANGER), 100);
    here.flush(&db.ground).await;
    assert_eq!(wait_s(&here, &db.ground, at(STRANGER)), 60);
}

#[tokio::test]
async fn two_nodes_that_find_the_same_make_one_block() {
    let db = TestDb::new().await;
    let nodes = [ledger(&db.ground), ledger(&db.ground)];
    for offender in [at(STRANGER), key(tenant(1))] {
        nodes.iter().for_each(|node| offend(node, &db.ground, offender, 100));
    }
    futures_util::future::join(nodes[0].flush(&db.ground), nodes[1].flush(&db.ground)).await;
    assert_eq!(count(&db, "select count(*) from control.address_blocks").await, 1);
    assert_eq!(count(&db, "select count(*) from control.tenant_blocks").await, 1);
    assert!(nodes.iter().all(|node| is_blocked(node, &db.ground, at(STRANGER))));
}

#[tokio::test]
async fn by_hand_a_network_is_blocked_and_lifted_on_every_node() {
    let db = TestDb::new().await;
    let (here, there) = (ledger(&db.ground), Node::start(&db).await);
    here.listen(&db.ground);
    let network = parse_blockable("203.0.113.0/24", &here).unwrap();
    let until = db.ground.now() + jiff::SignedDuration::from_hours(1);
    let id = block(&staff(), &db.ground, network, until, &why()).await.unwrap();
    here.read_named(&db.ground).await.unwrap();
    there.hear().await;
    for (ledger, ground) in [(&here, &db.ground), (&there.ledger, &there.ground)] {
        assert!(matches!(standing(ledger, ground, at("203.0.113.200")), Standing::Blocked { by_hand: true, .. }));
        assert_eq!(standing(ledger, ground, at("203.0.114.1")), Standing::Clear);
    }
    lift(&staff(), &db.ground, id, &why()).await.unwrap();
    assert_eq!(standing(&there.ledger, &there.ground, at("203.0.113.200")), Standing::Clear);
    let acts = "select count(*) from control.platform_log where action in ('address.blocked', 'address.unblocked')";
    assert_eq!(count(&db, acts).await, 2);
}

#[tokio::test]
async fn a_workspace_sees_and_lifts_its_own_blocks_alone_and_its_log_tells() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger(&db.ground));
    ledger.listen(ground);
    offend(&ledger, ground, key(tenant(1)), 100);
    ledger.flush(ground).await;
    let (found, more) = own(&owner(tenant(1)), ground, &Search::default()).await.unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert!(one.is_key && !more && (one.nth, one.points, one.offence.as_str()) == (1, 100, "limit"));
    assert!(own(&owner(tenant(2)), ground, &Search::default()).await.unwrap().0.is_empty());
    assert!(lift_own(&owner(tenant(2)), ground, one.id, &why()).await.is_err(), "another's does not exist");
    lift_own(&owner(tenant(1)), ground, one.id, &why()).await.unwrap();
    assert!(!is_blocked(&ledger, ground, key(tenant(1))));
    for word in ["offender.blocked", "offender.lifted"] {
        let rows = format!(
            "select (select count(*) from control.audit where action = '{word}' and tenant_id = '{0}')
                  + (select count(*) from control.events where type = '{word}' and tenant_id = '{0}')",
            tenant(1)
        );
        assert_eq!(count(&db, &rows).await, 2, "{word}");
    }
}

const MAILS: &str = "[alerts]\nmail_to = [\"ops@example.com\"]\nrefusals = 10\nblocks = 3\nmails_an_hour = 2";

#[tokio::test]
async fn an_alert_is_told_once_and_no_flood_of_refusals_becomes_one_of_mails() {
    let db = TestDb::new().await;
    let (ground, nodes) = (&db.ground, [ledger_with(&db.ground, MAILS), ledger_with(&db.ground, MAILS)]);
    for node in &nodes {
        offend(node, ground, key(tenant(1)), 15);
        node.flush(ground).await;
    }
    let (mails, told) = (
        "select count(*) from control.jobs where kind = 'mail.send'",
        "select count(*) from control.events where type = 'alert.raised'",
    );
    assert_eq!((count(&db, mails).await, count(&db, told).await), (1, 1), "two nodes tell one thing once");
    for number in 0..30 {
        offend(&nodes[0], ground, at(&format!("203.0.113.{number}")), 15);
    }
    nodes[0].flush(ground).await;
    assert_eq!(count(&db, mails).await, 2, "two mails an hour, whatever happens");
    assert_eq!((nodes[0].counters.alerts(), nodes[1].counters.quiet_alerts()), (31, 1));
    ground.clock.advance(Duration::from_secs(3_601));
    offend(&nodes[0], ground, key(tenant(1)), 15);
    nodes[0].flush(ground).await;
    assert_eq!((count(&db, mails).await, count(&db, told).await), (3, 2), "after an hour it is told again");
}

#[tokio::test]
async fn many_blocks_at_once_are_an_alert_of_their_own() {
    let db = TestDb::new().await;
    let (ground, ledger) =
        (&db.ground, ledger_with(&db.ground, "[alerts]\nmail_to = [\"ops@example.com\"]\nblocks = 3"));
    for number in 0..5 {
        offend(&ledger, ground, at(&format!("203.0.113.{number}")), 100);
    }
    ledger.flush(ground).await;
    assert_eq!(count(&db, "select count(*) from control.jobs where kind = 'mail.send'").await, 1);
    assert_eq!(count(&db, "select count(*) from control.alerts where about = 'blocks'").await, 1);
}

#[tokio::test]
async fn what_ended_long_ago_is_swept() {
    let db = TestDb::new().await;
    let (ground, ledger) = (&db.ground, ledger_with(&db.ground, "[alerts]\nrefusals = 10"));
    offend(&ledger, ground, at(STRANGER), 100);
    offend(&ledger, ground, key(tenant(1)), 100);
    ledger.flush(ground).await;
    assert_eq!(offenders::sweep(ground).await.unwrap(), 0);
    ground.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(offenders::sweep(ground).await.unwrap(), 4);
}
