//! Accepting an invitation, on the central host: the token and the proven address must both match (AC-3, AC-16).
//!
//! Looking at the link changes nothing; the form does. Somebody without an account makes one here: who holds the link
//! reads the mail of the address, and that proves it.

use ::http::HeaderValue;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::PersonId;
use tenantry_core::password::Password;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::page::Field;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef, TenantRef};
use tenantry_platform::problem::{Kind, Problem};

use super::backing::backing;
use super::invitations::{self, Invitation};
use super::join::join;
use super::role::Authority;
use super::token::Token;
use super::{refusal, seats, store};
use crate::authn::person_by_email;
use crate::roles::RoleBook;
use crate::sessions::{BY_PASSWORD, StaffSession, created};
use crate::users::{NewPerson, checked_name, checked_password};
use crate::{Identity, tenants};

/// An invitation as its page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The invited address.
    pub email: String,
    /// The workspace.
    pub tenant: TenantRef,
    /// The role that waits.
    pub role: String,
    /// What whoever looks can do.
    pub next: Next,
}

/// What can be done with an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Join: the invited address is signed in.
    Join,
    /// Make an account: the address has none.
    SignUp,
    /// Sign in with the account of the address.
    SignIn,
    /// Sign out first: somebody else is signed in, with this address.
    SignOut(String),
    /// Nothing: they are a member already.
    Member,
}

/// What somebody without an account fills in.
#[derive(Clone, Debug, Default)]
pub(super) struct NewAccount {
    pub(super) name: String,
    pub(super) password: Option<SecretString>,
}

/// The form again.
#[derive(Clone, Debug, Default)]
pub struct AccountForm {
    /// The person's name.
    pub name: Field,
    /// Never filled in again.
    pub password_error: String,
}

/// Who joined what.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) tenant: TenantRef,
    /// Of a new account's session.
    pub(super) cookies: Vec<HeaderValue>,
}

/// Why somebody has not joined.
pub(super) enum NotJoined {
    /// Name or password need another value.
    Form(Box<Shown>, Box<AccountForm>),
    /// The address has an account: sign in with it.
    Known,
    /// Anything else.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for NotJoined {
    fn from(problem: E) -> Self {
        Self::Problem(problem.into())
    }
}

/// An invitation that can be accepted, with what it leads to.
struct Offered {
    token: Token,
    tenant: TenantRef,
    invitation: Invitation,
    email: EmailAddress,
}

/// An invitation that is used, and how far whoever sent it may go.
struct Taken {
    invitation: Invitation,
    backing: Authority,
}

impl Identity {
    /// Looks at an invitation and changes nothing.
    pub(super) async fn look_at_invitation(
        &self,
        token: &str,
        session: Option<&StaffSession>,
        origin: Origin,
    ) -> Result<Shown, Problem> {
        let offered = self.offered(token, origin.clone()).await?;
        let next = match session {
            Some(session) => self.next_of(&offered, session, origin).await?,
            None if self.has_account(&offered.email, origin).await? => Next::SignIn,
            None => Next::SignUp,
        };
        Ok(offered.shown(next))
    }

    /// Joins as whoever is signed in.
    pub(super) async fn join_signed_in(
        &self,
        token: &str,
        session: &StaffSession,
        origin: Origin,
    ) -> Result<Joined, Problem> {
        let offered = self.offered(token, origin.clone()).await?;
        match self.next_of(&offered, session, origin.clone()).await? {
            Next::Member => return Err(refusal::already_member()),
            Next::SignOut(_) => return Err(other_address()),
            Next::Join | Next::SignUp | Next::SignIn => {}
        }
        let mut tx = offered.permit(session.person(), origin).begin(&self.ground);
        let taken = self.take(&mut tx, &offered, session.person().id).await?;
        // The row is held now: an address that was changed meanwhile shows here.
        if store::proven_address(&mut tx).await?.as_deref() != Some(offered.email.lookup()) {
            return Err(other_address());
        }
        self.settle(&mut tx, session.person().id, &taken).await?;
        tx.commit_and_fence(&self.ground).await?;
        Ok(Joined { tenant: offered.tenant, cookies: Vec::new() })
    }

    /// Joins as somebody new: person, membership and session in one transaction.
    pub(super) async fn join_new(
        &self,
        token: &str,
        account: &NewAccount,
        origin: Origin,
    ) -> Result<Joined, NotJoined> {
        let offered = self.offered(token, origin.clone()).await?;
        if self.has_account(&offered.email, origin.clone()).await? {
            return Err(NotJoined::Known);
        }
        let (name, password) = self
            .check_account(account, &offered)
            .map_err(|form| NotJoined::Form(Box::new(offered.shown(Next::SignUp)), Box::new(form)))?;
        let hash = self.hasher.hash(password).await?;
        let id = PersonId::new(&self.ground.clock, &self.ground.entropy);
        Ok(self.enrol_invited(offered, NewPerson { id, name, hash }, origin).await?)
    }

