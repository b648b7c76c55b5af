//! The ledger: what is noted of whom, and where they stand.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{MacKey, Sealer};
use tenantry_platform::config::{Alerts, Config, Enforcement, Offenders};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::alerts::Sender;
use super::blocks::{Block, Blocks, Whom};
use super::counters::{Counters, add};
use super::memory::{Memory, Milli, Pace};
use super::offender::{ACCOUNT_BYTES, Name, Offence, Offender};

/// Answers held back at a time: each is a connection and a few KB, and no thread.
const SLOWED_MOST: usize = 256;
/// What waits to be written at most.
const DUE_MOST: usize = 1_024;
const MILLI: Milli = 1_000;
const MINUTES_AN_HOUR: u64 = 60;

/// Where an offender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known of them.
    Clear,
    /// Their answers say so.
    Warned,
    /// Their answers are held back.
    Slowed,
    /// Refused until enough is forgiven.
    Refused { retry_after_s: u64 },
    /// Blocked. By hand also for whoever shows a good credential.
    Blocked { until: Timestamp, retry_after_s: u64, by_hand: bool },
}

/// Where points lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Clear,
    Warned,
    Slowed,
    Refused,
    Blocked,
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    Block { offender: Offender, offence: Offence, points: u32, at_ms: u64 },
    Alert { about: About, count: u32, at_ms: u64 },
}

/// What somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Refusals(Offender),
    Blocks,
}

/// Offenders of a process. Shared by all threads.
#[derive(Debug)]
pub struct Ledger {
    pub(super) rules: Offenders,
    pub(super) alerts: Alerts,
    pub(super) sender: Sender,
    /// Never blocked, nor counted.
    exempt: Vec<IpNet>,
    names: [u8; 16],
    accounts: MacKey,
    memory: Memory,
    pub(super) blocks: Blocks,
    /// Until when anybody has points that count.
    noted_until_ms: AtomicU64,
    /// Blocks of the window that began with the first number.
    recent_blocks: Mutex<(u64, u32)>,
    due: Mutex<Vec<Due>>,
    pub(super) is_due: Notify,
    /// Blocks that a change has named.
    named: Mutex<Vec<Uuid>>,
    pub(super) is_named: Notify,
    slowed: Arc<Semaphore>,
    /// What was noted and done.
    pub counters: Counters,
}

/// Loopback, and what RFC 1918, RFC 4193, RFC 3927, RFC 4291 and RFC 6598 keep from the internet.
const PRIVATE: [&str; 9] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
];

impl Ledger {
    /// An empty one.
    pub fn new(config: &Config, sealer: &Sealer, entropy: &Entropy) -> Self {
        Self {
            rules: config.offenders.clone(),
            alerts: config.alerts.clone(),
            sender: Sender::of(config),
            exempt: exempt(config),
            names: entropy.bytes(),
            accounts: sealer.derive("offender-account", &[]),
            memory: Memory::new(),
            blocks: Blocks::default(),
            noted_until_ms: AtomicU64::new(0),
            recent_blocks: Mutex::default(),
            due: Mutex::default(),
            is_due: Notify::new(),
            named: Mutex::default(),
            is_named: Notify::new(),
            slowed: Arc::new(Semaphore::new(SLOWED_MOST)),
            counters: Counters::default(),
        }
    }

    /// Sign-ins to this account from there, whether or not there is such an account.
    pub fn account(&self, email: &EmailAddress, from: IpAddr) -> Offender {
        let digest = self.accounts.sign(&[email.lookup().as_bytes()]);
        let mut account = [0; ACCOUNT_BYTES];
        account.copy_from_slice(&digest[..ACCOUNT_BYTES]);
        Offender::Account { account, from }
    }

    /// Notes that something of somebody was refused. Never waits.
    pub fn note(&self, offence: Offence, offender: Offender, now_ms: u64) {
        if self.rules.mode == Enforcement::Off || self.is_exempt(offender) {
            return;
        }
        self.counters.note(offence);
        let name = self.name(offender);
        if self.blocks.find(name, now_ms).is_some() {
            return;
        }
        let pace = self.pace(offender);
        let added = self.memory.add(name, self.weight(offence, offender), pace, now_ms);
        self.noted_until_ms.fetch_max(self.counts_until_ms(added.after, pace, now_ms), Ordering::AcqRel);
        if added.refusals == self.alerts.refusals {
            self.push(Due::Alert { about: About::Refusals(offender), count: added.refusals, at_ms: now_ms });
        }
        let (before, after) = (self.level(offender, added.before), self.level(offender, added.after));
        if after > before {
            let points = added.after / MILLI;
            tracing::info!(kind = offender.kind(), who = %offender.said(), offence = offence.as_str(), points, level = ?after, "an offender is at another level");
        }
        if after == Level::Blocked {
            self.block(offence, offender, added.after, now_ms);
        }
    }

