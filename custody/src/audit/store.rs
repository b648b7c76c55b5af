//! The log's rows. Time is read from the id, so that a span of time is a span of the primary key.

use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Control, Database, DbFault, TenantTx};
use tenantry_platform::db::{Everywhere, HasStore, In, Plane, Row};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit};
use uuid::Uuid;

tenantry_platform::sql! {
    AsTenant Everywhere NEWEST = "
        select id, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type, entity_id, request_id,
               metadata, changes, personal, digests, leaf_hash
        from audit
        where tenant_id = $1 and id > $2 and id < $3
          and ($4::text is null or actor_id = $4) and ($5::text is null or action = $5)
          and ($6::text is null or entity_type = $6 or entity_id = $6)
        order by id desc limit $7";
    AsTenant Everywhere OLDEST = "
        select id, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type, entity_id, request_id,
               metadata, changes, personal, digests, leaf_hash
        from audit
        where tenant_id = $1 and id > $2 and id < $3
          and ($4::text is null or actor_id = $4) and ($5::text is null or action = $5)
          and ($6::text is null or entity_type = $6 or entity_id = $6)
        order by id limit $7";
    AsTenant Everywhere ACTIONS = "
        select distinct action from (
            select action from audit where tenant_id = $1 order by id desc limit $2) recent";
    AsTenant Everywhere DAYS = "
        select (at at time zone 'UTC')::date::text, count(*) from (
            select at from audit where tenant_id = $1 and id >= $2 order by id desc limit $3) recent
        group by 1";
    AsDoor OnlyControl PERSON_BY_EMAIL = "select person_id from doors.person_by_email($1)";
    AsTenant Everywhere HAS_SUBJECT = "select true from subject_keys where tenant_id = $1 and subject_id = $2";
}

/// Which rows, in the terms of the table.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// Ids between these two, both excluded.
    pub(super) after: Uuid,
    pub(super) before: Uuid,
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) entity: Option<String>,
}

/// From which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Newest,
    Oldest,
}

pub(super) async fn rows<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    span: &Span,
    order: Order,
    most: i64,
) -> Result<Vec<Row>, DbFault> {
    let args: [&(dyn tenantry_platform::db::ToSql + Sync); 6] =
        [&span.after, &span.before, &span.actor, &span.action, &span.entity, &most];
    match order {
        Order::Newest => tx.query(&NEWEST, &args).await,
        Order::Oldest => tx.query(&OLDEST, &args).await,
    }
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

/// Whether the tenant's log of this plane tells of the person.
pub(super) async fn has_subject<P: Permission, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    person: Uuid,
) -> Result<bool, DbFault>
where
    Database: HasStore<M>,
{
    Ok(!permit.read(ground, &HAS_SUBJECT, &[&person]).await?.is_empty())
}

/// Whose address it is, in any tenant. An unknown one is nobody's.
pub(super) async fn person_by_email<P: Permission>(
    ground: &Ground,
    permit: &Permit<P, Control>,
    lookup: &str,
) -> Result<Option<Uuid>, DbFault> {
    Ok(permit.read(ground, &PERSON_BY_EMAIL, &[&lookup]).await?.first().map(|row| row.get(0)))
}
