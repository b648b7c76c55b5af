//! Limits on a real Redis: shared exactly, and never bypassed when it stalls, dies, is emptied or slow.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::ids::KeyId;
use tenantry_core::window::decide;
use tenantry_platform::config::{Config, Dev, TierId};
use tenantry_platform::kit::redis::TestRedis;
use tokio::task::JoinHandle;

use super::*;
use crate::limits::{Limiter, Subject};

/// Of the nodes: the store has a clock of its own.
const NOW: u64 = 1_781_524_800_000;
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// Sixty an hour: a test is over before anything of it counts less.
const HOUR: Limit = Limit { max: 60, window_ms: 3_600_000 };
const WIDE: Limit = Limit { max: 1_000, window_ms: 3_600_000 };
/// No test waits so long for a store that answers.
const PATIENT: Duration = Duration::from_secs(20);
/// Short, for tests whose store does not answer.
const BRIEF: Duration = Duration::from_millis(50);

fn limits() -> Limits {
    Config::for_dev("test.toml", "", &Dev { port: 0, upstream: None })
        .unwrap_or_else(|faults| panic!("{faults}"))
        .limits
}

fn terms(url: &str, deadline: Duration) -> StoreTerms {
    StoreTerms { url: url.to_owned().into(), prefix: "tenantry".into(), deadline, nodes: 1, key: [7; 16] }
}

/// A node, with what keeps its store in reach.
struct Node {
    limiter: Arc<Limiter>,
    keeping: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Node {
    async fn on(url: &str, seed: u64, deadline: Duration) -> Self {
        let limiter = Arc::new(Limiter::shared(&limits(), &Entropy::seeded(seed), terms(url, deadline)).unwrap());
        let (stop, stopped) = watch::channel(false);
        let kept = Arc::clone(&limiter);
        let keeping = tokio::spawn(async move { kept.keep(stopped).await });
        let node = Self { limiter, keeping, _stop: stop };
        node.is(StoreState::Shared).await;
        node
    }

    async fn is(&self, wanted: StoreState) {
        let mut state = self.limiter.store().unwrap();
        tokio::time::timeout(PATIENT, state.wait_for(|state| *state == wanted))
            .await
            .expect("the state comes")
            .unwrap();
    }

    async fn admitted(&self, charges: &[Charge], times: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..times {
            admitted += usize::from(self.limiter.spend(NOW, charges).await.is_admitted());
        }
        admitted
    }

    async fn left(&self, charge: Charge) -> u32 {
        self.limiter.stand(NOW, &[charge]).await.lines()[0].standing.remaining
    }
}

/// Nodes that have heard of each other.
async fn nodes(redis: &TestRedis, deadline: Duration) -> Vec<Node> {
    let mut nodes = Vec::new();
    for seed in 1..=3 {
        nodes.push(Node::on(&redis.url(), seed, deadline).await);
    }
    let heard = async {
        while nodes.iter().any(|node| node.limiter.nodes() < 3) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENT, heard).await.expect("the nodes hear of each other");
    nodes
}

fn key(number: u64) -> Subject {
    let clock = Clock::fixed(Timestamp::from_second(1_781_524_800).unwrap());
    Subject::Key(KeyId::new(&clock, &Entropy::seeded(number)))
}

fn of_key(number: u64) -> Charge {
    Charge::new(TierId::API_KEY, HOUR, key(number))
}

fn of_address() -> Charge {
    Charge::new(TierId::API_IP, WIDE, Subject::Address(CLIENT))
}

#[tokio::test]
async fn three_nodes_share_one_limit_exactly() {
    let redis = TestRedis::start().await;
    let nodes = nodes(&redis, PATIENT).await;
    let charges = [of_key(1), of_address()];
    let all = futures_util::future::join_all(nodes.iter().map(|node| node.admitted(&charges, 40))).await;
    assert_eq!(all.iter().sum::<usize>(), 60, "{all:?}");
    assert_eq!(nodes[0].left(of_address()).await, 940, "what was refused was charged nowhere");
}

#[tokio::test]
async fn a_verdict_of_the_store_says_where_the_caller_stands() {
    let redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    assert_eq!(node.admitted(&[of_key(1)], 59).await, 59);
    let last = node.limiter.spend(NOW, &[of_key(1)]).await;
    assert_eq!((last.is_admitted(), last.basis(), last.lines()[0].standing.remaining), (true, Basis::Shared, 0));
    let refused = node.limiter.spend(NOW, &[of_key(1)]).await;
    assert!(refused.retry_after_s().is_some_and(|wait| (1..=7_200).contains(&wait)), "{refused:?}");
    assert!(node.limiter.spend(NOW, &[of_key(2)]).await.is_admitted(), "another key has its own");
}

/// A cluster refuses a script whose keys stand in several slots.
#[tokio::test]
async fn a_node_of_a_cluster_decides_over_all_windows_at_once() {
    let redis = TestRedis::start_in_cluster().await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut conn = client.get_multiplexed_async_connection().await.unwrap();
    let mut slots = redis::cmd("CLUSTER");
    let _: String = slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383).query_async(&mut conn).await.unwrap();
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    let verdict = node.limiter.spend(NOW, &[of_key(1), of_address()]).await;
    assert_eq!((verdict.is_admitted(), verdict.basis()), (true, Basis::Shared));
}

