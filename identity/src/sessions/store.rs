//! SQL of sessions and hand-off codes.

use std::net::IpAddr;

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::own_limits::OwnLimits;
use tenantry_platform::permit::{Authenticate, OwnAccount, Permit, PersonRef, TenantRef, TenantStatus};
use tenantry_platform::sql;

sql! {
    AsPerson OnlyControl LOCK_PERSON = "select name, email, operator from persons where person_id = $1 and status = 'active' for share";
    AsPerson OnlyControl LOCK_ALL = "select true from persons where person_id = $1 for no key update";
    AsPerson OnlyControl LOCK_PARENT = "
        select root_id, auth_time, amr, expires_at from sessions
        where person_id = $1 and id = $2 and parent_id is null and ended_at is null and expires_at > $3 for share";
    AsPerson OnlyControl INSERT = "
        insert into sessions (person_id, id, root_id, parent_id, realm, host, tenant_id, mode, rotated_at, auth_time, amr,
            ip, user_agent, created_at, last_seen_at, expires_at)
        values ($1, $2, $3, $4, 'staff', $5, $6, $7, $8, $9, $10, $11, $12, $8, $8, $13)";
    AsPerson OnlyControl FIND = "
        select s.root_id, s.host, s.tenant_id, s.mode, s.counter, s.successor_used_at, s.auth_time, s.amr, s.expires_at,
               p.name, p.email, p.operator
        from sessions s join persons p on p.person_id = s.person_id
        where s.person_id = $1 and s.id = $2 and s.realm = 'staff' and s.ended_at is null and p.status = 'active'";
    AsPerson OnlyControl ROTATE = "
        update sessions set counter = counter + 1, rotated_at = $4, successor_used_at = null, last_seen_at = $4
        where person_id = $1 and id = $2 and counter = $3 and host = $5 and ended_at is null
          and expires_at > $4 and last_seen_at > $6
        returning root_id, tenant_id, mode, expires_at, counter";
    AsPerson OnlyControl FIND_ROTATION = "
        select root_id, tenant_id, mode, expires_at, counter, successor_used_at, host, last_seen_at, ended_at is not null as ended
        from sessions where person_id = $1 and id = $2";
    AsPerson OnlyControl MARK_USED = "
        update sessions set successor_used_at = $4
        where person_id = $1 and id = $2 and counter = $3 and successor_used_at is null";
    AsPerson OnlyControl END_ROOT taking = "
        update sessions set ended_at = $3, end_reason = $4
        where person_id = $1 and id = $2 and root_id = id and ended_at is null returning true";
    AsPerson OnlyControl END_TREE taking = "
        update sessions set ended_at = $3, end_reason = $4
        where person_id = $1 and root_id = $2 and ended_at is null returning true";
    AsPerson OnlyControl END_ALL taking = "
        update sessions set ended_at = $2, end_reason = $3
        where person_id = $1 and ended_at is null and expires_at > $2";
    AsPerson OnlyControl END_OF_TENANT taking = "
        update sessions set ended_at = $3, end_reason = $4 where person_id = $1 and tenant_id = $2 and ended_at is null";
    AsPerson OnlyControl END_OTHERS taking = "
        update sessions set ended_at = $3, end_reason = $4
        where person_id = $1 and root_id <> $2 and ended_at is null and expires_at > $3 returning id, root_id";
    AsPerson OnlyControl END_BEYOND taking = "
        with beyond as (
            select root_id from sessions where person_id = $1 and ended_at is null and expires_at > $3
            group by root_id order by max(last_seen_at) desc, root_id desc offset $2)
        update sessions s set ended_at = $3, end_reason = $4 from beyond b
        where s.person_id = $1 and s.root_id = b.root_id and s.ended_at is null returning s.id, s.root_id";
    AsPerson OnlyControl LIVING = "
        select id, root_id, host, ip, user_agent, created_at, last_seen_at from sessions
        where person_id = $1 and ended_at is null and expires_at > $2 and last_seen_at > $3
        order by root_id, created_at, id limit 1000";
    AsDoor OnlyControl MEMBERSHIPS = "
        select tenant_id, slug, name, status, plan, limits, role, own_permissions from doors.memberships_of_person()";
    AsDoor OnlyControl PUT_CODE = "select doors.put_code($1, $2, $3)";
    AsDoor OnlyControl LOOK_AT_CODE = "select data from doors.look_at_code($1, $2)";
    AsDoor OnlyControl TAKE_CODE = "select data from doors.take_code($1, $2)";
    AsQueue JobsOnly SWEEP = "select doors.sweep($1, $2, $3)";
}

