//! `attack`: tries it, and rolls it back.
//!
//! Two tenants whose names a careless comparison takes for one get rows full of canaries; then one of them tries, as
//! the app's role, what SQL offers. What must always hold:
//!
//! - nothing is committed: each table is tried in a transaction of its own, which is rolled back;
//! - a finding was seen: B's value in an answer, B's row changed, or an answer that is different only because of B;
//! - what could not be tried is said, with the reason.
//!
//! In the order of a run: `facts` and `plan` (what is known before), `identity` (who acts), `values`, `covering`, `documents`,
//! `draft` and `seed` (the rows), `arena` on a `session` (the transaction), `probes` (what is tried), `sight` (knows B's values), `judge` (what
//! it means) and `script` (how it is shown).

mod admitted;
mod arena;
mod both;
mod covering;
mod documents;
mod draft;
mod facts;
mod harvest;
mod identity;
mod judge;
mod outcome;
mod pattern;
mod plan;
mod probes;
mod run;
mod script;
mod seed;
mod seeded;
mod session;
mod sight;
mod values;
mod variants;

use std::time::Duration;

use tokio_postgres::Client;

use crate::catalog::Catalog;
use crate::fault::Fault;
use crate::finding::Finding;
use crate::verify::World;

/// What was asked of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database, as an administrator: connections of its own are opened with it, which hear notices.
    pub url: String,
    /// Also where other clients are active on a primary.
    pub yes: bool,
    /// After how long nothing new is begun.
    pub budget: Duration,
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Attack {
    /// The holes, each with a script for psql.
    pub findings: Vec<Finding>,
    /// What a rollback cannot undo; what could not be tried, and why.
    pub notes: Vec<String>,
    /// How much was tried.
    pub tried: Tried,
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Tables, partitions, views and the like.
    pub relations: usize,
    /// Functions and procedures.
    pub functions: usize,
    /// Statements, those that put rows there among them.
    pub statements: usize,
}

/// Said with every run: what no policy can change.
const OUT_OF_REACH: &str = "Not tried: whoever runs SQL of their own learns that others' rows exist, by how long a \
     statement takes, by gaps in ctid and xmin, and by what EXPLAIN estimates (tenantry rls explain out-of-reach).";

/// Said with every run.
const NOT_UNDONE: &str = "Everything was rolled back. A rollback does not undo: sequences that triggers or functions \
     moved, what dblink, foreign tables or a function's own programs did elsewhere, advisory locks of a session, which \
     end with ours, dead rows until the next vacuum, and numbers of transactions.";

/// Said where code of others than superusers ran as the login of the attack.
fn code_of_others(catalog: &Catalog) -> Option<String> {
    let is_powerful = |owner: u32| catalog.role_of(owner).is_some_and(|role| role.is_superuser);
    let own =
        catalog.triggers.iter().filter(|trigger| trigger.is_enabled).filter_map(|it| catalog.function(it.function));
    let mut owners: Vec<&str> = own
        .filter(|function| !is_powerful(function.owner))
        .filter_map(|function| Some(catalog.role_of(function.owner)?.name.as_str()))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let list = owners.join(", ");
    let text = format!(
        "Rows are put there by the login of the attack, so triggers, defaults and checks of {list} ran with its rights. Attack \
         as a login with BYPASSRLS that is no superuser, or on a copy, where you would not run their code as an administrator."
    );
    (!owners.is_empty()).then_some(text)
}

/// Tries what an app role could try. Everything is rolled back.
///
/// # Errors
/// When the database is in use by others and `yes` was not said, when it is a standby, or when a statement of ours fails.
pub async fn attack(client: &mut Client, world: &World<'_>, options: &Options) -> Result<Attack, Fault> {
    let mut facts = facts::Facts::read(client).await?;
    admit(client, world.catalog, &facts, options).await?;
    facts.look_for_tenants(&options.url, world).await;
    let mut attack = run::run(world, &facts, options).await?;
    attack.notes.splice(0..0, [NOT_UNDONE.to_owned(), OUT_OF_REACH.to_owned()]);
    attack.notes.extend(code_of_others(world.catalog));
    Ok(attack)
}

const OTHERS: &str = "select pg_catalog.count(*) from pg_catalog.pg_stat_activity where datname = current_database() \
     and coalesce(backend_type, 'client backend') = 'client backend' and pid <> pg_backend_pid()";

/// Refuses where an attack would do harm, or could not be made.
async fn admit(client: &Client, catalog: &Catalog, facts: &facts::Facts, options: &Options) -> Result<(), Fault> {
    if catalog.server.is_standby {
        return Err(Fault::Refused(
            "this server is a standby, which takes no rows to attack with. Attack its primary, or a restored copy."
                .to_owned(),
        ));
    }
    if !facts.login.bypasses_rls {
        return Err(Fault::Refused(
            "this login is held by row level security itself, and could not put both tenants' rows there. Connect as a superuser, or a role with BYPASSRLS that may become the app's roles.".to_owned(),
        ));
    }
    let others: i64 = client.query_one(OTHERS, &[]).await.map_err(Fault::while_("asking who else is here"))?.get(0);
    if others > 0 && !options.yes {
        return Err(Fault::Refused(format!(
            "{others} other clients are connected to this database, and rows and locks of an attack, though rolled back, could hold them up. Attack a copy, or say --yes."
        )));
    }
    Ok(())
}
