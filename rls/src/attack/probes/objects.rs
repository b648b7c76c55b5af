//! What is not a row: sequences, large objects, statistics, publications, tables to come, contexts that stay.

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::judge::Found;
use crate::attack::probes::arguments::calls;
use crate::attack::probes::code::{call, callable, signature};
use crate::catalog::{DefaultPrivilege, Function, Publication, Relation, RelationKind};
use crate::class::Class;
use crate::config::Context;
use crate::finding::Finding;
use crate::name::{Name, ident, literal};

/// A table whose samples are looked for.
const SAMPLES: &str = "public.tenantry_samples";
/// Without its schema.
const SAMPLES_NAME: &str = "tenantry_samples";

/// Tries each of them.
pub(in crate::attack) async fn objects<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    sequences(arena, found).await;
    large_objects(arena, found).await;
    statistics(arena, found).await;
    statistics_through(arena, found).await;
    extensions(arena, found).await;
    tables_to_come(arena, found).await;
    for publication in &arena.plan.world.catalog.publications {
        publications(arena, publication, found);
    }
    contexts_that_stay(arena, found).await;
    contexts_from_the_start(arena, found).await;
}

/// A counter of all tenants' rows. It is not moved: no rollback would move it back.
async fn sequences<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    for sequence in world.exposed().filter(|relation| relation.kind == RelationKind::Sequence) {
        let table = sequence.owned_by.as_ref().and_then(|owner| world.relation(owner.relation));
        let of_tenants = table.is_none_or(|table| arena.plan.is_of_tenants(table));
        let may = |privilege| world.may(&arena.actor.inherited, sequence, privilege);
        if !of_tenants || arena.actor.is_above_rls() || !(may("SELECT") || may("UPDATE")) {
            continue;
        }
        let name = sequence.name.quoted();
        let (sql, what) = if may("SELECT") {
            (format!("select last_value from {name}"), "tells how many rows all tenants made")
        } else {
            (
                format!("select pg_catalog.has_sequence_privilege({}, 'UPDATE')", literal(&name)),
                "can be moved with setval, for every tenant",
            )
        };
        let outcome = arena.as_a(&sql).await;
        if let Some(value) = outcome.value().filter(|value| *value != "f") {
            let seen = format!("{value}: it {what}");
            let script = arena.script([], &arena.guise, &[sql], &seen);
            let why =
                format!("{} may read or move it, and it is one for all tenants: it {what}.", arena.actor.role.name);
            found.add(Finding::shown(Class::SequenceOracle, sequence.name.to_string(), why, script));
        }
    }
}

/// Large objects belong to a role, and all tenants share it.
async fn large_objects<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let refers = |relation: &&Relation| {
        relation.is_table()
            && relation.columns.iter().any(|column| matches!(column.type_name.as_str(), "oid" | "lo" | "public.lo"))
    };
    let tables: Vec<&Relation> = world.exposed().filter(refers).collect();
    let server = &world.catalog.server;
    if tables.is_empty() && server.large_objects == 0 && !server.lo_compat_privileges {
        return;
    }
    let guise = arena.guise.clone();
    let theirs = crate::attack::identity::context(world.settings, &arena.actor.role.name, &arena.pair().b.clone());
    let as_b = arena.guise.with(theirs);
    let mut own: Vec<String> = as_b.statements().into_iter().skip(1).collect();
    own.push("select pg_catalog.lo_from_bytea(0, 'canary_b_0_0_0')".to_owned());
    own.extend(guise.statements().into_iter().skip(1));
    let sql = "select pg_catalog.convert_from(pg_catalog.lo_get(m.oid), 'UTF8') from pg_catalog.pg_largeobject_metadata m \
               where m.lomowner = (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user) order by m.oid desc limit 1";
    let (outcome, _) = arena.after(&[], &guise, &own, sql, None).await;
    if outcome.value() == Some("canary_b_0_0_0") {
        own.push(sql.to_owned());
        let script = arena.script([], &guise, &own, "canary_b_0_0_0, which was made for tenant B");
        let why =
            "Large objects have no policies: the app's role owns them all, and any tenant may read them by their oid.";
        let objects = tables.iter().map(|table| table.name.to_string());
        let of_nothing = tables.is_empty().then(|| server.database.clone());
        for object in objects.chain(of_nothing) {
            found.add(Finding::shown(Class::LargeObjects, object, why, script.clone()));
        }
    }
}

