//! What the database keeps by itself: an owner, whole rows, room for tomorrow, one effect a key; and that it is found fast.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;
use tenantry_core::ids::{TenantId, is_canary};
use tenantry_platform::db::registered;
use tenantry_platform::signing::Purpose;
use uuid::Uuid;

use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Login, Plan, Probe, Tried};
use crate::vault::{VaultFault, signing_keys};

/// Tenants whose rows are read, and rows of each.
const TENANTS_MOST: i64 = 20;
const ROWS_MOST: i64 = 50;
/// Of every login, beside its pool: a check or a command.
const BESIDE_POOLS: i64 = 5;

const INSERT_TENANT: &str = "insert into tenants (tenant_id, slug, name, status_at, created_at) values ($1, 'imagined-owner', 'Imagined', now(), now())";
const INSERT_PERSON: &str = "
    insert into persons (person_id, email, email_lower, name, status, created_at)
    values ($1, 'nobody@posture.invalid', 'nobody@posture.invalid', 'Nobody', 'active', now())";
const INSERT_OWNER: &str =
    "insert into memberships (tenant_id, person_id, role, created_at, owner) values ($1, $2, 'OWNER', now(), true)";
/// Each would leave the workspace without an owner.
const LEAVE: [&str; 3] = [
    "update memberships set owner = false, role = 'MEMBER' where tenant_id = $1 and person_id = $2",
    "delete from memberships where tenant_id = $1 and person_id = $2",
    "update persons set status = case when $1::uuid is null then status else 'deactivated' end where person_id = $2",
];
/// What the database says to whoever takes the last owner away.
const CHECK_VIOLATION: &str = "23514";
/// And to whoever may not call at all.
const FORBIDDEN: &str = "42501";

/// A workspace that exists only in a transaction, whose one owner is demoted, removed and deactivated.
pub(super) async fn owner_kept(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (tenant, person) = (probe.imagined_tenant(), probe.imagined_tenant().uuid());
    let trial = probe.trial(Login::Control).await?;
    trial.as_tenant(Some(tenant)).await?;
    trial.as_person(Some(person)).await?;
    trial.read(INSERT_TENANT, &[&tenant.uuid()]).await?;
    trial.read(INSERT_PERSON, &[&person]).await?;
    trial.read(INSERT_OWNER, &[&tenant.uuid(), &person]).await?;
    let mut found = Vec::new();
    for statement in LEAVE {
        if trial.attempt(statement, &[&tenant.uuid(), &person]).await? != Tried::Refused(CHECK_VIOLATION.to_owned()) {
            found.push(format!("the last owner is taken away by: {statement}"));
        }
    }
    trial.roll_back().await?;
    Ok(Verdict::unless(
        &found,
        format!("{} ways of taking the last owner away: the database refused each", LEAVE.len()),
    ))
}

const INSERT_ACT: &str = "
    insert into audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type,
                       entity_id, metadata, changes, personal, digests, leaf_hash)
    values ($1, $2, 1, now(), $3, 'posture', '', $1, '', '', '', '{}', '{}', '', '{}', sha256(''))";

/// An audit row says USER or SYSTEM: the database takes nothing else.
pub(super) async fn actors_apart(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let mut found = Vec::new();
    for login in [Login::Control, Login::Live, Login::Test] {
        let trial = probe.trial(login).await?;
        let tenant = probe.imagined_tenant();
        trial.as_tenant(Some(tenant)).await?;
        for (actor, is_known) in [("USER", true), ("SYSTEM", true), ("ROBOT", false), ("", false)] {
            let id = probe.imagined_tenant().uuid();
            let tried = trial.attempt(INSERT_ACT, &[&tenant.uuid(), &id, &actor]).await?;
            if (tried == Tried::Ran(1)) != is_known {
                found.push(format!("{} and an actor of type {actor:?}: {tried:?}", login.name()));
            }
        }
        trial.roll_back().await?;
    }
    Ok(Verdict::unless(&found, "12 rows tried by 3 logins: USER and SYSTEM are taken, nothing else"))
}

