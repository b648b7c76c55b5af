//! Another address: asked for with the password, proven from the new mailbox, undone from the old one (ID-4).

use serde_json::json;
use tenantry_core::email::EmailAddress;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::mail::{self, AccountLetter};
use tenantry_platform::permit::{Actor, Origin, OwnAccount, Permit, PersonRef};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::Act;

use super::link::{LinkKind, Opened, Purpose, permit as permit_for};
use super::password::NotChanged;
use super::reset::{address_of, span_of};
use super::store;
use crate::Identity;
use crate::authn::{drop_password, person_by_email};
use crate::events;
use crate::sessions::{Key, Told, end_everything, end_others, record_everywhere, tell_everywhere};

impl Identity {
    /// Asks the new address to confirm, and tells the old one. The same answer, after the same statements, where the
    /// new address has an account: its owner is told instead.
    pub(super) async fn ask_email(
        &self,
        permit: &Permit<OwnAccount, Control>,
        person: &PersonRef,
        (present, wanted): (&SecretString, &str),
        origin: &Origin,
    ) -> Result<EmailAddress, NotChanged> {
        let wanted =
            EmailAddress::parse(wanted).map_err(|_| field("Write an e-mail address, such as name@example.com."))?;
        if wanted.as_str() == person.email {
            return Err(field("This is your address already."));
        }
        let stored = self.prove(person, present, origin).await?;
        let nobody = permit_for(None, Actor::person(person), origin);
        let holder = person_by_email(&nobody, &self.ground, wanted.lookup()).await?;
        let is_taken = holder.is_some_and(|holder| holder != person.id);
        let mut tx = permit.begin(&self.ground);
        let held = self.hold_proven(&mut tx, person, &stored).await?;
        self.mail_both(&mut tx, &held, &wanted, is_taken).await?;
        let act = Act::new("user.email_change_asked", "person", person.id);
        record_everywhere(&self.ground, &mut tx, &act).await?;
        tx.commit().await?;
        self.wake_queue();
        Ok(wanted)
    }

    async fn mail_both(
        &self,
        tx: &mut TenantTx<Control>,
        person: &PersonRef,
        wanted: &EmailAddress,
        is_taken: bool,
    ) -> Result<(), DbFault> {
        store::void_links(tx, &[LinkKind::ConfirmEmail], self.ground.now()).await?;
        let had = address_of(person)?;
        let purpose = Purpose { had: had.clone(), gets: Some(wanted.clone()) };
        // Where the address is taken, this link's token goes nowhere: the row ends by itself.
        let link = self.make_link(tx, LinkKind::ConfirmEmail, person.id, &purpose).await?;
        let (brand, central) = (self.options.brand.name.as_str(), self.options.central_origin());
        if self.may_mail(tx, LinkKind::ConfirmEmail.as_str(), wanted).await? {
            let span = span_of(self.lifetime(LinkKind::ConfirmEmail).as_secs());
            let letter = match is_taken {
                true => AccountLetter::EmailTaken.mail(wanted.clone(), brand, &format!("{central}/-/sign-in"), ""),
                false => AccountLetter::ConfirmEmail.mail(wanted.clone(), brand, &link, &span),
            };
            mail::enqueue(tx, &self.ground, letter).await?;
        }
        let forgot = format!("{central}/-/forgot-password");
        mail::enqueue(tx, &self.ground, AccountLetter::EmailChangeAsked.mail(had, brand, &forgot, "")).await.map(drop)
    }

