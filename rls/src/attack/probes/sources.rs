//! What policies look up: whether A can write there that it is B's.

use std::collections::BTreeSet;

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::identity::{Guise, Identity, Side, context};
use crate::attack::judge::Found;
use crate::attack::probes::believed::spoken;
use crate::attack::probes::code::helpers;
use crate::attack::probes::front::reads;
use crate::attack::probes::read::leaking_tables;
use crate::attack::probes::write::{insert_of, insert_with, moving};
use crate::attack::values::MAIL_DOMAIN;
use crate::catalog::{Column, Relation, RelationKind};
use crate::class::Class;
use crate::finding::Finding;
use crate::name::{ident, literal};

/// Settings that nobody sets, and that are tried.
const SETTINGS: usize = 3;
/// Words of policies that are tried as somebody's role.
const WORDS: usize = 8;
/// States that a trigger waits for, which are tried.
const STATES: usize = 4;

/// Writes into every table that policies look up, and reads all others again.
pub(in crate::attack) async fn sources<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let guises = guises(arena).await;
    let unset = unset(arena);
    let looked_up = looked_up(arena);
    let mails: Vec<String> = looked_up.iter().flat_map(|source| with_mail_of(arena, source)).collect();
    for source in looked_up {
        for way in ways(arena, source, &mails).await {
            let Some((write, before)) = way.split_last() else { continue };
            let guise = arena.guise.clone();
            let (alone, _) = arena.after(&[], &guise, before, write, None).await;
            if !alone.is_done() || alone.affected == 0 {
                continue;
            }
            let said = told_by(arena, &unset, write);
            let all: Vec<Guise> = guises.iter().cloned().chain(said).collect();
            if shows(arena, source, &all, &way, found).await {
                break;
            }
        }
    }
}

/// What A does so that it is looked up as B's, one statement after the other.
async fn ways<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation, mails: &[String]) -> Vec<Vec<String>> {
    if arena.seeder.first(source.oid, Side::B).is_none() {
        arena.seeder.fill(arena.session, source).await;
    }
    let world = arena.plan.world;
    let mut found: Vec<Vec<String>> = Vec::new();
    if ["INSERT", "UPDATE"].iter().any(|privilege| world.may(&arena.actor.inherited, source, privilege)) {
        let writes = writes(arena, source).await;
        // With another address the same may be let in.
        let after = writes.iter().take(1).flat_map(|write| mails.iter().map(|mail| vec![mail.clone(), write.clone()]));
        found.extend(after);
        found.splice(0..0, writes.into_iter().map(|write| vec![write]));
        found.extend(with_mail_of(arena, source).into_iter().map(|mail| vec![mail]));
        found.extend(claiming(arena, source).await.map(|claim| vec![claim]));
    }
    found.extend(through_views(arena, source).into_iter().map(|write| vec![write]));
    found.extend(by_triggers(arena, source).await);
    found
}

/// Writes through views, which are their owners'.
fn through_views<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation) -> Vec<String> {
    let world = arena.plan.world;
    let mut found = Vec::new();
    for view in world.exposed().filter(|view| view.kind == RelationKind::View) {
        if !reads(arena, view).iter().any(|table| table.oid == source.oid) {
            continue;
        }
        let mut given = arena.seeder.spares(source.oid, Side::B).unwrap_or_default();
        given.retain(|(name, _)| view.column(name).is_some());
        found.extend(insert_with(arena, view, &given, &me(arena, source)));
        let tenant = world.settings.tenant_column(&source.name);
        if arena.actor.columns(view, "UPDATE").contains(&tenant) {
            let b = literal(&arena.pair().b.tenant);
            found.push(format!("update {} set {} = {b}", view.name.quoted(), ident(tenant)));
        }
    }
    found
}

/// Rows of A's whose triggers write there: a request that is granted, an invitation that is taken.
async fn by_triggers<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (table, text) in setting_off(arena, source) {
        let b = literal(&arena.pair().b.tenant);
        let mut with = me(arena, table);
        let beside = tenants_beside(arena, table).into_iter().filter(|column| !arena.plan.is_person(table, column));
        with.extend(beside.map(|column| (column.name.clone(), b.clone())));
        found.extend(insert_of(arena, table, Side::A, &with).await.map(|insert| vec![insert]));
        for (column, from, to) in turns(table, &text) {
            let first: Vec<_> = with.iter().cloned().chain([(column.clone(), literal(&from))]).collect();
            let Some(insert) = insert_of(arena, table, Side::A, &first).await else { continue };
            let change = format!("update {} set {} = {}", table.name.quoted(), ident(&column), literal(&to));
            found.push(vec![insert, change]);
        }
    }
    found
}