const UNTOLD: &str = "
    select count(*),
           count(*) filter (where not exists (
               select from audit a where a.tenant_id = $1 and a.entity_type = 'api_key' and a.action = 'api_key.created'
                                     and a.entity_id = k.id::text)),
           count(*) filter (where revoked_at is not null and not exists (
               select from audit a where a.tenant_id = $1 and a.entity_type = 'api_key' and a.action = 'api_key.revoked'
                                     and a.entity_id = k.id::text))
    from (select * from api_keys where tenant_id = $1 and created_at > $3 order by id desc limit $2) k";
/// Younger keys have their rows: retention takes none before a year is over.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(300 * 24);

/// Each of the newest keys has the row of its making, and a revoked one that of its end.
pub(super) async fn key_acts(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let tenants = probe.newest_tenants(TENANTS_MOST).await?;
    let (mut keys, mut untold, since) = (0, 0, probe.ground.now() - KEPT);
    for login in [Login::Live, Login::Test] {
        let trial = probe.trial(login).await?;
        for tenant in tenants.iter().filter(|tenant| !is_canary(tenant.uuid())) {
            trial.as_tenant(Some(*tenant)).await?;
            let row = &trial.read(UNTOLD, &[&tenant.uuid(), &ROWS_MOST, &since]).await?[0];
            keys += row.try_get::<_, i64>(0)?;
            untold += row.try_get::<_, i64>(1)? + row.try_get::<_, i64>(2)?;
        }
        trial.roll_back().await?;
    }
    Ok(match untold {
        0 => Verdict::pass(format!("{keys} keys have the rows of their making and of their end")),
        _ => Verdict::fail(format!("{untold} acts on {keys} keys have no audit row")),
    })
}

/// Months of the audit log and of the events that exist, in each schema.
const MONTHS: &str = "
    select n.nspname::text || '.' || c.relname::text
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class parent on parent.oid = i.inhparent
    where parent.relname in ('audit', 'events') and n.nspname in ('control', 'live', 'test')";

/// The log has room for this month and the next, as the events have that are written with it: no act is refused for want
/// of a place.
pub(super) async fn audit_room(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let client = probe.connect(Login::Control).await?;
    let rows = client.query(MONTHS, &[]).await?;
    let months: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let today = crate::posture::attested::day(probe.ground.now());
    let next = today.last_of_month().tomorrow().unwrap_or(today);
    let mut found = Vec::new();
    for schema in ["control", "live", "test"] {
        for (table, day) in [("audit", today), ("audit", next), ("events", today), ("events", next)] {
            let month = format!("{schema}.{table}_{}", day.strftime("%Y_%m"));
            if !months.contains(&month) {
                found.push(format!("{month} is missing"));
            }
        }
    }
    Ok(Verdict::unless(&found, format!("{} months in 3 schemas, this one and the next among them", months.len())))
}

/// Who tries to drop young months, with what, and what the database says: below the floor, or without the right.
const EARLY: [(Login, &str, &str); 6] = [
    (Login::Jobs, "select doors.drop_audit_months(now(), 11)", CHECK_VIOLATION),
    (Login::Jobs, "select doors.drop_audit_months(now(), 0)", CHECK_VIOLATION),
    (Login::Jobs, "select doors.drop_audit_months(now(), null)", CHECK_VIOLATION),
    (Login::Control, "select doors.drop_audit_months(now(), 11)", FORBIDDEN),
    (Login::Live, "select doors.drop_audit_months(now(), 11)", FORBIDDEN),
    (Login::Operator, "select doors.drop_audit_months(now(), 11)", FORBIDDEN),
];

/// The one door that drops months refuses younger ones, and opens to one login alone.
pub(super) async fn audit_retention(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let mut found = Vec::new();
    for (login, statement, expected) in EARLY {
        let trial = probe.trial(login).await?;
        if trial.attempt(statement, &[]).await? != Tried::Refused(expected.to_owned()) {
            found.push(format!("{} may run: {statement}", login.name()));
        }
        trial.roll_back().await?;
    }
    Ok(Verdict::unless(&found, format!("{} attempts to drop months of less than a year: all refused", EARLY.len())))
}

const CLAIM: &str = "
    select claimed from doors.claim_idempotency('live', sha256('posture'), 'posture', 'POST /posture', sha256($1::text::bytea),
                                               $2, $2::timestamptz + interval '1 hour')";

