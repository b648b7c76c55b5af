//! The log's rows. Time is read from the id, so that a span of time is a span of the primary key.

use tenantry_core::ids::{AuditId, KeyId, PersonId};
use tenantry_platform::db::{Control, Database, DbFault, Jobs, Mode, TenantTx};
use tenantry_platform::db::{Everywhere, HasStore, In, Plane, Row};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit, RunJobs};
use uuid::Uuid;

/// Rows of a span, led by one filter. Each is a statement of its own, so that each has the plan of its own index: one
/// statement with every filter optional gets one plan for all, which is a walk through the whole log. The other filters
/// stand in one CASE, which the planner takes for every second row: taken one by one it expects none, and would read and
/// sort all rows of a busy actor to answer fifty.
macro_rules! rows {
    ($lead:literal, $order:literal) => {
        concat!(
            "select id, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type, entity_id, request_id,
                    metadata, changes, personal, digests, leaf_hash, about_id, about
             from audit
             where tenant_id = $1 and id > $2 and id < $3 ",
            $lead,
            " and case when ($4::text is null or actor_id = $4) and ($5::text is null or action = $5)
                        and ($6::text is null or entity_type = $6) and ($7::text is null or entity_id = $7)
                        and ($8::integer is null or ip_mark = $8) and ($9::text is null or request_id = $9)
                       then true else false end
             order by id ",
            $order,
            " limit $10"
        )
    };
}

tenantry_platform::sql! {
    AsTenant Everywhere NEWEST = rows!("", "desc");
    AsTenant Everywhere NEWEST_BY_ACTOR = rows!("and actor_id = $4", "desc");
    AsTenant Everywhere NEWEST_BY_ACTION = rows!("and action = $5", "desc");
    AsTenant Everywhere NEWEST_BY_KIND = rows!("and entity_type = $6", "desc");
    AsTenant Everywhere NEWEST_BY_THING = rows!("and entity_id = $7", "desc");
    AsTenant Everywhere NEWEST_BY_ADDRESS = rows!("and ip_mark = $8", "desc");
    AsTenant Everywhere NEWEST_BY_REQUEST = rows!("and request_id = $9", "desc");
    AsTenant Everywhere OLDEST = rows!("", "asc");
    AsTenant Everywhere OLDEST_BY_ACTOR = rows!("and actor_id = $4", "asc");
    AsTenant Everywhere OLDEST_BY_ACTION = rows!("and action = $5", "asc");
    AsTenant Everywhere OLDEST_BY_KIND = rows!("and entity_type = $6", "asc");
    AsTenant Everywhere OLDEST_BY_THING = rows!("and entity_id = $7", "asc");
    AsTenant Everywhere OLDEST_BY_ADDRESS = rows!("and ip_mark = $8", "asc");
    AsTenant Everywhere OLDEST_BY_REQUEST = rows!("and request_id = $9", "asc");
    AsTenant Everywhere NEWEST_ID = "select id from audit where tenant_id = $1 order by id desc limit 1";
    AsTenant Everywhere ACTIONS = "
        select distinct action from (
            select action from audit where tenant_id = $1 order by id desc limit $2) recent";
    AsTenant Everywhere DAYS = "
        select (at at time zone 'UTC')::date::text, count(*) from (
            select at from audit where tenant_id = $1 and id >= $2 order by id desc limit $3) recent
        group by 1";
    AsDoor OnlyControl PERSON_BY_EMAIL = "select person_id from doors.person_by_email($1)";
    AsTenant OnlyControl IS_MEMBER = "select true from memberships where tenant_id = $1 and person_id = $2";
    AsTenant Modes KEYS_BY_NAME = "
        select id from api_keys where tenant_id = $1 and lower(name) = lower($2) order by id desc limit $3";
    AsTenant Modes KEY_NAMES = "select id, name from api_keys where tenant_id = $1 and id = any($2)";
    AsDoor OnlyControl MEMBER_NAMES = "select person_id, name, email from doors.member_names($1)";
    AsDoor JobsOnly DROP_MONTH = "select plane, low, high from doors.drop_audit_months($1, $2)";
    AsDoor JobsOnly MONTHS = "select plane, low, high from doors.audit_months() where low is not null";
}

/// Which rows, in the terms of the table.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// Ids between these two, both excluded.
    pub(super) after: Uuid,
    pub(super) before: Uuid,
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) entity_type: Option<String>,
    pub(super) entity_id: Option<String>,
    pub(super) ip_mark: Option<i32>,
    pub(super) request_id: Option<String>,
}

/// From which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Newest,
    Oldest,
}

type Rows = tenantry_platform::db::Sql<tenantry_platform::db::AsTenant, Everywhere>;

impl Span {
    /// The whole log.
    pub(super) const fn all() -> Self {
        Self {
            after: Uuid::nil(),
            before: Uuid::max(),
            actor: None,
            action: None,
            entity_type: None,
            entity_id: None,
            ip_mark: None,
            request_id: None,
        }
    }

