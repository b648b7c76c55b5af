//! Stored files, whose names say whose they are.

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::identity::Side;
use crate::attack::judge::Found;
use crate::attack::outcome::Outcome;
use crate::attack::plan::Overrides;
use crate::attack::probes::read::is_held;
use crate::attack::values::Value;
use crate::catalog::Relation;
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Reads and writes files of B whose names have A somewhere in them.
pub(in crate::attack) async fn files<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let by_path = |relation: &&'w Relation| world.holds_files(relation) && arena.plan.tenant_column(relation).is_none();
    for relation in world
        .catalog
        .relations
        .iter()
        .filter(by_path)
        .filter(|relation| world.settings.schemas.contains(&relation.name.schema) || relation.name.schema == "storage")
        .collect::<Vec<_>>()
    {
        if is_held(arena, relation) && world.may(&arena.actor.inherited, relation, "SELECT") {
            by_name(arena, relation, found).await;
        }
    }
}

/// What folders may be called by: A's word and B's, the first of all their tenants.
fn words(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<(String, String)> {
    let (a, b) = (&arena.pair().a, &arena.pair().b);
    let mut words = vec![(a.tenant.clone(), b.tenant.clone()), (a.user.clone(), b.user.clone())];
    for table in arena.plan.looked_up(relation) {
        let sides = (arena.values(table.oid, Side::A), arena.values(table.oid, Side::B));
        let (Some(mine), Some(theirs)) = sides else { continue };
        let texts = table.columns.iter().filter(|column| matches!(column.plain_type(), "text" | "character varying"));
        let both =
            texts.filter_map(|column| Some((mine.get(&column.name)?.clone()?, theirs.get(&column.name)?.clone()?)));
        words.extend(both.filter(|(mine, theirs)| mine != theirs).take(2));
    }
    words
}

/// Names whose first folder is not A.
fn names(arena: &Arena<'_, '_>, relation: &Relation) -> Vec<String> {
    let mut names = Vec::new();
    for (mine, theirs) in words(arena, relation) {
        names.extend([
            format!("{theirs}/canary_b_0_0_0.pdf"),
            format!("{theirs}/from-{mine}/canary_b_0_0_0.pdf"),
            format!("{theirs}/{mine}-canary_b_0_0_0.pdf"),
            format!("{mine}-eu/canary_b_0_0_0.pdf"),
            format!("{mine}x/canary_b_0_0_0.pdf"),
            format!("{theirs}/{mine}/canary_b_0_0_0.pdf"),
        ]);
    }
    names
}

async fn by_name<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let policies = arena.plan.world.policies_of(relation.oid).iter();
    let text: String =
        policies.flat_map(|policy| policy.using.iter().chain(&policy.check)).cloned().collect::<Vec<_>>().join("\n");
    let mut buckets: Vec<String> = harvest::values(&text).into_iter().take(6).collect();
    buckets.push("files".to_owned());
    for bucket in &buckets {
        for (at, name) in names(arena, relation).into_iter().enumerate() {
            let row = Overrides::from([
                (
                    "name".to_owned(),
                    Value::Text(if at == 0 {
                        name.clone()
                    } else {
                        name.replace("canary_b_0_0_0", &format!("canary_b_0_0_{at}"))
                    }),
                ),
                ("bucket_id".to_owned(), Value::Text(bucket.clone())),
            ]);
            arena.seeder.row(arena.session, relation, Side::B, row, 0).await;
        }
    }
    let table = relation.name.quoted();
    let read = format!("select {} from {table} limit 500", ident("name"));
    let outcome = arena.as_a(&read).await;
    tell(arena, relation, &["*", "r"], &read, &outcome, found).await;
    takes(arena, relation, found).await;
    let planted = names(arena, relation).into_iter().map(|name| name.replace("canary_b_0_0_0", "planted"));
    let tries: Vec<(&String, String)> =
        planted.flat_map(|name| buckets.iter().map(move |bucket| (bucket, name.clone()))).collect();
    for (bucket, name) in tries {
        if found.has(Class::StoragePath, &relation.name.to_string()) {
            return;
        }
        let write = format!("insert into {table} (bucket_id, name) values ({}, {})", literal(bucket), literal(&name));
        let outcome = arena.as_a(&write).await;
        if outcome.is_done() && outcome.affected > 0 {
            let script = arena.script(
                [relation.oid],
                &arena.guise.clone(),
                &[write],
                "Not refused: a file of tenant B's, put there by tenant A",
            );
            let why = "A file can be put into another tenant's folder.";
            found.add(Finding::shown(Class::StoragePath, relation.name.to_string(), why, script));
        }
    }
}