/// The tables whose triggers write there past its policies, with what those say.
fn setting_off<'w>(arena: &Arena<'w, '_>, source: &Relation) -> Vec<(&'w Relation, String)> {
    let world = arena.plan.world;
    let of = |trigger: &crate::catalog::Trigger| {
        let (function, table) = world.function(trigger.function).zip(world.relation(trigger.relation))?;
        let writes = trigger.is_enabled && function.is_definer && table.oid != source.oid;
        let text = format!("{}\n{}", trigger.definition, function.body());
        (writes && harvest::mentions(function.body(), &source.name.name)).then_some((table, text))
    };
    world.catalog.triggers.iter().filter_map(of).collect()
}

/// From one state that a text speaks of to another.
fn turns(table: &Relation, text: &str) -> Vec<(String, String, String)> {
    let of_column = |column: &Column| {
        let states: BTreeSet<String> = harvest::compared(text, &column.name).into_iter().take(STATES).collect();
        let pairs = states.iter().flat_map(|from| states.iter().map(move |to| (from.clone(), to.clone())));
        let turns = pairs.filter(|(from, to)| from != to);
        turns.map(|(from, to)| (column.name.clone(), from, to)).collect::<Vec<_>>()
    };
    table.columns.iter().flat_map(of_column).collect()
}

/// A as the person of a row.
fn me(arena: &Arena<'_, '_>, table: &Relation) -> Vec<(String, String)> {
    let people = table.columns.iter().filter(|column| arena.plan.is_person(table, column));
    people.map(|column| (column.name.clone(), literal(&arena.pair().a.user))).collect()
}

/// Columns that may name a tenant besides the one whose a row is.
fn tenants_beside<'r>(arena: &Arena<'_, '_>, table: &'r Relation) -> Vec<&'r Column> {
    let settings = arena.plan.world.settings;
    let tenant = settings.tenant_column(&table.name);
    let is_like = |column: &&Column| arena.plan.facts.base(&column.type_name) == settings.tenant_type;
    let referred = |column: &&Column| {
        !arena
            .plan
            .foreign_keys(table.oid)
            .iter()
            .any(|key| key.columns.len() > 1 && key.columns.contains(&column.name))
    };
    let others = table.columns.iter().filter(|column| column.name != tenant && column.generated.is_empty());
    others.filter(is_like).filter(referred).filter(|column| column.name != "id" && column.default.is_none()).collect()
}

/// The domain that B's addresses are at, as A's own.
async fn claiming<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation) -> Option<String> {
    let domain = source.columns.iter().find(|column| column.name.contains("domain"))?;
    let theirs = (domain.name.clone(), literal(MAIL_DOMAIN));
    if spoken(arena).contains("'@'") { insert_of(arena, source, Side::A, &[theirs]).await } else { None }
}

/// Where the part behind the @ says who belongs where: an address of A's at each of B's domains.
fn with_mail_of(arena: &Arena<'_, '_>, source: &Relation) -> Vec<String> {
    let text = spoken(arena);
    let may = arena.actor.columns(source, "UPDATE");
    let addresses = source.columns.iter().filter(|column| {
        column.name.contains("mail") && may.contains(&column.name.as_str()) && harvest::mentions(&text, &column.name)
    });
    if !text.contains("'@'") {
        return Vec::new();
    }
    let tables = arena.plan.world.catalog.relations.iter();
    let of_b = tables.filter_map(|table| Some((table, arena.values(table.oid, Side::B)?)));
    let domains: BTreeSet<&String> = of_b
        .flat_map(|(table, values)| {
            let named = table.columns.iter().filter(|column| column.name.contains("domain"));
            named.filter_map(|column| values.get(&column.name)?.as_ref())
        })
        .collect();
    let set = |column: &Column| {
        let at = |domain: &&String| {
            let address = literal(&format!("a@{}", domain.trim_start_matches('@')));
            format!("update {} set {} = {address}", source.name.quoted(), ident(&column.name))
        };
        domains.iter().map(at).collect::<Vec<_>>()
    };
    addresses.flat_map(set).collect()
}

/// A as it is, and A asking as B's, where that alone shows nothing.
async fn guises(arena: &mut Arena<'_, '_>) -> Vec<Guise> {
    let mixed = Identity { tenant: arena.pair().b.tenant.clone(), user: arena.pair().a.user.clone() };
    let mut settings = context(arena.plan.world.settings, &arena.actor.role.name, &mixed);
    settings.extend(arena.guise.settings.iter().filter(|(name, _)| name == "search_path").cloned());
    let mixed = arena.guise.with(settings);
    let mut guises = vec![arena.guise.clone()];
    if mixed != arena.guise && leaking_tables(arena, &mixed, &[]).await.is_empty() {
        guises.push(mixed);
    }
    guises
}

