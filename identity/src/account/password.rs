//! Another password: by whoever knows the present one (ID-10), and what every new password does.

use serde_json::json;
use tenantry_core::ids::IdentityId;
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::mail::{self, AccountLetter};
use tenantry_platform::permit::{Origin, OwnAccount, Permit, PersonRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::Act;

use super::link::LinkKind;
use super::reset::address_of;
use super::store;
use crate::Identity;
use crate::authn::{StoredPassword, is_still, replace_password, wrong};
use crate::events;
use crate::sessions::{Key, Told, end_others, tell_everywhere};
use crate::users::checked_password;

/// By which way a password came.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// By whoever knew the one before.
    Change,
    /// By a mailed link.
    Reset,
}

/// Why an account was not changed.
#[derive(Debug)]
pub(super) enum NotChanged {
    /// A field of the form, and what to do about it.
    Field(&'static str, String),
    /// Anything else.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for NotChanged {
    fn from(problem: E) -> Self {
        let problem = problem.into();
        if problem.code == crate::authn::WRONG_PASSWORD {
            return Self::Field("current", problem.detail.into_owned());
        }
        Self::Problem(problem)
    }
}

impl Identity {
    /// Sets another password. Every session but the one that asks has ended when this returns.
    pub(super) async fn change_password(
        &self,
        permit: &Permit<OwnAccount, Control>,
        (person, session): (&PersonRef, Key),
        (present, wanted): (&SecretString, &SecretString),
        origin: &Origin,
    ) -> Result<(), NotChanged> {
        let about = [person.email.as_str(), person.name.as_str()];
        let password = checked_password(&self.options.password_policy(), wanted, &about)
            .map_err(|why| NotChanged::Field("password", why))?;
        let stored = self.prove(person, present, origin).await?;
        let hash = self.hasher.hash(password).await?;
        let mut tx = permit.begin(&self.ground);
        let person = self.hold_proven(&mut tx, person, &stored).await?;
        self.settle_password(&mut tx, &person, &hash, How::Change).await?;
        end_others(&mut tx, &self.ground, session, "password_changed").await?;
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(())
    }

    /// The person under lock, if the password is still the one that was compared.
    pub(super) async fn hold_proven(
        &self,
        tx: &mut TenantTx<Control>,
        person: &PersonRef,
        stored: &StoredPassword,
    ) -> Result<PersonRef, Problem> {
        let held = store::hold(tx, person.id).await?.ok_or_else(Problem::unauthorized)?;
        if is_still(tx, stored).await? { Ok(held) } else { Err(wrong()) }
    }

    /// What every new password does besides ending sessions: links are void, the address is told, logs and apps hear.
    pub(super) async fn settle_password(
        &self,
        tx: &mut TenantTx<Control>,
        person: &PersonRef,
        hash: &SecretString,
        how: How,
    ) -> Result<(), DbFault> {
        let id = IdentityId::new(&self.ground.clock, &self.ground.entropy);
        let now = self.ground.now();
        replace_password(tx, (id, person.id), hash, now).await?;
        // The old address may still undo a change of address: whoever has the password now may not be its owner.
        store::void_links(tx, &[LinkKind::Reset, LinkKind::ConfirmEmail], now).await?;
        let by = match how {
            How::Change => "change",
            How::Reset => "reset",
        };
        let told = Told {
            act: Act::new("user.password_changed", "person", person.id).with(json!({ "by": by })),
            kind: &events::USER_PASSWORD_CHANGED,
            data: json!({ "id": person.id, "by": by }),
        };
        tell_everywhere(&self.ground, tx, &told).await?;
        let forgot = format!("{}/-/forgot-password", self.options.central_origin());
        let letter = AccountLetter::PasswordChanged.mail(address_of(person)?, &self.options.brand.name, &forgot, "");
        mail::enqueue(tx, &self.ground, letter).await.map(drop)
    }
}