    /// Forgets what was noted of somebody: they proved who they are.
    pub fn forgive(&self, offender: Offender) {
        self.memory.forgive(self.name(offender));
    }

    /// Where somebody stands. One load of an atomic while there is nothing to tell of anybody.
    pub fn standing(&self, offender: Offender, now_ms: u64) -> Standing {
        if now_ms >= self.noted_until_ms.load(Ordering::Acquire) && self.blocks.are_none(now_ms) {
            return Standing::Clear;
        }
        let standing = self.look(offender, now_ms);
        match self.rules.mode {
            Enforcement::Enforce => standing,
            Enforcement::Shadow | Enforcement::Off => {
                if standing != Standing::Clear {
                    add(&self.counters.spared);
                }
                Standing::Clear
            }
        }
    }

    /// A place among those whose answers are held back, for as long as it is kept; none: there are too many.
    pub fn slow(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slowed).try_acquire_owned().ok()
    }

    /// For how long an answer is held back.
    pub const fn slowness(&self) -> Duration {
        self.rules.slowness
    }

    /// How many are blocked, as far as this node knows.
    pub fn blocks_in_force(&self) -> usize {
        self.blocks.len()
    }

    /// Offenders that had points and gave way, and blocks that found no room.
    pub fn displaced(&self) -> (u64, u64) {
        (self.memory.displaced(), self.blocks.crowded_out())
    }

    fn look(&self, offender: Offender, now_ms: u64) -> Standing {
        if self.is_exempt(offender) {
            return Standing::Clear;
        }
        let name = self.name(offender);
        if let Some(block) = self.find_block(offender, name, now_ms) {
            return blocked(block, now_ms);
        }
        let (points, pace) = (self.memory.points(name, now_ms), self.pace(offender));
        match self.level(offender, points) {
            Level::Clear => Standing::Clear,
            Level::Warned => Standing::Warned,
            Level::Slowed => Standing::Slowed,
            Level::Refused | Level::Blocked => {
                let over = points.saturating_sub(u64::from(self.rules.refuse_at) * MILLI) + 1;
                Standing::Refused { retry_after_s: (over * 3_600).div_ceil(pace.forgiven.max(1)).max(1) }
            }
        }
    }

    fn find_block(&self, offender: Offender, name: Name, now_ms: u64) -> Option<Block> {
        if let Offender::Address(ip) = offender {
            let by_hand = self.blocks.find(name.by_hand(), now_ms).or_else(|| self.blocks.find_network(ip, now_ms));
            return by_hand.or_else(|| self.blocks.find(name, now_ms));
        }
        self.blocks.find(name, now_ms)
    }

    /// Blocks here and now; what everybody is told, and for how long it is, comes of the writing.
    fn block(&self, offence: Offence, offender: Offender, points: Milli, now_ms: u64) {
        let name = self.name(offender);
        self.memory.forgive(name);
        let points = u32::try_from(points / MILLI).unwrap_or(u32::MAX);
        tracing::warn!(kind = offender.kind(), who = %offender.said(), offence = offence.as_str(), points, mode = ?self.rules.mode, "an offender is blocked");
        if self.rules.mode != Enforcement::Enforce {
            return;
        }
        add(&self.counters.blocks);
        let first = self.ladder(offender).first().copied().unwrap_or_default();
        let until_ms = now_ms.saturating_add(millis(first));
        self.blocks.put(Whom::Name(name), Block { id: None, until_ms, by_hand: false }, now_ms);
        self.push(Due::Block { offender, offence, points, at_ms: now_ms });
        let count = self.count_block(now_ms);
        if count == self.alerts.blocks {
            self.push(Due::Alert { about: About::Blocks, count, at_ms: now_ms });
        }
    }

    fn count_block(&self, now_ms: u64) -> u32 {
        let mut recent = self.recent_blocks.lock();
        if now_ms.saturating_sub(recent.0) >= millis(self.alerts.window) {
            *recent = (now_ms, 0);
        }
        recent.1 += 1;
        recent.1
    }

    fn push(&self, due: Due) {
        let mut all = self.due.lock();
        if all.len() >= DUE_MOST {
            add(&self.counters.unwritten);
            return;
        }
        all.push(due);
        drop(all);
        self.is_due.notify_one();
    }

    /// What is to be written, oldest first, and whether more waits.
    pub(super) fn take_due(&self, most: usize) -> (Vec<Due>, bool) {
        let mut all = self.due.lock();
        let taken = all.len().min(most);
        (all.drain(..taken).collect(), !all.is_empty())
    }

    /// Notes that a change names a block that this node may not know.
    pub(super) fn name_block(&self, id: Uuid) {
        self.named.lock().push(id);
        self.is_named.notify_one();
    }

    /// What could not be read is read at the next look, and calls nobody.
    pub(super) fn keep_named(&self, ids: Vec<Uuid>) {
        self.named.lock().extend(ids);
    }

    pub(super) fn take_named(&self) -> Vec<Uuid> {
        std::mem::take(&mut self.named.lock())
    }

    /// Ends a block at once, on this node.
    pub(super) fn lift(&self, id: Uuid) {
        if let Some(Whom::Name(name)) = self.blocks.lift(id) {
            self.memory.forgive(name);
        }
    }

    pub(super) fn name(&self, offender: Offender) -> Name {
        Name::of(&self.names, offender)
    }

    /// How long somebody's blocks last, one after the other.
    pub(super) fn ladder(&self, offender: Offender) -> Vec<Duration> {
        let Offender::Account { .. } = offender else { return self.rules.blocks.clone() };
        let longer = self.rules.blocks.iter().copied().filter(|rung| *rung > self.rules.sign_in_block);
        std::iter::once(self.rules.sign_in_block).chain(longer).collect()
    }

    /// Whether somebody is never blocked: by the configuration, or behind a proxy whose word is believed.
    pub(super) fn is_exempt(&self, offender: Offender) -> bool {
        offender.address().is_some_and(|ip| {
            let ip = ip.to_canonical();
            self.exempt.iter().any(|network| network.contains(&ip))
        })
    }

    /// What a network shares with those that are never blocked.
    pub fn never_blocked_in(&self, network: IpNet) -> Option<IpNet> {
        self.exempt.iter().copied().find(|never| never.contains(&network) || network.contains(never))
    }

    fn pace(&self, offender: Offender) -> Pace {
        let forgiven = match offender {
            // Wrong passwords are forgiven by the right one, or in a day: nobody guesses slowly.
            Offender::Account { .. } => {
                u64::from(self.rules.block_at) * MILLI / (self.rules.forget.as_secs() / 3_600).max(1)
            }
            _ => u64::from(self.rules.forgiven_a_minute) * MILLI * MINUTES_AN_HOUR,
        };
        Pace { forgiven: forgiven.max(1), window_ms: millis(self.alerts.window) }
    }

    fn weight(&self, offence: Offence, offender: Offender) -> Milli {
        match offender {
            // So many of them reach the block, although some time is between; one less never does.
            Offender::Account { .. } => {
                let (block, times) = (u64::from(self.rules.block_at) * MILLI, u64::from(self.rules.sign_in_failures));
                block / times + block / (times * times)
            }
            _ => u64::from(offence.points()) * MILLI,
        }
    }

    fn level(&self, offender: Offender, points: Milli) -> Level {
        let rules = &self.rules;
        let has = |at: u32| points >= u64::from(at) * MILLI;
        match offender {
            Offender::Account { .. } if has(rules.block_at) => Level::Blocked,
            Offender::Account { .. } => Level::Clear,
            _ if has(rules.block_at) && offender.is_blockable() => Level::Blocked,
            Offender::Tenant(_) if has(rules.warn_at) => Level::Warned,
            Offender::Tenant(_) => Level::Clear,
            _ if has(rules.refuse_at) => Level::Refused,
            _ if has(rules.slow_at) => Level::Slowed,
            _ if has(rules.warn_at) => Level::Warned,
            _ => Level::Clear,
        }
    }

    /// Until when these points count for something.
    fn counts_until_ms(&self, points: Milli, pace: Pace, now_ms: u64) -> u64 {
        let over = points.saturating_sub(u64::from(self.rules.warn_at) * MILLI);
        if over == 0 { 0 } else { now_ms.saturating_add((over * 3_600_000).div_ceil(pace.forgiven)) }
    }
}

fn exempt(config: &Config) -> Vec<IpNet> {
    let configured = [&config.offenders.never, &config.listen.trusted_proxies, &config.forward_auth.trusted];
    let mut exempt: Vec<IpNet> = configured.into_iter().flatten().copied().collect();
    if !config.offenders.private_networks {
        exempt.extend(PRIVATE.iter().filter_map(|network| network.parse::<IpNet>().ok()));
    }
    exempt
}

fn blocked(block: Block, now_ms: u64) -> Standing {
    let until = i64::try_from(block.until_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Standing::Blocked {
        until: until.unwrap_or(Timestamp::MAX),
        retry_after_s: block.until_ms.saturating_sub(now_ms).div_ceil(1_000).max(1),
        by_hand: block.by_hand,
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