#[tokio::test]
async fn what_stands_in_shadow_is_shared_and_refuses_nobody() {
    let redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    let shadow = Charge { limit: Limit { max: 2, ..HOUR }, is_shadow: true, ..of_address() };
    let charges = [of_key(1), shadow];
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(node.limiter.spend(NOW, &charges).await.shadow().is_some());
    }
    assert_eq!(told, [false, false, true, true]);
    assert_eq!(node.left(of_key(1)).await, 56);
}

#[tokio::test]
async fn whoever_is_refused_is_refused_here_without_asking() {
    let redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    node.admitted(&[of_key(1)], 61).await;
    let asked = node.limiter.tally();
    assert_eq!(node.admitted(&[of_key(1), of_address()], 50).await, 0);
    let told = node.limiter.tally();
    assert_eq!((told.shared, told.refused_here), (asked.shared, asked.refused_here + 50));
    let wider = Charge { limit: Limit { max: 61, ..HOUR }, ..of_key(1) };
    assert_eq!(node.admitted(&[wider], 5).await, 1, "another limit is asked about at once");
}

#[tokio::test]
async fn a_store_that_stalls_keeps_nobody_waiting_and_is_believed_again_when_it_answers() {
    let redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, BRIEF).await;
    redis.stall();
    let alone = node.limiter.spend(NOW, &[of_key(1)]).await;
    assert_eq!((alone.is_admitted(), alone.basis()), (true, Basis::Alone));
    node.admitted(&[of_key(1)], 20).await;
    node.is(StoreState::Lost).await;
    let late = node.limiter.tally().late;
    assert_eq!(node.admitted(&[of_key(2)], 100).await, 60, "memory limits by the same limit: there is one node");
    // What waits on the store in vain are the tries beside the requests, four a second.
    assert!(node.limiter.tally().late < late + 60, "nobody asks a store that is lost");
    redis.go_on();
    node.is(StoreState::Shared).await;
    assert_eq!(node.limiter.spend(NOW, &[of_key(3)]).await.basis(), Basis::Shared);
}

/// The bound of docs/failure.md: what the store let pass, and a part of each node.
#[tokio::test]
async fn three_nodes_whose_store_dies_admit_no_more_than_their_parts() {
    let mut redis = TestRedis::start().await;
    let nodes = nodes(&redis, PATIENT).await;
    // One key by one node alone, another one by all of them.
    assert_eq!(nodes[0].admitted(&[of_key(1)], 60).await, 60);
    for node in &nodes {
        assert_eq!(node.admitted(&[of_key(2)], 15).await, 15);
    }
    redis.kill().await;
    let mut more = [[0; 3]; 3];
    for (at, node) in nodes.iter().enumerate() {
        for number in 1..=3 {
            more[number - 1][at] = node.admitted(&[of_key(number as u64)], 100).await;
        }
        node.is(StoreState::Lost).await;
    }
    assert_eq!(more, [[0, 20, 20], [5, 5, 5], [20, 20, 20]], "a third of sixty each, with what they had let pass");
    redis.start_again().await;
    for node in &nodes {
        node.is(StoreState::Shared).await;
    }
    assert_eq!(nodes[0].admitted(&[of_key(1)], 100).await, 0, "an empty store does not forget what a node has counted");
}

#[tokio::test]
async fn a_store_that_was_emptied_makes_nobody_a_beginner() {
    let mut redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    assert_eq!(node.admitted(&[of_key(1)], 50).await, 50);
    redis.kill().await;
    node.is(StoreState::Lost).await;
    redis.start_again().await;
    node.is(StoreState::Shared).await;
    assert_eq!(node.admitted(&[of_key(1)], 50).await, 10);
    let other = Node::on(&redis.url(), 2, PATIENT).await;
    assert_eq!(other.admitted(&[of_key(1)], 50).await, 0, "the other nodes know it from then on");
}

#[tokio::test]
async fn a_node_that_never_reached_the_store_limits_by_itself() {
    let mut redis = TestRedis::start().await;
    let url = redis.url();
    redis.kill().await;
    let three = StoreTerms { nodes: 3, ..terms(&url, PATIENT) };
    let limiter = Arc::new(Limiter::shared(&limits(), &Entropy::seeded(1), three).unwrap());
    let (_stop, stopped) = watch::channel(false);
    let kept = Arc::clone(&limiter);
    let keeping = tokio::spawn(async move { kept.keep(stopped).await });
    let mut state = limiter.store().unwrap();
    state.wait_for(|state| *state == StoreState::Lost).await.unwrap();
    let mut admitted = 0;
    for _ in 0..100 {
        admitted += usize::from(limiter.spend(NOW, &[of_key(1)]).await.is_admitted());
    }
    assert_eq!(admitted, 20, "its part of three nodes, as the configuration says");
    keeping.abort();
}

