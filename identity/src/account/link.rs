//! The mailed links of an account: what each kind is for, how it is made, and who stands behind one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{LinkId, PersonId, TenantId};
use tenantry_core::seal::Place;
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef};
use tenantry_platform::problem::{Kind, Problem};

use super::store;
use crate::Identity;
use crate::users::Token;

/// Mails of one kind that strangers may cause to one address within [`BUDGET_WINDOW`]: enough for somebody whose
/// first ones were lost, too few to fill a mailbox (RL-2).
const MAILS_MOST: i32 = 5;
const BUDGET_WINDOW: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// What a link does. One of a kind is none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Sets a new password.
    Reset,
    /// Proves a new address.
    ConfirmEmail,
    /// Gives the old address back.
    UndoEmail,
}

impl LinkKind {
    /// Everything that could change the account.
    pub(super) const ALL: [Self; 3] = [Self::Reset, Self::ConfirmEmail, Self::UndoEmail];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::ConfirmEmail => "email",
            Self::UndoEmail => "email_undo",
        }
    }

    /// The page of the central host that it opens.
    const fn path(self) -> &'static str {
        match self {
            Self::Reset => "/-/reset-password",
            Self::ConfirmEmail => "/-/confirm-email",
            Self::UndoEmail => "/-/undo-email",
        }
    }
}

/// What a link was made for, sealed until it is used.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Purpose {
    /// The account's address when the link was made. Once that is another one, a link that depends on it is void.
    pub(super) had: EmailAddress,
    /// The address that the account gets, where the link is about one.
    pub(super) gets: Option<EmailAddress>,
}

/// A link that can be used, with whom it is for.
pub(super) struct Opened {
    pub(super) person: PersonRef,
    pub(super) purpose: Purpose,
}

impl Identity {
    /// Makes a link in the transaction, which names its person, and answers where it leads.
    pub(super) async fn make_link(
        &self,
        tx: &mut TenantTx<Control>,
        kind: LinkKind,
        person: PersonId,
        purpose: &Purpose,
    ) -> Result<String, DbFault> {
        let (token, id) = (Token::fresh(&self.ground.entropy), LinkId::new(&self.ground.clock, &self.ground.entropy));
        let now = self.ground.now();
        let until = now.checked_add(self.lifetime(kind)).unwrap_or(now);
        let sealed = purpose.seal(&self.ground, kind, id)?;
        store::create_link(tx, (kind, &token.digest()), (id, person), &sealed, (now, until)).await?;
        Ok(format!("{}{}?token={}", self.options.central_origin(), kind.path(), token.as_str()))
    }

    /// How long a link of this kind works.
    pub(super) const fn lifetime(&self, kind: LinkKind) -> Duration {
        match kind {
            LinkKind::Reset => self.options.accounts.reset_link,
            LinkKind::ConfirmEmail => self.options.accounts.email_link,
            LinkKind::UndoEmail => self.options.accounts.email_undo,
        }
    }

    /// Looks at a link and changes nothing.
    ///
    /// # Errors
    /// 404 for a link that was used, is over, is of another kind, or whose person is not active.
    pub(super) async fn open_link(&self, kind: LinkKind, token: &str, origin: &Origin) -> Result<Opened, Problem> {
        let digest = Token::presented(token).digest();
        let nobody = permit(None, Actor::system("account", "link"), origin);
        let stored = store::peek_link(&nobody, &self.ground, (kind, &digest)).await?.ok_or_else(gone)?;
        let theirs = permit(Some(stored.person), Actor::system("account", "link"), origin);
        let person = store::find(&theirs, &self.ground, stored.person).await?.ok_or_else(gone)?;
        let purpose = Purpose::open(&self.ground, kind, stored.id, &stored.sealed)?;
        Ok(Opened { person, purpose })
    }

    /// Takes a link in the transaction of what it does, under the lock of its person. Of several at once, one does.
    pub(super) async fn take_link(
        &self,
        tx: &mut TenantTx<Control>,
        kind: LinkKind,
        token: &str,
        opened: &Opened,
    ) -> Result<PersonRef, Problem> {
        let person = store::hold(tx, opened.person.id).await?.ok_or_else(gone)?;
        let digest = Token::presented(token).digest();
        if !store::use_link(tx, (kind, &digest), self.ground.now()).await? {
            return Err(gone());
        }
        // Whoever undoes a change comes when the address is another one already.
        let is_of_today = kind == LinkKind::UndoEmail || opened.purpose.is_of(&person);
        is_of_today.then_some(person).ok_or_else(gone)
    }

    /// Whether one more mail of a kind may go to an address that a stranger named.
    pub(crate) async fn may_mail(
        &self,
        tx: &mut TenantTx<Control>,
        kind: &'static str,
        to: &EmailAddress,
    ) -> Result<bool, DbFault> {
        self.may_mail_from(tx, (kind, None), to).await
    }

    /// The same for what a workspace sends, counted for each by itself: whoever is told no learns nothing of another's.
    pub(crate) async fn may_mail_from(
        &self,
        tx: &mut TenantTx<Control>,
        (kind, from): (&'static str, Option<TenantId>),
        to: &EmailAddress,
    ) -> Result<bool, DbFault> {
        let key = self.ground.sealer.derive("mail-budget", &[]);
        let digest = match from {
            None => key.sign(&[to.lookup().as_bytes()]),
            Some(tenant) => key.sign(&[to.lookup().as_bytes(), tenant.uuid().as_bytes()]),
        };
        let now = self.ground.now();
        let since = now.checked_sub(BUDGET_WINDOW).unwrap_or(Timestamp::MIN);
        store::spend_mail(tx, (kind, &digest), (now, since), MAILS_MOST).await
    }
}

impl Purpose {
    pub(super) fn is_of(&self, person: &PersonRef) -> bool {
        EmailAddress::parse(&person.email).is_ok_and(|now| now.lookup() == self.had.lookup())
    }

    fn seal(&self, ground: &Ground, kind: LinkKind, link: LinkId) -> Result<Vec<u8>, DbFault> {
        let plain = serde_json::to_vec(self).map_err(|error| DbFault::Refused(error.to_string()))?;
        Ok(ground.sealer.seal(&place(kind, link.uuid().as_bytes()), &plain, &ground.entropy))
    }

    fn open(ground: &Ground, kind: LinkKind, link: LinkId, sealed: &[u8]) -> Result<Self, DbFault> {
        let opened = ground.sealer.open(&place(kind, link.uuid().as_bytes()), sealed);
        let plain = opened.map_err(|fault| DbFault::Refused(fault.to_string()))?;
        serde_json::from_slice(&plain).map_err(|error| DbFault::Refused(error.to_string()))
    }
}

/// A permit of our own work for somebody who is not signed in here, or for nobody.
pub(super) fn permit(person: Option<PersonId>, actor: Actor, origin: &Origin) -> Permit<Authenticate, Control> {
    Permit::system(Context { tenant: None, person }, actor, origin.clone())
}

pub(super) fn gone() -> Problem {
    let sentence = "This link was used already, its time is over, or it was replaced by a later change. Ask for another one if you still need it.";
    Problem::new(Kind::NotFound, sentence).code("link_gone")
}

fn place(kind: LinkKind, id: &[u8; 16]) -> Place<'_> {
    Place { label: "account-link", scope: kind.as_str(), table: "links", column: "data", row: id }
}
