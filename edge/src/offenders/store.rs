//! The SQL of blocks.

use std::time::Duration;

use ipnet::IpNet;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_platform::db::{Context, Control, Database, DbFault, HasStore, Mode, Operator, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Observe, Origin, Permission, Permit};
use uuid::Uuid;

use super::acts::{Listed, Own, Search};
use super::offender::Offender;

/// Blocks of addresses that are kept after their end at most, beside those that ended lately.
const KEPT_MOST: i32 = 200_000;

tenantry_platform::sql! {
    AsDoor OnlyControl BLOCK_ADDRESS = "
        select id, until, nth, is_new from doors.block_address($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    AsDoor OnlyControl IN_FORCE = "
        select id, scope, network, account, tenant_id, subject, by_hand, until from doors.blocks_in_force($1, $2, $3)";
    AsDoor OnlyControl NAMED = "
        select id, scope, network, account, tenant_id, subject, by_hand, until from doors.blocks_named($1, $2)";
    // Two nodes that find the same at once wait for each other.
    AsTenant OnlyControl HOLD = "select pg_advisory_xact_lock(hashtextextended('tenantry.block.' || $1::uuid::text || $2::uuid::text, 0))::text";
    AsTenant OnlyControl STANDING = "
        select id, until, nth from tenant_blocks
        where tenant_id = $1 and subject = $2 and lifted_at is null and until > $3 order by until desc limit 1";
    AsTenant OnlyControl BEFORE = "
        select nth from tenant_blocks where tenant_id = $1 and subject = $2 and lifted_at is null and until > $3
        order by until desc limit 1";
    AsTenant OnlyControl INSERT = "
        insert into tenant_blocks (tenant_id, id, kind, subject, offence, points, nth, at, until)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    AsTenant OnlyControl LIFT = "
        update tenant_blocks set lifted_at = $3, lifted_by = $4, lift_reason = $5
        where tenant_id = $1 and id = $2 and lifted_at is null and until > $3 returning kind, subject";
    AsTenant OnlyControl OWN = "
        select id, kind, subject, offence, points, nth, at, until, lifted_at, lifted_by, lift_reason from tenant_blocks
        where tenant_id = $1 and id < $2 and ($3 = '' or kind = $3) and (not $4 or (lifted_at is null and until > $5))
        order by id desc limit $6";
    AsTenant Modes KEY_NAMES = "select id, name from api_keys where tenant_id = $1 and id = any ($2)";
    AsDoor OnlyControl MEMBER_NAMES = "select person_id, name from doors.member_names($1)";
    AsDoor OnlyOperator BLOCK_NETWORK = "select doors.block_network($1, $2, $3, $4, $5, $6)";
    AsDoor OnlyOperator LIFT_ADDRESS = "select scope, network from doors.lift_block($1, $2, $3, $4)";
    AsDoor OnlyOperator LIST = "
        select id, scope, network, offence, points, nth, by_hand, blocked_by, reason, at, until, lifted_at, lifted_by, lift_reason
        from doors.operator_blocks($1, $2, $3, $4, $5, $6)";
    AsDoor JobsOnly SWEEP = "select doors.sweep_blocks($1, $2, $3, $4)";
}

/// A block to be written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: Uuid,
    pub(super) offender: Offender,
    pub(super) offence: &'static str,
    pub(super) points: i32,
    pub(super) ladder: Vec<Duration>,
    pub(super) forget_before: Timestamp,
    pub(super) at: Timestamp,
}

/// A block as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) id: Uuid,
    pub(super) until: Timestamp,
    pub(super) nth: i32,
    pub(super) is_new: bool,
}

/// Whom a block that is in force is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Offender(Offender),
    Network(IpNet),
}

/// A block in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) id: Uuid,
    pub(super) target: Target,
    pub(super) by_hand: bool,
    pub(super) until: Timestamp,
}

