//! One transaction with both tenants' rows in it, in which A tries things.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::identity::{Guise, Pair, Side, context};
use super::outcome::Outcome;
use super::plan::Plan;
use super::seed::{Seeded, Seeder};
use super::session::Session;
use super::sight::{Sight, Watch};
use crate::catalog::{Policy, Relation, Role};
use crate::config::Context;
use crate::fault::Fault;
use crate::name::{ident, literal};
use crate::verify::World;

/// Whom the attack acts as.
#[derive(Clone, Debug)]
pub(super) struct Actor<'w> {
    pub(super) role: &'w Role,
    /// Itself, and the roles whose rights it has.
    pub(super) inherited: HashSet<u32>,
    /// Those, and what it can become.
    pub(super) reachable: HashSet<u32>,
}

impl<'w> Actor<'w> {
    /// The roles that tenants' statements run as: the app's, or A's own where every tenant has one.
    pub(super) fn all(world: &World<'w>) -> Vec<Self> {
        let of_tenant = match &world.settings.context {
            Context::Role { roles, .. } => roles.get("A").and_then(|name| world.catalog.role(name)),
            _ => None,
        };
        let named: Vec<&Role> = match of_tenant {
            Some(role) => vec![role],
            None => world.app_roles.iter().map(|app| app.role).collect(),
        };
        let catalog = world.catalog;
        let whole = |role: &'w Role| Self {
            role,
            inherited: catalog.inherited(role.oid),
            reachable: catalog.reachable(role.oid),
        };
        named.into_iter().map(whole).collect()
    }

    /// Whether policies say nothing to it.
    pub(super) const fn is_above_rls(&self) -> bool {
        self.role.is_superuser || self.role.bypasses_rls
    }

    /// The columns that it may do this to.
    pub(super) fn columns<'r>(&self, relation: &'r Relation, privilege: &str) -> Vec<&'r str> {
        let all = relation.grants(&self.inherited, privilege);
        let one = |column: &&crate::catalog::Column| crate::catalog::granted(&column.acl, &self.inherited, privilege);
        relation.columns.iter().filter(|column| all || one(column)).map(|column| column.name.as_str()).collect()
    }
}

/// One transaction with both tenants' rows in it.
#[derive(Debug)]
pub(super) struct Arena<'w, 's> {
    pub(super) session: &'s mut Session,
    pub(super) seeder: Seeder<'w>,
    pub(super) plan: &'w Plan<'w>,
    pub(super) actor: &'s Actor<'w>,
    pub(super) guise: Guise,
    pub(super) watch: Watch,
}

impl<'w, 's> Arena<'w, 's> {
    pub(super) async fn open(
        session: &'s mut Session,
        plan: &'w Plan<'w>,
        actor: &'s Actor<'w>,
        pair: Pair,
    ) -> Result<Self, Fault> {
        session.begin(&search_path(plan.world, 0)).await?;
        let settings = plan.world.settings;
        let mut said = context(settings, &actor.role.name, &pair.a);
        said.push(("search_path".to_owned(), search_path(plan.world, actor.role.oid)));
        let guise = Guise { role: actor.role.name.clone(), settings: said, wholly: plan.facts.login.is_superuser };
        let watch = Watch::new(&pair);
        Ok(Self { session, seeder: Seeder::new(plan, pair), plan, actor, guise, watch })
    }

    pub(super) async fn close(self) -> Result<(), Fault> {
        self.session.rollback().await
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.seeder.pair
    }

    /// B's session, with the same role.
    pub(super) fn guise_of_b(&self) -> Guise {
        let mut settings = context(self.plan.world.settings, &self.actor.role.name, &self.pair().b);
        settings.extend(self.guise.settings.iter().filter(|(name, _)| name == "search_path").cloned());
        self.guise.with(settings)
    }

    /// A guise with nobody's context: every setting empty.
    pub(super) fn nobody(&self) -> Guise {
        let empty = self.guise.settings.iter().map(|(name, value)| {
            let keeps = name == "search_path";
            (name.clone(), if keeps { value.clone() } else { String::new() })
        });
        self.guise.with(empty.collect())
    }

    pub(super) async fn as_a(&mut self, sql: &str) -> Outcome {
        self.session.tried(&self.guise.statements(), sql, None).await.0
    }

    /// As A, with a look as the administrator before it is taken back.
    pub(super) async fn as_a_then(&mut self, sql: &str, look: &str) -> (Outcome, Outcome) {
        self.session.tried(&self.guise.statements(), sql, Some(look)).await
    }

    pub(super) async fn as_guise(&mut self, guise: &Guise, sql: &str) -> Outcome {
        self.session.tried(&guise.statements(), sql, None).await.0
    }

    /// As A, after statements of the administrator's and then some of A's.
    pub(super) async fn after(
        &mut self,
        admin: &[String],
        guise: &Guise,
        own: &[String],
        sql: &str,
        look: Option<&str>,
    ) -> (Outcome, Outcome) {
        let all: Vec<String> = admin.iter().chain(&guise.statements()).chain(own).cloned().collect();
        self.session.tried(&all, sql, look).await
    }

