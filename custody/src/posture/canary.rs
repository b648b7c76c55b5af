//! The canaries: two tenants whose keys the checks use, because other processes must see them.
//!
//! "Posture canary" is served, "Posture stopped" is suspended from its beginning. A key of either works only while a
//! check runs, has no more scopes than that check needs, and opens nothing but the tenant's own log, keys and people,
//! which are canaries too (`person.rs`). Both stand before every tenant that a clock can draw: platform staff does not
//! see them, and no app hears of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use tenantry_core::ids::{KeyId, TenantId, uuid7};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::feed::ChangeKind;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OnceCell};
use tokio_postgres::Client;
use uuid::Uuid;

use super::person::Password;
use super::probe::{Inconclusive, Login, Probe};
use super::sites::{Answer, Sites};

/// When the key is tried after a change, in milliseconds: few requests, closer at the beginning.
const TRIES_MS: [u64; 12] = [0, 20, 50, 100, 150, 200, 300, 400, 600, 800, 1_000, 2_000];
/// Answered to whoever holds the scope `audit:read`.
pub(super) const PATH: &str = "/-/api/v1/audit?limit=1";
/// Answered to every key.
pub(super) const WHO: &str = "/-/api/v1/whoami";
/// How long the keys of earlier processes are kept.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The tenant that is served. The ids are the same for every process: constants that no clock can draw (their time
/// is 1970).
pub(super) const SERVED: TenantId = TenantId::from_uuid(Uuid::from_u128(0x0000_0000_0001_7000_8000_706f_7374_7572));
/// The tenant that is suspended.
pub(super) const STOPPED: TenantId = TenantId::from_uuid(Uuid::from_u128(0x0000_0000_0001_7000_8000_706f_7374_7573));

const INSERT_TENANT: &str = "
    insert into tenants (tenant_id, slug, name, status_at, created_at)
    values ($1, $2, $3, $4, $4) on conflict (tenant_id) do nothing";
/// Also where somebody with the machine brought it back.
const STOP: &str =
    "update tenants set status = 'suspended', status_at = $2 where tenant_id = $1 and status <> 'suspended'";
const INSERT_KEY: &str = "
    insert into api_keys (tenant_id, id, name, digest, start, scopes, created_at, revoked_at)
    values ($1, $2, 'Posture canary', $3, $4, $5, $6, $6)";
const FORGET_KEYS: &str = "delete from api_keys where tenant_id = $1 and revoked_at < $2";
const SET_STATE: &str = "update api_keys set revoked_at = $3, expires_at = $4 where tenant_id = $1 and id = $2";
const ANNOUNCE: &str = "select doors.announce($1, $2, $3, $4)";

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Reads the log.
    Served,
    /// The same of the stopped tenant.
    Stopped,
    /// Takes the log away.
    Exporting,
    /// Sees keys and roles, in test mode.
    Test,
    /// Sees keys and manages people, in live mode: nothing else may.
    Live,
    /// Is blocked for a moment, which keeps no other check waiting.
    Offending,
}

impl Which {
    const ALL: usize = 6;

    const fn tenant(self) -> TenantId {
        match self {
            Self::Stopped => STOPPED,
            Self::Served | Self::Exporting | Self::Test | Self::Live | Self::Offending => SERVED,
        }
    }

    const fn mode(self) -> Mode {
        match self {
            Self::Live => Mode::Live,
            Self::Served | Self::Stopped | Self::Exporting | Self::Test | Self::Offending => Mode::Test,
        }
    }

    const fn login(self) -> Login {
        match self.mode() {
            Mode::Live => Login::Live,
            Mode::Test => Login::Test,
        }
    }

