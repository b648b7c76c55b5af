//! Runs the checks, each in its own time, none able to take the others down.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tenantry_core::clock::Timestamp;

use super::control::{Control, Outcome, Verdict};
use super::probe::Probe;

/// A check that takes longer shows nothing.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
/// Checks at a time: each holds a connection of its own, beside those that serve.
const AT_ONCE: usize = 3;

/// What a control found, and when.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub control: Control,
    /// What.
    pub verdict: Verdict,
    /// When the check ended.
    pub at: Timestamp,
}

/// Runs these controls and answers in their order.
pub async fn run_all(controls: &[Control], probe: &Arc<Probe>) -> Vec<Finding> {
    futures_util::stream::iter(controls.to_vec())
        .map(|control| run_one(control, Arc::clone(probe)))
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Runs one control. Whatever happens in its check, the answer is a verdict.
pub async fn run_one(control: Control, probe: Arc<Probe>) -> Finding {
    run_within(CHECK_TIMEOUT, control, probe).await
}

/// Runs one control for so long at most.
pub async fn run_within(limit: Duration, control: Control, probe: Arc<Probe>) -> Finding {
    let clock = probe.ground.clock.clone();
    let check = AssertUnwindSafe(async move { (control.check)(probe).await }).catch_unwind();
    let verdict = match tokio::time::timeout(limit, check).await {
        Ok(Ok(Ok(verdict))) => verdict,
        Ok(Ok(Err(inconclusive))) => unknown(inconclusive.0),
        Ok(Err(_)) => unknown("the check itself is broken: it panicked; the log says where".to_owned()),
        Err(_) => unknown(format!("the check did not end within {} s", limit.as_secs())),
    };
    Finding { control, verdict, at: clock.now() }
}

const fn unknown(evidence: String) -> Verdict {
    Verdict { outcome: Outcome::Unknown, evidence }
}