/// A session as it is first written.
pub(super) struct NewSession<'a> {
    pub(super) id: SessionId,
    pub(super) root: SessionId,
    pub(super) parent: Option<SessionId>,
    pub(super) host: &'a str,
    pub(super) tenant: Option<(TenantId, Mode)>,
    pub(super) auth_time: Timestamp,
    pub(super) amr: Vec<String>,
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
    pub(super) now: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// What a refresh looks at.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    pub(super) root: SessionId,
    pub(super) tenant: Option<(TenantId, Mode)>,
    pub(super) expires_at: Timestamp,
    pub(super) counter: i64,
}

/// What a refused compare-and-swap looks at.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) rotation: Rotation,
    pub(super) successor_used_at: Option<Timestamp>,
    pub(super) host: String,
    pub(super) last_seen_at: Timestamp,
    pub(super) ended: bool,
}

/// A session as it is believed.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) root: SessionId,
    pub(super) host: String,
    pub(super) tenant: Option<(TenantId, Mode)>,
    pub(super) counter: i64,
    pub(super) successor_used_at: Option<Timestamp>,
    pub(super) auth_time: Timestamp,
    pub(super) amr: Vec<String>,
    pub(super) expires_at: Timestamp,
    pub(super) person: PersonRef,
}

/// What a child takes from its parent.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub(super) root: SessionId,
    pub(super) auth_time: Timestamp,
    pub(super) amr: Vec<String>,
    pub(super) expires_at: Timestamp,
}

/// A membership as stored: the role is still a word.
#[derive(Clone, Debug)]
pub(crate) struct StoredMembership {
    pub(crate) tenant: TenantRef,
    pub(crate) role: String,
    /// What the tenant's own role of this name holds, if there is one.
    pub(crate) own_permissions: Option<Vec<String>>,
}

/// The person, if active, held as they are until the end of the transaction.
pub(super) async fn lock_person(tx: &mut TenantTx<Control>, id: PersonId) -> Result<Option<PersonRef>, DbFault> {
    let row = tx.query_opt(&LOCK_PERSON, &[]).await?;
    Ok(row.map(|row| PersonRef { id, name: row.get(0), email: row.get(1), operator: row.get(2) }))
}

/// Makes openings and endings of one person's sessions wait for each other.
pub(super) async fn lock_all(tx: &mut TenantTx<Control>) -> Result<(), DbFault> {
    tx.execute(&LOCK_ALL, &[]).await
}

