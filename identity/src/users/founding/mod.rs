//! A workspace that is made for somebody: an act of whoever has the machine, also where sign-up is closed.

use serde_json::json;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{PersonId, TenantId};
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::mail::AccountLetter;
use tenantry_platform::permit::{Actor, Administer, Authenticate, Origin, Permit, PersonRef, TenantRef};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::draft::{name, read_slug};
use super::sign_up::SLUG_TAKEN;
use super::store;
use crate::authn::person_by_email;
use crate::tenants::{self, NewTenant};
use crate::{Identity, Options, events};

/// The options of the command, as they are written.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The workspace's name in hosts.
    pub slug: &'a str,
    /// Its name on pages.
    pub name: &'a str,
    /// The owner's address.
    pub owner: &'a str,
    /// What somebody without an account is called; their address where nobody says.
    pub owner_name: Option<&'a str>,
}

/// A workspace that can be made, as far as anybody can tell without asking the database.
#[derive(Clone, Debug)]
pub struct Founding {
    slug: Slug,
    name: String,
    owner: EmailAddress,
    owner_name: String,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Founded {
    /// The workspace.
    pub tenant: TenantRef,
    /// Whether its owner has to open a mailed link before they are let in.
    pub is_mailed: bool,
}

impl Founding {
    /// By the rules of a sign-up.
    ///
    /// # Errors
    /// The first option with a fault, and what to do better.
    pub fn check(wanted: &Wanted<'_>, options: &Options) -> Result<Self, String> {
        let at = |option: &'static str| move |why: &str| format!("--{option}: {why}");
        let owner = EmailAddress::parse(wanted.owner);
        Ok(Self {
            slug: read_slug(wanted.slug, options).map_err(|why| at("slug")(&why))?,
            name: name(wanted.name).map_err(at("name"))?,
            owner: owner.map_err(|_| at("owner")("Write an e-mail address, such as name@example.com."))?,
            owner_name: name(wanted.owner_name.unwrap_or(wanted.owner)).map_err(at("owner-name"))?,
        })
    }
}

impl Identity {
    /// Makes the workspace with its owner. Whoever has not proven their address, or has no account yet, is mailed a link
    /// that lets them choose a password, and is let in by it alone (ID-3).
    ///
    /// # Errors
    /// 409 when the slug is another's, or looks like it, and when the owner is deactivated.
    pub async fn found(&self, founding: Founding) -> Result<Founded, Problem> {
        let (clock, entropy) = (&self.ground.clock, &self.ground.entropy);
        let known = person_by_email(&anybody(), &self.ground, founding.owner.lookup()).await?;
        let (person, tenant) = (known.unwrap_or_else(|| PersonId::new(clock, entropy)), TenantId::new(clock, entropy));
        let context = Context { tenant: Some(tenant), person: Some(person) };
        let mut tx = Permit::<Administer, Control>::system(context, command(), Origin::default()).begin(&self.ground);
        let unproven = match known {
            Some(_) => unproven(&mut tx, person, &founding.owner).await?,
            None => Some(self.introduce(&mut tx, person, &founding).await?),
        };
        let tenant = self.make_workspace(&mut tx, tenant, person, founding).await?;
        if let Some(person) = &unproven {
            self.mail_reset(&mut tx, person, AccountLetter::WorkspaceReady).await?;
        }
        tx.commit_and_fence(&self.ground).await?;
        self.wake_queue();
        Ok(Founded { tenant, is_mailed: unproven.is_some() })
    }

    async fn make_workspace(
        &self,
        tx: &mut TenantTx<Control>,
        id: TenantId,
        owner: PersonId,
        founding: Founding,
    ) -> Result<TenantRef, Problem> {
        let now = self.ground.now();
        // A hold that is over at once: it is claimed in this very transaction.
        if !store::reserve_slug(tx, &founding.slug, id, now, now).await? {
            return Err(taken(&founding.slug));
        }
        let new = NewTenant { id, slug: founding.slug, name: founding.name, owner };
        tenants::create(tx, &self.ground, &self.options.roles, new).await
    }

    /// Somebody whose address nobody has, and nobody has proven.
    async fn introduce(
        &self,
        tx: &mut TenantTx<Control>,
        id: PersonId,
        founding: &Founding,
    ) -> Result<PersonRef, Problem> {
        let (email, name) = (&founding.owner, founding.owner_name.as_str());
        store::insert_person(tx, (email, name), false, self.ground.now()).await?;
        if !store::claim_email(tx, email, id).await? {
            return Err(Problem::new(
                Kind::Conflict,
                "Somebody opened an account with the owner's address just now. Run the command again.",
            ));
        }
        record::append(tx, &self.ground, Act::new("person.created", "person", id)).await?;
        let event = json!({ "id": id, "tenant_id": tx.context().tenant });
        record::emit(tx, &self.ground, &events::USER_CREATED, event).await?;
        Ok(PersonRef { id, email: email.as_str().to_owned(), name: name.to_owned(), operator: false })
    }
}

/// The transaction's person, held, where they have not proven their address.
async fn unproven(
    tx: &mut TenantTx<Control>,
    id: PersonId,
    address: &EmailAddress,
) -> Result<Option<PersonRef>, Problem> {
    let standing = store::standing(tx).await?.ok_or_else(Problem::not_found)?;
    match standing.status.as_str() {
        "active" => Ok(None),
        "pending" => Ok(Some(PersonRef { id, email: standing.email, name: standing.name, operator: false })),
        _ => Err(deactivated(address)),
    }
}

fn taken(slug: &Slug) -> Problem {
    let sentence = format!("The address {slug} is another workspace's, or looks like one. Choose another.");
    Problem::new(Kind::Conflict, sentence).code(SLUG_TAKEN)
}

fn deactivated(address: &EmailAddress) -> Problem {
    let sentence = format!(
        "{} is deactivated and can own nothing. Run `tenantry people reactivate {0}` first, or name another owner.",
        address.as_str()
    );
    Problem::new(Kind::Conflict, sentence).code("person_status")
}

fn anybody() -> Permit<Authenticate, Control> {
    Permit::system(Context::default(), command(), Origin::default())
}

fn command() -> Actor {
    Actor::system("cli", "tenants create")
}
