//! A key that is revoked stops working, and how soon: tried with a key of a canary tenant.
//!
//! Other processes must see the key, so this is the one check that commits: a tenant of no people named
//! "Posture canary", and a key in its test mode that is revoked whenever no check is running.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode, header};
use tenantry_core::ids::{KeyId, TenantId, uuid7};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Login, Probe};

/// The promise of KEY-3.
const PROMISED: Duration = Duration::from_secs(1);
/// When the key is tried after it was revoked, in milliseconds: few requests, closer at the beginning.
const TRIES_MS: [u64; 12] = [0, 20, 50, 100, 150, 200, 300, 400, 600, 800, 1_000, 2_000];
/// Answered to whoever holds the one scope of the canary's key.
const PATH: &str = "/-/api/v1/audit?limit=1";
/// The canary tenant is the same for every process: a constant that no clock can draw (its time is 1970).
const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0001_7000_8000_706f_7374_7572);

const INSERT_TENANT: &str = "
    insert into tenants (tenant_id, slug, name, status_at, created_at)
    values ($1, 'posture-canary', 'Posture canary', $2, $2) on conflict (tenant_id) do nothing";
const INSERT_KEY: &str = "
    insert into api_keys (tenant_id, id, name, digest, start, scopes, created_at, revoked_at)
    values ($1, $2, 'Posture canary', $3, $4, '{audit:read}', $5, $5)";
const SET_REVOKED: &str = "update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2";
const ANNOUNCE: &str = "select doors.announce($1, 'key', $2, $3)";

/// The canary's key: plain text in memory, digest in the table.
#[derive(Debug)]
pub(in crate::posture) struct Canary {
    key: KeyId,
    plaintext: SecretString,
}

/// Lets the key work, sees it work, revokes it, and measures until it is refused.
pub(super) async fn key_revocation(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    probe.sites()?;
    let mut held = probe.canary.lock().await;
    if held.is_none() {
        *held = Some(plant(&probe).await?);
    }
    // Invariant: it was put there just now.
    let canary = held.as_ref().expect("a canary is held");
    let test = probe.connect(Login::Test).await?;
    set_revoked(&probe, &test, canary, false).await?;
    let worked = wait_for(&probe, canary, false).await;
    // Revoked again whatever happened: the key is of no use between checks.
    let revoked_at = Instant::now();
    set_revoked(&probe, &test, canary, true).await?;
    let refused = wait_for(&probe, canary, true).await;
    if worked?.is_none() {
        return Err(Inconclusive("the canary's key was never accepted, so its revocation shows nothing".to_owned()));
    }
    Ok(match refused? {
        Some(at) if at.duration_since(revoked_at) <= PROMISED => {
            Verdict::pass(format!("refused within {} ms of its revocation", at.duration_since(revoked_at).as_millis()))
        }
        Some(at) => Verdict::fail(format!(
            "still accepted {} ms after it was revoked",
            at.duration_since(revoked_at).as_millis()
        )),
        None => Verdict::fail(format!("still accepted {} ms after it was revoked", revoked_at.elapsed().as_millis())),
    })
}

/// When the key was first answered as wanted, within the tries.
async fn wait_for(probe: &Probe, canary: &Canary, refused: bool) -> Result<Option<Instant>, Inconclusive> {
    let begun = Instant::now();
    for after_ms in TRIES_MS {
        tokio::time::sleep_until((begun + Duration::from_millis(after_ms)).into()).await;
        let status = present(probe, canary).await?;
        if (status == StatusCode::UNAUTHORIZED) == refused {
            return Ok(Some(Instant::now()));
        }
    }
    Ok(None)
}

async fn present(probe: &Probe, canary: &Canary) -> Result<StatusCode, Inconclusive> {
    let sites = probe.sites()?;
    let bearer = format!("Bearer {}", canary.plaintext.expose_secret());
    let answer = sites.send(&sites.api, Method::GET, PATH, &[(header::AUTHORIZATION, &bearer)], "").await?;
    match answer.status {
        StatusCode::OK | StatusCode::UNAUTHORIZED => Ok(answer.status),
        other => Err(Inconclusive(format!("the canary's key was answered with {}", other.as_u16()))),
    }
}

/// A tenant where there is none yet, and a new key that is revoked from its beginning.
async fn plant(probe: &Probe) -> Result<Canary, Inconclusive> {
    let (tenant, now) = (TenantId::from_uuid(TENANT), probe.ground.now());
    let control = probe.connect(Login::Control).await?;
    begin(&control, tenant).await?;
    control.execute(INSERT_TENANT, &[&TENANT, &now]).await?;
    control.batch_execute("commit").await?;

    let key = KeyId::new(&probe.ground.clock, &probe.ground.entropy);
    let made = ApiKey::generate(Mode::Test, tenant, &probe.ground.entropy);
    let test = probe.connect(Login::Test).await?;
    begin(&test, tenant).await?;
    let (digest, start) = (made.parsed().digest(), made.parsed().start().to_owned());
    test.execute(INSERT_KEY, &[&TENANT, &key.uuid(), &digest.as_bytes().as_slice(), &start, &now]).await?;
    test.batch_execute("commit").await?;
    Ok(Canary { key, plaintext: made.into_plaintext() })
}

/// As a room revokes a key: the change and its announcement in one transaction.
async fn set_revoked(probe: &Probe, test: &Client, canary: &Canary, revoked: bool) -> Result<(), Inconclusive> {
    let now = probe.ground.now();
    let revoked_at = revoked.then_some(now);
    begin(test, TenantId::from_uuid(TENANT)).await?;
    test.execute(SET_REVOKED, &[&TENANT, &canary.key.uuid(), &revoked_at]).await?;
    let change = uuid7(&probe.ground.clock, &probe.ground.entropy);
    test.execute(ANNOUNCE, &[&change, &canary.key.uuid(), &now]).await?;
    Ok(test.batch_execute("commit").await?)
}

async fn begin(client: &Client, tenant: TenantId) -> Result<(), Inconclusive> {
    client.batch_execute("begin").await?;
    client.query("select set_config('tenantry.tenant', $1, true)", &[&tenant.to_string()]).await?;
    Ok(())
}
