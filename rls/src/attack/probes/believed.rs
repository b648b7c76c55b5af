//! What a caller chooses for itself: settings that no one sets, headers, and claims that people write.

use std::collections::BTreeSet;

use crate::attack::arena::Arena;
use crate::attack::harvest;
use crate::attack::identity::{Guise, Side, claim_settings};
use crate::attack::judge::{Failing, Found};
use crate::attack::probes::code::helpers;
use crate::attack::probes::read::{leaking, leaking_tables, select};
use crate::config::Context;

/// So many words of policies are tried as values.
const WORDS: usize = 12;

/// Sets what the context does not set, and reads every table again.
pub(in crate::attack) async fn believed<'w>(arena: &mut Arena<'w, '_>, found: &mut Found) {
    let text = spoken(arena);
    magic(arena, &text, found).await;
    for guise in guises(arena, &text) {
        for (relation, sql, _) in leaking_tables(arena, &guise, &[]).await {
            if !found.is_open(&relation.name.to_string()) {
                leaking(arena, relation, &guise, &sql, Failing::Believed, found).await;
            }
        }
    }
}

/// A word of a policy as the tenant: one that is no tenant must not show B's rows.
async fn magic<'w>(arena: &mut Arena<'w, '_>, text: &str, found: &mut Found) {
    let Context::Guc { vars, .. } = &arena.plan.world.settings.context else { return };
    let names: Vec<String> =
        vars.iter().filter(|(_, value)| value.contains("$tenant")).map(|(name, _)| name.clone()).collect();
    let words = harvest::values(text).into_iter().filter(|word| !names.contains(word));
    for word in words.take(WORDS).collect::<Vec<_>>() {
        let said = arena.guise.settings.iter().map(|(name, value)| {
            let value = if names.contains(name) { &word } else { value };
            (name.clone(), value.clone())
        });
        let guise = arena.guise.with(said.collect());
        for relation in arena.seeded() {
            let tenant = arena.plan.tenant_column(relation).map(|column| column.name.clone());
            let Some((tenant, sql)) = tenant.zip(select(arena, relation)) else { continue };
            let outcome = arena.as_guise(&guise, &sql).await;
            let b = arena.pair().b.tenant.clone();
            let shows = outcome.column(&tenant).iter().flatten().any(|value| *value == b);
            if shows && !found.is_open(&relation.name.to_string()) {
                leaking(arena, relation, &guise, &sql, Failing::Believed, found).await;
            }
        }
    }
}

/// All that policies and the functions that they call are made of.
pub(super) fn spoken(arena: &Arena<'_, '_>) -> String {
    let catalog = arena.plan.world.catalog;
    let policies = catalog.policies.iter().flat_map(|policy| policy.using.iter().chain(&policy.check).cloned());
    let functions = helpers(arena).into_iter().map(|function| function.body().to_owned());
    policies.chain(functions).collect::<Vec<_>>().join("\n")
}

fn guises(arena: &Arena<'_, '_>, text: &str) -> Vec<Guise> {
    let known: BTreeSet<&str> = arena.guise.settings.iter().map(|(name, _)| name.as_str()).collect();
    let mut words: Vec<String> = harvest::values(text).into_iter().collect();
    // What B's rows hold in columns that policies speak of.
    let world = arena.plan.world;
    for table in arena.seeded().into_iter().filter(|table| !world.policies_of(table.oid).is_empty()) {
        let spoken = |column: &&crate::catalog::Column| {
            column.type_name == "text"
                // Nobody knows another's token.
                && !column.is_secret()
                && world
                    .policies_of(table.oid)
                    .iter()
                    .flat_map(|policy| &policy.using)
                    .any(|using| using.contains("current_setting") && harvest::mentions(using, &column.name))
        };
        let values = arena.values(table.oid, Side::B);
        let held =
            table.columns.iter().filter(spoken).filter_map(|column| values?.get(&column.name).cloned().flatten());
        words.splice(0..0, held.take(3));
    }
    let chosen = |name: &String| {
        !known.contains(name.as_str())
            && !name.starts_with("request.jwt")
            && (name.contains('.') || name == "application_name")
    };
    let mut found = Vec::new();
    for name in harvest::settings(text).into_iter().filter(chosen) {
        found.extend(values(arena, &name, &words).into_iter().map(|value| arena.guise.and([(name.clone(), value)])));
    }
    if matches!(arena.plan.world.settings.context, Context::JwtClaims { .. }) {
        found.extend(claims(arena, &words));
    }
    found
}

/// What a setting could be given: B, or a word that the policies know.
fn values(arena: &Arena<'_, '_>, name: &str, words: &[String]) -> Vec<String> {
    let b = &arena.pair().b;
    if name.contains("header") || name.contains("cookie") {
        let all = |value: &str| {
            let object: serde_json::Map<_, _> = words.iter().map(|word| (word.clone(), value.into())).collect();
            serde_json::Value::Object(object).to_string()
        };
        return [b.tenant.as_str(), b.user.as_str()]
            .into_iter()
            .chain(words.iter().take(WORDS).map(String::as_str))
            .map(all)
            .chain([b.tenant.clone()])
            .collect();
    }
    let usual = ["", "true", "on", "1", "yes", "admin", "all"].map(str::to_owned);
    [b.tenant.clone(), b.user.clone()].into_iter().chain(usual).chain(words.iter().take(WORDS).cloned()).collect()
}

/// Claims in which what people write about themselves says that they are B's, or whatever the policies ask for.
fn claims(arena: &Arena<'_, '_>, words: &[String]) -> Vec<Guise> {
    let whole = arena.guise.settings.iter().find(|(name, _)| name == crate::config::CLAIMS);
    let Some(claims) =
        whole.and_then(|(_, text)| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok())
    else {
        return Vec::new();
    };
    let b = &arena.pair().b;
    let tenants = [b.tenant.as_str(), b.user.as_str(), "true", "admin"];
    let with = |value: &str| {
        let mut claims = claims.clone();
        let own: serde_json::Map<_, _> = words.iter().map(|word| (word.clone(), value.into())).collect();
        claims.insert("user_metadata".to_owned(), own.into());
        let kept = arena.guise.settings.iter().filter(|(name, _)| !name.starts_with("request.jwt.")).cloned();
        arena.guise.with(kept.chain(claim_settings(&claims)).collect())
    };
    tenants.into_iter().chain(words.iter().take(WORDS).map(String::as_str)).map(with).collect()
}
