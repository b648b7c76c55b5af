//! The context as SQL: what a policy compares a table's tenant with.

use crate::catalog::Relation;
use crate::config::{Context, Settings};
use crate::name::{ident, literal};

/// The tenant of the context as an expression of this type: NULL, and so no row, where there is none. None when the
/// context does not name a tenant by itself.
pub fn context_expression(settings: &Settings, type_name: &str) -> Option<String> {
    let quiet = |name: &str| format!("nullif(current_setting({}, true), '')", literal(name).trim());
    let vars = settings.context.vars();
    let by_vars = vars.iter().find_map(|(name, template)| of_template(&quiet(name), template));
    let text = match &settings.context {
        _ if by_vars.is_some() => by_vars,
        Context::Guc { .. } => None,
        Context::Role { .. } => Some("current_user".to_owned()),
        Context::JwtClaims { claims, .. } => {
            let root = format!("{}::jsonb", quiet("request.jwt.claims"));
            claims.iter().find_map(|(key, value)| of_claim(&root, std::slice::from_ref(key), value))
        }
    }?;
    Some(if type_name == "text" { format!("({text})::text") } else { format!("({text})::{type_name}") })
}

fn of_template(quiet: &str, template: &str) -> Option<String> {
    if template == "$tenant" {
        return Some(quiet.to_owned());
    }
    let json: serde_json::Value = serde_json::from_str(template).ok()?;
    let path = path_of(&json)?;
    Some(at(&format!("{quiet}::jsonb"), &path))
}

fn of_claim(root: &str, path: &[String], value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) if text == "$tenant" => Some(at(root, path)),
        toml::Value::Table(table) => table.iter().find_map(|(key, value)| {
            let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
            of_claim(root, &path, value)
        }),
        _ => None,
    }
}

fn path_of(json: &serde_json::Value) -> Option<Vec<String>> {
    match json {
        serde_json::Value::String(text) if text == "$tenant" => Some(Vec::new()),
        serde_json::Value::Object(map) => map.iter().find_map(|(key, value)| {
            let rest = path_of(value)?;
            Some(std::iter::once(key.clone()).chain(rest).collect())
        }),
        _ => None,
    }
}

fn at(root: &str, path: &[String]) -> String {
    let keys: Vec<String> = path.iter().map(|key| literal(key).trim().to_owned()).collect();
    match keys.split_last() {
        Some((last, before)) => {
            let middle: String = before.iter().map(|key| format!(" -> {key}")).collect();
            format!("({root}{middle} ->> {last})")
        }
        None => root.to_owned(),
    }
}

/// The condition that ties a row of this table to the context. None where the table has no tenant column, or the
/// context names no tenant: with a membership the look-up is written.
pub fn tenant_equality(settings: &Settings, relation: &Relation) -> Option<String> {
    // A collation that takes two names for one would take two tenants for one here as well.
    let column = relation.column(settings.tenant_column(&relation.name)).filter(|column| column.is_deterministic)?;
    let name = ident(&column.name);
    if let Some(context) = context_expression(settings, &column.type_name) {
        return Some(format!("{name} = {context}"));
    }
    None
}
