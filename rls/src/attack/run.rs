//! The order of a run: each table by itself, then what stands in front of all of them.

use std::time::Instant;

use super::arena::{Actor, Arena};
use super::both::fill_all;
use super::facts::Facts;
use super::identity::{Identity, NAMED, Pair, Side, base, pairs};
use super::judge::Found;
use super::plan::Plan;
use super::probes::{
    believed, code, files, forms, front, keys, objects, read, roles, shadow, sources, triggers, write,
};
use super::session::Session;
use super::{Attack, Options, Tried};
use crate::catalog::Relation;
use crate::fault::Fault;
use crate::verify::World;

/// What a run carries along.
pub(super) struct Run<'w, 'o> {
    pub(super) plan: &'w Plan<'w>,
    pub(super) session: Session,
    /// A session in which no context is ever set.
    pub(super) silent: Session,
    pub(super) found: Found,
    pub(super) tried: Tried,
    options: &'o Options,
    began: Instant,
}

pub(super) async fn run(world: &World<'_>, facts: &Facts, options: &Options) -> Result<Attack, Fault> {
    let plan = Plan::new(world, facts);
    let mut run = Run {
        plan: &plan,
        session: Session::open(&options.url).await?,
        silent: Session::open(&options.url).await?,
        found: Found::with_hints(world),
        tried: Tried::default(),
        options,
        began: Instant::now(),
    };
    let actors = Actor::all(world);
    for actor in &actors {
        run.actor(actor).await?;
    }
    run.tried.statements = run.session.statements + run.silent.statements;
    let notes = run.found.notes.iter().cloned().collect();
    let findings = crate::verify::settled(run.found.into_findings());
    Ok(Attack { findings, notes, tried: run.tried })
}