#[tokio::test]
async fn the_store_learns_no_address() {
    let redis = TestRedis::start().await;
    let node = Node::on(&redis.url(), 1, PATIENT).await;
    node.admitted(&[of_key(1), of_address()], 3).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut conn = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut conn).await.unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{tenantry}:"), "one slot of a cluster has them all: {key}");
        let life: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut conn).await.unwrap();
        assert!(life > 0, "{key} ends by itself");
        assert!(!key.contains("192.0.2") && !key.contains("c0000201"), "{key}");
    }
}

/// What was decided by the script, seen by what it has counted: by the rule of `core::window`, on the same numbers.
async fn agrees(shared: &Shared, memory: &Memory, charges: &[Charge]) -> Result<bool, TestCaseError> {
    let (now_ms, before) = shared.ask(memory, charges, true).await.expect("the store answers");
    let mut after = before.clone();
    let windowed = charges.iter().zip(&mut after);
    let windowed = windowed.map(|(charge, counter)| tenantry_core::window::Charge {
        limit: charge.limit,
        counter,
        cost: charge.cost,
    });
    let admitted = decide(now_ms, &mut windowed.collect::<Vec<_>>()).is_admitted();
    let (later_ms, stored) = shared.ask(memory, charges, false).await.expect("the store answers");
    for ((charge, expected), stored) in charges.iter().zip(&after).zip(&stored) {
        let at = |counter: &Counter| counter.standing(charge.limit, later_ms);
        prop_assert_eq!(at(expected), at(stored), "at {} for {:?}: {:?}", now_ms, charge, before);
    }
    Ok(admitted)
}

fn steps() -> impl Strategy<Value = Vec<(u32, u32, u32, u32)>> {
    prop::collection::vec((1..9_u32, 5..60_u32, 0..4_u32, 0..4_u32), 1..40)
}

fn on_a_store<T>(work: impl AsyncFnOnce(&Shared) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let redis = TestRedis::start().await;
        let shared = Shared::new(terms(&redis.url(), PATIENT), &limits(), &Entropy::seeded(1)).unwrap();
        shared.beat().await;
        work(&shared).await
    })
}

#[test]
fn the_script_decides_as_the_rule_does() {
    on_a_store(async |shared| {
        let (mut runner, mut admitted, mut refused) = (proptest::test_runner::TestRunner::default(), 0, 0);
        for number in 0..40 {
            let steps = steps().new_tree(&mut runner).unwrap().current();
            let memory = Memory::new(&Entropy::seeded(1));
            for (max, window_ms, cost, other) in steps {
                let charges = [
                    Charge { cost, ..Charge::new(TierId::API_KEY, Limit { max, window_ms }, key(number)) },
                    Charge { cost: other, ..Charge::new(TierId::API_IP, Limit { max: 9, window_ms: 40 }, key(number)) },
                ];
                match agrees(shared, &memory, &charges).await.unwrap_or_else(|fault| panic!("{fault}")) {
                    true => admitted += 1,
                    false => refused += 1,
                }
            }
        }
        assert!(admitted > 50 && refused > 50, "{admitted} and {refused} show something");
    });
}

/// Products beyond the 53 bits that a number of the script has.
#[test]
fn the_script_is_exact_with_large_numbers() {
    on_a_store(async |shared| {
        let (mut admitted, mut refused) = (0, 0);
        for number in 0..200_u64 {
            let limit = Limit { max: 1_000_000_000, window_ms: 86_399_999 };
            let spent = 999_999_989 - u32::try_from(number).unwrap() * 7;
            let subject = key(number);
            let memory = Memory::new(&Entropy::seeded(1));
            let (now_ms, _) = shared.ask(&memory, &[of_address()], false).await.unwrap();
            // In the period before: what a node has counted counts in the store.
            let before_ms = now_ms - u64::from(limit.window_ms);
            memory.count(before_ms, &[Charge { cost: spent, ..Charge::new(TierId::API_KEY, limit, subject) }]);
            let elapsed = now_ms % u64::from(limit.window_ms);
            let left = u128::from(u64::from(limit.window_ms) - elapsed);
            let weighs = u128::from(spent) * left / u128::from(limit.window_ms);
            let room = u32::try_from(1_000_000_000 - weighs).unwrap();
            // A millisecond takes twelve away: around the limit as it is when the question arrives.
            let cost = room - 800 + u32::try_from(number % 80).unwrap() * 20;
            let charge = Charge { cost, ..Charge::new(TierId::API_KEY, limit, subject) };
            match agrees(shared, &memory, &[charge]).await.unwrap_or_else(|fault| panic!("{fault}")) {
                true => admitted += 1,
                false => refused += 1,
            }
        }
        assert!(admitted > 20 && refused > 20, "{admitted} and {refused} show something");
    });
}
