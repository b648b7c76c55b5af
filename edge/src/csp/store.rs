//! The SQL of reports.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_platform::db::{Database, DbFault, HasStore, Mode, Row, TenantBatch};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};

use super::report::Report;
use super::reports::Aggregate;

/// Groups that a tenant has in the table before new ones find no room. An app's own pages show a handful.
const GROUPS_MOST: i64 = 200;

tenantry_platform::sql! {
    // Known groups always grow; new ones while there is room. In one order, for two nodes that write at once.
    AsTenant Modes ADD = "
        with held as (select count(*) as many from csp_reports where tenant_id = $1),
             known as (select directive, blocked, path, is_enforced from csp_reports where tenant_id = $1)
        insert into csp_reports as r (tenant_id, directive, blocked, path, is_enforced, reports, first_at, last_at)
        select $1, c.directive, c.blocked, c.path, c.is_enforced, c.reports, c.first_at, c.last_at
        from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::timestamptz[], $8::timestamptz[])
            c (directive, blocked, path, is_enforced, reports, first_at, last_at)
        cross join held
        left join known k on k.directive = c.directive and k.blocked = c.blocked and k.path = c.path
            and k.is_enforced = c.is_enforced
        where k.directive is not null or held.many < $9
        order by 2, 3, 4, 5
        on conflict (tenant_id, directive, blocked, path, is_enforced) do update set
            reports = r.reports + excluded.reports, last_at = greatest(r.last_at, excluded.last_at)";
    AsTenant Modes LIST = "
        select directive, blocked, path, is_enforced, reports, first_at, last_at from csp_reports
        where tenant_id = $1 order by last_at desc, reports desc limit 500";
    AsDoor JobsOnly SWEEP = "select doors.sweep_csp_reports($1, $2)";
}

/// Adds a tenant's groups to the batch.
pub(super) fn add<M: Mode>(batch: &mut TenantBatch<M>, tenant: TenantId, groups: &[(Report, Aggregate)]) {
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
}

/// A tenant's groups, the last reported first.
pub(super) async fn list<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
) -> Result<Vec<(Report, Aggregate)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &LIST, &[]).await?.iter().map(read).collect())
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
