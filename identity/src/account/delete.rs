//! The end of an account, by its own person.

use serde_json::json;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::secret::SecretString;
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::mail::{self, AccountLetter};
use tenantry_platform::permit::{Actor, Authenticate, Origin, OwnAccount, Permit, PersonRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act, Note};

use super::link::permit as permit_for;
use super::password::NotChanged;
use super::reset::address_of;
use super::store::{self, OwnedAlone};
use crate::Identity;
use crate::events;
use crate::members;
use crate::sessions::memberships_of;

/// The `code` where a workspace would be left without an owner, as members have it too.
pub(crate) const LAST_OWNER: &str = "last_owner";

impl Identity {
    /// The workspaces that this person alone owns: each needs another owner first.
    pub(crate) async fn owned_alone(
        &self,
        person: PersonId,
        by: Actor,
        origin: &Origin,
    ) -> Result<Vec<OwnedAlone>, DbFault> {
        let mut tx = permit_for(Some(person), by, origin).begin(&self.ground);
        let found = store::owned_alone(&mut tx).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Deletes the account: memberships, identities, sessions, address, links. Nobody is believed to be this person
    /// when it returns. What stays is in the logs of the workspaces, under a key of the person's own.
    ///
    /// That every workspace keeps an owner is for the database to say: two owners may leave at the same time.
    pub(super) async fn delete_account(
        &self,
        permit: &Permit<OwnAccount, Control>,
        person: &PersonRef,
        present: &SecretString,
        origin: &Origin,
    ) -> Result<(), NotChanged> {
        let stored = self.prove(person, present, origin).await?;
        let mut tx = permit.begin(&self.ground);
        let held = self.hold_proven(&mut tx, person, &stored).await?;
        self.leave_everything(&mut tx, &held).await?;
        let anew = format!("{}/-/sign-up", self.options.central_origin());
        let letter = AccountLetter::AccountDeleted.mail(address_of(&held)?, &self.options.brand.name, &anew, "");
        mail::enqueue(&mut tx, &self.ground, letter).await?;
        store::delete_person(&mut tx).await?;
        tx.announce(&self.ground, Change { kind: ChangeKind::Person, subject: held.id.uuid() }).await?;
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(())
    }

    /// Each workspace's log and app hear of it, and the membership ends, in that workspace's own context.
    async fn leave_everything(&self, tx: &mut TenantTx<Control>, person: &PersonRef) -> Result<(), Problem> {
        let memberships = memberships_of(tx).await?;
        let workspaces: Vec<_> = memberships.iter().map(|membership| at(tx, membership.tenant.id)).collect();
        let deleted = Note {
            act: Act::new("user.deleted", "person", person.id),
            event: Some((&events::USER_DELETED, json!({ "id": person.id }))),
        };
        let left = members::leave_each(tx, person.id, &workspaces).await?;
        let logs: Vec<_> = left.into_iter().map(|(there, left)| (there, vec![deleted.clone(), left])).collect();
        Ok(record::append_each(tx, &self.ground, &logs).await?)
    }
}

/// The same actor, in a workspace's context.
fn at(tx: &TenantTx<Control>, tenant: TenantId) -> Permit<Authenticate, Control> {
    let (context, acting) = (Context { tenant: Some(tenant), ..tx.context() }, tx.acting().clone());
    Permit::system(context, acting.actor, acting.origin)
}
