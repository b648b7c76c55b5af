//! Canary people: each is of one check, exists only while it runs, and belongs to no workspace of anybody.
//!
//! Their ids are the same for every process, so one check at a time has one: it holds a lock of the database until the
//! person is gone again. Whoever is left over from a check that was cut off goes before the next one begins. Their
//! address is another one each time, under `.invalid`, where no mailbox can be: letters to it are read by the check and
//! sent to nobody. Nothing of them stands in any log, because no log is theirs.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::uuid7;
use tenantry_core::password_hash::{Argon2Variant, PasswordHash, Recipe};
use tenantry_core::random::Entropy;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::config;
use tenantry_platform::feed::ChangeKind;
use tenantry_platform::mail::nowhere;
use tenantry_platform::record::hex;
use tokio_postgres::Client;
use uuid::Uuid;

use super::canary::{SERVED, announce};
use super::probe::{Inconclusive, Login, Probe};

/// The first one's id. No clock draws it: its time is 1970.
const FIRST: u128 = 0x0000_0000_0001_7000_8000_7065_6f70_6c30;
/// When a letter is looked for, in milliseconds: it is written after the answer.
const LETTER_TRIES_MS: [u64; 8] = [0, 20, 50, 100, 200, 400, 600, 800];
/// More than any configured least length asks for.
const PASSWORD_BYTES: usize = 54;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

const LOCK: &str = "select pg_advisory_lock(hashtextextended('tenantry.posture ' || $1, 0))";
const AS_PERSON: &str = "select set_config('tenantry.person', $1, true), set_config('tenantry.tenant', $2, true)";
const LEAVE: &str = "delete from memberships where tenant_id = $1 and person_id = $2";
const DELETE: &str = "select doors.delete_person()";
const INSERT_PERSON: &str = "
    insert into persons (person_id, email, email_lower, name, status, created_at, verified_at)
    values ($1, $2, $2, 'Posture canary', $3, $4, $5)";
const CLAIM: &str = "select doors.claim_email($1, $2)";
const INSERT_PASSWORD: &str = "
    insert into identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
    values ($1, $2, 'password', 'tenantry', $1::uuid::text, $3, $4, $4)";
const JOIN: &str = "insert into memberships (tenant_id, person_id, role, created_at) values ($1, $2, $3, $4)";
const DEACTIVATE: &str = "update persons set status = 'deactivated' where person_id = $1";
const END_SESSIONS: &str =
    "update sessions set ended_at = $2, end_reason = 'deactivated' where person_id = $1 and ended_at is null";

/// Whose check it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    NewAccount,
    Known,
    Renewing,
    Robbed,
    Changing,
    Leaving,
    SmallRole,
    Invited,
    Exchanging,
}

impl Who {
    const fn id(self) -> Uuid {
        Uuid::from_u128(FIRST + self as u128)
    }
}

/// Whether they have proven their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Pending,
    Active,
}

/// What all canary people of a process sign in with, and what the database has of it.
#[derive(Debug)]
pub(in crate::posture) struct Password {
    plain: SecretString,
    hash: String,
}

/// A canary person, and the connection that holds the lock.
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) email: EmailAddress,
    pub(super) password: SecretString,
    control: Client,
}

impl Person {
    /// A new one, in no workspace.
    pub(super) async fn plant(probe: &Probe, who: Who, standing: Standing) -> Result<Self, Inconclusive> {
        // Without an address nobody is planted.
        probe.sites()?;
        let password = probe.canaries.password.get_or_try_init(|| Password::make(probe)).await?;
        let (id, control) = (who.id(), probe.connect(Login::Control).await?);
        control.query_one(LOCK, &[&id.to_string()]).await?;
        let person = Self { id, email: address(&probe.ground.entropy)?, password: password.plain.clone(), control };
        person.forget().await?;
        person.insert(probe, standing, &password.hash).await?;
        Ok(person)
    }

    async fn insert(&self, probe: &Probe, standing: Standing, hash: &str) -> Result<(), Inconclusive> {
        let (now, email) = (probe.ground.now(), self.email.lookup());
        let (status, verified_at) = match standing {
            Standing::Pending => ("pending", None),
            Standing::Active => ("active", Some(now)),
        };
        self.begin().await?;
        self.control.execute(INSERT_PERSON, &[&self.id, &email, &status, &now, &verified_at]).await?;
        self.control.query_one(CLAIM, &[&email, &self.id]).await?;
        let identity = uuid7(&probe.ground.clock, &probe.ground.entropy);
        self.control.execute(INSERT_PASSWORD, &[&self.id, &identity, &hash, &now]).await?;
        Ok(self.control.batch_execute("commit").await?)
    }

