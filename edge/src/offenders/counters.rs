//! What was noted and done since the start, for metrics (RL-7).

use std::sync::atomic::{AtomicU64, Ordering};

use tenantry_platform::metrics::{Metrics, Offended, Step};

use super::ledger::Ledger;
use super::offender::Offence;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident)+) => {
        /// Counters that only grow. Each is read by itself.
        #[derive(Debug, Default)]
        pub struct Counters {
            offences: [AtomicU64; Offence::ALL.len()],
            $(pub(super) $name: AtomicU64,)+
        }

        impl Counters {
            /// Every counter with its name, for whoever exports them.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed))),+]
            }

            $($(#[$doc])* pub fn $name(&self) -> u64 {
                self.$name.load(Ordering::Relaxed)
            })+
        }
    };
}

counters! {
    /// Answers with a warning.
    warned
    /// Answers that were held back.
    slowed
    /// Requests that were refused until enough is forgiven, or because too many are held back already.
    refused
    /// Requests of whoever is blocked.
    blocked
    /// Blocks that this node began.
    blocks
    /// Blocks that this node could not write: they hold here alone.
    unwritten
    /// What would have been refused, slowed or blocked, in shadow.
    spared
    /// Alerts that this node told.
    alerts
    /// Alerts that were told a moment ago already, or too often in the last hour.
    quiet_alerts
}

impl Counters {
    /// How often something was noted.
    pub fn offences(&self, offence: Offence) -> u64 {
        self.offences[offence as usize].load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, offence: Offence) {
        add(&self.offences[offence as usize]);
    }

    /// Counts an answer with a warning.
    pub fn warn(&self) {
        add(&self.warned);
    }

    /// Counts an answer that is held back.
    pub fn slow(&self) {
        add(&self.slowed);
    }

    /// Counts a request that is refused until enough is forgiven.
    pub fn refuse(&self) {
        add(&self.refused);
    }

    /// Counts a request of whoever is blocked.
    pub fn block(&self) {
        add(&self.blocked);
    }
}

impl Ledger {
    /// Shows what was counted, for whoever scrapes.
    pub fn measure(&self, metrics: &Metrics) {
        let counters = &self.counters;
        let words = [Offended::Limit, Offended::Credential, Offended::Checksum, Offended::SignIn, Offended::Reports];
        for (word, offence) in words.into_iter().zip(Offence::ALL) {
            metrics.offences.of(word).follow(counters.offences(offence));
        }
        let steps = [
            (Step::Warned, counters.warned()),
            (Step::Slowed, counters.slowed()),
            (Step::Refused, counters.refused()),
            (Step::Blocked, counters.blocked()),
        ];
        steps.into_iter().for_each(|(step, total)| metrics.offender_requests.of(step).follow(total));
        metrics.blocks_in_force.set(self.blocks_in_force());
        metrics.blocks.follow(counters.blocks());
        metrics.blocks_unwritten.follow(counters.unwritten());
        metrics.alerts.follow(counters.alerts());
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
