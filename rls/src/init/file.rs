//! The file: TOML that a person reads, with a comment above each guess.

use serde_json::Value;

use super::Guess;
use super::context::{Kind, Said};
use super::tables::Override;
use crate::config::Membership;
use crate::report::printable;

/// Longer lists are written a line an entry.
const LONGEST_LINE: usize = 100;

/// The whole text.
pub fn written(guess: &Guess, database: &str) -> String {
    let mut out = format!(
        "# What the database {} is meant to be, for `tenantry rls`. Written by `init`: read each guess, and mend what is\n\
         # wrong. What is said here is believed: a table that is called global, or a finding that is accepted, is not judged.\n",
        printable(database)
    );
    out.push_str("\n# The schemas that the app's roles reach.\n");
    out.push_str(&list("schemas", &guess.schemas));
    out.push_str(&roles(guess));
    out.push_str(&format!("\n# The column that says whose a row is: {}.\n", printable(&guess.tenant.why)));
    out.push_str(&format!(
        "tenant_column = {}\ntenant_type = {}\n",
        quoted(&guess.tenant.column),
        quoted(&guess.tenant.type_name)
    ));
    out.push_str(&globals(guess));
    out.push_str(&guess.overrides.iter().map(table).collect::<String>());
    out.push_str(ACCEPTED);
    out.push_str(&context(&guess.context));
    out
}

const ACCEPTED: &str = "\n# Findings that somebody has looked at and takes, by their id, or its beginning up to a colon:\n\
     # [[accepted]]\n\
     # id = \"unique-oracle:public.users\"\n\
     # reason = \"names of people are public here\"\n";

fn roles(guess: &Guess) -> String {
    let mut out = String::from("\n# The roles that the app connects as, or switches to, while it serves tenants.\n");
    for (name, why) in &guess.app_roles {
        out.push_str(&comment(&format!("{name}: {why}")));
    }
    for (name, why) in &guess.left_out {
        out.push_str(&comment(&format!("Left out: {name}: {why}.")));
    }
    if guess.app_roles.is_empty() {
        out.push_str("# None was found that has anything and rules nothing: write its name here, since nothing can be judged without.\n");
    }
    let names: Vec<String> = guess.app_roles.iter().map(|(name, _)| name.clone()).collect();
    out + &list("app_roles", &names)
}

fn globals(guess: &Guess) -> String {
    let mut out = String::from(
        "\n# Tables that belong to everybody. Guessed are those without a tenant column, without a path to one by foreign\n\
         # keys, and that the app cannot write.\n",
    );
    for name in &guess.unclear {
        out.push_str(&comment(&format!(
            "Not said to be global, since the app writes it or its policies compare something: {name}"
        )));
    }
    out + &list("global_tables", &guess.global_tables)
}

fn table(other: &Override) -> String {
    let mut out = format!("\n{}[tables.{}]\n", comment(&other.why), quoted(&other.table));
    for (key, value) in [("tenant_column", &other.column), ("tenant_type", &other.type_name)] {
        if let Some(value) = value {
            out.push_str(&format!("{key} = {}\n", quoted(value)));
        }
    }
    out
}

fn context(said: &Said) -> String {
    let mut out = format!("\n# How a session says which tenant it is: {}.\n[context]\n", printable(&said.why));
    for name in &said.left_out {
        out.push_str(&comment(&format!("Also read, and neither a tenant nor a person by its name: {name}")));
    }
    out.push_str(&match &said.kind {
        Kind::Guc(vars) => {
            let entries: Vec<_> =
                vars.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
            format!("kind = \"guc\"\nvars = {{ {} }}\n", entries.join(", "))
        }
        Kind::Role(names) => by_role(names),
        Kind::Claims(claims) => format!("kind = \"jwt_claims\"\nclaims = {}\n", inline(claims)),
    });
    out + &said.membership.as_ref().map(membership).unwrap_or_default()
}

fn by_role(names: &[String]) -> String {
    let entries: Vec<_> = ["A", "B"].iter().zip(names).map(|(of, name)| format!("{of} = {}", quoted(name))).collect();
    let hint =
        if entries.len() < 2 { "# Two tenants' roles are needed: A and B.\n" } else { "# The roles of two tenants.\n" };
    format!("kind = \"role\"\n{hint}roles = {{ {} }}\n", entries.join(", "))
}

fn membership(of: &Membership) -> String {
    format!(
        "\n# Where policies look up which tenants a person belongs to.\n[context.membership]\ntable = {}\ntenant = {}\nuser = {}\n",
        quoted(&of.table),
        quoted(&of.tenant),
        quoted(&of.user)
    )
}

/// A value as TOML in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let entries: Vec<_> =
                fields.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn list(key: &str, values: &[String]) -> String {
    let entries: Vec<_> = values.iter().map(|value| quoted(value)).collect();
    let line = format!("{key} = [{}]\n", entries.join(", "));
    if line.chars().count() <= LONGEST_LINE {
        return line;
    }
    format!("{key} = [\n{}]\n", entries.iter().map(|entry| format!("    {entry},\n")).collect::<String>())
}

fn comment(text: &str) -> String {
    format!("# {}\n", printable(text))
}

/// A basic string of TOML, whatever is in it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            other if other.is_control() => out.push_str(&format!("\\U{:08X}", u32::from(other))),
            other => out.push(other),
        }
    }
    out + "\""
}
