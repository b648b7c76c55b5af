//! `[offenders]` and `[alerts]`: what becomes of whoever is refused again and again, and who is told [RL-4, RL-7].

use std::time::Duration;

use ipnet::IpNet;
use tenantry_core::email::EmailAddress;

use super::parse;
use super::section::{Choice, Section};

/// Whether what is decided is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    Enforce,
    /// Decided, logged and counted; nobody notices.
    Shadow,
    Off,
}

impl Choice for Enforcement {
    const WORDS: &'static [(&'static str, Self)] =
        &[("enforce", Self::Enforce), ("shadow", Self::Shadow), ("off", Self::Off)];
}

/// `[offenders]`. Points are what refusals weigh.
#[derive(Clone, Debug)]
pub struct Offenders {
    pub mode: Enforcement,
    pub warn_at: u32,
    pub slow_at: u32,
    pub refuse_at: u32,
    pub block_at: u32,
    /// Points that a minute forgives.
    pub forgiven_a_minute: u32,
    /// How long a slowed answer is held back.
    pub slowness: Duration,
    /// How long the first block lasts, the second, and so on; the last stands for all that follow. Whole seconds.
    pub blocks: Vec<Duration>,
    /// After so long without a block the times begin anew.
    pub forget: Duration,
    /// Networks that are never blocked.
    pub never: Vec<IpNet>,
    /// Whether addresses that are nobody's on the internet may be blocked.
    pub private_networks: bool,
    /// Wrong passwords for one account from one address.
    pub sign_in_failures: u32,
    /// How long sign-ins to that account from that address are then refused, the first time.
    pub sign_in_block: Duration,
}

/// `[alerts]`.
#[derive(Clone, Debug)]
pub struct Alerts {
    pub mail_to: Vec<EmailAddress>,
    /// Refusals of one address, key, person or workspace within the window.
    pub refusals: u32,
    /// Blocks of all within the window.
    pub blocks: u32,
    pub window: Duration,
    /// How long the same is not told again.
    pub quiet: Duration,
    /// Alerts that are mailed at most, of all kinds.
    pub mails_an_hour: u32,
}

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
/// Longer ladders cannot be reasoned about.
const RUNGS_MOST: usize = 20;
const LONGEST_BLOCK: Duration = Duration::from_secs(90 * 24 * HOUR_S);
const BLOCKS: [&str; 5] = ["1m", "5m", "15m", "1h", "24h"];

impl Offenders {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let offenders = Self {
            mode: section.choice("mode", Enforcement::Enforce),
            warn_at: section.number("warn_at", 20, 1..=1_000_000),
            slow_at: section.number("slow_at", 50, 1..=1_000_000),
            refuse_at: section.number("refuse_at", 80, 1..=1_000_000),
            block_at: section.number("block_at", 100, 1..=1_000_000),
            forgiven_a_minute: section.number("forgiven_a_minute", 10, 1..=1_000_000),
            slowness: Duration::from_millis(section.number("slow_ms", 1_000, 1..=10_000)),
            blocks: read_ladder(section),
            forget: Duration::from_secs(section.number("forget_hours", 24, 1..=24 * 90) * HOUR_S),
            never: section.list("never", parse::network),
            private_networks: section.flag("private_networks", false),
            sign_in_failures: section.number("sign_in_failures", 5, 2..=100),
            sign_in_block: Duration::from_secs(section.number("sign_in_block_minutes", 15, 1..=24 * 60) * MINUTE_S),
        };
        offenders.check(section);
        offenders
    }

    fn check(&self, section: &Section<'_, '_>) {
        let steps = [
            ("slow_at", self.slow_at, "warn_at", self.warn_at),
            ("refuse_at", self.refuse_at, "slow_at", self.slow_at),
            ("block_at", self.block_at, "refuse_at", self.refuse_at),
        ];
        for (key, value, before, least) in steps.into_iter().filter(|(_, value, _, least)| value < least) {
            let what = format!("{key} = {value} is below {before} = {least}: that step would never come");
            section.reading.fault(&section.span_of(key), what, format!("Write {least} or more."));
        }
    }
}

fn read_ladder(section: &Section<'_, '_>) -> Vec<Duration> {
    let written = section.words("blocks", &BLOCKS, "");
    let parsed = |text: &str| parse::span(text).ok().filter(|span| !span.is_zero() && *span <= LONGEST_BLOCK);
    let ladder: Option<Vec<Duration>> = written.iter().map(|text| parsed(text.value)).collect();
    let ladder = ladder.filter(|ladder| ladder.is_sorted() && ladder.len() <= RUNGS_MOST);
    if ladder.is_none() {
        let what = "blocks is no list of growing times";
        let fix =
            "Write up to 20 times from 1s to 90d, the shortest first: [\"1m\", \"5m\", \"15m\", \"1h\", \"24h\"].";
        section.reading.fault(&section.span_of("blocks"), what, fix);
    }
    let ladder = ladder.filter(|ladder| !ladder.is_empty());
    ladder.unwrap_or_else(|| BLOCKS.iter().filter_map(|text| parsed(text)).collect())
}

impl Alerts {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        Self {
            mail_to: section.list("mail_to", EmailAddress::parse),
            refusals: section.number("refusals", 500, 1..=1_000_000_000),
            blocks: section.number("blocks", 20, 1..=1_000_000_000),
            window: Duration::from_secs(section.number("window_minutes", 10, 1..=24 * 60) * MINUTE_S),
            quiet: Duration::from_secs(section.number("quiet_minutes", 60, 1..=7 * 24 * 60) * MINUTE_S),
            mails_an_hour: section.number("mails_an_hour", 6, 1..=1_000),
        }
    }
}