/// Takes B's files into A's folder, or deletes them, by statements that read no column: then no policy for reading is asked.
async fn takes<'w>(arena: &mut Arena<'w, '_>, relation: &'w Relation, found: &mut Found) {
    let table = relation.name.quoted();
    let may_update = arena.actor.columns(relation, "UPDATE").contains(&"name");
    let mine: Vec<String> = words(arena, relation).into_iter().map(|(mine, _)| mine).collect();
    let moved = mine.iter().filter(|_| may_update).map(|mine| {
        let folder = literal(&format!("{mine}/"));
        (format!("update {table} set name = {folder} || pg_catalog.gen_random_uuid()::text"), "w", "take")
    });
    let may_delete = relation.grants(&arena.actor.inherited, "DELETE");
    let deleted = may_delete.then(|| (format!("delete from {table}"), "d", "delete"));
    let look = format!("select pg_catalog.count(*) from {table} t where t.name like '%canary_b%'");
    let before = arena.session.guarded(&look).await;
    for (sql, command, deed) in moved.chain(deleted).collect::<Vec<_>>() {
        let guise = arena.guise.clone();
        let goes = |outcome: &Outcome, after: &Outcome| {
            outcome.is_done() && !after.rows.is_empty() && after.rows != before.rows
        };
        let (outcome, after) = arena.after(&[], &guise, &[], &sql, Some(&look)).await;
        if !goes(&outcome, &after) {
            continue;
        }
        let policies = arena.culprits(relation, &["*", command], &[], &guise, &sql, Some(&look), goes).await;
        let seen = format!("Tenant A may {deed} files of tenant B's.");
        let lines = [sql, "reset session authorization".to_owned(), "reset role".to_owned(), look.clone()];
        let script = arena.script([relation.oid], &guise, &lines, &seen);
        for policy in policies {
            let why = format!("The policy {} lets tenant A {deed} files of another tenant's.", policy.name);
            let finding = Finding::shown(Class::StoragePath, relation.name.to_string(), why, script.clone());
            found.add(finding.about(policy.name.clone()));
        }
    }
}

async fn tell<'w>(
    arena: &mut Arena<'w, '_>,
    relation: &'w Relation,
    commands: &[&str],
    sql: &str,
    outcome: &Outcome,
    found: &mut Found,
) {
    let Some(sight) = arena.sight(sql, outcome) else { return };
    let shown: Vec<&str> = outcome
        .rows
        .iter()
        .flatten()
        .flatten()
        .map(String::as_str)
        .filter(|name| name.contains("canary_b"))
        .take(3)
        .collect();
    let seen = format!("{} is in a folder that is not tenant A's ({})", shown.join(", "), sight.text);
    let (guise, watch) = (arena.guise.clone(), arena.watch.clone());
    let leaks = |outcome: &Outcome, _: &Outcome| watch.sight(sql, outcome).is_some();
    let policies = arena.culprits(relation, commands, &[], &guise, sql, None, leaks).await;
    let script = arena.script([relation.oid], &guise, &[sql.to_owned()], &seen);
    for policy in policies {
        let why = format!("The policy {} takes a name with tenant A in it for tenant A's: {seen}.", policy.name);
        found.add(
            Finding::shown(Class::StoragePath, relation.name.to_string(), why, script.clone())
                .about(policy.name.clone()),
        );
    }
}
