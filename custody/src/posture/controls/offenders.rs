//! Whoever is blocked is refused, and let in again when the block ends: tried with a canary's key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tenantry_core::ids::uuid7;
use tenantry_platform::config::Enforcement;
use tenantry_platform::feed::ChangeKind;

use crate::posture::canary::{Canary, SERVED, Which, announce, begin};
use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Login, Probe};

/// Within which every node enforces a block.
const PROMISED: Duration = Duration::from_secs(1);
/// How long the canary is blocked: beyond the second that is promised, and over within the tries.
const LASTS: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

const INSERT: &str = "
    insert into tenant_blocks (tenant_id, id, kind, subject, offence, points, nth, at, until)
    values ($1, $2, 'key', $3, 'posture', 0, 1, $4, $5)";
/// What is over already counts against nobody: the next one of this key is not longer for it.
const FORGET: &str = "
    update tenant_blocks set lifted_at = $3, lifted_by = 'posture', lift_reason = 'A control had tried it'
    where tenant_id = $1 and id = $2 and lifted_at is null";

/// Blocks a canary's key, as a node does that found it, and measures until it is refused and until it is let in again.
pub(super) async fn blocks_enforced(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    if probe.config.offenders.mode != Enforcement::Enforce {
        return Ok(Verdict::fail("[offenders] mode is not \"enforce\": nobody is ever blocked"));
    }
    let working = probe.canaries.work(&probe, Which::Offending).await?;
    let tried = try_block(&probe, working.key()).await;
    working.end(&probe).await?;
    tried
}

async fn try_block(probe: &Probe, canary: &Canary) -> Result<Verdict, Inconclusive> {
    let (client, now) = (probe.connect(Login::Control).await?, probe.ground.now());
    let id = uuid7(&probe.ground.clock, &probe.ground.entropy);
    begin(&client, SERVED).await?;
    client.execute(INSERT, &[&SERVED.uuid(), &id, &canary.key.uuid(), &now, &(now + LASTS)]).await?;
    announce(probe, &client, ChangeKind::Block, id).await?;
    client.batch_execute("commit").await?;
    let blocked_at = Instant::now();
    let refused = canary.wait_for(|status| status == StatusCode::FORBIDDEN).await;
    let let_in = canary.wait_for(|status| status == StatusCode::OK).await;
    begin(&client, SERVED).await?;
    client.execute(FORGET, &[&SERVED.uuid(), &id, &probe.ground.now()]).await?;
    announce(probe, &client, ChangeKind::Lift, id).await?;
    client.batch_execute("commit").await?;
    Ok(match (refused?, let_in?) {
        (Some(at), Some(_)) if at.duration_since(blocked_at) <= PROMISED => Verdict::pass(format!(
            "a blocked key was refused within {} ms, and let in again when its block had ended",
            at.duration_since(blocked_at).as_millis()
        )),
        (Some(_), None) => Verdict::fail("a blocked key is still refused although its block has ended"),
        (Some(at), Some(_)) => Verdict::fail(format!(
            "a blocked key was refused only after {} ms",
            at.duration_since(blocked_at).as_millis()
        )),
        (None, _) => Verdict::fail("a blocked key is not refused"),
    })
}
