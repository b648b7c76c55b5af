//! People from elsewhere: a file of lines, each a person, with the hash of the password that they have (ID-2).
//!
//! What must always hold:
//!
//! - A line is one transaction: a person with address, password and membership, or nothing. Run again, a file changes
//!   nothing that is there: an address that has an account is left as it is.
//! - A hash is taken only within the limits of [`tenantry_core::password_hash::limits`]; no line's fault shows it.
//! - Whoever's address the other product had not verified is `pending`: they have no access before they have used a
//!   link that was sent to it (ID-3).
//! - A trial does all of it and rolls back.

mod line;

pub use line::{LINE_BYTES_MOST, Line, LineFault, Newcomer};

use serde_json::json;
use tenantry_core::ids::{IdentityId, PersonId};
use tenantry_core::password_hash::Recipe;
use tenantry_platform::config::Roles;
use tenantry_platform::db::{Context, Control, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Actor, Administer, Origin, Permit, TenantRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act};

use super::store;
use crate::roles::RoleBook;
use crate::{events, members, tenants};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// A person, with this recipe of their password, if they have one.
    New(Option<Recipe>),
    /// The address has an account, which stays as it is.
    Known,
}

/// Brings one person in, or, in a trial, does so and takes it back.
///
/// # Errors
/// 422 for a workspace or a role that is not there; what the database says.
pub async fn import(ground: &Ground, roles: &Roles, newcomer: &Newcomer, is_trial: bool) -> Result<Imported, Problem> {
    let person = PersonId::new(&ground.clock, &ground.entropy);
    let tenant = workspace(ground, newcomer).await?;
    let context = Context { tenant: tenant.as_ref().map(|tenant| tenant.id), person: Some(person) };
    let actor = Actor::system("cli", "people import");
    let mut tx = Permit::<Administer, Control>::system(context, actor, Origin::default()).begin(ground);
    if !enter(&mut tx, ground, person, newcomer).await? {
        tx.rollback().await?;
        return Ok(Imported::Known);
    }
    if let Some(tenant) = &tenant {
        belong(&mut tx, ground, roles, (person, tenant), newcomer).await?;
    }
    match is_trial {
        true => tx.rollback().await?,
        false => {
            tx.commit_and_fence(ground).await?;
        }
    }
    Ok(Imported::New(newcomer.hash().map(|hash| hash.recipe())))
}

async fn workspace(ground: &Ground, newcomer: &Newcomer) -> Result<Option<TenantRef>, Problem> {
    let Some((slug, _)) = newcomer.place() else { return Ok(None) };
    let found = tenants::by_slug(ground, slug.as_str()).await?;
    let unknown = || Problem::invalid("workspace", format!("there is no workspace {}; make it first", slug.as_str()));
    found.map(Some).ok_or_else(unknown)
}

/// `false`: somebody has the address.
async fn enter(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    newcomer: &Newcomer,
) -> Result<bool, Problem> {
    let now = ground.now();
    store::insert_person(tx, (newcomer.email(), newcomer.name()), newcomer.is_verified(), now).await?;
    if !store::claim_email(tx, newcomer.email(), person).await? {
        return Ok(false);
    }
    if let Some(hash) = newcomer.hash() {
        let identity = IdentityId::new(&ground.clock, &ground.entropy);
        store::insert_password(tx, identity, person, hash.as_str(), now).await?;
    }
    Ok(true)
}

async fn belong(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    roles: &Roles,
    (person, tenant): (PersonId, &TenantRef),
    newcomer: &Newcomer,
) -> Result<(), Problem> {
    let wanted = newcomer.place().and_then(|(_, role)| role).unwrap_or_else(|| roles.default_role().role.name.as_str());
    let unknown =
        || Problem::invalid("role", format!("neither the configuration nor the workspace has a role {wanted}"));
    let role = RoleBook::load(tx, roles).await?.named(wanted).ok_or_else(unknown)?;
    members::place(tx, ground, person, &role).await?;
    let recipe = newcomer.hash().map(|hash| hash.recipe().to_string());
    let act = Act::new("person.imported", "person", person)
        .with(json!({ "password": recipe, "address_verified": newcomer.is_verified() }));
    record::append(tx, ground, act).await?;
    let event = json!({ "id": person, "tenant_id": tenant.id });
    record::emit(tx, ground, &events::USER_CREATED, event).await?;
    Ok(())
}