pub(super) async fn block_address(
    tx: &mut TenantTx<Control>,
    draft: &Draft,
    network: IpNet,
) -> Result<Written, DbFault> {
    let rungs: Vec<i32> = draft.ladder.iter().map(seconds).collect();
    let (kind, account) = (draft.offender.kind(), draft.offender.account());
    let row = tx
        .query_one(
            &BLOCK_ADDRESS,
            &[
                &draft.id,
                &kind,
                &network.to_string(),
                &account,
                &draft.offence,
                &draft.points,
                &rungs,
                &draft.forget_before,
                &draft.at,
            ],
        )
        .await?;
    Ok(Written { id: row.get("id"), until: row.get("until"), nth: row.get("nth"), is_new: row.get("is_new") })
}

/// The same for what is a workspace's own.
pub(super) async fn block_own(tx: &mut TenantTx<Control>, draft: &Draft, subject: Uuid) -> Result<Written, DbFault> {
    tx.execute(&HOLD, &[&subject]).await?;
    if let Some(row) = tx.query_opt(&STANDING, &[&subject, &draft.at]).await? {
        return Ok(Written { id: row.get("id"), until: row.get("until"), nth: row.get("nth"), is_new: false });
    }
    let before = tx.query_opt(&BEFORE, &[&subject, &draft.forget_before]).await?;
    let before = before.map_or(0, |row| row.get::<_, i32>("nth"));
    let nth = before.saturating_add(1);
    let rung = usize::try_from(before).unwrap_or(usize::MAX).min(draft.ladder.len().saturating_sub(1));
    let lasts = draft.ladder.get(rung).copied().unwrap_or_default();
    let until = draft.at.checked_add(lasts).unwrap_or(Timestamp::MAX);
    let kind = draft.offender.kind();
    tx.execute(&INSERT, &[&draft.id, &kind, &subject, &draft.offence, &draft.points, &nth, &draft.at, &until]).await?;
    Ok(Written { id: draft.id, until, nth, is_new: true })
}

/// Ends a block of the transaction's tenant. None: it is not there, or not in force.
pub(super) async fn lift_own(
    tx: &mut TenantTx<Control>,
    id: Uuid,
    by: &str,
    reason: &str,
    at: Timestamp,
) -> Result<Option<(String, Uuid)>, DbFault> {
    let row = tx.query_opt(&LIFT, &[&id, &at, &by, &reason]).await?;
    Ok(row.map(|row| (row.get("kind"), row.get("subject"))))
}

pub(super) async fn own<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    search: &Search,
    most: i64,
) -> Result<Vec<Own>, DbFault> {
    let before = search.before.unwrap_or(Uuid::max());
    let rows = permit.read(ground, &OWN, &[&before, &search.kind, &search.in_force, &ground.now(), &most]).await?;
    Ok(rows.iter().map(read_own).collect())
}

