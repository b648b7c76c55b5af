//! What holds right now, and since when.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tenantry_core::clock::Timestamp;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};
use tokio::sync::watch;

use super::CONTROLS;
use super::control::Outcome;
use super::engine::{Finding, run_all};
use super::probe::Probe;

/// How often every check runs.
pub(super) const EVERY: Duration = Duration::from_secs(5 * 60);
/// A verdict that was not renewed for this long says nothing about now: two runs were missed.
const STALE_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_mins(11);
/// After the start, until what is checked serves.
const FIRST_AFTER: Duration = Duration::from_secs(2);

tenantry_platform::sql! {
    AsDoor OnlyControl NOTE_VERDICT = "select doors.note_verdict($1, $2, $3)";
}

/// The newest finding of a control.
#[derive(Clone, Debug)]
pub struct Held {
    /// What was found last.
    pub finding: Finding,
    /// When the outcome became what it is.
    pub since: Timestamp,
}

/// The newest findings. Clones share them.
#[derive(Clone, Default)]
pub struct Standing(Arc<ArcSwap<Vec<Held>>>);

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Standing({})", self.0.load().len())
    }
}

impl Standing {
    /// Everything that was found, in the order of the controls.
    pub fn all(&self) -> Arc<Vec<Held>> {
        self.0.load_full()
    }

    /// What holds: it passed, and not too long ago.
    pub fn in_force(&self, now: Timestamp) -> Vec<Held> {
        let holds = |held: &&Held| {
            held.finding.verdict.outcome == Outcome::Pass && now.duration_since(held.finding.at) <= STALE_AFTER
        };
        self.0.load().iter().filter(holds).cloned().collect()
    }

    /// Takes a run's findings in, each with the time since when it stands.
    pub fn take(&self, held: Vec<Held>) {
        let before = self.0.load();
        for now in &held {
            report_change(&now.finding, before.iter().find(|held| held.finding.control.id == now.finding.control.id));
        }
        self.0.store(Arc::new(held));
    }

    /// Runs every control now.
    pub async fn renew(&self, probe: &Arc<Probe>) {
        let findings = run_all(CONTROLS, probe).await;
        let mut held = Vec::with_capacity(findings.len());
        for finding in findings {
            let since = match note(&probe.ground, &finding).await {
                Ok(since) => since,
                Err(fault) => {
                    tracing::debug!(%fault, "a verdict could not be noted; the time since when it stands is this process's");
                    self.since(&finding)
                }
            };
            held.push(Held { finding, since });
        }
        self.take(held);
    }

    /// Since when this process finds the same.
    fn since(&self, finding: &Finding) -> Timestamp {
        let before = self.0.load();
        let same = before.iter().find(|held| {
            held.finding.control.id == finding.control.id && held.finding.verdict.outcome == finding.verdict.outcome
        });
        same.map_or(finding.at, |held| held.since)
    }

    /// Runs every control by the schedule until `stop` says so.
    pub async fn keep(&self, probe: Arc<Probe>, mut stop: watch::Receiver<bool>) {
        let mut wait = FIRST_AFTER;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                () = self.renew(&probe) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            wait = EVERY;
        }
    }
}

/// Writes the verdict down and answers since when it stands: a restart does not begin a claim anew.
async fn note(ground: &Ground, finding: &Finding) -> Result<Timestamp, DbFault> {
    let permit =
        Permit::<Attest, Control>::system(Context::default(), Actor::system("posture", "posture"), Origin::default());
    let mut tx = permit.begin(ground);
    let since = tx
        .query_one(&NOTE_VERDICT, &[&finding.control.id, &finding.verdict.outcome.as_str(), &finding.at])
        .await?
        .get(0);
    tx.commit().await?;
    Ok(since)
}

/// A claim that no longer holds is for the operator's alarm; one that holds again is news as well.
fn report_change(finding: &Finding, known: Option<&Held>) {
    let id = finding.control.id;
    let (outcome, evidence) = (finding.verdict.outcome, &finding.verdict.evidence);
    if known.is_some_and(|held| held.finding.verdict.outcome == outcome) {
        return;
    }
    match (outcome, known) {
        (Outcome::Fail, _) => {
            tracing::error!(control = id, evidence, "a control fails: its claim is off the trust page")
        }
        (Outcome::Unknown, _) => tracing::warn!(control = id, evidence, "a control could not be checked"),
        (Outcome::Pass, Some(_)) => tracing::info!(control = id, evidence, "a control passes again"),
        (Outcome::Pass, None) => {}
    }
}