    /// Nothing of them stays, whatever became of the check.
    pub(super) async fn remove(self, probe: &Probe) -> Result<(), Inconclusive> {
        // A statement of the check may have failed in the middle of a transaction.
        self.control.batch_execute("rollback").await?;
        self.forget().await?;
        nowhere::take(&probe.ground, &self.email).await?;
        Ok(())
    }

    async fn forget(&self) -> Result<(), Inconclusive> {
        self.begin().await?;
        self.control.execute(LEAVE, &[&SERVED.uuid(), &self.id]).await?;
        self.control.query_one(DELETE, &[]).await?;
        Ok(self.control.batch_execute("commit").await?)
    }

    /// Makes them a member of the canary's workspace, as a room does it.
    pub(super) async fn join(&self, probe: &Probe, role: &str) -> Result<(), Inconclusive> {
        self.begin().await?;
        self.control.execute(JOIN, &[&SERVED.uuid(), &self.id, &role, &probe.ground.now()]).await?;
        announce(probe, &self.control, ChangeKind::Person, self.id).await?;
        Ok(self.control.batch_execute("commit").await?)
    }

    /// Deactivates them, as a room does it.
    pub(super) async fn deactivate(&self, probe: &Probe) -> Result<(), Inconclusive> {
        self.begin().await?;
        self.control.execute(DEACTIVATE, &[&self.id]).await?;
        self.control.execute(END_SESSIONS, &[&self.id, &probe.ground.now()]).await?;
        announce(probe, &self.control, ChangeKind::Person, self.id).await?;
        Ok(self.control.batch_execute("commit").await?)
    }

    /// A transaction of their own, in the canary's workspace.
    pub(super) async fn begin(&self) -> Result<(), Inconclusive> {
        self.control.batch_execute("begin").await?;
        self.control.query(AS_PERSON, &[&self.id.to_string(), &SERVED.to_string()]).await?;
        Ok(())
    }

    /// The connection that acts for them.
    pub(super) const fn control(&self) -> &Client {
        &self.control
    }

    /// The token of the link that was mailed to them.
    pub(super) async fn link(&self, probe: &Probe) -> Result<Option<String>, Inconclusive> {
        link_to(probe, &self.email).await
    }
}

/// An address that nobody can have.
pub(super) fn address(entropy: &Entropy) -> Result<EmailAddress, Inconclusive> {
    let text = format!("canary-{}@posture.invalid", hex(&entropy.bytes::<8>()));
    EmailAddress::parse(&text).map_err(|fault| Inconclusive(fault.to_string()))
}

/// A password that any policy takes.
pub(super) fn password(entropy: &Entropy) -> SecretString {
    URL_SAFE_NO_PAD.encode(entropy.bytes::<PASSWORD_BYTES>()).into()
}

/// The token of the newest link that was mailed to an address. None: no letter with one came in time.
pub(super) async fn link_to(probe: &Probe, email: &EmailAddress) -> Result<Option<String>, Inconclusive> {
    for wait_ms in LETTER_TRIES_MS {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let letters = nowhere::take(&probe.ground, email).await?;
        if let Some(token) = letters.iter().rev().find_map(|letter| token_in(&letter.text)) {
            return Ok(Some(token.to_owned()));
        }
    }
    Ok(None)
}

fn token_in(text: &str) -> Option<&str> {
    text.split_once("token=")?.1.split_whitespace().next()
}

impl Password {
    /// Hashed once a process, as new passwords are hashed here: nobody has to hash it anew.
    async fn make(probe: &Probe) -> Result<Self, Inconclusive> {
        let (options, entropy) = (probe.config.passwords.clone(), probe.ground.entropy.clone());
        let made = tokio::task::spawn_blocking(move || {
            let plain = password(&entropy);
            Some(Self { hash: hash(&options, &plain, &entropy)?, plain })
        });
        let made = made.await.map_err(|fault| Inconclusive(fault.to_string()))?;
        made.ok_or_else(|| Inconclusive("argon2 refused the configured recipe".to_owned()))
    }
}

fn hash(options: &config::Passwords, plain: &SecretString, entropy: &Entropy) -> Option<String> {
    let (memory_kib, passes, lanes) = (options.memory_kib, options.iterations, options.parallelism);
    let params = Params::new(memory_kib, passes, lanes, Some(TAG_BYTES)).ok()?;
    let (salt, mut tag) = (entropy.bytes::<SALT_BYTES>(), vec![0; TAG_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(plain.expose_secret().as_bytes(), &salt, &mut tag).ok()?;
    let recipe = Recipe::Argon2 { variant: Argon2Variant::Id, memory_kib, passes, lanes };
    Some(PasswordHash::of(recipe, salt.to_vec(), tag).as_str().to_owned())
}

/// Far enough in the future that every mailed link has ended.
pub(super) fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(now) + jiff::SignedDuration::from_secs(1)
}