impl<'w> Run<'w, '_> {
    /// Whether there is time for more; says once what was left out.
    fn has_time(&mut self) -> bool {
        let has = self.began.elapsed() < self.options.budget;
        if !has {
            self.found.note(format!(
                "The time of {} s was over before everything was tried: give it more, or fewer schemas.",
                self.options.budget.as_secs()
            ));
        }
        has
    }

    async fn actor(&mut self, actor: &Actor<'w>) -> Result<(), Fault> {
        let world = self.plan.world;
        if actor.is_above_rls() {
            return self.whole(actor).await;
        }
        let tables: Vec<&'w Relation> = world.exposed().filter(|relation| relation.is_table()).collect();
        let mut tried = Vec::new();
        for relation in tables {
            let reachable = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
                .iter()
                .any(|privilege| world.may(&actor.inherited, relation, privilege));
            if reachable && self.plan.is_of_tenants(relation) && self.has_time() {
                self.tried.relations += 1;
                self.table(actor, relation).await?;
                tried.push(relation);
            }
        }
        self.whole(actor).await?;
        self.alike(actor, &tried).await
    }

    /// What stands in front of the tables, beside them and around them, with every table full.
    async fn whole(&mut self, actor: &Actor<'w>) -> Result<(), Fault> {
        let settings = self.plan.world.settings;
        let type_name = self.plan.facts.base(&settings.tenant_type);
        let all = pairs(settings, &self.plan.facts.tenants(type_name), type_name, &self.plan.user_type);
        let Some(pair) = all.first() else { return Ok(()) };
        let mut arena = Arena::open(&mut self.session, self.plan, actor, pair.clone()).await?;
        fill_all(&mut arena).await;
        let found = &mut self.found;
        if actor.is_above_rls() {
            roles::above(&mut arena, found).await;
            objects::objects(&mut arena, found).await;
            return arena.close().await;
        }
        roles::roles(&mut arena, found).await;
        believed::believed(&mut arena, found).await;
        files::files(&mut arena, found).await;
        self.tried.relations += front::front(&mut arena, found).await;
        forms::plans_of_views(&mut arena, found).await;
        self.tried.functions += code::code(&mut arena, found).await;
        code::leakproof(&mut arena, found).await;
        triggers::triggers(&mut arena, found).await;
        sources::sources(&mut arena, found).await;
        shadow::shadow(&mut arena, found).await;
        objects::objects(&mut arena, found).await;
        arena.close().await
    }

    /// The pairs of tenants for a table.
    fn pairs(&self, relation: &'w Relation) -> Vec<Pair> {
        let settings = self.plan.world.settings;
        let column = self.plan.tenant_column(relation).or_else(|| self.plan.tenant_column(self.plan.root(relation)));
        let type_name = column.map_or(settings.tenant_type.as_str(), |column| self.plan.facts.base(&column.type_name));
        let folds = type_name.ends_with("citext");
        let padded = base(type_name) == "character";
        let mut pairs = pairs(settings, &self.plan.facts.tenants(type_name), type_name, &self.plan.user_type);
        pairs.retain(|pair| {
            !(folds && pair.confusion.contains("capitals") || padded && pair.confusion.contains("spaces"))
        });
        let named = self.plan.named_tenants(relation).into_iter().filter_map(|tenant| {
            let first = pairs.first().filter(|pair| tenant != pair.a.tenant && tenant != pair.b.tenant)?;
            Some(Pair { a: first.a.clone(), b: Identity { tenant, user: first.b.user.clone() }, confusion: NAMED })
        });
        let named: Vec<Pair> = named.collect();
        pairs.extend(named);
        pairs
    }

    async fn table(&mut self, actor: &Actor<'w>, relation: &'w Relation) -> Result<(), Fault> {
        let pairs = self.pairs(relation);
        let plan = self.plan;
        let Some(first) = pairs.first() else { return Ok(()) };
        let mut arena = Arena::open(&mut self.session, plan, actor, first.clone()).await?;
        arena.seeder.fill(arena.session, plan.root(relation)).await;
        if arena.seeder.first(plan.root(relation).oid, Side::B).is_none() {
            let why = arena.seeder.refused.get(&plan.root(relation).oid).cloned().unwrap_or_default();
            self.found.note(format!("{} could not be given rows to look for: {why}", relation.name));
        }
        read::read(&mut arena, relation, &mut self.found).await;
        write::write(&mut arena, relation, &mut self.found).await;
        keys::keys(&mut arena, relation, &mut self.found).await;
        forms::forms(&mut arena, relation, &mut self.found).await;
        arena.close().await
    }

    /// Pairs of tenants whose names are alike, and no context at all: one row of each in every table.
    async fn alike(&mut self, actor: &Actor<'w>, tables: &[&'w Relation]) -> Result<(), Fault> {
        let mut groups: Vec<(Vec<Pair>, Vec<&'w Relation>)> = Vec::new();
        for relation in tables {
            let pairs = self.pairs(relation);
            match groups.iter_mut().find(|(known, _)| *known == pairs) {
                Some((_, relations)) => relations.push(relation),
                None => groups.push((pairs, vec![relation])),
            }
        }
        for (pairs, relations) in groups {
            for (at, pair) in pairs.iter().enumerate() {
                if !self.has_time() {
                    return Ok(());
                }
                if at == 0 {
                    self.unset(actor, &relations, pair).await?
                } else {
                    self.confused(actor, &relations, pair).await?
                }
            }
        }
        Ok(())
    }

    async fn unset(&mut self, actor: &Actor<'w>, relations: &[&'w Relation], pair: &Pair) -> Result<(), Fault> {
        let mut arena = Arena::open(&mut self.silent, self.plan, actor, pair.clone()).await?;
        arena.seeder.is_silent = true;
        for relation in relations {
            arena.seeder.fill_lightly(arena.session, self.plan.root(relation)).await;
            read::read_unset(&mut arena, relation, &mut self.found).await;
        }
        arena.close().await
    }

    async fn confused(&mut self, actor: &Actor<'w>, relations: &[&'w Relation], pair: &Pair) -> Result<(), Fault> {
        let mut arena = Arena::open(&mut self.session, self.plan, actor, pair.clone()).await?;
        for relation in relations {
            arena.seeder.fill_lightly(arena.session, self.plan.root(relation)).await;
            read::read_confused(&mut arena, relation, &mut self.found).await;
            write::write_confused(&mut arena, relation, &mut self.found).await;
        }
        arena.close().await
    }
}
