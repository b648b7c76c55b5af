//! A forgotten password: asked for by anybody, given to the owner of the mailbox (ID-4).

use std::sync::Arc;

use tenantry_core::email::EmailAddress;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::mail::{self, AccountLetter};
use tenantry_platform::page::words::Words;
use tenantry_platform::permit::{Actor, Origin, PersonRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::Act;

use super::link::{LinkKind, Purpose, permit};
use super::password::How;
use super::store;
use crate::Identity;
use crate::authn::person_by_email;
use crate::sessions::{end_everything, record_everywhere};
use crate::users::checked_password;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;

/// Why a new password was not set.
pub(super) enum NotReset {
    /// It is not good enough: the sentence.
    Password(String),
    /// Anything else.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for NotReset {
    fn from(problem: E) -> Self {
        Self::Problem(problem.into())
    }
}

impl Identity {
    /// Asks for a new password. Nothing is looked up before the answer, so it says nothing of the address and
    /// takes the same time for all.
    ///
    /// # Errors
    /// 503 when too much waits to be done after answers, whoever asks.
    pub(super) fn ask_reset(self: &Arc<Self>, email: EmailAddress, origin: Origin) -> Result<(), Problem> {
        let identity = Arc::clone(self);
        let taken =
            self.afterwards.push("a forgotten password", async move { identity.offer_reset(&email, &origin).await });
        if taken { Ok(()) } else { Err(Problem::unavailable("the queue of what follows answers is full")) }
    }

    /// Mails the link, if the address is somebody's who may sign in, and has not had too many already.
    async fn offer_reset(&self, email: &EmailAddress, origin: &Origin) -> Result<(), DbFault> {
        let nobody = permit(None, asking(), origin);
        let Some(id) = person_by_email(&nobody, &self.ground, email.lookup()).await? else { return Ok(()) };
        let mut tx = permit(Some(id), asking(), origin).begin(&self.ground);
        let Some(person) = store::hold(&mut tx, id).await? else { return tx.commit().await };
        if !self.may_mail(&mut tx, LinkKind::Reset.as_str(), email).await? {
            return tx.commit().await;
        }
        self.mail_reset(&mut tx, &person, AccountLetter::ResetPassword).await?;
        record_everywhere(&self.ground, &mut tx, &Act::new("user.password_reset_asked", "person", id)).await?;
        tx.commit().await?;
        self.wake_queue();
        Ok(())
    }

    /// Makes a link and mails it to the person's address as it is stored, never as it was typed.
    pub(crate) async fn mail_reset(
        &self,
        tx: &mut TenantTx<Control>,
        person: &PersonRef,
        letter: AccountLetter,
    ) -> Result<(), DbFault> {
        let had = address_of(person)?;
        let link = self.make_link(tx, LinkKind::Reset, person.id, &Purpose { had: had.clone(), gets: None }).await?;
        let span = span_of(self.lifetime(LinkKind::Reset).as_secs());
        mail::enqueue(tx, &self.ground, letter.mail(had, &self.options.brand.name, &link, &span)).await.map(drop)
    }

    /// Uses the link: the password is another one, every session has ended, every other link is void.
    pub(super) async fn reset(&self, token: &str, password: &SecretString, origin: &Origin) -> Result<(), NotReset> {
        let opened = self.open_link(LinkKind::Reset, token, origin).await?;
        let about = [opened.person.email.as_str(), opened.person.name.as_str()];
        let password =
            checked_password(&self.options.password_policy(), password, &about).map_err(NotReset::Password)?;
        let hash = self.hasher.hash(password).await?;
        let id = opened.person.id;
        let mut tx = permit(Some(id), Actor::person(&opened.person), origin).begin(&self.ground);
        let person = self.take_link(&mut tx, LinkKind::Reset, token, &opened).await?;
        store::prove_address(&mut tx, self.ground.now()).await?;
        self.settle_password(&mut tx, &person, &hash, How::Reset).await?;
        end_everything(&mut tx, &self.ground, id, "password_reset").await?;
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(())
    }
}

/// The person's address, which was an address when it was stored.
pub(super) fn address_of(person: &PersonRef) -> Result<EmailAddress, DbFault> {
    EmailAddress::parse(&person.email).map_err(|fault| DbFault::Refused(fault.to_string()))
}

/// "30 minutes", "1 hour".
pub(super) fn span_of(seconds: u64) -> String {
    let whole = |unit_s: u64| usize::try_from(seconds / unit_s).unwrap_or(usize::MAX);
    match seconds {
        0..HOUR_S => Words::english().count("time.minute", whole(MINUTE_S)),
        _ => Words::english().count("time.hour", whole(HOUR_S)),
    }
}

fn asking() -> Actor {
    Actor::system("account", "forgot_password")
}
