//! Making a person with their workspace, in one transaction.

use serde_json::json;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{IdentityId, PersonId, TenantId};
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef, TenantRef};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::draft::Account;
use super::store;
use crate::tenants::{self, NewTenant};
use crate::{Identity, events};

/// Somebody who belongs now.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Who.
    pub person: PersonRef,
    /// Their workspace, of which they are the owner.
    pub tenant: TenantRef,
}

/// Everything that the rows need.
pub(super) struct Enrolment {
    pub(super) person: PersonId,
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) email: EmailAddress,
    pub(super) hash: SecretString,
    pub(super) workspace: String,
    pub(super) slug: Slug,
}

/// Somebody new, beside their address.
pub(crate) struct NewPerson {
    pub(crate) id: PersonId,
    pub(crate) name: String,
    pub(crate) hash: SecretString,
}

impl NewPerson {
    pub(crate) fn reference(&self, email: &EmailAddress) -> PersonRef {
        PersonRef { id: self.id, email: email.as_str().to_owned(), name: self.name.clone(), operator: false }
    }
}

impl Enrolment {
    fn person(&self) -> PersonRef {
        self.new_person().reference(&self.email)
    }

    fn new_person(&self) -> NewPerson {
        NewPerson { id: self.person, name: self.name.clone(), hash: self.hash.clone() }
    }

    /// The permit of both: the new person acts, in the new tenant.
    pub(super) fn permit(&self, origin: Origin) -> Permit<Authenticate, Control> {
        let context = Context { tenant: Some(self.tenant), person: Some(self.person) };
        Permit::system(context, Actor::person(&self.person()), origin)
    }
}

impl Identity {
    /// An account without a mail: for `tenantry dev`, its demo and the tests.
    ///
    /// # Errors
    /// 409 when the address or the slug is taken.
    pub async fn create_account(&self, account: Account, origin: Origin) -> Result<Enrolled, Problem> {
        let hash = self.hasher.hash(account.password).await?;
        let (clock, entropy) = (&self.ground.clock, &self.ground.entropy);
        let new = Enrolment {
            person: PersonId::new(clock, entropy),
            tenant: TenantId::new(clock, entropy),
            name: account.name,
            email: account.email,
            hash,
            workspace: account.workspace,
            slug: account.slug,
        };
        let mut tx = new.permit(origin).begin(&self.ground);
        let now = self.ground.now();
        // A hold that is over at once: it is claimed in this very transaction.
        if !store::reserve_slug(&mut tx, &new.slug, new.tenant, now, now).await? {
            return Err(Problem::new(Kind::Conflict, "This workspace address is taken; choose another.")
                .code(super::sign_up::SLUG_TAKEN));
        }
        let enrolled = self.enrol(&mut tx, new).await?;
        tx.commit_and_fence(&self.ground).await?;
        Ok(enrolled)
    }

    /// Writes person, address, password, tenant and membership, with their audit rows and events.
    pub(super) async fn enrol(&self, tx: &mut TenantTx<Control>, new: Enrolment) -> Result<Enrolled, Problem> {
        let person = self.enrol_person(tx, &new.email, &new.new_person()).await?;
        let tenant = NewTenant { id: new.tenant, slug: new.slug, name: new.workspace, owner: new.person };
        let tenant = tenants::create(tx, &self.ground, &self.options.roles, tenant).await?;
        Ok(Enrolled { person, tenant })
    }

    /// Writes a person whose address is proven, with their password, in the transaction's person and tenant.
    ///
    /// # Errors
    /// 409 when the address has an account.
    pub(crate) async fn enrol_person(
        &self,
        tx: &mut TenantTx<Control>,
        email: &EmailAddress,
        new: &NewPerson,
    ) -> Result<PersonRef, Problem> {
        let now = self.ground.now();
        store::insert_person(tx, (email, &new.name), true, now).await?;
        if !store::claim_email(tx, email, new.id).await? {
            return Err(known());
        }
        let identity = IdentityId::new(&self.ground.clock, &self.ground.entropy);
        store::insert_password(tx, identity, new.id, new.hash.expose_secret(), now).await?;
        record::append(tx, &self.ground, Act::new("person.verified", "person", new.id)).await?;
        let tenant = tx.context().tenant;
        record::emit(tx, &self.ground, &events::USER_CREATED, json!({ "id": new.id, "tenant_id": tenant })).await?;
        Ok(new.reference(email))
    }
}

/// Told only to whoever reads the address's mail.
fn known() -> Problem {
    Problem::new(Kind::Conflict, "This e-mail address has an account already. Sign in with it.").code("address_in_use")
}