    async fn enrol_invited(&self, offered: Offered, new: NewPerson, origin: Origin) -> Result<Joined, Problem> {
        let person = new.reference(&offered.email);
        let mut tx = offered.permit(&person, origin).begin(&self.ground);
        let taken = self.take(&mut tx, &offered, person.id).await?;
        self.enrol_person(&mut tx, &offered.email, &new).await?;
        self.settle(&mut tx, person.id, &taken).await?;
        let opened = self.sessions.open_root(&mut tx, person.id, BY_PASSWORD).await?.ok_or_else(refusal::gone)?;
        created(opened.key, &self.options.central_origin()).note(&mut tx, &self.ground).await?;
        tx.commit_and_fence(&self.ground).await?;
        Ok(Joined { tenant: offered.tenant, cookies: opened.cookies })
    }

    /// What a token leads to: an open invitation of a workspace that is served.
    async fn offered(&self, token: &str, origin: Origin) -> Result<Offered, Problem> {
        let token = Token::presented(token).ok_or_else(refusal::gone)?;
        let permit = system(Context { tenant: Some(token.tenant), person: None }, origin);
        let found = invitations::by_digest(&permit, &self.ground, &token.digest()).await?;
        let invitation = found.ok_or_else(refusal::gone)?;
        let tenant = self.tenants.by_id(token.tenant).await.map_err(Problem::unavailable)?.ok_or_else(refusal::gone)?;
        if let Some(stopped) = tenants::stopped(&tenant) {
            return Err(stopped);
        }
        let email = EmailAddress::parse(&invitation.email).map_err(Problem::internal)?;
        Ok(Offered { token, tenant: TenantRef::clone(&tenant), invitation, email })
    }

    async fn next_of(&self, offered: &Offered, session: &StaffSession, origin: Origin) -> Result<Next, Problem> {
        if session.memberships().iter().any(|membership| membership.tenant.id == offered.tenant.id) {
            return Ok(Next::Member);
        }
        let mut tx = offered.permit(session.person(), origin).begin(&self.ground);
        let proven = store::proven_address(&mut tx).await?;
        tx.commit().await?;
        let is_theirs = proven.as_deref() == Some(offered.email.lookup());
        Ok(if is_theirs { Next::Join } else { Next::SignOut(session.person().email.clone()) })
    }

    async fn has_account(&self, email: &EmailAddress, origin: Origin) -> Result<bool, DbFault> {
        let permit = system(Context::default(), origin);
        Ok(person_by_email(&permit, &self.ground, email.lookup()).await?.is_some())
    }

    fn check_account(&self, account: &NewAccount, offered: &Offered) -> Result<(String, Password), AccountForm> {
        let name = checked_name(&account.name);
        let about = [offered.email.as_str(), &account.name, &offered.tenant.name];
        let password = match &account.password {
            Some(password) if !password.expose_secret().is_empty() => {
                checked_password(&self.options.password_policy(), password, &about)
            }
            _ => Err("Choose a password.".to_owned()),
        };
        match (name, password) {
            (Ok(name), Ok(password)) => Ok((name, password)),
            (name, password) => Err(AccountForm {
                name: Field { value: account.name.clone(), error: name.err().unwrap_or_default().to_owned() },
                password_error: password.err().unwrap_or_default(),
            }),
        }
    }

    /// Uses the invitation: of several that try at once, one goes on. Whoever sent it is held first, as those do who
    /// remove them and what they sent.
    async fn take(&self, tx: &mut TenantTx<Control>, offered: &Offered, person: PersonId) -> Result<Taken, Problem> {
        let now = self.ground.now();
        let backing = backing(tx, &self.options.roles, &offered.invitation, now).await?.ok_or_else(refusal::gone)?;
        let invitation = invitations::accept(tx, &offered.token.digest(), person, now).await?;
        Ok(Taken { invitation: invitation.ok_or_else(refusal::gone)?, backing })
    }

    async fn settle(&self, tx: &mut TenantTx<Control>, person: PersonId, taken: &Taken) -> Result<(), Problem> {
        let book = RoleBook::load(tx, &self.options.roles).await?;
        let role = book.hold(tx, &taken.invitation.role).await?.ok_or_else(role_gone)?;
        taken.backing.check(&role).map_err(|_| refusal::gone())?;
        seats::check(tx, &self.options.plans, 0).await?;
        let joined = join(tx, &self.ground, person, &role, Some(taken.invitation.id)).await?;
        if joined { Ok(()) } else { Err(refusal::already_member()) }
    }
}

impl Offered {
    fn permit(&self, person: &PersonRef, origin: Origin) -> Permit<Authenticate, Control> {
        let context = Context { tenant: Some(self.tenant.id), person: Some(person.id) };
        Permit::system(context, Actor::person(person), origin)
    }

    fn shown(&self, next: Next) -> Shown {
        Shown {
            email: self.email.as_str().to_owned(),
            tenant: self.tenant.clone(),
            role: self.invitation.role.clone(),
            next,
        }
    }
}

fn system(context: Context, origin: Origin) -> Permit<Authenticate, Control> {
    Permit::system(context, Actor::system("invitation", "look"), origin)
}

fn other_address() -> Problem {
    let sentence = "This invitation is for another address than the one you are signed in with. Sign out, then open the link of the mail again.";
    Problem::new(Kind::Forbidden, sentence).code("other_address")
}

fn role_gone() -> Problem {
    let sentence = "The role of this invitation does not exist any more. Ask whoever invited you to send another.";
    Problem::new(Kind::Conflict, sentence).code("role_gone")
}
