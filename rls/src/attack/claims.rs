//! Which claims name the tenant, where `rls.toml` does not say: what policies read.

use std::collections::BTreeMap;

use super::harvest;
use super::identity::names_tenant;
use crate::catalog::Catalog;
use crate::config::{Context, Settings};

/// Beyond this depth claims are not read.
const DEPTH: usize = 4;
/// What the tenant is called.
const WORDS: &[&str] = &["tenant", "org", "account", "workspace", "company", "team", "shop", "customer"];

/// The settings, with the claims that policies read for the tenant; the same where some are said.
pub(super) fn inferred(catalog: &Catalog, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let says = names_tenant(&settings);
    let column = settings.tenant_column.to_ascii_lowercase();
    if let Context::JwtClaims { claims, membership: None } = &mut settings.context
        && !says
    {
        for path in read(catalog).into_iter().filter(|path| is_of_tenant(path, &column)) {
            put(claims, &path);
        }
    }
    settings
}

/// The paths that policies, and functions that they may call, read.
fn read(catalog: &Catalog) -> Vec<Vec<String>> {
    let policies = catalog.policies.iter().flat_map(|policy| policy.using.iter().chain(&policy.check));
    let functions = catalog.functions.iter().filter(|function| function.extension.is_none());
    let bodies = functions.map(|function| function.sql_body.as_ref().unwrap_or(&function.source));
    let about = |text: &&String| text.contains("jwt");
    policies.chain(bodies).filter(about).flat_map(|text| harvest::paths(text)).collect()
}

/// What people write about themselves names nobody's tenant.
fn is_of_tenant(path: &[String], column: &str) -> bool {
    let last = path.last().map(|last| last.to_ascii_lowercase()).unwrap_or_default();
    let names = last == column || WORDS.iter().any(|word| last.contains(word));
    names && path.len() <= DEPTH && !path.iter().any(|key| key == "user_metadata" || key == "raw_user_meta_data")
}

fn put(claims: &mut BTreeMap<String, toml::Value>, path: &[String]) {
    let tenant = || toml::Value::String("$tenant".to_owned());
    match path {
        [] => {}
        [key] => _ = claims.entry(key.clone()).or_insert_with(tenant),
        [key, rest @ ..] => {
            let inner = claims.entry(key.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let toml::Value::Table(table) = inner else { return };
            let mut below: BTreeMap<String, toml::Value> = std::mem::take(table).into_iter().collect();
            put(&mut below, rest);
            table.extend(below);
        }
    }
}
