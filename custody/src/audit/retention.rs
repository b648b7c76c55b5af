//! How long rows are kept: whole months are dropped, none before it is a year old (AUD-4).
//!
//! The floor is the database's: `doors.drop_audit_months` refuses less than twelve months and counts by the server's own
//! clock too, and no login that serves owns a table. What was dropped stands in the platform's log, which nobody who
//! serves can alter.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tenantry_platform::db::{Context, DbFault, Jobs};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Origin, Permit, RunJobs};
use uuid::Uuid;

use super::store;
pub use super::store::Month;

/// The schemas that have a log.
const PLANES: [&str; 3] = ["control", "live", "test"];

/// Drops the months that ended `months` ago or earlier, one a transaction, and answers them.
///
/// # Errors
/// When the database does not answer, `months` is below its floor, or somebody reads what is to be dropped: it stays
/// until the next time. What was dropped until then is dropped.
pub async fn drop_expired(ground: &Ground, months: i32) -> Result<Vec<Month>, DbFault> {
    let (permit, mut dropped) = (permit("audit retention"), Vec::new());
    while let Some(month) = store::drop_month(ground, &permit, months).await? {
        tracing::info!(plane = %month.plane, from = %month.low, until = %month.high, kept_months = months, "a month of audit rows was dropped");
        dropped.push(month);
    }
    Ok(dropped)
}

/// How far ahead a plane can take rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// `control`, `live` or `test`.
    pub plane: &'static str,
    /// Whole months after this one that can be written without a gap.
    pub months: u32,
    /// The first instant of each month between the first partition and the last one wanted that no partition takes.
    pub missing: Vec<Timestamp>,
}

/// What each plane can take, looking `wanted` months ahead. An insert into a missing month fails, and with it the change
/// that it records.
///
/// # Errors
/// When the database does not answer.
pub async fn partitions_ahead(ground: &Ground, wanted: u32) -> Result<Vec<Ahead>, DbFault> {
    let there = store::months(ground, &permit("audit months")).await?;
    let now = ground.now().to_zoned(TimeZone::UTC).date().first_of_month();
    Ok(PLANES.map(|plane| ahead(plane, &there, now, wanted)).into())
}

fn ahead(plane: &'static str, there: &[Month], now: Date, wanted: u32) -> Ahead {
    let of_plane: Vec<&Month> = there.iter().filter(|month| month.plane == plane).collect();
    let takes = |start: Date| {
        let low = instant(start).map_or(Uuid::nil(), super::list::first_id);
        of_plane.iter().any(|month| month.low <= low && low < month.high)
    };
    let last = now.saturating_add(i64::from(wanted).months());
    let first = of_plane.iter().map(|month| day_of(month.low)).min().unwrap_or(now).min(now);
    let missing: Vec<Date> = months(first, last).filter(|start| !takes(*start)).collect();
    let months = months(now, last).take_while(|start| takes(*start)).count();
    Ahead {
        plane,
        months: u32::try_from(months).unwrap_or(u32::MAX).saturating_sub(1),
        missing: missing.into_iter().filter_map(instant).collect(),
    }
}

fn months(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.first_of_month().series(1.month()).take_while(move |start| *start <= last)
}

fn instant(start: Date) -> Option<Timestamp> {
    start.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The day of a UUIDv7.
fn day_of(id: Uuid) -> Date {
    let ms = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

fn permit(what: &'static str) -> Permit<RunJobs, Jobs> {
    Permit::system(Context::default(), Actor::system("job", what), Origin::default())
}
