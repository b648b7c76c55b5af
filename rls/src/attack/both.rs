//! The same questions asked twice: with B's rows there, and without. What A learns must not depend on them.

use std::collections::BTreeSet;

use super::arena::Arena;
use super::identity::{Guise, Side};
use super::outcome::Outcome;
use super::probes::front::reads;
use crate::catalog::{Relation, RelationKind};
use crate::name::{ident, literal};

/// Tables with more rows than this are not searched for B's values that triggers carried there.
const SEARCHED: f64 = 100_000.0;

/// A question of A's.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) guise: Guise,
    pub(super) own: Vec<String>,
    pub(super) sql: String,
    /// Asked as the administrator afterwards, before it is taken back.
    pub(super) look: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) seen: Outcome,
}

impl Question {
    pub(super) fn new(guise: &Guise, sql: impl Into<String>) -> Self {
        Self { guise: guise.clone(), own: Vec::new(), sql: sql.into(), look: None }
    }

    /// All that A says in it: what comes back of that is no news.
    pub(super) fn said(&self) -> String {
        self.own.iter().chain([&self.sql]).map(String::as_str).collect::<Vec<_>>().join(";\n")
    }
}

/// Fills every table, so that whatever reads any of them has something to show.
pub(super) async fn fill_all<'w>(arena: &mut Arena<'w, '_>) {
    let world = arena.plan.world;
    let tables: Vec<&'w Relation> =
        world.exposed().filter(|relation| relation.is_table() && relation.parents.is_empty()).collect();
    for relation in &tables {
        if arena.plan.is_of_tenants(relation) {
            arena.seeder.fill(arena.session, relation).await;
        }
    }
    // What functions and views read beside the exposed schemas.
    let elsewhere = world.catalog.relations.iter().filter(|relation| {
        relation.is_table()
            && relation.parents.is_empty()
            && relation.extension.is_none()
            && !world.settings.schemas.contains(&relation.name.schema)
    });
    let read = read_in_front(arena);
    let concerned = |relation: &&'w Relation| {
        arena.plan.is_of_tenants(relation) || (relation.has_rls && read.contains(&relation.oid))
    };
    for relation in elsewhere.filter(concerned).take(50).collect::<Vec<_>>() {
        arena.seeder.fill(arena.session, relation).await;
    }
    refresh(arena).await;
}

/// The tables that exposed views read: people, where they are kept apart from the tenants' tables.
fn read_in_front(arena: &Arena<'_, '_>) -> BTreeSet<u32> {
    let views = arena.plan.world.exposed().filter(|relation| !relation.is_table());
    views.flat_map(|view| reads(arena, view)).map(|table| table.oid).collect()
}

/// Materialised views show what was there when they were made.
pub(super) async fn refresh(arena: &mut Arena<'_, '_>) {
    let world = arena.plan.world;
    let views: Vec<String> = world
        .exposed()
        .filter(|relation| relation.kind == RelationKind::MaterializedView)
        .map(|relation| relation.name.quoted())
        .collect();
    for view in views {
        arena.session.guarded(&format!("refresh materialized view {view}")).await;
    }
}

/// Asks everything as it is.
pub(super) async fn ask(arena: &mut Arena<'_, '_>, questions: &[Question]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let (outcome, seen) =
            arena.after(&[], &question.guise, &question.own, &question.sql, question.look.as_deref()).await;
        answers.push(Answer { outcome, seen });
    }
    answers
}

/// Asks everything as if B had no row.
pub(super) async fn ask_without_b(arena: &mut Arena<'_, '_>, questions: &[Question]) -> Vec<Answer> {
    arena.session.run("savepoint without").await;
    remove_b(arena).await;
    refresh(arena).await;
    let answers = ask(arena, questions).await;
    arena.session.run("rollback to savepoint without; release savepoint without").await;
    answers
}

async fn remove_b(arena: &mut Arena<'_, '_>) {
    let plain = arena.plan.facts.login.is_superuser;
    if plain {
        arena.session.run("set local session_replication_role = replica").await;
    }
    let statements = removals(arena);
    // Without the right to switch references off, what refers goes first by trying again.
    for _ in 0..if plain { 1 } else { 4 } {
        for statement in &statements {
            arena.session.guarded(statement).await;
        }
    }
    if plain {
        arena.session.run("set local session_replication_role = origin").await;
    }
}

fn removals(arena: &Arena<'_, '_>) -> Vec<String> {
    let world = arena.plan.world;
    let b = &arena.pair().b;
    let seeded: BTreeSet<u32> =
        arena.seeder.rows.iter().filter(|row| row.side == Side::B).map(|row| row.table).collect();
    let tables = world
        .catalog
        .relations
        .iter()
        .filter(|relation| relation.is_table() && relation.parents.is_empty() && relation.extension.is_none());
    tables
        .filter(|relation| seeded.contains(&relation.oid) || world.settings.schemas.contains(&relation.name.schema))
        .map(|relation| {
            let mut parts: Vec<String> = Vec::new();
            if let Some(tenant) = arena.plan.tenant_column(relation) {
                parts.push(format!("t.{}::text = {}", ident(&tenant.name), literal(&b.tenant)));
            }
            let rows = arena.seeder.rows_of(relation.oid, Side::B).filter(|row| !row.statement.is_empty());
            parts.extend(rows.filter_map(|row| arena.seeder.only(row)).map(|only| format!("({only})")));
            if relation.estimated_rows < SEARCHED {
                parts.push("t::text like '%canary\\_b\\_%'".to_owned());
            }
            if parts.is_empty() {
                parts.push("false".to_owned());
            }
            format!("delete from {} t where {}", relation.name.quoted(), parts.join(" or "))
        })
        .collect()
}