/// Samples of every table's values, which only a superuser may read.
async fn statistics<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    if arena.actor.role.is_superuser || found.has(Class::RoleReadsAll, &arena.actor.role.name) {
        return;
    }
    for table in ["pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data"] {
        let sql = format!("select 1 from {table} limit 1");
        if arena.as_a(&sql).await.is_done() {
            let script =
                arena.script([], &arena.guise, &[sql], "Not refused: it holds samples of every table's values.");
            let why = format!("{} may read it, and it holds samples of every tenant's values.", arena.actor.role.name);
            found.add(Finding::shown(Class::StatisticsExposed, table, why, script));
        }
    }
}

/// A table that only the administrator may read, and samples of it.
fn samples() -> [String; 3] {
    [
        format!("create table {SAMPLES} (note text)"),
        format!("insert into {SAMPLES} select 'canary_b_0_0_' || n % 50 from pg_catalog.generate_series(1, 500) n"),
        format!("analyze {SAMPLES}"),
    ]
}

/// Whether a text reads the samples.
fn reads_samples(text: &str) -> bool {
    text.contains("pg_statistic") || text.contains("pg_stats")
}

/// Views and functions over the samples: whether they show values of a table that A may not read at all.
async fn statistics_through<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let views = world.exposed().filter(|view| {
        !view.is_table()
            && view.definition.as_deref().is_some_and(reads_samples)
            && world.may(&arena.actor.inherited, view, "SELECT")
    });
    let functions = callable(arena)
        .into_iter()
        .filter(|function| function.kind == "f" && function.is_definer && reads_samples(function.body()));
    let of_view = views.map(|view| (view.name.to_string(), view.name.quoted()));
    let of_function = functions.map(|function| {
        let names = function.argument_names.iter().map(String::as_str).chain(std::iter::repeat(""));
        let arguments: Vec<String> =
            function.argument_types.iter().zip(names).map(|(kind, name)| of_samples(kind, name)).collect();
        (function.signature(), format!("{}({})", function.name.quoted(), arguments.join(", ")))
    });
    for (object, source) in of_view.chain(of_function).collect::<Vec<_>>() {
        let (admin, guise) = (samples(), arena.guise.clone());
        let sql = format!("select v::text from {source} v where v::text like '%canary\\_b%' limit 1");
        let (outcome, _) = arena.after(&admin, &guise, &[], &sql, None).await;
        let Some(sight) = arena.sight(&sql, &outcome) else { continue };
        let seen = format!("{} is a value of a table that {} may not read", sight.text, arena.actor.role.name);
        let script = arena.script_after(&admin, [], &guise, &[sql], &seen);
        let why = format!("It shows the samples that PostgreSQL keeps of every table's values: {seen}.");
        found.add(Finding::shown(Class::StatisticsExposed, object, why, script));
    }
}

/// The sampled table, or its column, as an argument.
fn of_samples(type_name: &str, name: &str) -> String {
    let is_column = ["col", "attr", "field"].iter().any(|word| name.contains(word));
    match type_name {
        "text" | "name" | "character varying" if is_column => literal("note"),
        "text" | "name" | "character varying" if name.contains("schema") => literal("public"),
        "regclass" | "oid" => format!("{}::pg_catalog.regclass", literal(SAMPLES)),
        "text" | "name" | "character varying" => literal(SAMPLES_NAME),
        _ => "null".to_owned(),
    }
}

/// Connections and files of their own, which no policy and no transaction of ours holds.
async fn extensions<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let reaching = ["dblink", "adminpack"];
    let role = arena.actor.role.name.clone();
    for extension in world.catalog.extensions.iter().filter(|extension| reaching.contains(&extension.name.as_str())) {
        let may = |function: &&Function| {
            function.extension.as_deref() == Some(extension.name.as_str())
                && world.has_usage(&function.name.schema, &arena.actor.inherited)
                && crate::catalog::granted(&function.acl, &arena.actor.inherited, "EXECUTE")
        };
        let Some(function) = world.catalog.functions.iter().find(may) else { continue };
        let name = format!("{}({})", function.name.quoted(), function.argument_types.join(", "));
        let sql = format!("select pg_catalog.has_function_privilege({}, 'EXECUTE')", literal(&name));
        let outcome = arena.as_a(&sql).await;
        if outcome.value() == Some("t") {
            let script =
                arena.script([], &arena.guise, &[sql], "true: it opens connections or files that no policy holds");
            let why =
                format!("{role} may call {}, which reaches past this transaction and every policy.", function.name);
            found.add(Finding::shown(Class::ExtensionDangerous, extension.name.clone(), why, script));
        }
    }
    for server in &world.catalog.foreign_servers {
        let mapped = server.mapped.iter().any(|user| *user == 0 || arena.actor.inherited.contains(user));
        let usable = crate::catalog::granted(&server.acl, &arena.actor.inherited, "USAGE");
        if !usable || !(mapped || server.wrapper == "file_fdw") || arena.actor.role.is_superuser {
            continue;
        }
        let sql = format!("select pg_catalog.has_server_privilege({}, 'USAGE')", literal(&server.name));
        let script = arena.script([], &arena.guise, &[sql], "true: foreign tables of its own can be made on it");
        let why = format!(
            "{role} may use the server {}, and can read there by tables of its own, which have no policies.",
            server.name
        );
        found.add(
            Finding::shown(Class::ExtensionDangerous, server.wrapper.clone(), why, script).about(server.name.clone()),
        );
    }
}

