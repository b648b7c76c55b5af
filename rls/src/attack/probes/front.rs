//! What stands in front of tables: views, materialised views, foreign tables, tables that triggers fill.

use crate::attack::arena::Arena;
use crate::attack::both::{Answer, Question, ask, ask_without_b};
use crate::attack::judge::Found;
use crate::attack::probes::read::is_held;
use crate::catalog::{Relation, RelationKind};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// More rows say nothing more.
const ROWS: usize = 500;

/// Reads everything that is no tenant's table by itself.
pub(in crate::attack) async fn front<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) -> usize {
    let world = arena.plan.world;
    let relations: Vec<&'w Relation> = world
        .exposed()
        .filter(|relation| relation.kind != RelationKind::Sequence && !world.settings.is_global(&relation.name))
        .filter(|relation| !(relation.is_table() && arena.plan.is_of_tenants(relation)))
        .filter(|relation| world.may(&arena.actor.inherited, relation, "SELECT"))
        .collect();
    let questions: Vec<Question> =
        relations.iter().map(|relation| Question::new(&arena.guise, select(arena, relation))).collect();
    let with = ask(arena, &questions).await;
    let without = ask_without_b(arena, &questions).await;
    let again = ask(arena, &questions).await;
    for (at, relation) in relations.iter().enumerate() {
        let differs = with[at].outcome.seen() != without[at].outcome.seen()
            && with[at].outcome.seen() == again[at].outcome.seen();
        judge(arena, relation, &questions[at], &with[at], &without[at], differs, found).await;
    }
    relations.len()
}

fn select(arena: &Arena<'_, '_>, relation: &Relation) -> String {
    let columns: Vec<String> = arena.actor.columns(relation, "SELECT").into_iter().map(ident).collect();
    format!("select {} from {} limit {ROWS}", columns.join(", "), relation.name.quoted())
}

async fn judge<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    question: &Question,
    with: &Answer,
    without: &Answer,
    differs: bool,
    found: &mut Found,
) {
    let sight = arena.sight(&question.sql, &with.outcome);
    if relation.kind == RelationKind::Foreign {
        foreign(arena, relation, question, with, found);
        return;
    }
    let seen = match &sight {
        Some(sight) => format!("among {} rows is {}, which is tenant B's", with.outcome.rows.len(), sight.text),
        None if differs && with.outcome.is_done() => {
            format!("{:?}; without tenant B's rows it is {:?}", first(with), first(without))
        }
        None => {
            if relation.kind == RelationKind::View {
                leaky(arena, relation, found).await;
            }
            return;
        }
    };
    let read = reads(arena, relation);
    let script =
        arena.script(read.iter().map(|table| table.oid), &arena.guise, std::slice::from_ref(&question.sql), &seen);
    let name = relation.name.to_string();
    let finding = match relation.kind {
        RelationKind::View if relation.has_option("security_invoker") => return,
        RelationKind::View => {
            // A view that adds nothing to what its tables show by themselves is not the one to mend.
            let open = |table: &&&Relation| {
                found.is_open(&table.name.to_string()) && !arena.plan.world.passes_policies(relation.owner, table)
            };
            if !read.is_empty() && read.iter().filter(open).count() == read.len() {
                return;
            }
            let why =
                format!("It reads its tables as its owner, {}: {seen}.", arena.plan.world.role_name(relation.owner));
            Finding::shown(Class::ViewDefiner, name, why, script)
        }
        RelationKind::MaterializedView => Finding::shown(
            Class::MatviewExposed,
            name,
            format!("No policy holds a materialised view, and {} may read it: {seen}.", arena.actor.role.name),
            script,
        ),
        _ => {
            copied(arena, relation, sight.and_then(|sight| sight.table), &seen, &script, found);
            return;
        }
    };
    found.add(finding);
}

fn first(answer: &Answer) -> Vec<String> {
    let row = answer.outcome.rows.first().into_iter().flatten();
    row.map(|value| value.clone().unwrap_or_else(|| "null".to_owned())).collect()
}

/// The tables that a view reads, through other views too.
pub(in crate::attack) fn reads<'w>(arena: &Arena<'w, '_>, relation: &Relation) -> Vec<&'w Relation> {
    let world = arena.plan.world;
    let (mut open, mut seen, mut tables) = (vec![relation.oid], std::collections::BTreeSet::new(), Vec::new());
    while let Some(view) = open.pop() {
        for dependency in
            world.catalog.dependencies.iter().filter(|dependency| dependency.view == view && dependency.relation != 0)
        {
            let Some(read) = world.relation(dependency.relation).filter(|read| seen.insert(read.oid)) else { continue };
            if read.is_table() { tables.push(read) } else { open.push(read.oid) }
        }
    }
    tables
}