    /// Uses the link of the new mailbox. Every session ends but the one of the browser that confirms, if it is this
    /// person's: whoever else is signed in proved an account of another address.
    pub(super) async fn confirm_email(
        &self,
        token: &str,
        keep: Option<Key>,
        origin: &Origin,
    ) -> Result<EmailAddress, Problem> {
        let opened = self.open_link(LinkKind::ConfirmEmail, token, origin).await?;
        let gets = wanted(&opened)?;
        let mut tx = self.acting(&opened, origin);
        let person = self.take_link(&mut tx, LinkKind::ConfirmEmail, token, &opened).await?;
        self.move_to(&mut tx, &person, &gets, false).await?;
        self.mail_undo(&mut tx, &person).await?;
        match keep.filter(|session| session.person == person.id) {
            Some(session) => end_others(&mut tx, &self.ground, session, "email_changed").await.map(drop)?,
            None => end_everything(&mut tx, &self.ground, person.id, "email_changed").await?,
        }
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(gets)
    }

    /// Uses the link of the old mailbox: the address is back, nobody is signed in, and only a mailed link sets a new
    /// password.
    pub(super) async fn undo_email(&self, token: &str, origin: &Origin) -> Result<EmailAddress, Problem> {
        let opened = self.open_link(LinkKind::UndoEmail, token, origin).await?;
        let gets = wanted(&opened)?;
        let mut tx = self.acting(&opened, origin);
        let mut person = self.take_link(&mut tx, LinkKind::UndoEmail, token, &opened).await?;
        self.move_to(&mut tx, &person, &gets, true).await?;
        store::void_links(&mut tx, &LinkKind::ALL, self.ground.now()).await?;
        drop_password(&mut tx).await?;
        gets.as_str().clone_into(&mut person.email);
        self.mail_reset(&mut tx, &person, AccountLetter::EmailRestored).await?;
        end_everything(&mut tx, &self.ground, person.id, "email_restored").await?;
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(gets)
    }

    fn acting(&self, opened: &Opened, origin: &Origin) -> TenantTx<Control> {
        permit_for(Some(opened.person.id), Actor::person(&opened.person), origin).begin(&self.ground)
    }

    /// The address itself, the links that depended on the one before, and who hears of it.
    async fn move_to(
        &self,
        tx: &mut TenantTx<Control>,
        person: &PersonRef,
        gets: &EmailAddress,
        is_undone: bool,
    ) -> Result<(), Problem> {
        let now = self.ground.now();
        if !store::move_email(tx, gets, now).await? {
            return Err(taken());
        }
        store::void_links(tx, &[LinkKind::Reset, LinkKind::ConfirmEmail], now).await?;
        let told = Told {
            act: Act::new("user.email_changed", "person", person.id).with(json!({ "undone": is_undone })),
            kind: &events::USER_EMAIL_CHANGED,
            data: json!({ "id": person.id, "undone": is_undone }),
        };
        tell_everywhere(&self.ground, tx, &told).await?;
        Ok(())
    }

    /// Tells the old address, with the link that undoes it. `person` still has the old one.
    async fn mail_undo(&self, tx: &mut TenantTx<Control>, person: &PersonRef) -> Result<(), DbFault> {
        let had = address_of(person)?;
        let purpose = Purpose { had: had.clone(), gets: Some(had.clone()) };
        let link = self.make_link(tx, LinkKind::UndoEmail, person.id, &purpose).await?;
        let span = span_of(self.lifetime(LinkKind::UndoEmail).as_secs());
        let letter = AccountLetter::EmailChanged.mail(had, &self.options.brand.name, &link, &span);
        mail::enqueue(tx, &self.ground, letter).await.map(drop)
    }
}

/// The address that a link is about.
pub(super) fn wanted(opened: &Opened) -> Result<EmailAddress, Problem> {
    opened.purpose.gets.clone().ok_or_else(|| Problem::internal("a link about an address names none"))
}

fn field(why: &str) -> NotChanged {
    NotChanged::Field("email", why.to_owned())
}

/// Told only to whoever reads the address's mail.
fn taken() -> Problem {
    let sentence = "This e-mail address has an account of its own now, so nothing was changed. Sign in with it, or choose another address.";
    Problem::new(Kind::Conflict, sentence).code("address_in_use")
}