    const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Served | Self::Stopped | Self::Offending => &["audit:read"],
            Self::Exporting => &["audit:export"],
            Self::Test => &["keys:read", "members:read"],
            Self::Live => &["keys:read", "members:manage"],
        }
    }

    /// What it is tried on.
    const fn path(self) -> &'static str {
        match self {
            Self::Served | Self::Stopped => PATH,
            Self::Exporting | Self::Test | Self::Live | Self::Offending => WHO,
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
    pub(super) key: KeyId,
    plaintext: SecretString,
    /// From an address of its own: it uses up no other check's limits.
    sites: Sites,
}

/// The keys of a process, and the password of its canary people: made once, used by one check at a time.
#[derive(Debug, Default)]
pub(in crate::posture) struct Canaries {
    keys: [Mutex<Option<Canary>>; Which::ALL],
    pub(super) password: OnceCell<Password>,
}

impl Canaries {
    /// The canary's key, for one check alone until it is dropped.
    pub(super) async fn hold<'a>(
        &'a self,
        probe: &Probe,
        which: Which,
    ) -> Result<MappedMutexGuard<'a, Canary>, Inconclusive> {
        // Without an address nothing is planted.
        let sites = probe.sites()?;
        let mut held = self.keys[which as usize].lock().await;
        if held.is_none() {
            *held = Some(plant(probe, sites, which).await?);
        }
        // Invariant: it was put there just now.
        Ok(MutexGuard::map(held, |held| held.as_mut().expect("a canary is held")))
    }

    /// The canary's key at work, until it is given back with [`Working::end`].
    pub(super) async fn work<'a>(&'a self, probe: &Probe, which: Which) -> Result<Working<'a>, Inconclusive> {
        let canary = self.hold(probe, which).await?;
        let client = canary.connect(probe).await?;
        canary.turn(probe, &client, State::Works).await?;
        let working = Working { canary, client };
        match working.canary.wait_for(|status| status == StatusCode::OK).await {
            Ok(Some(_)) => Ok(working),
            Ok(None) => {
                working.end(probe).await?;
                Err(Inconclusive("the canary's key was never accepted, so nothing can be tried with it".to_owned()))
            }
            Err(why) => {
                working.end(probe).await?;
                Err(why)
            }
        }
    }
}

/// A tenant where there is none yet, and a new key that is revoked from its beginning.
async fn plant(probe: &Probe, sites: &Sites, which: Which) -> Result<Canary, Inconclusive> {
    let (tenant, now) = (which.tenant(), probe.ground.now());
    settle(probe, tenant).await?;
    let key = KeyId::new(&probe.ground.clock, &probe.ground.entropy);
    let made = ApiKey::generate(which.mode(), tenant, &probe.ground.entropy);
    let client = probe.connect(which.login()).await?;
    begin(&client, tenant).await?;
    let (digest, start) = (made.parsed().digest(), made.parsed().start().to_owned());
    client.execute(FORGET_KEYS, &[&tenant.uuid(), &(now - KEPT)]).await?;
    let scopes = which.scopes();
    client
        .execute(INSERT_KEY, &[&tenant.uuid(), &key.uuid(), &digest.as_bytes().as_slice(), &start, &scopes, &now])
        .await?;
    client.batch_execute("commit").await?;
    let sites = sites.seen_from_elsewhere(&probe.ground.entropy);
    Ok(Canary { which, key, plaintext: made.into_plaintext(), sites })
}

async fn settle(probe: &Probe, tenant: TenantId) -> Result<(), Inconclusive> {
    let (slug, name) =
        if tenant == STOPPED { ("posture-stopped", "Posture stopped") } else { (SLUG, "Posture canary") };
    let (control, now) = (probe.connect(Login::Control).await?, probe.ground.now());
    begin(&control, tenant).await?;
    control.execute(INSERT_TENANT, &[&tenant.uuid(), &slug, &name, &now]).await?;
    control.batch_execute("commit").await?;
    if tenant == STOPPED {
        probe.connect(Login::Operator).await?.execute(STOP, &[&tenant.uuid(), &now]).await?;
    }
    Ok(())
}

/// The served tenant in the paths of the console. No host has this name.
pub(super) const SLUG: &str = "posture-canary";

