//! The queue as platform staff sees it: what waits, what failed and why, and whom a mail is for. What a job is to
//! do is never shown.

use jiff::Timestamp;
use tenantry_core::ids::JobId;
use uuid::Uuid;

use crate::db::{DbFault, Operator, Row};
use crate::ground::Ground;
use crate::mail;
use crate::permit::{Operate, Permit};
use crate::problem::{Kind as Refusal, Problem};

/// Jobs on a page.
pub const JOBS_A_PAGE: usize = 50;
/// A longer error is cut: a page is no log.
const ERROR_CHARS_MOST: usize = 300;

crate::sql! {
    AsDoor OnlyOperator COUNTS = "select kind, state, jobs, oldest from doors.operator_job_counts($1)";
    AsDoor OnlyOperator LIST = "
        select id, kind, state, due_at, created_at, attempts, last_error, sealed
        from doors.operator_jobs($1, $2, $3, $4, $5)";
    AsDoor OnlyOperator RETRY = "select kind from doors.retry_job($1, $2, $3)";
    AsDoor OnlyOperator DISCARD = "select kind from doors.discard_job($1, $2)";
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not tried yet.
    Waiting,
    /// Somebody has it.
    Running,
    /// Tried, and to be tried again.
    Retrying,
    /// Given up.
    Failed,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Retrying, Self::Failed];

    /// The word in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
        }
    }

    /// The state of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How many jobs of a kind stand where.
#[derive(Clone, Debug)]
pub struct Count {
    /// Such as `mail.send`.
    pub kind: String,
    /// Where.
    pub state: State,
    /// How many.
    pub jobs: u64,
    /// When the oldest of them was put into the queue.
    pub oldest: Timestamp,
}

/// A job, without what it is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which.
    pub id: JobId,
    /// Such as `mail.send`.
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed last, masked and cut.
    pub last_error: Option<String>,
    /// Of a mail: to whom, masked.
    pub recipient: Option<String>,
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Only these.
    pub state: Option<State>,
    /// Only of this kind; empty for all.
    pub kind: String,
    /// Only jobs put in before this one.
    pub before: Option<JobId>,
}

/// How many jobs stand where.
///
/// # Errors
/// What the database says.
pub async fn counts(permit: &Permit<Operate, Operator>, ground: &Ground) -> Result<Vec<Count>, DbFault> {
    let rows = permit.read(ground, &COUNTS, &[&ground.now()]).await?;
    let read = |row: &Row| Count {
        kind: row.get("kind"),
        state: state(row),
        jobs: u64::try_from(row.get::<_, i64>("jobs")).unwrap_or_default(),
        oldest: row.get("oldest"),
    };
    Ok(rows.iter().map(read).collect())
}

/// A page of jobs, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn list(
    permit: &Permit<Operate, Operator>,
    ground: &Ground,
    search: &Search,
) -> Result<(Vec<Job>, bool), DbFault> {
    let before = search.before.map_or(Uuid::max(), JobId::uuid);
    let one_more = i32::try_from(JOBS_A_PAGE + 1).unwrap_or(i32::MAX);
    let state = search.state.map_or("", State::as_str);
    let rows = permit.read(ground, &LIST, &[&state, &search.kind, &before, &one_more, &ground.now()]).await?;
    let jobs = rows.iter().take(JOBS_A_PAGE).map(|row| read(ground, row)).collect();
    Ok((jobs, rows.len() > JOBS_A_PAGE))
}

/// Makes a job due now, with all its tries before it. Answers its kind.
///
/// # Errors
/// 409 where it is under way or gone.
pub async fn retry(permit: &Permit<Operate, Operator>, ground: &Ground, id: JobId) -> Result<String, Problem> {
    let mut tx = permit.begin(ground);
    let found = tx.query_opt(&RETRY, &[&id.uuid(), &by(permit), &ground.now()]).await?;
    let kind: String = found.ok_or_else(not_there)?.get(0);
    tx.commit().await?;
    Ok(kind)
}

/// Forgets a job that failed for good. Answers its kind.
///
/// # Errors
/// 409 where it has not failed, or is gone.
pub async fn discard(permit: &Permit<Operate, Operator>, ground: &Ground, id: JobId) -> Result<String, Problem> {
    let mut tx = permit.begin(ground);
    let found = tx.query_opt(&DISCARD, &[&id.uuid(), &by(permit)]).await?;
    let kind: String = found.ok_or_else(not_there)?.get(0);
    tx.commit().await?;
    Ok(kind)
}

/// Who it was, for the platform's log.
fn by(permit: &Permit<Operate, Operator>) -> &str {
    &permit.acting().actor.id
}

fn read(ground: &Ground, row: &Row) -> Job {
    let (id, sealed): (Uuid, Option<Vec<u8>>) = (row.get("id"), row.get("sealed"));
    let error: Option<String> = row.get("last_error");
    Job {
        id: JobId::from_uuid(id),
        kind: row.get("kind"),
        state: state(row),
        due_at: row.get("due_at"),
        created_at: row.get("created_at"),
        attempts: row.get("attempts"),
        last_error: error.map(|text| tenantry_core::mask::mask(&text).chars().take(ERROR_CHARS_MOST).collect()),
        recipient: sealed.and_then(|sealed| recipient(ground, id, &sealed)),
    }
}

fn recipient(ground: &Ground, id: Uuid, sealed: &[u8]) -> Option<String> {
    let plain = ground.sealer.open(&super::place(id.as_bytes()), sealed).ok()?;
    mail::masked_recipient(&plain)
}

/// An unknown word is one of a newer binary: nobody has it in hand here.
fn state(row: &Row) -> State {
    State::named(row.get("state")).unwrap_or(State::Waiting)
}

fn not_there() -> Problem {
    let text = "The job is under way, done, or was discarded meanwhile. Load the list again.";
    Problem::new(Refusal::Conflict, text).code("job_state")
}
