//! Letters before a key ends (KEY-3, KEY-5).
//!
//! What must always hold: of several nodes, or of several runs, one sends the letter of a threshold. The mark on the
//! key, the audit row, the event and the letters stand in one transaction, and the row of the key decides who makes it.

use std::time::Duration;

use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{KeyId, PersonId, TenantId};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Context, Control, Database, DbFault, HasStore, Live, Mode, Plane, TenantTx, Test};
use tenantry_platform::mail::{self, KeyEnding};
use tenantry_platform::permit::{Actor, ManageKeys, Origin, Permission as _, Permit, RunJobs, TenantRef};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::create::event;
use super::store::{self, Contact, Key};
use crate::Identity;
use crate::events::API_KEY_EXPIRING;
use crate::roles::RoleBook;

/// So many days before its end people are told of it, the longest first: time to plan, time to act, the last call.
pub const WARNED_DAYS_BEFORE: [i32; 3] = [14, 3, 1];
/// How often keys are looked through. A restart begins the wait anew, so it is far shorter than a day.
pub const WARN_EVERY: Duration = Duration::from_secs(600);
/// Keys read at a time.
const BATCH: i32 = 200;
const DAY_S: i64 = 86_400;

/// A key about whose end nobody was told at this threshold.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) mode: ModeWord,
    pub(super) tenant: TenantId,
    pub(super) id: KeyId,
    pub(super) days: i32,
}

impl Identity {
    /// Sends the letters that are due, and answers about how many keys. Run every [`WARN_EVERY`], on every node.
    ///
    /// # Errors
    /// The last fault of the database; what it did not concern was sent, and the rest is due still.
    pub async fn warn_of_ending_keys(&self) -> Result<usize, DbFault> {
        let (mut after, mut warned, mut fault) = (Uuid::nil(), 0, None);
        loop {
            let due = store::ending(&permit::<Control>(None), &self.ground, &WARNED_DAYS_BEFORE, after, BATCH).await?;
            for ending in &due {
                after = ending.id.uuid();
                match self.warn_of_key(ending).await {
                    Ok(done) => warned += usize::from(done),
                    Err(why) => fault = Some(why),
                }
            }
            if due.len() < BATCH as usize {
                break;
            }
        }
        self.wake_queue();
        fault.map_or(Ok(warned), Err)
    }

    async fn warn_of_key(&self, ending: &Ending) -> Result<bool, DbFault> {
        match ending.mode {
            ModeWord::Live => self.warn_of_key_in::<Live>(ending).await,
            ModeWord::Test => self.warn_of_key_in::<Test>(ending).await,
        }
    }

    /// `false`: another node was faster, or the key was revoked or rotated meanwhile.
    async fn warn_of_key_in<M: Mode>(&self, ending: &Ending) -> Result<bool, DbFault>
    where
        Database: HasStore<M>,
    {
        let tenant = self.tenants.by_id(ending.tenant).await.map_err(|fault| DbFault::Retry(fault.to_string()))?;
        let Some(tenant) = tenant else { return Ok(false) };
        let mut tx = permit::<M>(Some(ending.tenant)).begin(&self.ground);
        let Some(key) = store::warn(&mut tx, ending.id, ending.days, self.ground.now()).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        let Some(end) = key.expires_at else { return Ok(false) };
        let readers = self.key_readers(ending.tenant, key.created_by).await?;
        note(&mut tx, self, &key, ending.days, readers.len()).await?;
        for reader in readers {
            let letter = self.ending_letter::<M>(&key, &tenant, end);
            mail::enqueue(&mut tx, &self.ground, letter.mail(reader)).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Whoever made the key, while they are a member who can do something about it; otherwise the owners.
    async fn key_readers(&self, tenant: TenantId, maker: Option<PersonId>) -> Result<Vec<EmailAddress>, DbFault> {
        let permit = permit::<Control>(Some(tenant));
        let contacts = store::contacts(&permit, &self.ground, maker).await?;
        let book = RoleBook::read(&permit, &self.ground, &self.options.roles).await?;
        let manages = |contact: &Contact| {
            book.named(&contact.role).is_some_and(|known| known.role.permissions.contains(ManageKeys::WORD))
        };
        let own = contacts.iter().find(|contact| Some(contact.person) == maker && manages(contact));
        let readers: Vec<&Contact> = match own {
            Some(maker) => vec![maker],
            None => contacts.iter().filter(|contact| contact.is_owner).collect(),
        };
        Ok(readers.into_iter().filter_map(|contact| EmailAddress::parse(&contact.email).ok()).collect())
    }

    fn ending_letter<'a, M: Mode>(&'a self, key: &'a Key, tenant: &'a TenantRef, end: Timestamp) -> KeyEnding<'a> {
        let left = end.duration_since(self.ground.now()).as_secs();
        KeyEnding {
            brand: &self.options.brand.name,
            key: &key.name,
            workspace: &tenant.name,
            mode: M::MODE.as_str(),
            days: usize::try_from((left + DAY_S - 1) / DAY_S).unwrap_or_default(),
            link: format!("{}/-/console/{}/{}/keys/{}", self.options.central_origin(), tenant.slug, M::MODE, key.id),
        }
    }
}

async fn note<M: Mode>(
    tx: &mut TenantTx<M>,
    identity: &Identity,
    key: &Key,
    days: i32,
    letters: usize,
) -> Result<(), DbFault> {
    let facts = json!({
        "name": key.name, "start": key.start, "days": days, "expires_at": key.expires_at.map(|at| at.to_string()),
    });
    let mut all = facts.clone();
    all["letters"] = json!(letters);
    record::append(tx, &identity.ground, Act::new("api_key.expiring", "api_key", key.id).with(all)).await?;
    record::emit(tx, &identity.ground, &API_KEY_EXPIRING, event(key, facts)).await.map(drop)
}

fn permit<M: Plane>(tenant: Option<TenantId>) -> Permit<RunJobs, M> {
    Permit::system(Context { tenant, person: None }, Actor::system("job", "key_warnings"), Origin::default())
}
