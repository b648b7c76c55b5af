//! What counting costs a request: `cargo run --release -p tenantry-platform --example usage`.
//!
//! Nanoseconds a request with a key, which counts twice, for one hot key and for ten thousand of a hundred tenants.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::time::Instant;

use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_platform::usage::{Book, Kind, Usage, Whose};

const REQUESTS: u32 = 1_000_000;
/// Batches of which the fastest counts: the machine may be busy with something else.
const BATCHES: u32 = 11;

fn main() {
    let callers = callers();
    println!("one key               {:6.1} ns a request", fastest(&callers[..1]));
    println!("10,000 keys           {:6.1} ns a request", fastest(&callers));
    let threads = std::thread::scope(|scope| {
        let usage = Usage::default();
        let run = |usage: Usage| {
            scope.spawn({
                let callers = &callers;
                move || batch(&usage, callers)
            })
        };
        let both = [run(usage.clone()), run(usage)];
        both.into_iter().filter_map(|thread| thread.join().ok()).fold(0.0, f64::max)
    });
    println!("the same, two threads {threads:6.1} ns a request and thread");
}

fn callers() -> Vec<Whose> {
    let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
    let tenants: Vec<TenantId> = (0..100).map(|_| TenantId::new(&clock, &entropy)).collect();
    let caller = |number: usize| Whose {
        tenant: tenants[number % tenants.len()],
        book: Book::Of(Mode::Live),
        key: Some(KeyId::new(&clock, &entropy)),
    };
    (0..10_000).map(caller).collect()
}

fn fastest(callers: &[Whose]) -> f64 {
    let usage = Usage::default();
    (0..BATCHES).map(|_| batch(&usage, callers)).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds a request.
fn batch(usage: &Usage, callers: &[Whose]) -> f64 {
    let now = Timestamp::UNIX_EPOCH;
    let begin = Instant::now();
    for whose in callers.iter().cycle().take(REQUESTS as usize) {
        usage.count(*whose, &[Kind::Requests], now);
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS)
}
