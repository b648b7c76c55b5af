//! The verb behind the link: whoever confirms becomes a person, with a workspace, signed in.

use ::http::{HeaderMap, HeaderValue};
use tenantry_core::password::Password;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Context, Control};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, TenantRef};
use tenantry_platform::problem::{Kind, Problem};

use super::browser::Browser;
use super::draft::accept;
use super::enrol::Enrolment;
use super::link::{Pending, Token};
use super::store;
use crate::Identity;
use crate::sessions::{BY_PASSWORD, created};

/// What the page shows of a link.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The address that is proven by using it.
    pub email: String,
    /// The workspace that waits.
    pub workspace: String,
    /// Another browser than the one that signed up.
    pub asks_password: bool,
}

/// What confirming gave.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) tenant: TenantRef,
    pub(super) cookies: Vec<HeaderValue>,
}

/// Why confirming did not work.
pub(super) enum NotVerified {
    /// The new password is missing, or not good enough: the sentence.
    Password(Shown, String),
    /// Anything else.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for NotVerified {
    fn from(problem: E) -> Self {
        Self::Problem(problem.into())
    }
}

impl Identity {
    /// Looks at a link and changes nothing.
    pub(super) async fn look_at_link(
        &self,
        token: &str,
        headers: &HeaderMap,
        origin: Origin,
    ) -> Result<Shown, Problem> {
        let pending = self.peek(&Token::presented(token), origin).await?;
        Ok(shown(&pending, self.is_same_browser(&pending, headers)))
    }

    /// Uses a link: person, workspace and session, in one transaction.
    pub(super) async fn verify(
        &self,
        token: &str,
        password: Option<&SecretString>,
        headers: &HeaderMap,
        origin: Origin,
    ) -> Result<Verified, NotVerified> {
        let token = Token::presented(token);
        let pending = self.peek(&token, origin.clone()).await?;
        let hash = if self.is_same_browser(&pending, headers) {
            pending.hash.clone().into()
        } else {
            let password =
                self.chosen(&pending, password).map_err(|why| NotVerified::Password(shown(&pending, false), why))?;
            self.hasher.hash(password).await?
        };
        Ok(self.confirm(&token, pending, hash, origin).await?)
    }

    async fn confirm(
        &self,
        token: &Token,
        pending: Pending,
        hash: SecretString,
        origin: Origin,
    ) -> Result<Verified, Problem> {
        let new = Enrolment {
            person: pending.person,
            tenant: pending.tenant,
            name: pending.name,
            email: pending.email,
            hash,
            workspace: pending.workspace,
            slug: pending.slug,
        };
        let mut tx = new.permit(origin).begin(&self.ground);
        // Of several that confirm at once, one gets the link.
        store::use_link(&mut tx, &token.digest(), self.ground.now()).await?.ok_or_else(gone)?;
        let enrolled = self.enrol(&mut tx, new).await?;
        let opened = self.sessions.open_root(&mut tx, enrolled.person.id, BY_PASSWORD).await?.ok_or_else(gone)?;
        created(opened.key, &self.options.central_origin()).note(&mut tx, &self.ground).await?;
        tx.commit_and_fence(&self.ground).await?;
        let mut cookies = opened.cookies;
        cookies.push(Browser::forget());
        Ok(Verified { tenant: enrolled.tenant, cookies })
    }

    async fn peek(&self, token: &Token, origin: Origin) -> Result<Pending, Problem> {
        let permit =
            Permit::<Authenticate, Control>::system(Context::default(), Actor::system("sign_up", "verify"), origin);
        let link = store::peek_link(&permit, &self.ground, &token.digest()).await?.ok_or_else(gone)?;
        Ok(Pending::open(&self.ground, link.id, &link.sealed)?)
    }

    fn is_same_browser(&self, pending: &Pending, headers: &HeaderMap) -> bool {
        Browser::known(&self.ground, headers).is_some_and(|browser| browser.is(&pending.browser))
    }

    fn chosen(&self, pending: &Pending, password: Option<&SecretString>) -> Result<Password, String> {
        let password = password.ok_or("Choose a password.")?;
        accept(&self.options.password_policy(), password, &[pending.email.as_str(), &pending.name, &pending.workspace])
    }
}

fn shown(pending: &Pending, same_browser: bool) -> Shown {
    Shown {
        email: pending.email.as_str().to_owned(),
        workspace: pending.workspace.clone(),
        asks_password: !same_browser,
    }
}

fn gone() -> Problem {
    let sentence = "This link was used already, or its time is over. Sign in if you have confirmed your address, or sign up again.";
    Problem::new(Kind::NotFound, sentence).code("link_gone")
}
