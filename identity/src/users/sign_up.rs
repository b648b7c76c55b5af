//! The verb: reserve the slug, keep what was asked for behind a link, mail it.

use tenantry_core::ids::{LinkId, PersonId};
use tenantry_core::mode::Mode;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::mail::{self, AddressInUse, Mail, VerifyAddress};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tenantry_platform::problem::{Kind, Problem};

use super::browser::Browser;
use super::draft::Account;
use super::link::{Pending, Token};
use super::store;
use crate::Identity;
use crate::authn::person_by_email;

/// The `code` where somebody else has the slug. That is no secret: it is a host name.
pub(super) const SLUG_TAKEN: &str = "slug_taken";
const HOUR_S: u64 = 3_600;

impl Identity {
    /// Asks the owner of the address to confirm. The same answer, after the same work, where the address has an
    /// account: its owner is told instead.
    ///
    /// # Errors
    /// 409 `slug_taken`; 403 where sign-up is closed; 503 when too many hashes wait.
    pub(super) async fn sign_up(&self, account: Account, browser: &Browser, origin: Origin) -> Result<(), Problem> {
        if !self.options.sign_up.is_open {
            return Err(closed());
        }
        let permit =
            Permit::<Authenticate, Control>::system(Context::default(), Actor::system("sign_up", "sign_up"), origin);
        let known = person_by_email(&permit, &self.ground, account.email.lookup()).await?.is_some();
        let hash = self.hasher.hash(account.password.clone()).await?;
        let mut tx = permit.begin(&self.ground);
        self.hold(&mut tx, account, hash, browser, known).await?;
        tx.commit().await?;
        self.wake_queue();
        Ok(())
    }

    async fn hold(
        &self,
        tx: &mut TenantTx<Control>,
        account: Account,
        hash: SecretString,
        browser: &Browser,
        known: bool,
    ) -> Result<(), Problem> {
        let now = self.ground.now();
        let until = now.checked_add(self.options.sign_up.link_lifetime).unwrap_or(now);
        if !store::reserve_slug(tx, &account.slug, browser.tenant, until, now).await? {
            return Err(
                Problem::new(Kind::Conflict, "This workspace address is taken; choose another.").code(SLUG_TAKEN)
            );
        }
        let (token, link) = (Token::fresh(&self.ground.entropy), LinkId::new(&self.ground.clock, &self.ground.entropy));
        let pending = Pending {
            person: PersonId::new(&self.ground.clock, &self.ground.entropy),
            tenant: browser.tenant,
            name: account.name,
            email: account.email,
            hash: hash.expose_secret().to_owned(),
            workspace: account.workspace,
            slug: account.slug,
            browser: browser.digest(),
        };
        let sealed = pending.seal(&self.ground, link)?;
        // Where the address is known, this link's token goes nowhere: the row ends by itself.
        store::create_link(tx, &token.digest(), (link, pending.person), &sealed, (now, until)).await?;
        // Also for an address that nobody has: strangers do not fill anybody's mailbox through us (RL-2).
        if self.may_mail(tx, "sign_up", &pending.email).await? {
            mail::enqueue(tx, &self.ground, self.letter(&pending, &token, known)).await?;
        }
        Ok(())
    }

    fn letter(&self, pending: &Pending, token: &Token, known: bool) -> Mail {
        let (brand, central) = (self.options.brand.name.as_str(), self.options.central_origin());
        if known {
            let sign_in = format!("{central}/-/sign-in");
            return AddressInUse { brand, sign_in: &sign_in }.mail(pending.email.clone());
        }
        let link = format!("{central}/-/verify?token={}", token.as_str());
        // The address and not the name: a stranger must not write into somebody's mailbox in our name.
        let workspace = self.options.hosts.tenant(&pending.slug, Mode::Live);
        let hours = self.options.sign_up.link_lifetime.as_secs() / HOUR_S;
        VerifyAddress { brand, workspace: &workspace, link: &link, hours }.mail(pending.email.clone())
    }
}

pub(super) fn closed() -> Problem {
    let sentence = "New workspaces are not open to everybody here. Ask whoever runs this service to make one for you.";
    Problem::new(Kind::Forbidden, sentence).code("sign_up_closed")
}
