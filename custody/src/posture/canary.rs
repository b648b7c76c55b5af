//! The canaries: two tenants of no people whose keys the checks use, because other processes must see them.
//!
//! They are the one thing that checks commit. "Posture canary" is served, "Posture stopped" is suspended from its
//! beginning. A key of either works only while a check runs, holds one scope of the test mode, and opens nothing but the
//! tenant's own empty log. Both stand before every tenant that a clock can draw: platform staff does not see them.

use std::time::{Duration, Instant};

use http::{HeaderName, Method, StatusCode, header};
use tenantry_core::ids::{KeyId, TenantId, uuid7};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio_postgres::Client;
use uuid::Uuid;

use super::probe::{Inconclusive, Login, Probe};
use super::sites::Answer;

/// When the key is tried after a change, in milliseconds: few requests, closer at the beginning.
const TRIES_MS: [u64; 12] = [0, 20, 50, 100, 150, 200, 300, 400, 600, 800, 1_000, 2_000];
/// Answered to whoever holds the one scope of the canary's key.
pub(super) const PATH: &str = "/-/api/v1/audit?limit=1";

const INSERT_TENANT: &str = "
    insert into tenants (tenant_id, slug, name, status_at, created_at)
    values ($1, $2, $3, $4, $4) on conflict (tenant_id) do nothing";
/// Also where somebody with the machine brought it back.
const STOP: &str =
    "update tenants set status = 'suspended', status_at = $2 where tenant_id = $1 and status <> 'suspended'";
const INSERT_KEY: &str = "
    insert into api_keys (tenant_id, id, name, digest, start, scopes, created_at, revoked_at)
    values ($1, $2, 'Posture canary', $3, $4, '{audit:read}', $5, $5)";
const SET_STATE: &str = "update api_keys set revoked_at = $3, expires_at = $4 where tenant_id = $1 and id = $2";
const ANNOUNCE: &str = "select doors.announce($1, 'key', $2, $3)";

/// Which canary. The ids are the same for every process: constants that no clock can draw (their time is 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Served,
    Stopped,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::Served, Self::Stopped];

    pub(super) const fn id(self) -> Uuid {
        match self {
            Self::Served => Uuid::from_u128(0x0000_0000_0001_7000_8000_706f_7374_7572),
            Self::Stopped => Uuid::from_u128(0x0000_0000_0001_7000_8000_706f_7374_7573),
        }
    }

    /// Slug and name.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Served => ("posture-canary", "Posture canary"),
            Self::Stopped => ("posture-stopped", "Posture stopped"),
        }
    }
}

/// What a canary's key is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its end is an hour away.
    Works,
    /// Its end is a second ago.
    Over,
    Revoked,
}

/// A canary's key: plain text in memory, digest in the table.
#[derive(Debug)]
pub(in crate::posture) struct Canary {
    which: Which,
    key: KeyId,
    plaintext: SecretString,
}

/// The keys of a process: made once, used by one check at a time.
#[derive(Debug, Default)]
pub(in crate::posture) struct Canaries {
    served: Mutex<Option<Canary>>,
    stopped: Mutex<Option<Canary>>,
}

impl Canaries {
    /// The canary's key, for one check alone until it is dropped.
    pub(super) async fn hold<'a>(
        &'a self,
        probe: &Probe,
        which: Which,
    ) -> Result<MappedMutexGuard<'a, Canary>, Inconclusive> {
        // Without an address nothing is planted.
        probe.sites()?;
        let place = match which {
            Which::Served => &self.served,
            Which::Stopped => &self.stopped,
        };
        let mut held = place.lock().await;
        if held.is_none() {
            *held = Some(plant(probe, which).await?);
        }
        // Invariant: it was put there just now.
        Ok(MutexGuard::map(held, |held| held.as_mut().expect("a canary is held")))
    }
}

/// A tenant where there is none yet, and a new key that is revoked from its beginning.
async fn plant(probe: &Probe, which: Which) -> Result<Canary, Inconclusive> {
    let (tenant, now) = (TenantId::from_uuid(which.id()), probe.ground.now());
    let (slug, name) = which.words();
    let control = probe.connect(Login::Control).await?;
    begin(&control, tenant).await?;
    control.execute(INSERT_TENANT, &[&which.id(), &slug, &name, &now]).await?;
    control.batch_execute("commit").await?;
    if which == Which::Stopped {
        probe.connect(Login::Operator).await?.execute(STOP, &[&which.id(), &now]).await?;
    }

    let key = KeyId::new(&probe.ground.clock, &probe.ground.entropy);
    let made = ApiKey::generate(Mode::Test, tenant, &probe.ground.entropy);
    let test = probe.connect(Login::Test).await?;
    begin(&test, tenant).await?;
    let (digest, start) = (made.parsed().digest(), made.parsed().start().to_owned());
    test.execute(INSERT_KEY, &[&which.id(), &key.uuid(), &digest.as_bytes().as_slice(), &start, &now]).await?;
    test.batch_execute("commit").await?;
    Ok(Canary { which, key, plaintext: made.into_plaintext() })
}

impl Canary {
    /// As a room changes a key: the change and its announcement in one transaction.
    pub(super) async fn turn(&self, probe: &Probe, test: &Client, state: State) -> Result<(), Inconclusive> {
        let now = probe.ground.now();
        let revoked_at = (state == State::Revoked).then_some(now);
        let second = jiff::SignedDuration::from_secs(1);
        let expires_at = if state == State::Over { now - second } else { now + second * 3_600 };
        begin(test, TenantId::from_uuid(self.which.id())).await?;
        test.execute(SET_STATE, &[&self.which.id(), &self.key.uuid(), &revoked_at, &expires_at]).await?;
        let change = uuid7(&probe.ground.clock, &probe.ground.entropy);
        test.execute(ANNOUNCE, &[&change, &self.key.uuid(), &now]).await?;
        Ok(test.batch_execute("commit").await?)
    }

    /// When the key was first answered as wanted, within the tries.
    pub(super) async fn wait_for(
        &self,
        probe: &Probe,
        is_wanted: impl Fn(StatusCode) -> bool,
    ) -> Result<Option<Instant>, Inconclusive> {
        let begun = Instant::now();
        for after_ms in TRIES_MS {
            tokio::time::sleep_until((begun + Duration::from_millis(after_ms)).into()).await;
            let status = self.present(probe, PATH).await?.status;
            if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
                return Err(Inconclusive(format!("the canary's key was answered with {}", status.as_u16())));
            }
            if is_wanted(status) {
                return Ok(Some(Instant::now()));
            }
        }
        Ok(None)
    }

    /// A GET of the API's host with the key.
    pub(super) async fn present(&self, probe: &Probe, path: &str) -> Result<Answer, Inconclusive> {
        let sites = probe.sites()?;
        let bearer = format!("Bearer {}", self.plaintext.expose_secret());
        let headers: [(HeaderName, &str); 1] = [(header::AUTHORIZATION, &bearer)];
        sites.send(&sites.api, Method::GET, path, &headers, "").await
    }
}

async fn begin(client: &Client, tenant: TenantId) -> Result<(), Inconclusive> {
    client.batch_execute("begin").await?;
    client.query("select set_config('tenantry.tenant', $1, true)", &[&tenant.to_string()]).await?;
    Ok(())
}
