//! The months of the tables that grow: audit rows and events lie in partitions, made ahead and dropped whole.
//!
//! What must always hold: whoever reads or writes such a table waits for none of this longer than a tenth of a second,
//! however long somebody else reads it. Each call of a door is a transaction of its own, and gives up by itself.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::db::{Context, DbFault, Jobs, Row};
use crate::ground::Ground;
use crate::permit::{Actor, Origin, Permit, RunJobs};

/// Another node makes the same months in less than a second.
const TRIES: u32 = 4;
/// Between two tries: nodes that started together do not meet again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

crate::sql! {
    AsDoor JobsOnly MAKE = "select doors.ensure_partitions($1, $2)";
    AsDoor JobsOnly MISSING = "select plane, relation, low from doors.missing_months($1, $2)";
    AsDoor JobsOnly DROP_EVENTS = "select plane, low, high from doors.drop_event_months($1, $2)";
}

/// A month that a table cannot take yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// `live.audit`
    pub table: String,
    /// Its first instant.
    pub from: Timestamp,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let from = self.from.to_zoned(TimeZone::UTC);
        write!(f, "{} of {}", self.table, from.strftime("%Y-%m"))
    }
}

/// Makes this month and so many after it, where they are missing, and answers how many it made. Safe on every node.
///
/// # Errors
/// What the database says. Somebody who alters one of the tables stands in the way; who reads or writes does not.
pub async fn make_ahead(ground: &Ground, months: i32) -> Result<i32, DbFault> {
    for _ in 1..TRIES {
        match make_once(ground, months).await {
            Err(DbFault::Retry(_)) => tokio::time::sleep(ground.entropy.between(PAUSE.0, PAUSE.1)).await,
            made => return made,
        }
    }
    make_once(ground, months).await
}

async fn make_once(ground: &Ground, months: i32) -> Result<i32, DbFault> {
    let mut tx = permit().begin(ground);
    let made = tx.query_one(&MAKE, &[&ground.now(), &months]).await?.get(0);
    tx.commit().await?;
    Ok(made)
}

/// What cannot be written yet, of this month and so many after it.
///
/// # Errors
/// When the database does not answer.
pub async fn missing(ground: &Ground, months: i32) -> Result<Vec<Missing>, DbFault> {
    Ok(permit().read(ground, &MISSING, &[&ground.now(), &months]).await?.iter().map(read).collect())
}

/// Drops the months of events that ended `kept` months ago or earlier, one a transaction, and answers how many.
///
/// # Errors
/// When the database does not answer, `kept` is below a month, or somebody reads what is to be dropped: it stays until
/// the next time. What was dropped until then is dropped.
pub async fn drop_events(ground: &Ground, kept: i32) -> Result<u32, DbFault> {
    let mut dropped = 0;
    loop {
        let mut tx = permit().begin(ground);
        let month = tx.query_opt(&DROP_EVENTS, &[&ground.now(), &kept]).await?;
        tx.commit().await?;
        let Some(month) = month else { return Ok(dropped) };
        let (plane, from, until): (&str, Uuid, Uuid) = (month.get(0), month.get(1), month.get(2));
        tracing::info!(plane, %from, %until, kept_months = kept, "a month of events was dropped");
        dropped += 1;
    }
}

fn read(row: &Row) -> Missing {
    Missing { table: format!("{}.{}", row.get::<_, &str>(0), row.get::<_, &str>(1)), from: row.get(2) }
}

fn permit() -> Permit<RunJobs, Jobs> {
    Permit::system(Context::default(), Actor::system("job", "months"), Origin::default())
}
