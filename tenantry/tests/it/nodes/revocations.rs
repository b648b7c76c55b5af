//! Keys that are used on three nodes, and revoked at one of them: what is sent after the answer is refused everywhere.
//!
//! `TENANTRY_REVOCATIONS=10000` for the long run, `TENANTRY_REVOCATIONS_TO=DIR` for its histogram: `make revocations`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, join3};
use tokio::sync::Barrier;

use super::drawing::draw;
use super::{Extra, Fleet, Key, Line, Revoked};

/// A key is used on each node more than twenty times a second.
const USE_EVERY: Duration = Duration::from_millis(40);
/// Requests on each node that are sent after the answer.
const AFTERWARDS: u32 = 3;
/// Keys that live at a time.
const AT_ONCE: u32 = 4;
/// What the ordinary suite revokes.
const FEW: u32 = 50;
/// KEY-3: within a second, of a hundred revocations in ninety-nine.
const PROMISED: Duration = Duration::from_secs(1);
/// A lease and its margin, and how long a busy machine may take for anything.
const LONGEST: Duration = Duration::from_secs(5);

/// One key's life.
struct Life {
    revoked: Revoked,
    uses: u32,
    lasted: Duration,
}

#[expect(clippy::print_stdout, reason = "its figures are for whoever runs it by hand")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_after_a_revocation_has_answered_is_refused_on_every_node() {
    let wanted = number("TENANTRY_REVOCATIONS", FEW);
    let fleet = Fleet::start(3, Extra::default()).await;
    let lives = live(&fleet, wanted, number("TENANTRY_REVOCATIONS_AT_ONCE", AT_ONCE)).await;
    let mut took: Vec<Duration> = lives.iter().map(|life| life.revoked.took()).collect();
    took.sort_unstable();
    let applied = lives.iter().filter(|life| life.revoked.reach["applied"] == 3).count();
    let uses: u32 = lives.iter().map(|life| life.uses).sum();
    let seconds: f64 = lives.iter().map(|life| life.lasted.as_secs_f64()).sum();
    let rate = f64::from(uses) / seconds / 3.0;
    let at = |part: usize| took[(took.len() * part).div_ceil(1000).max(1) - 1];
    println!(
        "{wanted} revocations, {uses} requests, {rate:.0} a second of each key on each node; all three nodes had applied \
         {applied}; p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        at(500),
        at(900),
        at(990),
        at(999),
        took[took.len() - 1],
    );
    assert_eq!(took.len(), wanted as usize);
    // A few say nothing of a hundredth, and this machine does other things meanwhile.
    assert!(at(990) <= if wanted > FEW { PROMISED } else { LONGEST }, "{took:?}");
    assert!(wanted <= FEW || rate >= 20.0, "{rate}");
    if let Some(dir) = std::env::var_os("TENANTRY_REVOCATIONS_TO") {
        std::fs::write(std::path::Path::new(&dir).join("revocations.svg"), draw(&took)).unwrap();
    }
}

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

async fn live(fleet: &Fleet, wanted: u32, at_once: u32) -> Vec<Life> {
    let (manager, begun) = (fleet.key(&["keys:manage"]).await, AtomicU32::new(0));
    let workers = join_all((0..at_once).map(async |_| {
        let mut lines: Vec<Line> = fleet.nodes.iter().map(super::Node::line).collect();
        let mut lived = Vec::new();
        loop {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            if number >= wanted {
                return lived;
            }
            lived.push(life(fleet, &mut lines, &manager, number).await);
        }
    }));
    workers.await.into_iter().flatten().collect()
}

/// Made, used on all three nodes, revoked at one of them, and used in vain.
async fn life(fleet: &Fleet, lines: &mut [Line], manager: &Key, number: u32) -> Life {
    let key = fleet.key(&["products:read"]).await;
    let (answered, all_accept, begun) = (OnceLock::new(), Barrier::new(4), Instant::now());
    let [one, two, three] = lines else { panic!("three nodes") };
    let using = join3(
        use_up(one, &key, &all_accept, &answered),
        use_up(two, &key, &all_accept, &answered),
        use_up(three, &key, &all_accept, &answered),
    );
    let revoking = async {
        all_accept.wait().await;
        // At another point of a renewal each time, while the key is in use.
        tokio::time::sleep(Duration::from_millis(u64::from(number * 37 % 250))).await;
        let mut line = fleet.nodes[number as usize % 3].line();
        let revoked = line.revoke(&key, manager).await.expect("it is revoked");
        answered.set(revoked.answered).expect("one answer");
        revoked
    };
    let ((a, b, c), revoked) = tokio::join!(using, revoking);
    Life { revoked, uses: a + b + c, lasted: begun.elapsed() }
}

/// Uses a key until its revocation has answered, and then a few times more. Answers how often.
async fn use_up(line: &mut Line, key: &Key, all_accept: &Barrier, answered: &OnceLock<Instant>) -> u32 {
    assert_eq!(line.use_key(key).await, 200, "it works before it is revoked");
    all_accept.wait().await;
    let (mut uses, mut afterwards) = (1, 0);
    while afterwards < AFTERWARDS {
        let sent = Instant::now();
        let is_after = answered.get().is_some_and(|answered| sent > *answered);
        let status = line.use_key(key).await;
        uses += 1;
        if is_after {
            afterwards += 1;
            assert!(
                matches!(status, 401 | 503),
                "{status} to what was sent {:?} after the answer",
                sent - *answered.get().unwrap()
            );
            continue;
        }
        // Not a moment later than its revocation answers.
        let due = tokio::time::sleep(USE_EVERY.saturating_sub(sent.elapsed()));
        tokio::pin!(due);
        while !due.is_elapsed() && answered.get().is_none() {
            let step = tokio::time::sleep(Duration::from_millis(1));
            tokio::select! { () = &mut due => {}, () = step => {} }
        }
    }
    uses
}