/// A living central session, held as it is until the end of the transaction.
pub(super) async fn lock_parent(
    tx: &mut TenantTx<Control>,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Parent>, DbFault> {
    let row = tx.query_opt(&LOCK_PARENT, &[&id.uuid(), &now]).await?;
    Ok(row.map(|row| Parent {
        root: SessionId::from_uuid(row.get(0)),
        auth_time: row.get(1),
        amr: row.get(2),
        expires_at: row.get(3),
    }))
}

pub(super) async fn insert(tx: &mut TenantTx<Control>, new: &NewSession<'_>) -> Result<(), DbFault> {
    let tenant = new.tenant.map(|(tenant, _)| tenant.uuid());
    let mode = new.tenant.map(|(_, mode)| mode.as_str());
    let (root, parent) = (new.root.uuid(), new.parent.map(SessionId::uuid));
    tx.execute(
        &INSERT,
        &[
            &new.id.uuid(),
            &root,
            &parent,
            &new.host,
            &tenant,
            &mode,
            &new.now,
            &new.auth_time,
            &new.amr,
            &new.ip,
            &new.user_agent,
            &new.expires_at,
        ],
    )
    .await
}

pub(super) async fn find(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    person: PersonId,
    id: SessionId,
) -> Result<Option<Stored>, DbFault> {
    let rows = permit.read(ground, &FIND, &[&id.uuid()]).await?;
    Ok(rows.first().map(|row| Stored {
        root: SessionId::from_uuid(row.get(0)),
        host: row.get(1),
        tenant: tenant_of(row.get(2), row.get(3)),
        counter: row.get(4),
        successor_used_at: row.get(5),
        auth_time: row.get(6),
        amr: row.get(7),
        expires_at: row.get(8),
        person: PersonRef { id: person, name: row.get(9), email: row.get(10), operator: row.get(11) },
    }))
}

/// Advances the counter if it stands at `from`: of several that try at once, one does.
pub(super) async fn rotate(
    tx: &mut TenantTx<Control>,
    id: SessionId,
    from: i64,
    host: &str,
    now: Timestamp,
    seen_after: Timestamp,
) -> Result<Option<Rotation>, DbFault> {
    let row = tx.query_opt(&ROTATE, &[&id.uuid(), &from, &now, &host, &seen_after]).await?;
    Ok(row.as_ref().map(rotation_of))
}

pub(super) async fn find_rotation(tx: &mut TenantTx<Control>, id: SessionId) -> Result<Option<Standing>, DbFault> {
    let row = tx.query_opt(&FIND_ROTATION, &[&id.uuid()]).await?;
    Ok(row.map(|row| Standing {
        rotation: rotation_of(&row),
        successor_used_at: row.get(5),
        host: row.get(6),
        last_seen_at: row.get(7),
        ended: row.get(8),
    }))
}

pub(super) async fn mark_used(
    tx: &mut TenantTx<Control>,
    id: SessionId,
    counter: i64,
    at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&MARK_USED, &[&id.uuid(), &counter, &at]).await
}

/// The root first, alone: a child that is being born holds it, and is seen by the second statement. `false`:
/// somebody else has ended it.
pub(super) async fn end_tree(
    tx: &mut TenantTx<Control>,
    root: SessionId,
    at: Timestamp,
    reason: &str,
) -> Result<bool, DbFault> {
    let is_ended = tx.query_opt(&END_ROOT, &[&root.uuid(), &at, &reason]).await?.is_some();
    let below = tx.query(&END_TREE, &[&root.uuid(), &at, &reason]).await?;
    Ok(is_ended || !below.is_empty())
}

pub(super) async fn end_all(tx: &mut TenantTx<Control>, at: Timestamp, reason: &str) -> Result<(), DbFault> {
    tx.execute(&END_ALL, &[&at, &reason]).await
}

pub(super) async fn end_of_tenant(
    tx: &mut TenantTx<Control>,
    tenant: TenantId,
    at: Timestamp,
    reason: &str,
) -> Result<(), DbFault> {
    tx.execute(&END_OF_TENANT, &[&tenant.uuid(), &at, &reason]).await
}

/// Ends all living trees but one, and answers which.
pub(super) async fn end_others(
    tx: &mut TenantTx<Control>,
    keep: SessionId,
    at: Timestamp,
    reason: &str,
) -> Result<Vec<SessionId>, DbFault> {
    Ok(roots(&tx.query(&END_OTHERS, &[&keep.uuid(), &at, &reason]).await?))
}

/// Ends the living trees that were not used for the longest time, beyond so many, and answers which.
pub(super) async fn end_beyond(
    tx: &mut TenantTx<Control>,
    most: i64,
    at: Timestamp,
    reason: &str,
) -> Result<Vec<SessionId>, DbFault> {
    Ok(roots(&tx.query(&END_BEYOND, &[&most, &at, &reason]).await?))
}

