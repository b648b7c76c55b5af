//! Whoever the store refused until a moment: refused here until then, without asking again.
//!
//! Between requests an estimate only falls, so nobody who is remembered here would have passed. Time is this process's
//! own, from when the question was sent, so that the memory ends no later than the refusal.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::smallvec;
use tenantry_core::window::{Limit, Retry, Standing};

use super::super::charge::Charge;
use super::super::decision::{Basis, Line, Verdict};

const SHARDS: usize = 16;
/// Of each shard: 16,384 in all. More are asked about each time, which costs a round trip and nothing else.
const PLACES: usize = 1_024;

#[derive(Clone, Copy, Debug)]
struct Until {
    limit: Limit,
    cost: u32,
    standing: Standing,
    moment: Instant,
}

#[derive(Debug)]
pub(super) struct Refused {
    shards: [Mutex<HashMap<u128, Until>>; SHARDS],
}

impl Default for Refused {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Refused {
    /// The refusal of one of these charges, where it is known. A limit that was changed meanwhile is asked about.
    pub(super) fn verdict(&self, key: &[u8; 16], charges: &[Charge], now: Instant) -> Option<Verdict> {
        charges.iter().find_map(|charge| {
            let name = charge.hashed(key, charge.tier.index() as u64).as_u128();
            let until = self.shard(name).lock().get(&name).copied()?;
            let left = until.moment.checked_duration_since(now).filter(|left| !left.is_zero())?;
            let holds = until.limit == charge.limit && charge.cost >= until.cost;
            holds.then(|| refusal(charge, &until, left))
        })
    }

    /// Remembers what the store has refused.
    pub(super) fn note(&self, key: &[u8; 16], charges: &[Charge], verdict: &Verdict, sent: Instant) {
        let (Some(Retry::After(wait_ms)), Some(line)) = (verdict.retry, verdict.tightest()) else { return };
        let Some(charge) = charges.get(verdict.tightest) else { return };
        let moment = sent + Duration::from_millis(wait_ms);
        let until = Until { limit: charge.limit, cost: charge.cost, standing: line.standing, moment };
        let name = charge.hashed(key, charge.tier.index() as u64).as_u128();
        let mut shard = self.shard(name).lock();
        if shard.len() >= PLACES {
            shard.retain(|_, until| until.moment > sent);
        }
        if shard.len() < PLACES {
            shard.insert(name, until);
        }
    }

    fn shard(&self, name: u128) -> &Mutex<HashMap<u128, Until>> {
        &self.shards[usize::try_from(name % SHARDS as u128).unwrap_or_default()]
    }
}

fn refusal(charge: &Charge, until: &Until, left: Duration) -> Verdict {
    let wait_ms = u64::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    Verdict {
        lines: smallvec![Line { tier: charge.tier, limit: charge.limit, standing: until.standing }],
        tightest: 0,
        retry: Some(Retry::After(wait_ms)),
        shadow: None,
        basis: Basis::Shared,
    }
}
