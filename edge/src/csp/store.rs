//! The SQL of reports.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_platform::db::{Database, DbFault, HasStore, Mode, Row, TenantBatch};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};

use super::report::{REST, Report};
use super::reports::Aggregate;
use super::write::Listed;

/// Groups that a tenant has in the table. An app's own pages show a handful.
const GROUPS_MOST: i64 = 200;

tenantry_platform::sql! {
    // A group that is new where all places are taken begins as heavy as the lightest. In one order, for two nodes that
    // write at once.
    AsTenant Modes ADD = "
        with held as (select count(*) as many, min(weight) as least from csp_reports where tenant_id = $1 and directive <> '*')
        insert into csp_reports as r (tenant_id, directive, blocked, path, is_enforced, reports, first_at, last_at, weight)
        select $1, c.directive, c.blocked, c.path, c.is_enforced, c.reports, c.first_at, c.last_at,
            c.reports + case when held.many >= $9 then held.least else 0 end
        from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::timestamptz[], $8::timestamptz[])
            c (directive, blocked, path, is_enforced, reports, first_at, last_at)
        cross join held order by 2, 3, 4, 5
        on conflict (tenant_id, directive, blocked, path, is_enforced) do update set
            reports = r.reports + excluded.reports, weight = r.weight + excluded.reports,
            last_at = greatest(r.last_at, excluded.last_at)";
    // What is beyond the places goes into the row of the rest.
    AsTenant Modes TRIM = "
        with beyond as (
            select directive, blocked, path, is_enforced from csp_reports where tenant_id = $1 and directive <> '*'
            order by weight desc, last_at desc, directive, blocked, path, is_enforced offset $2),
        gone as (
            delete from csp_reports r using beyond b
            where r.tenant_id = $1 and r.directive = b.directive and r.blocked = b.blocked and r.path = b.path
              and r.is_enforced = b.is_enforced
            returning r.reports, r.first_at, r.last_at)
        insert into csp_reports as t (tenant_id, directive, blocked, path, is_enforced, reports, first_at, last_at)
        select $1, '*', '', '', false, sum(g.reports)::bigint, min(g.first_at), max(g.last_at) from gone g having count(*) > 0
        on conflict (tenant_id, directive, blocked, path, is_enforced) do update set
            reports = t.reports + excluded.reports, last_at = greatest(t.last_at, excluded.last_at)";
    AsTenant Modes LIST = "
        select directive, blocked, path, is_enforced, reports, first_at, last_at from csp_reports
        where tenant_id = $1 order by last_at desc, reports desc limit 500";
    AsDoor JobsOnly SWEEP = "select doors.sweep_csp_reports($1, $2)";
}

/// Adds a tenant's groups to the batch, and what found no place among them.
pub(super) fn add<M: Mode>(
    batch: &mut TenantBatch<M>,
    tenant: TenantId,
    mut groups: Vec<(Report, Aggregate)>,
    rest: Option<Aggregate>,
) {
    groups.extend(rest.map(|sum| (Report::rest(), sum)));
    let texts = |of: fn(&Report) -> &String| groups.iter().map(|(report, _)| of(report).clone()).collect::<Vec<_>>();
    let times = |of: fn(&Aggregate) -> Timestamp| groups.iter().map(|(_, sum)| of(sum)).collect::<Vec<_>>();
    let counts: Vec<i64> = groups.iter().map(|(_, sum)| i64::try_from(sum.count).unwrap_or(i64::MAX)).collect();
    let enforced: Vec<bool> = groups.iter().map(|(report, _)| report.is_enforced).collect();
    batch.push(
        tenant,
        &ADD,
        vec![
            Box::new(texts(|report| &report.directive)),
            Box::new(texts(|report| &report.blocked)),
            Box::new(texts(|report| &report.path)),
            Box::new(enforced),
            Box::new(counts),
            Box::new(times(|sum| sum.first)),
            Box::new(times(|sum| sum.last)),
            Box::new(GROUPS_MOST),
        ],
    );
    batch.push(tenant, &TRIM, vec![Box::new(GROUPS_MOST)]);
}

/// A tenant's groups, the last reported first.
pub(super) async fn list<P: Permission, M: Mode>(permit: &Permit<P, M>, ground: &Ground) -> Result<Listed, DbFault>
where
    Database: HasStore<M>,
{
    let found = permit.read(ground, &LIST, &[]).await?;
    let (rest, groups) = found.iter().map(read).partition::<Vec<_>, _>(|(report, _)| report.directive == REST);
    Ok(Listed { groups, rest: rest.first().map(|(_, sum)| *sum) })
}

pub(super) async fn sweep(ground: &Ground, before: Timestamp) -> Result<i64, DbFault> {
    tenantry_platform::sweep::drain(ground, "csp", &SWEEP, &[&before]).await
}

fn read(row: &Row) -> (Report, Aggregate) {
    let report = Report {
        directive: row.get("directive"),
        blocked: row.get("blocked"),
        path: row.get("path"),
        is_enforced: row.get("is_enforced"),
    };
    let count = u64::try_from(row.get::<_, i64>("reports")).unwrap_or_default();
    (report, Aggregate { count, first: row.get("first_at"), last: row.get("last_at") })
}
