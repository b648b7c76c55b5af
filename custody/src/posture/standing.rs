//! What holds right now, and since when.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tenantry_core::clock::Timestamp;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::metrics::{Metrics, Trial};
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
    AsDoor OnlyControl NOTE_VERDICT = "select since, evidence from doors.note_verdict($1, $2, $3, $4)";
    AsDoor OnlyControl STANDING_VERDICTS = "select control, outcome, since, at, evidence from doors.standing_verdicts()";
}

/// The newest finding of a control.
#[derive(Clone, Debug)]
pub struct Held {
    /// What was found last.
    pub finding: Finding,
    /// When the outcome became what it is.
    pub since: Timestamp,
    /// What was found then: it stays the same as long as the outcome does.
    pub found_first: String,
}

impl Held {
    /// A finding whose outcome is new.
    pub fn first(finding: Finding) -> Self {
        Self { since: finding.at, found_first: finding.verdict.evidence.clone(), finding }
    }
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
            held.push(match note(&probe.ground, &finding).await {
                Ok((since, found_first)) => Held { finding, since, found_first },
                Err(fault) => {
                    tracing::debug!(%fault, "a verdict could not be noted; the time since when it stands is this process's");
                    self.beside(finding)
                }
            });
        }
        show(&probe.ground.metrics, &held);
        self.take(held);
    }

    /// Beside what this process found before.
    fn beside(&self, finding: Finding) -> Held {
        let before = self.0.load();
        let same = before.iter().find(|held| {
            held.finding.control.id == finding.control.id && held.finding.verdict.outcome == finding.verdict.outcome
        });
        match same {
            Some(held) => Held { finding, since: held.since, found_first: held.found_first.clone() },
            None => Held::first(finding),
        }
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

/// For whoever watches: which claims hold, and how many do not.
fn show(metrics: &Metrics, held: &[Held]) {
    for Held { finding, .. } in held {
        metrics.controls.of(finding.control.id).set(i64::from(finding.verdict.outcome == Outcome::Pass));
    }
    for (trial, outcome) in
        [(Trial::Pass, Outcome::Pass), (Trial::Fail, Outcome::Fail), (Trial::Unknown, Outcome::Unknown)]
    {
        let count = held.iter().filter(|held| held.finding.verdict.outcome == outcome).count();
        metrics.verdicts.of(trial).set(count);
    }
}

/// What a process that only looks found, beside what those that serve wrote down: the same outcome stands as long.
///
/// # Errors
/// What the database said.
pub async fn beside_noted(ground: &Ground, findings: Vec<Finding>) -> Result<Vec<Held>, DbFault> {
    let mut tx = permit().begin(ground);
    let noted = tx.query(&STANDING_VERDICTS, &[]).await?;
    tx.commit().await?;
    let same = |finding: &Finding| {
        noted.iter().find(|row| {
            row.get::<_, &str>(0) == finding.control.id
                && row.get::<_, &str>(1) == finding.verdict.outcome.as_str()
                && finding.at.duration_since(row.get(3)) <= STALE_AFTER
        })
    };
    let held = |finding: Finding| match same(&finding) {
        Some(row) => Held { since: row.get(2), found_first: row.get(4), finding },
        None => Held::first(finding),
    };
    Ok(findings.into_iter().map(held).collect())
}

/// Writes the verdict down and answers since when it stands, with what was found then: a restart does not begin a
/// claim anew.
async fn note(ground: &Ground, finding: &Finding) -> Result<(Timestamp, String), DbFault> {
    let mut tx = permit().begin(ground);
    let (outcome, evidence) = (finding.verdict.outcome.as_str(), &finding.verdict.evidence);
    let row = tx.query_one(&NOTE_VERDICT, &[&finding.control.id, &outcome, &finding.at, evidence]).await?;
    tx.commit().await?;
    Ok((row.get(0), row.get(1)))
}

fn permit() -> Permit<Attest, Control> {
    Permit::system(Context::default(), Actor::system("posture", "posture"), Origin::default())
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