/// Settings that policies and the functions that they call read, and that nobody sets.
fn unset(arena: &Arena<'_, '_>) -> Vec<String> {
    let known = |name: &String| arena.guise.settings.iter().any(|(known, _)| known == name);
    harvest::settings(&spoken(arena))
        .into_iter()
        .filter(|name| name.contains('.') && !name.starts_with("request.") && !known(name))
        .take(SETTINGS)
        .collect()
}

/// A with what it wrote in those settings: a session's id, a token.
fn told_by(arena: &Arena<'_, '_>, unset: &[String], write: &str) -> Vec<Guise> {
    let values: Vec<String> =
        harvest::literals(write).into_iter().filter(|value| value.len() > 3).take(WORDS).collect();
    let with =
        |name: &String| values.iter().map(|value| arena.guise.and([(name.clone(), value.clone())])).collect::<Vec<_>>();
    unset.iter().flat_map(with).collect()
}

/// The tables whose names stand in policies of other tables, or in functions that policies call.
fn looked_up<'w>(arena: &Arena<'w, '_>) -> Vec<&'w Relation> {
    let world = arena.plan.world;
    let bodies: Vec<String> = helpers(arena).iter().map(|function| function.body().to_owned()).collect();
    let spoken = |relation: &Relation| {
        let policies = world.catalog.policies.iter().filter(|policy| policy.relation != relation.oid);
        let texts = policies.flat_map(|policy| policy.using.iter().chain(&policy.check));
        texts.chain(&bodies).any(|text| {
            harvest::mentions(text, &relation.name.name)
                && (text.contains("SELECT") || text.to_ascii_lowercase().contains("select"))
        })
    };
    let tables = world.catalog.relations.iter().filter(|relation| relation.is_table() && relation.extension.is_none());
    tables.filter(|relation| spoken(relation)).collect()
}

async fn writes<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation) -> Vec<String> {
    let a = arena.pair().a.clone();
    let people: Vec<&Column> = source.columns.iter().filter(|column| arena.plan.is_person(source, column)).collect();
    let me = me(arena, source);
    let table = source.name.quoted();
    let mut found = Vec::new();
    found.extend(insert_of(arena, source, Side::B, &me).await);
    // In each state that its conditions ask for.
    for row in arena.plan.combined(source, &a.tenant) {
        let row: Vec<(String, String)> = row.iter().map(|(name, value)| (name.clone(), value.sql())).collect();
        let with: Vec<(String, String)> = me.iter().cloned().chain(row).collect();
        found.extend(insert_of(arena, source, Side::B, &with).await);
    }
    // What the session says of itself beside its tenant may be what is looked up.
    let said = arena.guise.settings.iter().filter(|(name, _)| name != "search_path" && !name.starts_with("request."));
    let said: Vec<String> =
        said.map(|(_, value)| value.clone()).filter(|value| *value != a.tenant && *value != a.user).collect();
    let texts = source.columns.iter().filter(|column| column.type_name == "text");
    for column in texts.filter(|column| arena.plan.owner_value(source, column, &a).is_none()).collect::<Vec<_>>() {
        for value in &said {
            found.extend(insert_of(arena, source, Side::B, &[(column.name.clone(), literal(value))]).await);
        }
    }
    let mine: Vec<String> =
        people.iter().map(|column| format!("{}::text = {}", ident(&column.name), literal(&a.user))).collect();
    if let Some(moved) = moving(arena, source, Side::B) {
        found.push(moved.clone());
        found.extend(mine.iter().map(|mine| format!("{moved} where {mine}")));
    }
    let may: Vec<&str> = arena.actor.columns(source, "UPDATE");
    for column in people.iter().filter(|column| may.contains(&column.name.as_str())) {
        found.push(format!("update {table} set {} = {}", ident(&column.name), literal(&a.user)));
    }
    found.extend(promotions(arena, source, &may, &mine));
    found.extend(naming(arena, source, &me).await);
    // A row of B's that names A.
    for column in tenants_beside(arena, source) {
        let with: Vec<_> = me.iter().cloned().chain([(column.name.clone(), literal(&a.tenant))]).collect();
        found.extend(insert_of(arena, source, Side::B, &with).await);
    }
    found
}

