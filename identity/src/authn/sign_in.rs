//! The verb: an address and a password become a central session.

use std::sync::Arc;

use ::http::HeaderValue;
use serde_json::json;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::password::Password;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tenantry_platform::problem::{Kind as Refusal, Problem};
use tenantry_platform::record::Act;
use tenantry_platform::usage::{Book, Kind, Whose};

use super::Verdict;
use super::store::{self, StoredPassword};
use crate::Identity;
use crate::sessions::{BY_PASSWORD, StaffSession, created, record_everywhere, tell_everywhere};

/// The `code` of the one refusal.
pub const REFUSED: &str = "sign_in_refused";

/// Somebody who proved who they are.
#[derive(Debug)]
pub struct Proven {
    /// Their central session.
    pub session: Arc<StaffSession>,
    /// `Set-Cookie` for the central host.
    pub cookies: Vec<HeaderValue>,
}

impl Identity {
    /// Signs in by password.
    ///
    /// # Errors
    /// One and the same refusal, with the code [`REFUSED`], whatever was wrong; 429 after too many of them; 503 when too
    /// many sign in at once.
    pub async fn sign_in(&self, email: &str, password: &str, origin: Origin) -> Result<Proven, Problem> {
        // What is no address, or could never have been accepted as a password, is nobody's.
        let (Ok(email), Ok(password)) = (EmailAddress::parse(email), Password::present(password)) else {
            return Err(refused());
        };
        self.may_guess(&email, &origin)?;
        let from = origin.ip;
        let proven = self.compare(&email, password, origin).await;
        self.note_guess(&email, from, &proven);
        proven
    }

    async fn compare(&self, email: &EmailAddress, password: Password, origin: Origin) -> Result<Proven, Problem> {
        let (person, stored) = self.look_up(email, &origin).await?;
        let hash = stored.as_ref().map_or_else(|| self.decoys.of(email), |stored| stored.hash.clone());
        let verdict = self.hasher.verify(password.clone(), Some(hash)).await?;
        match (stored, verdict) {
            (Some(stored), Verdict::Right { stale }) => {
                let newer = if stale { Some(self.hasher.hash(password).await?) } else { None };
                self.let_in(&stored, newer, origin).await
            }
            (_, _) => {
                self.note_refusal(person, origin);
                Err(refused())
            }
        }
    }

    /// Two statements, whoever is asked for: the second one looks for nobody where there is nobody.
    async fn look_up(
        &self,
        email: &EmailAddress,
        origin: &Origin,
    ) -> Result<(Option<PersonId>, Option<StoredPassword>), DbFault> {
        let asking = |person| {
            let context = Context { tenant: None, person };
            Permit::<Authenticate, Control>::system(context, nobody(), origin.clone())
        };
        let found = store::person_by_email(&asking(None), &self.ground, email.lookup()).await?;
        let person = found.unwrap_or_else(|| PersonId::new(&self.ground.clock, &self.ground.entropy));
        let stored = store::password_of(&asking(Some(person)), &self.ground, person).await?;
        Ok((found, stored))
    }

    async fn let_in(
        &self,
        stored: &StoredPassword,
        newer: Option<SecretString>,
        origin: Origin,
    ) -> Result<Proven, Problem> {
        let context = Context { tenant: None, person: Some(stored.person.id) };
        let mut tx =
            Permit::<Authenticate, Control>::system(context, Actor::person(&stored.person), origin).begin(&self.ground);
        let opened = self.sessions.open_root(&mut tx, stored.person.id, BY_PASSWORD).await?.ok_or_else(refused)?;
        // The person's row is held now: a password that was changed meanwhile shows here.
        if !store::is_still(&mut tx, stored).await? {
            return Err(refused());
        }
        if let Some(newer) = newer {
            store::rehash(&mut tx, stored, &newer, self.ground.now()).await?;
        }
        let told = created(opened.key, &self.options.central_origin());
        let tenants = tell_everywhere(&self.ground, &mut tx, &told).await?;
        tx.commit_and_fence(&self.ground).await?;
        count(&self.ground, &tenants, Kind::SignIns);
        let session = self.sessions.find(opened.key).await?.ok_or_else(refused)?;
        Ok(Proven { session, cookies: opened.cookies })
    }

    /// Into the log of each tenant of the person, after the answer. An unknown address is nobody's business.
    pub(super) fn note_refusal(&self, person: Option<PersonId>, origin: Origin) {
        let Some(person) = person else { return };
        let ground = self.ground.clone();
        self.afterwards.push("a refused sign-in", async move {
            let context = Context { tenant: None, person: Some(person) };
            let mut tx = Permit::<Authenticate, Control>::system(context, nobody(), origin).begin(&ground);
            let act = Act::new("session.refused", "person", person).with(json!({ "method": "password" }));
            let tenants = record_everywhere(&ground, &mut tx, &act).await?;
            tx.commit().await?;
            count(&ground, &tenants, Kind::SignInsFailed);
            Ok(())
        });
    }
}

/// For the chart of each workspace that the person belongs to.
fn count(ground: &Ground, tenants: &[TenantId], what: Kind) {
    for tenant in tenants {
        ground.usage.count(Whose { tenant: *tenant, book: Book::Workspace, key: None }, &[what], ground.now());
    }
}

/// Whoever it was, nobody knows.
fn nobody() -> Actor {
    Actor {
        system: false,
        kind: "anonymous",
        id: "anonymous".to_owned(),
        subject: uuid::Uuid::nil(),
        name: None,
        email: None,
    }
}

fn refused() -> Problem {
    Problem::new(Refusal::Unauthorized, "E-mail address or password is wrong.").code(REFUSED)
}
