//! How long a decision over two windows takes: `cargo run --release -p tenantry-edge --example limits`.
//!
//! Prints nanoseconds a decision for one hot caller, for a hundred thousand callers, and for two threads.
//! The bar is one microsecond.

use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tenantry_core::clock::Clock;
use tenantry_core::ids::KeyId;
use tenantry_core::random::Entropy;
use tenantry_edge::limits::{Charge, Limiter, Subject};
use tenantry_platform::config::{Config, Dev, TierId};

const CALLERS: usize = 100_000;
const DECISIONS: u32 = 2_000_000;
/// Batches of which the fastest counts: the machine may be busy with something else.
const BATCHES: u32 = 11;

fn main() -> std::io::Result<()> {
    let config = Config::for_dev("bench.toml", "", &Dev { port: 0, upstream: None });
    let limits = config.map_err(std::io::Error::other)?.limits;
    let limiter = Arc::new(Limiter::in_memory(&limits, &Entropy::seeded(1)));
    let callers = Arc::new(callers(&limiter));
    let hot = fastest(|| decide(&limiter, &callers[..1]));
    let spread = fastest(|| decide(&limiter, &callers));
    let shared = fastest(|| decide_on_two_threads(&limiter, &callers));
    let mut out = std::io::stdout().lock();
    writeln!(out, "one caller            {hot:6.1} ns a decision")?;
    writeln!(out, "{CALLERS} callers        {spread:6.1} ns a decision")?;
    writeln!(out, "the same, two threads {shared:6.1} ns a decision and thread")
}

/// A key and an address each.
fn callers(limiter: &Limiter) -> Vec<[Charge; 2]> {
    let (clock, entropy) = (Clock::system(), Entropy::seeded(2));
    let caller = |number: usize| {
        let address = std::net::Ipv4Addr::from(u32::try_from(number).unwrap_or_default());
        let key = Subject::Key(KeyId::new(&clock, &entropy));
        [limiter.charge(TierId::API_KEY, key), limiter.charge(TierId::API_IP, Subject::Address(address.into()))]
    };
    (0..CALLERS).map(caller).collect()
}

/// Nanoseconds a decision.
fn decide(limiter: &Limiter, callers: &[[Charge; 2]]) -> f64 {
    let begin = Instant::now();
    let mut admitted = 0_u32;
    for (number, caller) in (0..DECISIONS / BATCHES).zip(callers.iter().cycle()) {
        // A millisecond every hundred decisions: windows roll on as they do under load.
        let now_ms = 1_781_524_800_000 + u64::from(number / 100);
        admitted += u32::from(limiter.decide(now_ms, caller).is_admitted());
    }
    std::hint::black_box(admitted);
    each(begin.elapsed())
}

fn decide_on_two_threads(limiter: &Arc<Limiter>, callers: &Arc<Vec<[Charge; 2]>>) -> f64 {
    let run = || {
        let (limiter, callers) = (Arc::clone(limiter), Arc::clone(callers));
        thread::spawn(move || decide(&limiter, &callers))
    };
    let (first, second) = (run(), run());
    [first, second].into_iter().filter_map(|thread| thread.join().ok()).fold(0.0, f64::max)
}

fn fastest(run: impl Fn() -> f64) -> f64 {
    (0..BATCHES).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn each(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e9 / f64::from(DECISIONS / BATCHES)
}
