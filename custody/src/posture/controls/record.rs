//! What was done stays written.

use std::sync::Arc;

use serde_json::json;
use tenantry_core::ids::TenantId;
use tenantry_platform::db::{Context, Live};
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};
use tenantry_platform::record::{self, Act};

use crate::audit::Entry;
use crate::posture::catalogue::{compare, is_of};
use crate::posture::control::{Outcome, Verdict};
use crate::posture::probe::{Inconclusive, Login, Probe, Tried};

/// Tenants whose rows are read, and rows of each: some thousand hashes a run.
const TENANTS_MOST: i64 = 20;
const ROWS_MOST: i64 = 50;

const CHANGES: &[&str] = &[
    "update audit set action = 'altered'",
    "update audit set leaf_hash = sha256('')",
    "delete from audit",
    "truncate audit",
];

/// Every login that can see audit rows tries to change them; grants and triggers are as this version made them.
pub(super) async fn append_only(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let mut found = Vec::new();
    for login in [Login::Control, Login::Live, Login::Test, Login::Operator] {
        let trial = probe.trial(login).await?;
        trial.as_tenant(Some(probe.imagined_tenant())).await?;
        for statement in CHANGES {
            if !trial.attempt(statement, &[]).await?.is_forbidden() {
                found.push(format!("{} may run: {statement}", login.name()));
            }
        }
        trial.roll_back().await?;
    }
    if !found.is_empty() {
        return Ok(Verdict::unless(&found, ""));
    }
    let about_audit =
        |line: &str| line.contains(".audit") && is_of(line, &["trigger", "grant"]) || line.contains("refuse_change()");
    let mut verdict = compare(&probe, "facts on grants and triggers", about_audit).await?;
    if verdict.outcome == Outcome::Pass {
        verdict.evidence = format!("{} attempts by 4 logins refused; {}", CHANGES.len() * 4, verdict.evidence);
    }
    Ok(verdict)
}

const INSERT_KEY: &str = "
    insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $1, '', now())";
const READ_KEY: &str = "select from subject_keys where tenant_id = $1";
const BAD_ROW: &str = "
    insert into audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type,
                       entity_id, metadata, changes, personal, digests, leaf_hash)
    values ($1, $2, 1, now(), 'SYSTEM', 'posture', '', $1, '', '', '', '{}', '{}', '', '{}', '')";

/// A change whose audit row is refused does not commit, and a row that is rolled back with its change is gone.
pub(super) async fn atomic(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let tenant = probe.imagined_tenant();
    let client = probe.connect(Login::Live).await?;
    client.batch_execute("begin").await?;
    client.query("select set_config('tenantry.tenant', $1, true)", &[&tenant.to_string()]).await?;
    client.execute(INSERT_KEY, &[&tenant.uuid()]).await?;
    let refused = client.execute(BAD_ROW, &[&tenant.uuid(), &probe.imagined_tenant().uuid()]).await;
    if refused.is_ok() {
        client.batch_execute("rollback").await?;
        return Ok(Verdict::fail("an audit row without a hash was accepted"));
    }
    // What a careless caller would do: COMMIT of a failed transaction.
    client.batch_execute("commit").await?;
    let kept_change = leftovers(&probe, tenant, READ_KEY).await?;

    let permit = Permit::<Attest, Live>::system(
        Context { tenant: Some(tenant), person: None },
        Actor::system("posture", "posture"),
        Origin::default(),
    );
    let mut tx = permit.begin(&probe.ground);
    record::append(&mut tx, &probe.ground, Act::new("posture.tried", "control", "audit-atomic").with(json!({})))
        .await?;
    tx.rollback().await?;
    let kept_row = leftovers(&probe, tenant, "select from audit where tenant_id = $1").await?;
    Ok(match (kept_change, kept_row) {
        (0, 0) => Verdict::pass("a change without its row and a row without its change: 2 attempts left nothing"),
        (change, row) => {
            Verdict::fail(format!("{change} changes were kept without their row, {row} rows without their change"))
        }
    })
}

async fn leftovers(probe: &Probe, tenant: TenantId, statement: &'static str) -> Result<u64, Inconclusive> {
    let trial = probe.trial(Login::Live).await?;
    trial.as_tenant(Some(tenant)).await?;
    match trial.attempt(statement, &[&tenant.uuid()]).await? {
        Tried::Ran(rows) => Ok(rows),
        Tried::Refused(code) => Err(Inconclusive(format!("what was left could not be read ({code})"))),
    }
}

const NEWEST: &str = "
    select id, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type, entity_id, request_id,
           metadata, changes, personal, digests, leaf_hash, about_id, about
    from audit where tenant_id = $1 order by id desc limit $2";

/// The newest rows of the newest tenants still have the hashes that they were written with.
pub(super) async fn intact(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let tenants = probe.newest_tenants(TENANTS_MOST).await?;
    let (mut rows, mut altered) = (0, 0);
    for (login, plane) in [(Login::Control, "control"), (Login::Live, "live"), (Login::Test, "test")] {
        let trial = probe.trial(login).await?;
        for tenant in &tenants {
            trial.as_tenant(Some(*tenant)).await?;
            let entries = trial.read(NEWEST, &[&tenant.uuid(), &ROWS_MOST]).await?;
            rows += entries.len();
            altered += entries.iter().filter(|row| !Entry::read(row, *tenant, plane).is_intact()).count();
        }
        trial.roll_back().await?;
    }
    Ok(match altered {
        0 => Verdict::pass(format!("{rows} rows of {} tenants have the hashes of their columns", tenants.len())),
        _ => Verdict::fail(format!("{altered} of {rows} rows do not have the hash of their columns")),
    })
}
