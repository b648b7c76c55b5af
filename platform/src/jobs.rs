//! Work after the commit: a queue in the database, enqueued in the transaction of the change.
//!
//! What must always hold: a job is claimed by one runner at a time (`for update skip locked` and a lease), a
//! failed one comes back with growing delay until it is given up, one that panics has failed, a payload is
//! sealed, and a kill between doing and marking repeats the job at most once a lease.

pub mod inspect;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_core::ids::JobId;
use tenantry_core::seal::{Place, SealFault, Zeroizing};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::db::{Context, DbFault, Everywhere, In, Jobs, Plane, Row, TenantTx};
use crate::ground::Ground;
use crate::metrics::{JobEnd, JobState};
use crate::permit::{Actor, Origin, Permit, RunJobs};
use crate::sweep;

/// Jobs claimed at a time, and run at the same time: one that waited for its turn could outlive its lease.
const CLAIM_MOST: i64 = 16;
/// How long a runner owns a claimed job. Longer than any handler may take.
const LEASE: Duration = Duration::from_secs(60);
/// How long a job that failed for good is kept for whoever asks why.
pub(crate) const FAILED_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);
/// How often the queue is looked at without being woken.
const POLL: Duration = Duration::from_secs(1);
/// Delay before each further try; after the last one the job has failed for good.
const DELAYS_S: [i64; 7] = [2, 10, 60, 300, 1_800, 7_200, 21_600];

crate::sql! {
    AsDoor Everywhere ENQUEUE = "select doors.enqueue_job($1, $2, $3, $4, $5)";
    AsQueue JobsOnly CLAIM = "
        update jobs set claimed_until = $2, attempts = attempts + 1
        where id in (select id from jobs
                     where finished_at is null and failed_at is null and due_at <= $1
                       and (claimed_until is null or claimed_until < $1)
                     order by due_at limit $3 for update skip locked)
        returning id, kind, payload, attempts";
    AsQueue JobsOnly DONE = "delete from jobs where id = $1";
    AsQueue JobsOnly AGAIN = "update jobs set claimed_until = null, due_at = $2, last_error = $3 where id = $1";
    AsQueue JobsOnly FAILED = "update jobs set claimed_until = null, failed_at = $2, last_error = $3 where id = $1";
    AsQueue JobsOnly STANDING = "
        select count(*) filter (where failed_at is null and attempts = 0 and coalesce(claimed_until, $1) <= $1) as waiting,
               count(*) filter (where failed_at is null and claimed_until > $1) as running,
               count(*) filter (where failed_at is null and attempts > 0 and coalesce(claimed_until, $1) <= $1) as retrying,
               count(*) filter (where failed_at is not null) as failed,
               min(due_at) filter (where failed_at is null and due_at <= $1) as oldest
        from jobs where finished_at is null";
    AsQueue JobsOnly FORGET = "
        delete from jobs where id = any (array(
            select id from jobs where failed_at < $1 limit $2::integer for update skip locked))
        returning id";
}

/// Why a job did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JobFault {
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// It never will.
    #[error("{0}")]
    Final(String),
}

impl From<DbFault> for JobFault {
    fn from(fault: DbFault) -> Self {
        Self::Retry(fault.to_string())
    }
}

type Handler = Arc<dyn Fn(Ground, Vec<u8>) -> BoxFuture<'static, Result<(), JobFault>> + Send + Sync>;

/// Puts a job into the queue, in the transaction of the change that asks for it.
pub async fn enqueue<M: Plane + In<Everywhere>, T: Serialize>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    kind: &'static str,
    payload: &T,
) -> Result<JobId, DbFault> {
    enqueue_for(tx, ground, (kind, ground.now()), payload).await
}

/// The same, not to be run before it is due.
pub(crate) async fn enqueue_for<M: Plane + In<Everywhere>, T: Serialize>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    (kind, due): (&'static str, Timestamp),
    payload: &T,
) -> Result<JobId, DbFault> {
    let id = JobId::new(&ground.clock, &ground.entropy);
    let plain = serde_json::to_vec(payload).map_err(|error| DbFault::Refused(error.to_string()))?;
    let sealed = ground.sealer.seal(&place(id.uuid().as_bytes()), &plain, &ground.entropy);
    tx.execute(&ENQUEUE, &[&id.uuid(), &kind, &sealed, &due, &ground.now()]).await?;
    Ok(id)
}

/// What a job is to do.
pub(crate) fn open(ground: &Ground, id: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
    ground.sealer.open(&place(id.as_bytes()), sealed)
}

/// Runs the queue: handlers by kind, and a bell for those who just enqueued.
pub struct Runner {
    ground: Ground,
    handlers: HashMap<&'static str, Handler>,
    bell: Arc<Notify>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runner({} kinds)", self.handlers.len())
    }
}

impl Runner {
    /// A runner without handlers.
    pub fn new(ground: Ground) -> Self {
        Self { ground, handlers: HashMap::new(), bell: Arc::default() }
    }