/// A table made now, as by the next migration.
async fn tables_to_come<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    for default in world.catalog.default_privileges.iter().filter(|default| default.kind == "r") {
        let gives = |privilege: &str| {
            crate::catalog::granted(&default.acl, &arena.actor.inherited, privilege)
                && default.owner != arena.actor.role.oid
        };
        if !gives("SELECT") || arena.actor.is_above_rls() || world.gives_guarded_rows(default) {
            continue;
        }
        let schemas = match &default.schema {
            Some(schema) => vec![schema.clone()],
            None => world.settings.schemas.clone(),
        };
        for schema in schemas.into_iter().filter(|schema| world.settings.schemas.contains(schema)) {
            table_to_come(arena, default, &schema, found).await;
        }
    }
}

async fn table_to_come<'w>(arena: &mut Arena<'w, '_>, default: &DefaultPrivilege, schema: &str, found: &mut Found) {
    let world = arena.plan.world;
    let table = Name::new(schema, "tenantry_table_to_come").quoted();
    let owner = world.role_name(default.owner);
    let tenant = ident(&world.settings.tenant_column);
    let admin = vec![
        format!("set local role {}", ident(owner)),
        format!("create table {table} ({tenant} text, note text)"),
        "reset role".to_owned(),
        format!("insert into {table} values ({}, 'canary_b_0_0_0')", literal(&arena.pair().b.tenant)),
    ];
    let sql = format!("select * from {table}");
    let guise = arena.guise.clone();
    let (outcome, _) = arena.after(&admin, &guise, &[], &sql, None).await;
    if arena.sight(&sql, &outcome).is_some() {
        let script = arena.script_after(&admin, [], &guise, &[sql], "canary_b_0_0_0, which is tenant B's");
        let why = format!(
            "What {owner} creates in {schema} is granted to {} at once, before anybody can put a policy on it.",
            arena.actor.role.name
        );
        found.add(Finding::shown(Class::DefaultPrivileges, schema.to_owned(), why, script));
    }
}

/// What leaves the server with every tenant's rows in it.
fn publications(arena: &Arena<'_, '_>, publication: &Publication, found: &mut Found) {
    let world = arena.plan.world;
    let carries = |relation: &&Relation| {
        let listed = publication.tables.iter().find(|table| table.relation == relation.oid);
        let tenant = arena
            .plan
            .tenant_column(world.relation(relation.oid).unwrap_or(relation))
            .map(|column| column.name.clone());
        let filtered = listed
            .and_then(|table| table.filter.as_ref())
            .is_some_and(|filter| tenant.is_some_and(|tenant| harvest::mentions(filter, &tenant)));
        (publication.is_of_all || publication.schemas.contains(&relation.name.schema) || listed.is_some()) && !filtered
    };
    let is_chosen = !publication.is_of_all && publication.schemas.is_empty() && world.who_replicates().is_empty();
    let Some(table) = world.tenant_tables().find(|relation| carries(relation)).filter(|_| !is_chosen) else { return };
    let sql = format!("select * from pg_catalog.pg_publication_tables where pubname = {}", literal(&publication.name));
    let seen = format!("{} is in it, and nothing chooses its rows", table.name);
    let script = arena.script([], &arena.guise, &[sql], &seen);
    let why = format!("Whoever subscribes gets every tenant's rows of {}: policies hold no publication.", table.name);
    found.add(Finding::shown(Class::PublicationAll, publication.name.clone(), why, script));
}