/// A's own row, which names B where policies go by what it names: its parent, the workspace it looks at, a list of those
/// it is linked with.
async fn naming<'w>(arena: &mut Arena<'w, '_>, source: &'w Relation, me: &[(String, String)]) -> Vec<String> {
    let spoken = spoken(arena);
    let tenant = arena.plan.world.settings.tenant_column(&source.name);
    let may = arena.actor.columns(source, "UPDATE");
    let columns = source.columns.iter().filter(|column| {
        column.name != tenant && column.generated.is_empty() && harvest::mentions(&spoken, &column.name)
    });
    let mut found = Vec::new();
    for column in columns.collect::<Vec<_>>() {
        for value in names_of_b(arena, column, &spoken) {
            if may.contains(&column.name.as_str()) {
                found.push(format!("update {} set {} = {value}", source.name.quoted(), ident(&column.name)));
            }
            let with: Vec<(String, String)> = me.iter().cloned().chain([(column.name.clone(), value)]).collect();
            found.extend(insert_of(arena, source, Side::A, &with).await);
        }
    }
    found
}

/// B's tenant as a column of this type may hold it.
fn names_of_b(arena: &Arena<'_, '_>, column: &Column, spoken: &str) -> Vec<String> {
    let b = arena.pair().b.tenant.clone();
    let base = arena.plan.facts.base(&column.type_name);
    if base == arena.plan.world.settings.tenant_type || base == "text" {
        return vec![literal(&b)];
    }
    if let Some(element) = base.strip_suffix("[]") {
        let is_tenants = element == arena.plan.world.settings.tenant_type || element == "text";
        return if is_tenants { vec![format!("array[{}]::{base}", literal(&b))] } else { Vec::new() };
    }
    if !matches!(base, "json" | "jsonb") {
        return Vec::new();
    }
    let with = |holds: &serde_json::Value| {
        let asked = crate::attack::documents::asked([spoken], |_| Some(b.clone()));
        let object = asked.first().and_then(|document| document.as_object()).cloned().unwrap_or_default();
        let named = object.into_iter().map(|(key, value)| if value == b { (key, holds.clone()) } else { (key, value) });
        literal(&serde_json::Value::Object(named.collect()).to_string())
    };
    vec![with(&b.clone().into()), with(&serde_json::json!([b])), literal(&serde_json::json!([b]).to_string())]
}

/// `update … set is_admin = true`, `set role = 'admin'`.
fn promotions(arena: &Arena<'_, '_>, source: &Relation, may: &[&str], mine: &[String]) -> Vec<String> {
    let spoken = spoken(arena);
    let mut found = Vec::new();
    for column in source
        .columns
        .iter()
        .filter(|column| may.contains(&column.name.as_str()) && harvest::mentions(&spoken, &column.name))
    {
        let base = arena.plan.facts.base(&column.type_name);
        let enumerated = arena.plan.facts.of_type(base).is_some_and(|fact| !fact.labels.is_empty());
        let values: Vec<String> = match base {
            "boolean" => vec!["true".to_owned()],
            "text" | "character varying" => harvest::values(&spoken).into_iter().take(WORDS).collect(),
            _ if enumerated => harvest::values(&spoken).into_iter().take(WORDS).collect(),
            _ => Vec::new(),
        };
        for value in values {
            let update = format!("update {} set {} = {}", source.name.quoted(), ident(&column.name), literal(&value));
            found.push(update.clone());
            found.extend(mine.iter().map(|mine| format!("{update} where {mine}")));
        }
    }
    found
}

/// Reads every table after the write. Whether one shows more than before.
async fn shows<'w>(
    arena: &mut Arena<'w, '_>,
    source: &'w Relation,
    guises: &[Guise],
    way: &[String],
    found: &mut Found,
) -> bool {
    for guise in guises {
        let before: Vec<u32> = leaking_tables(arena, guise, &[]).await.iter().map(|(table, ..)| table.oid).collect();
        // The write is A's as A; what is read after it, as whoever A can now say it is.
        let mut own = way.to_vec();
        own.extend(
            guise
                .settings
                .iter()
                .filter(|setting| !arena.guise.settings.contains(setting))
                .map(|(name, value)| crate::attack::identity::setting(name, value)),
        );
        let start = arena.guise.clone();
        let after = leaking_tables(arena, &start, &own).await;
        let Some((table, sql, reading)) =
            after.into_iter().find(|(table, ..)| table.oid != source.oid && !before.contains(&table.oid))
        else {
            continue;
        };
        let seen = format!("{} rows of {} are not tenant A's, as {}", reading.theirs, table.name, reading.seen);
        own.push(sql);
        let script = arena.script([source.oid, table.oid], &start, &own, &seen);
        let why = format!("Policies look it up, and tenant A can write there that it belongs to another: then {seen}.");
        found.add(Finding::shown(Class::PolicySourceWritable, source.name.to_string(), why, script));
        return true;
    }
    false
}