impl Canary {
    /// A connection that can change it.
    pub(super) async fn connect(&self, probe: &Probe) -> Result<Client, Inconclusive> {
        probe.connect(self.which.login()).await
    }

    /// As a room changes a key: the change and its announcement in one transaction.
    pub(super) async fn turn(&self, probe: &Probe, client: &Client, state: State) -> Result<(), Inconclusive> {
        let (now, tenant) = (probe.ground.now(), self.which.tenant());
        let revoked_at = (state == State::Revoked).then_some(now);
        let second = jiff::SignedDuration::from_secs(1);
        let expires_at = if state == State::Over { now - second } else { now + second * 3_600 };
        begin(client, tenant).await?;
        client.execute(SET_STATE, &[&tenant.uuid(), &self.key.uuid(), &revoked_at, &expires_at]).await?;
        announce(probe, client, ChangeKind::Key, self.key.uuid()).await?;
        Ok(client.batch_execute("commit").await?)
    }

    /// When the key was first answered as wanted, within the tries.
    pub(super) async fn wait_for(
        &self,
        is_wanted: impl Fn(StatusCode) -> bool,
    ) -> Result<Option<Instant>, Inconclusive> {
        let begun = Instant::now();
        for after_ms in TRIES_MS {
            tokio::time::sleep_until((begun + Duration::from_millis(after_ms)).into()).await;
            let status = self.present(self.which.path()).await?.status;
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
    pub(super) async fn present(&self, path: &str) -> Result<Answer, Inconclusive> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// A call of the API with the key.
    pub(super) async fn ask(&self, method: Method, path: &str, json: Bytes) -> Result<Answer, Inconclusive> {
        self.present_as(self.plaintext.expose_secret(), method, path, json).await
    }

    /// A call with the key as another mode's would be spelled.
    pub(super) async fn ask_misspelled(&self, path: &str) -> Result<Answer, Inconclusive> {
        let (own, other) = match self.which.mode() {
            Mode::Live => ("sk_live_", "sk_test_"),
            Mode::Test => ("sk_test_", "sk_live_"),
        };
        let spelled = self.plaintext.expose_secret().replacen(own, other, 1);
        self.present_as(&spelled, Method::GET, path, Bytes::new()).await
    }

    async fn present_as(&self, key: &str, method: Method, path: &str, json: Bytes) -> Result<Answer, Inconclusive> {
        let bearer = format!("Bearer {key}");
        let headers: [(HeaderName, &str); 2] =
            [(header::AUTHORIZATION, &bearer), (header::CONTENT_TYPE, "application/json")];
        self.sites.send(&self.sites.api, method, path, &headers, json).await
    }
}

/// A canary's key that works.
pub(super) struct Working<'a> {
    canary: MappedMutexGuard<'a, Canary>,
    client: Client,
}

impl Working<'_> {
    /// Which one.
    pub(super) fn key(&self) -> &Canary {
        &self.canary
    }

    /// Revokes it: the key is of no use between checks.
    pub(super) async fn end(self, probe: &Probe) -> Result<(), Inconclusive> {
        self.canary.turn(probe, &self.client, State::Revoked).await
    }
}

/// Tells every process, within the transaction, that something is not what it was.
pub(super) async fn announce(
    probe: &Probe,
    client: &Client,
    kind: ChangeKind,
    subject: Uuid,
) -> Result<(), Inconclusive> {
    let change = uuid7(&probe.ground.clock, &probe.ground.entropy);
    client.execute(ANNOUNCE, &[&change, &kind.as_str(), &subject, &probe.ground.now()]).await?;
    Ok(())
}

/// A transaction in the tenant's context.
pub(super) async fn begin(client: &Client, tenant: TenantId) -> Result<(), Inconclusive> {
    client.batch_execute("begin").await?;
    client.query("select set_config('tenantry.tenant', $1, true)", &[&tenant.to_string()]).await?;
    Ok(())
}