    /// B's values in what came back, that A did not put into the question.
    pub(super) fn sight(&self, sql: &str, outcome: &Outcome) -> Option<Sight> {
        self.watch.sight(sql, outcome)
    }

    /// A statement that tells whether B's rows of a table are still what they were.
    pub(super) fn digest(&self, relation: &'w Relation) -> Option<String> {
        let condition = match self.plan.tenant_column(relation) {
            Some(tenant) => format!("t.{}::text = {}", ident(&tenant.name), literal(&self.pair().b.tenant)),
            None => {
                let rows: Vec<String> =
                    self.seeder.rows_of(relation.oid, Side::B).filter_map(|row| self.seeder.only(row)).collect();
                if rows.is_empty() {
                    return None;
                }
                format!("({})", rows.join(") or ("))
            }
        };
        Some(format!(
            "select pg_catalog.concat(pg_catalog.count(*), ' ', pg_catalog.md5(pg_catalog.string_agg(\
             t.ctid::text || t.tableoid::text || t::text, '' order by t.tableoid, t.ctid))) from {} t where {condition}",
            relation.name.quoted()
        ))
    }

    /// The same of several tables, in one row.
    pub(super) fn digests(&self, relations: &[&'w Relation]) -> String {
        let parts: Vec<String> =
            relations.iter().filter_map(|table| self.digest(table)).map(|sql| format!("({sql})")).collect();
        if parts.is_empty() { "select 1".to_owned() } else { format!("select {}", parts.join(", ")) }
    }

    /// The tables that have a row of B's.
    pub(super) fn seeded(&self) -> Vec<&'w Relation> {
        let world = self.plan.world;
        world
            .catalog
            .relations
            .iter()
            .filter(|table| table.is_table() && self.seeder.first(table.oid, Side::B).is_some())
            .collect()
    }

    /// The permissive policies that let A do this.
    pub(super) fn permissive(&self, relation: &Relation, commands: &[&str]) -> Vec<&'w Policy> {
        let holds = |policy: &&&'w Policy| {
            policy.is_permissive
                && commands.contains(&policy.command.as_str())
                && policy.roles.iter().any(|role| *role == 0 || self.actor.inherited.contains(role))
        };
        self.plan.world.policies_of(relation.oid).iter().filter(holds).copied().collect()
    }

    #[expect(clippy::too_many_arguments, reason = "a trial is all of these, and is made in three places")]
    /// Which of the policies lets it happen when it is the only one that permits anything.
    pub(super) async fn culprits(
        &mut self,
        relation: &'w Relation,
        commands: &[&str],
        admin: &[String],
        guise: &Guise,
        sql: &str,
        look: Option<&str>,
        leaks: impl Fn(&Outcome, &Outcome) -> bool,
    ) -> Vec<&'w Policy> {
        let policies = self.permissive(relation, commands);
        if policies.len() < 2 {
            return policies;
        }
        let mut found = Vec::new();
        for policy in &policies {
            let others = policies.iter().filter(|other| other.name != policy.name);
            let table = relation.name.quoted();
            let dropped = others.map(|other| format!("drop policy {} on {table}", ident(&other.name)));
            let dropped: Vec<String> = dropped.chain(admin.iter().cloned()).collect();
            let (outcome, seen) = self.after(&dropped, guise, &[], sql, look).await;
            if leaks(&outcome, &seen) {
                found.push(*policy);
            }
        }
        found
    }

    /// The smallest script: rows of the tables that matter, A's context, the statement, and what is seen.
    pub(super) fn script(
        &self,
        tables: impl IntoIterator<Item = u32>,
        guise: &Guise,
        lines: &[String],
        seen: &str,
    ) -> String {
        self.script_after(&[], tables, guise, lines, seen)
    }

    /// The same, with something that the administrator does first.
    pub(super) fn script_after(
        &self,
        admin: &[String],
        tables: impl IntoIterator<Item = u32>,
        guise: &Guise,
        lines: &[String],
        seen: &str,
    ) -> String {
        let tables: BTreeSet<u32> = self.plan.closure(tables);
        let rows = self.seeder.rows.iter().filter(|row| tables.contains(&row.table) && !row.statement.is_empty());
        super::script::script(self, &rows.collect::<Vec<&Seeded>>(), admin, guise, lines, seen)
    }

    /// The values of the first row of a side.
    pub(super) fn values(&self, table: u32, side: Side) -> Option<&BTreeMap<String, Option<String>>> {
        self.seeder.first(table, side).map(|row| &row.values)
    }
}

/// Where unqualified names are looked for: what the role or database says, or the exposed schemas.
pub(super) fn search_path(world: &World<'_>, role: u32) -> String {
    let settings = world.catalog.role_settings.iter().filter(|setting| setting.role == role || setting.role == 0);
    let said = settings.flat_map(|setting| &setting.settings).find_map(|text| text.strip_prefix("search_path="));
    if let Some(path) = said {
        return path.to_owned();
    }
    let schemas = world.settings.schemas.iter().map(|schema| ident(schema));
    std::iter::once("\"$user\"".to_owned()).chain(schemas).chain(["public".to_owned()]).collect::<Vec<_>>().join(", ")
}
