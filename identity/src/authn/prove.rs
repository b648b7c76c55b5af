//! The verb before every change of an account: whoever holds the session also knows the password.

use tenantry_core::email::EmailAddress;
use tenantry_core::password::Password;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef};
use tenantry_platform::problem::{Kind, Problem};

use super::Verdict;
use super::store::{self, StoredPassword};
use crate::Identity;

/// The `code` of a present password that is wrong.
pub(crate) const WRONG_PASSWORD: &str = "wrong_password";

impl Identity {
    /// Compares the present password. What was compared has to be looked at again under the person's lock
    /// ([`super::is_still`]): another browser may change it meanwhile.
    ///
    /// # Errors
    /// 403 with the code [`WRONG_PASSWORD`]; 429 after too many of them; 503 when too many hashes wait.
    pub(crate) async fn prove(
        &self,
        person: &PersonRef,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<StoredPassword, Problem> {
        let Ok(password) = Password::present(password.expose_secret()) else { return Err(wrong()) };
        // What is stored was an address when it was stored.
        let account = EmailAddress::parse(&person.email).map_err(Problem::internal)?;
        self.may_guess(&account, origin)?;
        let proven = self.compare_present(person, password, origin).await;
        self.note_guess(&account, origin.ip, &proven);
        proven
    }

    async fn compare_present(
        &self,
        person: &PersonRef,
        password: Password,
        origin: &Origin,
    ) -> Result<StoredPassword, Problem> {
        let context = Context { tenant: None, person: Some(person.id) };
        let permit = Permit::<Authenticate, Control>::system(context, Actor::person(person), origin.clone());
        let stored = store::password_of(&permit, &self.ground, person.id).await?;
        let verdict = self.hasher.verify(password, stored.as_ref().map(|stored| stored.hash.clone())).await?;
        match (stored, verdict) {
            (Some(stored), Verdict::Right { .. }) => Ok(stored),
            (_, _) => {
                self.note_refusal(Some(person.id), origin.clone());
                Err(wrong())
            }
        }
    }
}

pub(crate) fn wrong() -> Problem {
    Problem::new(Kind::Forbidden, "This is not your present password.").code(WRONG_PASSWORD)
}
