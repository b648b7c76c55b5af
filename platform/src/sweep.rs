//! Deleting what is over, in batches: each a transaction of its own, and done long before a statement's time is.
//!
//! What must always hold: however much has gathered, each turn leaves less of it.

use crate::db::{Args, Context, DbFault, Jobs, JobsOnly, Scope, Sql};
use crate::ground::Ground;
use crate::permit::{Actor, Origin, Permit, RunJobs};

/// Rows of a table that one statement takes.
pub(crate) const BATCH: i32 = 5_000;
/// Batches of one turn: what is left waits for the next, and keeps nobody else from their turn.
const BATCHES_MOST: usize = 400;

/// Runs a statement that deletes, until it finds less than a batch, and answers how many rows are gone. `args` say what
/// is over; the last parameter, the size of a batch, is added here. Safe on every node.
///
/// # Errors
/// What the database says; what was deleted until then stays deleted.
pub async fn drain<S: Scope>(
    ground: &Ground,
    job: &'static str,
    sql: &'static Sql<S, JobsOnly>,
    args: Args<'_>,
) -> Result<i64, DbFault> {
    let permit = Permit::<RunJobs, Jobs>::system(Context::default(), Actor::system("job", job), Origin::default());
    let mut all = args.to_vec();
    all.push(&BATCH);
    let (permit, all) = (&permit, &all[..]);
    until_few(|| async move {
        let mut tx = permit.begin(ground);
        let gone = tx.query_one(sql, all).await?.get(0);
        tx.commit().await?;
        Ok(gone)
    })
    .await
}

/// Repeats a batch, which answers how many rows it took, until it finds few.
pub(crate) async fn until_few<F>(batch: impl Fn() -> F) -> Result<i64, DbFault>
where
    F: Future<Output = Result<i64, DbFault>>,
{
    let mut gone = 0;
    for _ in 0..BATCHES_MOST {
        let taken = batch().await?;
        gone += taken;
        if taken < i64::from(BATCH) {
            break;
        }
    }
    Ok(gone)
}