    /// Rings when there is something to do at once. Missing it costs one second.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Handles the jobs of a kind. The handler must bear being run twice.
    pub fn on<T, F>(&mut self, kind: &'static str, handler: impl Fn(Ground, T) -> F + Send + Sync + 'static)
    where
        T: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<(), JobFault>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let run: Handler = Arc::new(move |ground, payload| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let job = serde_json::from_slice(&payload).map_err(|error| JobFault::Final(error.to_string()))?;
                handler(ground, job).await
            })
        });
        self.handlers.insert(kind, run);
    }

    /// Runs until `stop` says so; a job under way is finished first.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut is_away = false;
        while !*stop.borrow() {
            let due = self.run_due().await;
            // Said once: the queue is asked every second.
            match &due {
                Err(fault) if !is_away => {
                    tracing::warn!(%fault, "the job queue cannot be read; it is tried again every second")
                }
                Ok(_) if is_away => tracing::info!("the job queue is read again"),
                _ => {}
            }
            is_away = due.is_err();
            if due.is_ok_and(|tried| tried > 0) {
                continue;
            }
            tokio::select! {
                () = self.bell.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Runs what is due now, once, and answers how many jobs were tried.
    pub async fn run_due(&self) -> Result<usize, DbFault> {
        let now = self.ground.now();
        let until = now.checked_add(LEASE).unwrap_or(now);
        let mut tx = permit("runner").begin(&self.ground);
        let rows = tx.query(&CLAIM, &[&now, &until, &CLAIM_MOST]).await?;
        tx.commit().await?;
        let done = join_all(rows.iter().map(|row| self.run_and_mark(row))).await;
        done.into_iter().collect::<Result<Vec<()>, DbFault>>().map(|done| done.len())
    }

    async fn run_and_mark(&self, row: &Row) -> Result<(), DbFault> {
        let (id, kind, attempts): (Uuid, String, i32) = (row.get(0), row.get(1), row.get(3));
        let outcome = self.run_one(id, &kind, row.get(2)).await;
        self.mark(id, &kind, attempts, outcome).await
    }

    async fn run_one(&self, id: Uuid, kind: &str, sealed: &[u8]) -> Result<(), JobFault> {
        let plain = open(&self.ground, id, sealed).map_err(|fault| JobFault::Final(fault.to_string()))?;
        let handler =
            self.handlers.get(kind).ok_or_else(|| JobFault::Retry(format!("this binary has no handler for {kind}")))?;
        let limit = LEASE / 2;
        // A handler that panics must not take the queue with it: the job would be the first one again after a restart.
        let work = AssertUnwindSafe(async move { handler(self.ground.clone(), plain.to_vec()).await }).catch_unwind();
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(JobFault::Retry("it panicked; the log says where".to_owned())),
            Err(_) => Err(JobFault::Retry(format!("it took longer than {} s", limit.as_secs()))),
        }
    }

    async fn mark(&self, id: Uuid, kind: &str, attempts: i32, outcome: Result<(), JobFault>) -> Result<(), DbFault> {
        let now = self.ground.now();
        let mut tx = permit(kind).begin(&self.ground);
        let runs = &self.ground.metrics.job_runs;
        match (outcome, delay(attempts)) {
            (Ok(()), _) => {
                runs.of(JobEnd::Done).add_one();
                tx.execute(&DONE, &[&id]).await?
            }
            (Err(JobFault::Retry(why)), Some(delay)) => {
                runs.of(JobEnd::Retried).add_one();
                tracing::warn!(job = kind, attempts, why, "a job failed and will be tried again");
                tx.execute(&AGAIN, &[&id, &later(now, delay), &why]).await?;
            }
            (Err(fault), _) => {
                runs.of(JobEnd::Failed).add_one();
                tracing::error!(job = kind, attempts, %fault, "a job failed for good");
                tx.execute(&FAILED, &[&id, &now, &fault.to_string()]).await?;
            }
        }
        tx.commit().await
    }
}

/// Looks how long the queue is, for whoever watches.
///
/// # Errors
/// What the database says; what was shown before stays.
pub async fn measure(ground: &Ground) -> Result<(), DbFault> {
    let now = ground.now();
    let mut tx = permit("watch").begin(ground);
    let row = tx.query_one(&STANDING, &[&now]).await?;
    tx.commit().await?;
    let (states, metrics) = (["waiting", "running", "retrying", "failed"], &ground.metrics);
    for (state, column) in
        [JobState::Waiting, JobState::Running, JobState::Retrying, JobState::Failed].into_iter().zip(states)
    {
        metrics.jobs.of(state).set(row.get::<_, i64>(column));
    }
    let oldest: Option<Timestamp> = row.get("oldest");
    let lag = oldest.map(|due| Duration::try_from(now.duration_since(due)).unwrap_or_default());
    metrics.job_lag.set(lag.unwrap_or_default());
    Ok(())
}

/// Deletes what failed for good some time ago: a payload may be a mail to somebody.
pub async fn forget_failed(ground: &Ground) -> Result<i64, DbFault> {
    let before = ground.now().checked_sub(FAILED_KEPT).unwrap_or(Timestamp::MIN);
    sweep::until_few(|| forget_some(ground, before)).await
}

async fn forget_some(ground: &Ground, before: Timestamp) -> Result<i64, DbFault> {
    let mut tx = permit("forget").begin(ground);
    let gone = tx.query(&FORGET, &[&before, &sweep::BATCH]).await?.len();
    tx.commit().await?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

pub(crate) fn permit(name: &str) -> Permit<RunJobs, Jobs> {
    Permit::system(Context::default(), Actor::system("job", name), Origin::default())
}

fn delay(attempts: i32) -> Option<i64> {
    usize::try_from(attempts - 1).ok().and_then(|n| DELAYS_S.get(n)).copied()
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}

fn place(id: &[u8; 16]) -> Place<'_> {
    Place { label: "job", scope: "control", table: "jobs", column: "payload", row: id }
}