/// A table that is nobody's holds what a trigger carried there.
fn copied(
    arena: &Arena<'_, '_>,
    relation: &Relation,
    source: Option<usize>,
    seen: &str,
    script: &str,
    found: &mut Found,
) {
    let world = arena.plan.world;
    let Some(source) =
        source.and_then(|number| arena.plan.numbered(number)).filter(|source| source.oid != relation.oid)
    else {
        return;
    };
    if is_held(arena, relation) && world.policies_of(relation.oid).is_empty() {
        return;
    }
    let carries = |trigger: &&crate::catalog::Trigger| {
        trigger.relation == source.oid
            && world
                .function(trigger.function)
                .is_some_and(|function| super::super::harvest::mentions(&function.source, &relation.name.name))
    };
    let Some(trigger) = world.catalog.triggers.iter().find(carries) else { return };
    let why = format!(
        "Its trigger {} carries rows into {}, where every tenant may read them: {seen}.",
        trigger.name, relation.name
    );
    found.add(Finding::shown(Class::TriggerLeaks, source.name.to_string(), why, script).about(trigger.name.clone()));
}

/// Reading the other server may not see our rows; that nothing filters there is known without.
fn foreign(arena: &Arena<'_, '_>, relation: &Relation, question: &Question, with: &Answer, found: &mut Found) {
    let tenants = arena.plan.tenant_column(relation).is_some();
    if !tenants {
        return;
    }
    let lines =
        [question.sql.clone(), format!("select pg_catalog.row_security_active({})", literal(&relation.name.quoted()))];
    let seen = if with.outcome.is_done() {
        format!("{} rows came back. No policy can be put on a foreign table.", with.outcome.rows.len())
    } else {
        format!(
            "The other server did not answer here ({}), but no policy can be put on a foreign table.",
            with.outcome.told()
        )
    };
    let script = arena.script([], &arena.guise, &lines, &seen);
    let why = format!("{} may read it, and a foreign table has no policies.", arena.actor.role.name);
    found.add(Finding::shown(Class::ForeignTableExposed, relation.name.to_string(), why, script));
}

/// A cheap function of A's own sees the rows before the view's condition, unless the view is a barrier.
async fn leaky<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    if relation.has_option("security_invoker") || relation.has_option("security_barrier") {
        return;
    }
    let own = [
        super::read::NO_INDEX.to_owned(),
        "create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0000001 as \
         $peek$ begin raise notice '%', $1; return true; end $peek$"
            .to_owned(),
    ];
    let table = relation.name.quoted();
    let guise = arena.guise.clone();
    let columns = arena.actor.columns(relation, "SELECT").into_iter().take(12).filter_map(|name| relation.column(name));
    let columns: Vec<(String, bool)> =
        columns.map(|column| (ident(&column.name), column.type_name == "text")).collect();
    let mut tried = Vec::new();
    for (column, is_text) in columns {
        let cast = if is_text { "" } else { "::text" };
        let peek = format!("select 1 from {table} t where pg_temp.peek(t.{column}{cast})");
        let (outcome, _) = arena.after(&[], &guise, &own, &peek, None).await;
        tried.push((own.to_vec(), peek, outcome));
        let number = format!("select 1 from {table} t where (t.{column}{cast})::integer = 1");
        let (outcome, _) = arena.after(&[], &guise, &own[..1], &number, None).await;
        tried.push((own[..1].to_vec(), number, outcome));
    }
    let Some((own, sql, sight)) =
        tried.into_iter().find_map(|(own, sql, outcome)| arena.sight(&sql, &outcome).map(|sight| (own, sql, sight)))
    else {
        return;
    };
    let lines: Vec<String> = own.into_iter().chain([sql]).collect();
    let read = reads(arena, relation);
    let seen = format!("{} is tenant B's, and was told before the view's condition was asked", sight.text);
    let script = arena.script(read.iter().map(|table| table.oid), &guise, &lines, &seen);
    let why =
        format!("Its condition hides rows, but without security_barrier a function of A's own is asked first: {seen}.");
    found.add(Finding::shown(Class::ViewLeaky, relation.name.to_string(), why, script));
}