    /// The statement that is led by what finds fewest: a request has a few rows, an action may have half of all.
    fn statement(&self, order: Order) -> &'static Rows {
        let (newest, oldest) = if self.request_id.is_some() {
            (&NEWEST_BY_REQUEST, &OLDEST_BY_REQUEST)
        } else if self.entity_id.is_some() {
            (&NEWEST_BY_THING, &OLDEST_BY_THING)
        } else if self.ip_mark.is_some() {
            (&NEWEST_BY_ADDRESS, &OLDEST_BY_ADDRESS)
        } else if self.actor.is_some() {
            (&NEWEST_BY_ACTOR, &OLDEST_BY_ACTOR)
        } else if self.action.is_some() {
            (&NEWEST_BY_ACTION, &OLDEST_BY_ACTION)
        } else if self.entity_type.is_some() {
            (&NEWEST_BY_KIND, &OLDEST_BY_KIND)
        } else {
            (&NEWEST, &OLDEST)
        };
        match order {
            Order::Newest => newest,
            Order::Oldest => oldest,
        }
    }
}

pub(super) async fn rows<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    span: &Span,
    order: Order,
    most: i64,
) -> Result<Vec<Row>, DbFault> {
    let args: [&(dyn tenantry_platform::db::ToSql + Sync); 9] = [
        &span.after,
        &span.before,
        &span.actor,
        &span.action,
        &span.entity_type,
        &span.entity_id,
        &span.ip_mark,
        &span.request_id,
        &most,
    ];
    tx.query(span.statement(order), &args).await
}

/// The highest id of the plane's rows that are committed; nil where there are none.
pub(super) async fn newest_id<P: Permission, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
) -> Result<Uuid, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &NEWEST_ID, &[]).await?.first().map_or(Uuid::nil(), |row| row.get(0)))
}

/// The words of the newest `most` rows.
pub(super) async fn actions<P: Permission, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    most: i64,
) -> Result<Vec<String>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &ACTIONS, &[&most]).await?.iter().map(|row| row.get(0)).collect())
}

/// Rows a day among the newest `most` since `from`: day as `2026-03-12`, and count.
pub(super) async fn days<P: Permission, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    from: AuditId,
    most: i64,
) -> Result<Vec<(String, i64)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &DAYS, &[&from.uuid(), &most]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whose address it is, in any tenant. An unknown one is nobody's.
pub(super) async fn person_by_email<P: Permission>(
    ground: &Ground,
    permit: &Permit<P, Control>,
    lookup: &str,
) -> Result<Option<PersonId>, DbFault> {
    Ok(permit.read(ground, &PERSON_BY_EMAIL, &[&lookup]).await?.first().map(|row| PersonId::from_uuid(row.get(0))))
}

/// Whether the person is a member of the tenant now.
pub(super) async fn is_member<P: Permission>(
    ground: &Ground,
    permit: &Permit<P, Control>,
    person: PersonId,
) -> Result<bool, DbFault> {
    Ok(!permit.read(ground, &IS_MEMBER, &[&person.uuid()]).await?.is_empty())
}

/// The newest keys of a name, revoked ones too.
pub(super) async fn keys_by_name<P: Permission, M: Mode>(
    ground: &Ground,
    permit: &Permit<P, M>,
    name: &str,
    most: i64,
) -> Result<Vec<KeyId>, DbFault>
where
    Database: HasStore<M>,
{
    let rows = permit.read(ground, &KEYS_BY_NAME, &[&name, &most]).await?;
    Ok(rows.iter().map(|row| KeyId::from_uuid(row.get(0))).collect())
}

/// The names of those of the ids that are keys.
pub(super) async fn key_names<P: Permission, M: Mode>(
    ground: &Ground,
    permit: &Permit<P, M>,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &KEY_NAMES, &[&ids]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Name and address of those of the ids that are members now.
pub(super) async fn member_names<P: Permission>(
    ground: &Ground,
    permit: &Permit<P, Control>,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String, String)>, DbFault> {
    let rows = permit.read(ground, &MEMBER_NAMES, &[&ids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// A month of a plane's rows: the ids that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// `control`, `live` or `test`.
    pub plane: String,
    /// The first id.
    pub low: Uuid,
    /// The id after the last one.
    pub high: Uuid,
}

/// Drops the oldest month that ended `months` ago or earlier, and answers it. The floor is the door's.
pub(super) async fn drop_month(
    ground: &Ground,
    permit: &Permit<RunJobs, Jobs>,
    months: i32,
) -> Result<Option<Month>, DbFault> {
    let mut tx = permit.begin(ground);
    let dropped = tx.query_opt(&DROP_MONTH, &[&ground.now(), &months]).await?.as_ref().map(month);
    tx.commit().await?;
    Ok(dropped)
}

/// Every month that there is.
pub(super) async fn months(ground: &Ground, permit: &Permit<RunJobs, Jobs>) -> Result<Vec<Month>, DbFault> {
    Ok(permit.read(ground, &MONTHS, &[]).await?.iter().map(month).collect())
}

fn month(row: &Row) -> Month {
    Month { plane: row.get(0), low: row.get(1), high: row.get(2) }
}