pub(super) async fn key_names<P: Permission, M: Mode>(
    permit: &Permit<P, M>,
    ground: &Ground,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, DbFault>
where
    Database: HasStore<M>,
{
    Ok(permit.read(ground, &KEY_NAMES, &[&ids]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub(super) async fn member_names<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, DbFault> {
    Ok(permit.read(ground, &MEMBER_NAMES, &[&ids]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// A page of all that are in force, by id.
pub(super) async fn in_force(ground: &Ground, after: Uuid, most: i32) -> Result<(Vec<Found>, Option<Uuid>), DbFault> {
    let rows = permit(None).read(ground, &IN_FORCE, &[&ground.now(), &after, &most]).await?;
    let last = rows.last().filter(|_| rows.len() >= usize::try_from(most).unwrap_or_default()).map(|row| row.get("id"));
    Ok((rows.iter().filter_map(read_found).collect(), last))
}

pub(super) async fn named(ground: &Ground, ids: &[Uuid]) -> Result<Vec<Found>, DbFault> {
    let rows = permit(None).read(ground, &NAMED, &[&ids, &ground.now()]).await?;
    Ok(rows.iter().filter_map(read_found).collect())
}

pub(super) async fn block_network(
    tx: &mut TenantTx<Operator>,
    (id, network): (Uuid, IpNet),
    (by, reason): (&str, &str),
    at: Timestamp,
    until: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&BLOCK_NETWORK, &[&id, &network.to_string(), &by, &reason, &at, &until]).await
}

/// Ends a block of an address. None: it is not there, or not in force.
pub(super) async fn lift_address(
    tx: &mut TenantTx<Operator>,
    id: Uuid,
    by: &str,
    reason: &str,
    at: Timestamp,
) -> Result<Option<String>, DbFault> {
    Ok(tx.query_opt(&LIFT_ADDRESS, &[&id, &by, &reason, &at]).await?.map(|row| row.get("network")))
}

pub(super) async fn list<P: Permission>(
    permit: &Permit<P, Operator>,
    ground: &Ground,
    search: &Search,
    most: i32,
) -> Result<Vec<Listed>, DbFault> {
    let network = search.network.map(|network| network.to_string()).unwrap_or_default();
    let before = search.before.unwrap_or(Uuid::max());
    let rows =
        permit.read(ground, &LIST, &[&network, &search.kind, &search.in_force, &ground.now(), &before, &most]).await?;
    Ok(rows.iter().map(read_listed).collect())
}

pub(super) async fn sweep(ground: &Ground, ended_before: Timestamp) -> Result<i64, DbFault> {
    tenantry_platform::sweep::drain(ground, "offenders", &SWEEP, &[&ended_before, &ground.now(), &KEPT_MOST]).await
}

/// The gateway's own work on blocks.
pub(super) fn permit(tenant: Option<TenantId>) -> Permit<Observe, Control> {
    Permit::system(Context { tenant, person: None }, Actor::system("gateway", "offenders"), Origin::default())
}

fn seconds(span: &Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

/// What a newer binary blocks, and this one does not know, is not blocked here.
fn read_found(row: &Row) -> Option<Found> {
    let target = read_target(row)?;
    Some(Found { id: row.get("id"), target, by_hand: row.get("by_hand"), until: row.get("until") })
}

fn read_target(row: &Row) -> Option<Target> {
    let (scope, network): (String, Option<String>) = (row.get("scope"), row.get("network"));
    let network = network.and_then(|text| text.parse::<IpNet>().ok());
    let own = row.get::<_, Option<Uuid>>("tenant_id").zip(row.get::<_, Option<Uuid>>("subject"));
    let offender = match (scope.as_str(), network, own) {
        ("key", _, Some((tenant, key))) => {
            Offender::Key { tenant: TenantId::from_uuid(tenant), key: KeyId::from_uuid(key) }
        }
        ("person", _, Some((tenant, person))) => {
            Offender::Person { tenant: TenantId::from_uuid(tenant), person: PersonId::from_uuid(person) }
        }
        ("everything", Some(network), _) if !is_one_subject(network) => return Some(Target::Network(network)),
        ("everything", Some(network), _) => Offender::Address(network.addr()),
        ("reports", Some(network), _) => Offender::Reporter(network.addr()),
        ("sign_in", Some(network), _) => {
            let account = row.get::<_, Vec<u8>>("account").try_into().ok()?;
            Offender::Account { account, from: network.addr() }
        }
        _ => return None,
    };
    Some(Target::Offender(offender))
}

/// Whether limits count the network as one.
fn is_one_subject(network: IpNet) -> bool {
    tenantry_core::address::subject(network.addr()) == network
}

fn read_own(row: &Row) -> Own {
    Own {
        id: row.get("id"),
        is_key: row.get::<_, &str>("kind") == "key",
        subject: row.get("subject"),
        offence: row.get("offence"),
        points: row.get("points"),
        nth: row.get("nth"),
        at: row.get("at"),
        until: row.get("until"),
        lifted_at: row.get("lifted_at"),
        lifted_by: row.get("lifted_by"),
        lift_reason: row.get("lift_reason"),
    }
}

fn read_listed(row: &Row) -> Listed {
    Listed {
        id: row.get("id"),
        scope: row.get("scope"),
        network: row.get("network"),
        offence: row.get("offence"),
        points: row.get("points"),
        nth: row.get("nth"),
        by_hand: row.get("by_hand"),
        blocked_by: row.get("blocked_by"),
        reason: row.get("reason"),
        at: row.get("at"),
        until: row.get("until"),
        lifted_at: row.get("lifted_at"),
        lifted_by: row.get("lifted_by"),
        lift_reason: row.get("lift_reason"),
    }
}
