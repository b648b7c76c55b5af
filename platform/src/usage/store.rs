//! The SQL of usage.

use jiff::Timestamp;
use tenantry_core::ids::TenantId;
use uuid::Uuid;

use super::Kind;
use super::count::{Cell, Counts};
use super::read::Grain;
use crate::db::{Database, DbFault, HasStore, In, Operator, Plane, Row, Served, TenantBatch};
use crate::ground::Ground;
use crate::permit::{Operate, Permission, Permit};
use crate::sweep;

crate::sql! {
    // Each minute is also a part of its hour and its day. In one order, so that two nodes never wait for each other
    // in a circle.
    AsTenant Served ADD = "
        insert into usage (tenant_id, subject, kind, grain, at, total)
        select $1, c.subject, c.kind, g.grain, date_trunc(g.grain, c.at, 'UTC'), sum(c.total)::bigint
        from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[]) c (subject, kind, at, total)
        cross join unnest(array['minute', 'hour', 'day']) g (grain)
        group by 2, 3, 4, 5 order by 2, 3, 4, 5
        on conflict (tenant_id, subject, kind, grain, at) do update set total = usage.total + excluded.total";
    AsTenant Served READ = "
        select kind, at, total from usage
        where tenant_id = $1 and subject = $2 and grain = $3 and at >= $4";
    AsDoor OnlyOperator READ_ALL = "select kind, at, total from doors.operator_usage($1, $2)";
    AsDoor JobsOnly SWEEP = "select doors.sweep_usage($1, $2, $3, $4)";
}

/// Adds a tenant's cells to the batch.
pub(super) fn add<M: Plane + In<Served>>(batch: &mut TenantBatch<M>, tenant: TenantId, cells: &[(Cell, Counts)]) {
    let (mut subjects, mut kinds, mut minutes, mut totals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (cell, counts) in cells {
        for kind in Kind::ALL.into_iter().filter(|kind| counts[*kind as usize] > 0) {
            subjects.push(cell.subject);
            kinds.push(kind.as_str());
            minutes.push(Timestamp::from_second(cell.minute * 60).unwrap_or_default());
            totals.push(i64::try_from(counts[kind as usize]).unwrap_or(i64::MAX));
        }
    }
    batch.push(tenant, &ADD, vec![Box::new(subjects), Box::new(kinds), Box::new(minutes), Box::new(totals)]);
}

/// What was counted since `from`, by kind and time.
pub(super) async fn read<P: Permission, M: Plane + In<Served>>(
    permit: &Permit<P, M>,
    ground: &Ground,
    subject: Uuid,
    grain: Grain,
    from: Timestamp,
) -> Result<Vec<(Kind, Timestamp, u64)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(counted(&permit.read(ground, &READ, &[&subject, &grain.as_str(), &from]).await?))
}

/// The same for platform staff: the tenant of the permit, in all its books together.
pub(super) async fn read_all(
    permit: &Permit<Operate, Operator>,
    ground: &Ground,
    grain: Grain,
    from: Timestamp,
) -> Result<Vec<(Kind, Timestamp, u64)>, DbFault> {
    Ok(counted(&permit.read(ground, &READ_ALL, &[&grain.as_str(), &from]).await?))
}

fn counted(rows: &[Row]) -> Vec<(Kind, Timestamp, u64)> {
    let read = |row: &Row| {
        let word: &str = row.get("kind");
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
        Some((kind, row.get("at"), u64::try_from(row.get::<_, i64>("total")).unwrap_or_default()))
    };
    rows.iter().filter_map(read).collect()
}

/// Deletes what is older than each grain is kept.
pub(super) async fn sweep(
    ground: &Ground,
    minutes: Timestamp,
    hours: Timestamp,
    days: Timestamp,
) -> Result<i64, DbFault> {
    sweep::drain(ground, "usage", &SWEEP, &[&minutes, &hours, &days]).await
}