/// A session that may still be used, as its person sees it.
#[derive(Clone, Debug)]
pub(super) struct Living {
    pub(super) id: SessionId,
    pub(super) root: SessionId,
    pub(super) host: String,
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) last_seen_at: Timestamp,
}

/// The living sessions of the permit's person, trees together.
pub(super) async fn living(
    permit: &Permit<OwnAccount, Control>,
    ground: &Ground,
    seen_after: Timestamp,
) -> Result<Vec<Living>, DbFault> {
    let rows = permit.read(ground, &LIVING, &[&ground.now(), &seen_after]).await?;
    let read = |row: &Row| Living {
        id: SessionId::from_uuid(row.get(0)),
        root: SessionId::from_uuid(row.get(1)),
        host: row.get(2),
        ip: row.get(3),
        user_agent: row.get(4),
        created_at: row.get(5),
        last_seen_at: row.get(6),
    };
    Ok(rows.iter().map(read).collect())
}

pub(crate) async fn memberships(tx: &mut TenantTx<Control>) -> Result<Vec<StoredMembership>, DbFault> {
    Ok(tx.query(&MEMBERSHIPS, &[]).await?.iter().map(membership_of).collect())
}

pub(super) async fn read_memberships(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
) -> Result<Vec<StoredMembership>, DbFault> {
    Ok(permit.read(ground, &MEMBERSHIPS, &[]).await?.iter().map(membership_of).collect())
}

pub(super) async fn put_code(
    tx: &mut TenantTx<Control>,
    digest: &[u8],
    sealed: &[u8],
    expires_at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&PUT_CODE, &[&digest, &sealed, &expires_at]).await
}

/// The code, which stays.
pub(super) async fn look_at_code(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    digest: &[u8],
) -> Result<Option<Vec<u8>>, DbFault> {
    let rows = permit.read(ground, &LOOK_AT_CODE, &[&digest, &ground.now()]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// The code, which is gone then: whoever comes second finds nothing.
pub(super) async fn take_code(
    tx: &mut TenantTx<Control>,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<Vec<u8>>, DbFault> {
    Ok(tx.query_opt(&TAKE_CODE, &[&digest, &now]).await?.map(|row| row.get(0)))
}

/// Deletes links, codes, reservations and sessions that ended long ago, and answers how many.
pub(super) async fn sweep(ground: &Ground, now: Timestamp, sessions_before: Timestamp) -> Result<i64, DbFault> {
    tenantry_platform::sweep::drain(ground, "sweep", &SWEEP, &[&now, &sessions_before]).await
}

/// Of the sessions that ended, the roots.
fn roots(ended: &[Row]) -> Vec<SessionId> {
    let roots = ended.iter().filter(|row| row.get::<_, uuid::Uuid>(0) == row.get::<_, uuid::Uuid>(1));
    roots.map(|row| SessionId::from_uuid(row.get(0))).collect()
}

fn rotation_of(row: &Row) -> Rotation {
    Rotation {
        root: SessionId::from_uuid(row.get(0)),
        tenant: tenant_of(row.get(1), row.get(2)),
        expires_at: row.get(3),
        counter: row.get(4),
    }
}

fn membership_of(row: &Row) -> StoredMembership {
    let tenant = TenantRef {
        id: TenantId::from_uuid(row.get(0)),
        slug: row.get(1),
        name: row.get(2),
        status: TenantStatus::from_stored(row.get(3)),
        plan: row.get(4),
        limits: OwnLimits::from_stored(&row.get(5)),
    };
    StoredMembership { tenant, role: row.get(6), own_permissions: row.get(7) }
}

fn tenant_of(tenant: Option<uuid::Uuid>, mode: Option<&str>) -> Option<(TenantId, Mode)> {
    Some((TenantId::from_uuid(tenant?), mode?.parse().ok()?))
}
