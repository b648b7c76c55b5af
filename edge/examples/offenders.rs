//! How long it takes to ask where somebody stands: `cargo run --release -p tenantry-edge --example offenders`.
//!
//! Prints nanoseconds a question while nobody has points, and with fifty thousand offenders of whom half are blocked, and
//! nanoseconds to note one. The bar is a microsecond, and far below it while nobody has points.

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Instant;

use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_edge::offenders::{Ledger, Offence, Offender};
use tenantry_platform::config::{Config, Dev};

const CALLERS: u32 = 50_000;
const QUESTIONS: u32 = 1_000_000;
/// Batches of which the fastest counts: the machine may be busy with something else.
const BATCHES: u32 = 11;
const NOW_MS: u64 = 1_781_524_800_000;

fn main() -> std::io::Result<()> {
    let config = Config::for_dev("bench.toml", "", &Dev { port: 0, upstream: None }).map_err(std::io::Error::other)?;
    let entropy = Entropy::seeded(1);
    let ledger = Ledger::new(&config, &Sealer::new(&RootKey::generate(&entropy)), &entropy);
    let callers: Vec<Offender> = (0..CALLERS).map(|number| Offender::Address(address(number).into())).collect();
    let empty = fastest(|| ask(&ledger, &callers));
    let begin = Instant::now();
    for (number, caller) in callers.iter().enumerate() {
        let times = if number % 2 == 0 { 20 } else { 4 };
        (0..times).for_each(|_| ledger.note(Offence::Checksum, *caller, NOW_MS));
    }
    let noted = begin.elapsed().as_secs_f64() * 1e9 / f64::from(CALLERS * 12);
    let full = fastest(|| ask(&ledger, &callers));
    let mut out = std::io::stdout().lock();
    writeln!(out, "nobody has points          {empty:6.1} ns a question")?;
    writeln!(out, "{CALLERS} offenders, half blocked {full:6.1} ns a question")?;
    writeln!(out, "noting an offence          {noted:6.1} ns")
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xcb00_7100_u32.wrapping_add(number))
}

/// Nanoseconds a question.
fn ask(ledger: &Ledger, callers: &[Offender]) -> f64 {
    let begin = Instant::now();
    for (_, caller) in (0..QUESTIONS / BATCHES).zip(callers.iter().cycle()) {
        std::hint::black_box(ledger.standing(*caller, NOW_MS));
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(QUESTIONS / BATCHES)
}

fn fastest(run: impl Fn() -> f64) -> f64 {
    (0..BATCHES).map(|_| run()).fold(f64::INFINITY, f64::min)
}
