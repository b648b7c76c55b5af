//! A member by request: for an app's own tests against `tenantry dev`. Nothing that serves strangers mounts it.

use ::http::HeaderValue;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef, TenantRef};
use tenantry_platform::problem::{Kind, Problem};

use super::store;
use crate::Identity;
use crate::authn::person_by_email;
use crate::members;
use crate::roles::RoleBook;
use crate::sessions::Opened;

/// How they proved who they are: they did not.
const BY_REQUEST: &str = "dev";

impl Identity {
    /// Makes the person if there is none, gives them the role, and signs them in on the tenant's host without a
    /// password. Answers the cookies of that host.
    ///
    /// # Errors
    /// 422 for a role that nobody knows; 409 for a person who is deactivated.
    pub async fn stand_in(
        &self,
        (tenant, mode): (&TenantRef, Mode),
        email: &EmailAddress,
        role: &str,
        origin: Origin,
    ) -> Result<Vec<HeaderValue>, Problem> {
        let slug = Slug::from_stored(&tenant.slug).map_err(Problem::internal)?;
        let host = self.options.hosts.origin(&self.options.hosts.tenant(&slug, mode));
        let anybody = Permit::<Authenticate, Control>::system(
            Context::default(),
            Actor::system("dev", "stand_in"),
            origin.clone(),
        );
        let found = person_by_email(&anybody, &self.ground, email.lookup()).await?;
        let id = found.unwrap_or_else(|| PersonId::new(&self.ground.clock, &self.ground.entropy));
        let person =
            PersonRef { id, email: email.as_str().to_owned(), name: email.as_str().to_owned(), operator: false };
        let context = Context { tenant: Some(tenant.id), person: Some(id) };
        let mut tx =
            Permit::<Authenticate, Control>::system(context, Actor::person(&person), origin).begin(&self.ground);
        if found.is_none() {
            store::insert_person(&mut tx, (email, &person.name), true, self.ground.now()).await?;
            if !store::claim_email(&mut tx, email, id).await? {
                return Err(Problem::new(Kind::Conflict, "Somebody made this person meanwhile. Ask again."));
            }
        }
        let unknown =
            || Problem::invalid("role", "Use the name of a role of your configuration, or of the workspace's.");
        let role = RoleBook::load(&mut tx, &self.options.roles).await?.named(role).ok_or_else(unknown)?;
        members::place(&mut tx, &self.ground, id, &role).await?;
        let opened = self.open_both(&mut tx, id, &host, (tenant.id, mode)).await?;
        tx.commit_and_fence(&self.ground).await?;
        Ok(opened.cookies)
    }

    /// The central session and its child, of which only the child is given away.
    async fn open_both(
        &self,
        tx: &mut TenantTx<Control>,
        person: PersonId,
        host: &str,
        tenant: (TenantId, Mode),
    ) -> Result<Opened, Problem> {
        let deactivated = || {
            Problem::new(Kind::Conflict, "This person is deactivated. `tenantry people reactivate` lets them in again.")
        };
        let root = self.sessions.open_root(tx, person, BY_REQUEST).await?.ok_or_else(deactivated)?;
        self.sessions.open_child(tx, root.key, host, tenant).await?.ok_or_else(deactivated)
    }
}