/// A key of idempotency is taken once in a tenant, and is free in every other.
pub(super) async fn idempotency(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (here, there, now) = (probe.imagined_tenant(), probe.imagined_tenant(), probe.ground.now());
    let trial = probe.trial(Login::Live).await?;
    let mut claimed = Vec::new();
    for (tenant, payload) in [(here, "one"), (here, "one"), (here, "another"), (there, "one")] {
        trial.as_tenant(Some(tenant)).await?;
        let rows = trial.read(CLAIM, &[&payload, &now]).await?;
        claimed.push(rows.first().is_some_and(|row| row.get(0)));
    }
    trial.roll_back().await?;
    Ok(if claimed == [true, false, false, true] {
        Verdict::pass("taken once; refused to its twin and to another payload; free in another tenant")
    } else {
        Verdict::fail(format!("4 claims of one key were answered {claimed:?}"))
    })
}

/// Every kind of token has a key that signs now, and the served set holds nothing that signs.
pub(super) async fn signing_keys_turn(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let served = sites.fetch(&sites.console, "/-/jwks.json").await?;
    let keys = serde_json::from_slice::<Value>(&served.body).ok().and_then(|set| set["keys"].as_array().cloned());
    let keys = keys.filter(|keys| served.status == StatusCode::OK && !keys.is_empty()).unwrap_or_default();
    if keys.is_empty() {
        return Ok(Verdict::fail("no public key is served"));
    }
    // RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1: the members of a private or a shared key.
    let is_private = |key: &Value| ["d", "p", "q", "k"].iter().any(|member| !key[*member].is_null());
    if keys.iter().any(is_private) {
        return Ok(Verdict::fail("a private key is served"));
    }
    let signing = signing_keys::signing_now(&probe.ground).await.map_err(|fault| match fault {
        VaultFault::Database(fault) => fault.into(),
        fault => Inconclusive(fault.to_string()),
    })?;
    let idle: Vec<String> = Purpose::ALL
        .into_iter()
        .filter(|purpose| !signing.contains(purpose))
        .map(|purpose| format!("no key signs for {}", purpose.as_str()))
        .collect();
    let days = probe.config.signing_keys.rotate_every.as_secs() / 86_400;
    Ok(Verdict::unless(
        &idle,
        format!("{} public keys; {} purposes, a new key every {days} days", keys.len(), signing.len()),
    ))
}

/// The plan of a statement of a tenant, whatever its values.
const PLAN_ANEW: &str = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off";
const SERVER_MOST: &str = "
    select current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint";

/// Statements that serve requests find their rows by index, and the pools leave room on the server.
pub(super) async fn bounded_work(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (mut found, planned) = (Vec::new(), plan_all(&probe).await?);
    found.extend(planned.iter().filter_map(|(name, plan)| match plan {
        Plan::WholeTable => Some(format!("{name} reads whole tables")),
        Plan::Refused => Some(format!("{name} cannot run")),
        Plan::ByIndex | Plan::Untyped => None,
    }));
    let by_index = planned.iter().filter(|(_, plan)| *plan == Plan::ByIndex).count();
    let client = probe.connect(Login::Control).await?;
    let most: i64 = client.query_one(SERVER_MOST, &[]).await?.try_get(0)?;
    let pool = i64::from(probe.config.database.max_connections);
    let logins = i64::try_from(Login::ALL.len()).unwrap_or(i64::MAX);
    let needed = logins * pool + BESIDE_POOLS;
    if needed > most {
        found.push(format!("{logins} pools of {pool} connections need {needed}, the server allows {most}"));
    }
    Ok(Verdict::unless(
        &found,
        format!(
            "{by_index} statements find their rows by index; {logins} pools of at most {pool}, the server allows {most}"
        ),
    ))
}

/// Each registered statement of a tenant with its plan.
async fn plan_all(probe: &Probe) -> Result<Vec<(&'static str, Plan)>, Inconclusive> {
    let mut planned = Vec::new();
    for login in [Login::Control, Login::Live, Login::Operator] {
        let trial = probe.trial(login).await?;
        trial.as_tenant(Some(TenantId::from_uuid(Uuid::nil()))).await?;
        trial.run(PLAN_ANEW).await?;
        let of_login = registered().filter(|statement| {
            statement.scope == "tenant" && statement.planes.iter().any(|(_, of)| *of == login.name())
        });
        for statement in of_login {
            planned.push((statement.name, trial.plan(statement.text).await?));
        }
        trial.roll_back().await?;
    }
    Ok(planned)
}
