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
    let by_path = |relation: &&'w Relation| {
        relation.is_table()
            && arena.plan.tenant_column(relation).is_none()
            && relation.column("name").is_some()
            && relation.column("bucket_id").is_some()
    };
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

/// Names whose first folder is not A.
fn names(arena: &Arena<'_, '_>) -> Vec<String> {
    let (a, b) = (&arena.pair().a, &arena.pair().b);
    let mut names = Vec::new();
    for (mine, theirs) in [(&a.tenant, &b.tenant), (&a.user, &b.user)] {
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
        for (at, name) in names(arena).into_iter().enumerate() {
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
    for bucket in &buckets {
        let write = format!(
            "insert into {table} (bucket_id, name) values ({}, {}) returning 1",
            literal(bucket),
            literal(&format!("{}/planted.pdf", arena.pair().b.tenant))
        );
        let write = write.trim_end_matches(" returning 1").to_owned();
        let outcome = arena.as_a(&write).await;
        if outcome.is_done() && outcome.affected > 0 && !found.has(Class::StoragePath, &relation.name.to_string()) {
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