/// A function that sets the context for longer than the transaction: one whose own setting would end that of a
/// transaction shows whether it is still there.
async fn contexts_that_stay<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let names: Vec<String> = match &arena.plan.world.settings.context {
        Context::Guc { vars, .. } => vars.keys().cloned().collect(),
        Context::JwtClaims { .. } => vec!["request.jwt.claims".to_owned()],
        Context::Role { .. } => return,
    };
    let sets = |function: &&Function| {
        let body = function.source.to_ascii_lowercase();
        (body.contains("set_config") || harvest::mentions(&body, "set"))
            && names.iter().any(|name| body.contains(&name.to_ascii_lowercase()))
    };
    for function in callable(arena).into_iter().filter(sets).collect::<Vec<_>>() {
        for name in &names {
            stays(arena, function, name, found).await;
        }
    }
}

async fn stays<'w>(arena: &mut Arena<'w, '_>, function: &'w Function, name: &str, found: &mut Found) {
    let guise = arena.guise.clone();
    let others = read_by(arena, function);
    for arguments in calls(arena, function).into_iter().take(12) {
        let inner = call(function, &arguments);
        let statement =
            if inner.starts_with("call") { inner.clone() } else { format!("perform * from ({inner}) answer") };
        let mut own: Vec<String> = others.clone();
        own.extend([
            format!("select pg_catalog.set_config({}, 'before', true)", literal(name)),
            format!(
                "create function pg_temp.within() returns void language plpgsql set {} = 'within' as $within$ begin {statement}; end $within$",
                name.split('.').map(ident).collect::<Vec<_>>().join(".")
            ),
        ]);
        let sql = "select pg_temp.within()";
        let look = format!("select pg_catalog.current_setting({}, true)", literal(name));
        let (outcome, seen) = arena.after(&own, &guise, &[], sql, Some(&look)).await;
        let Some(value) =
            seen.value().filter(|value| outcome.is_done() && *value != "before" && !is_as_before(&guise, name, value))
        else {
            continue;
        };
        let lines = [sql.to_owned(), look];
        let seen = format!(
            "{value}: set for the session, since a setting of the transaction would have ended with the function"
        );
        let script = arena.script_after(&own, [], &guise, &lines, &seen);
        let why =
            format!("It sets {name} for the session, so that whoever gets the connection next acts as this tenant.");
        found.add(Finding::shown(Class::ContextOutlives, signature(function), why, script));
        return;
    }
}

/// The settings that a function reads and nobody has set, with what it asks of them.
fn read_by(arena: &Arena<'_, '_>, function: &Function) -> Vec<String> {
    let tenant = arena.pair().b.tenant.clone();
    let known = |name: &String| arena.guise.settings.iter().any(|(known, _)| known == name);
    let unset = harvest::settings(&function.source).into_iter().filter(|name| name.contains('.') && !known(name));
    let asked = crate::attack::documents::asked([function.source.as_str()], |_| Some(tenant.clone()));
    let value = asked.first().map_or_else(|| tenant.clone(), serde_json::Value::to_string);
    unset.map(|name| crate::attack::identity::setting(&name, &value)).collect()
}

fn is_as_before(guise: &crate::attack::identity::Guise, name: &str, value: &str) -> bool {
    guise.settings.iter().any(|(known, before)| known == name && before == value)
}

/// A role or database whose sessions begin as somebody.
async fn contexts_from_the_start<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let world = arena.plan.world;
    let Context::Guc { vars, .. } = &world.settings.context else { return };
    for setting in &world.catalog.role_settings {
        if setting.role != 0 && !arena.actor.inherited.contains(&setting.role) {
            continue;
        }
        for (name, value) in setting.settings.iter().filter_map(|text| text.split_once('=')) {
            if !vars.contains_key(name) || value.is_empty() {
                continue;
            }
            let object = if setting.role == 0 {
                world.catalog.server.database.clone()
            } else {
                world.role_name(setting.role).to_owned()
            };
            let sql = "select s.setconfig from pg_catalog.pg_db_role_setting s".to_owned();
            let script = arena.script([], &arena.guise, &[sql], &format!("{name}={value}"));
            let why = format!(
                "Every session begins with {name} = {value}, whoever asks: a forgotten context is that tenant's."
            );
            found.add(Finding::shown(Class::ContextOutlives, object, why, script).about(name.to_owned()));
        }
    }
}
