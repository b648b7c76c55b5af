//! The context: what makes it last longer than its transaction.

use pg_query::protobuf::Token;

use super::{World, names};
use crate::catalog::{Function, RoleSetting};
use crate::class::Class;
use crate::config::Context;
use crate::finding::Finding;
use crate::name::ident;
use crate::parser;
use crate::remedy::{Remedy, Step};

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let vars = variables(&world.settings.context);
    for setting in &world.catalog.role_settings {
        findings.extend(of_role(world, setting, &vars));
    }
    for function in world.catalog.functions.iter().filter(|function| function.extension.is_none()) {
        findings.extend(of_function(world, function, &vars));
    }
}

/// The settings that hold the context.
fn variables(context: &Context) -> Vec<String> {
    let claims: &[&str] = match context {
        Context::Guc { .. } | Context::Role { .. } => &[],
        Context::JwtClaims { .. } => &["request.jwt.claims", "request.jwt.claim.sub"],
    };
    let names = context.vars().keys().map(|name| name.to_ascii_lowercase());
    names.chain(claims.iter().map(|name| (*name).to_owned())).collect()
}

fn is_context(vars: &[String], name: &str) -> bool {
    vars.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// `alter role … set app.tenant_id = …`: whoever connects has that tenant before anybody said which.
fn of_role(world: &World<'_>, setting: &RoleSetting, vars: &[String]) -> Option<Finding> {
    let (name, value) = setting.settings.iter().find_map(|setting| {
        let (name, value) = setting.split_once('=')?;
        (is_context(vars, name) && !value.is_empty()).then_some((name, value))
    })?;
    let concerned = setting.role == 0 || world.app_roles.iter().any(|app| app.role.oid == setting.role);
    if !concerned {
        return None;
    }
    let role = world.role_name(setting.role);
    let database = &world.catalog.server.database;
    let (object, target) = if setting.role == 0 {
        (database.clone(), format!("database {}", ident(database)))
    } else if setting.is_of_database {
        (role.to_owned(), format!("role {} in database {}", ident(role), ident(database)))
    } else {
        (role.to_owned(), format!("role {}", ident(role)))
    };
    let text = format!(
        "{name} is {value:?} in every new session of {object}: a request that sets no context sees that tenant's rows."
    );
    let parts: Vec<String> = name.split('.').map(ident).collect();
    let sql = format!("alter {target} reset {}", parts.join("."));
    let finding = Finding::verified(Class::ContextOutlives, object, text).about(name);
    Some(finding.because(format!("alter {target} set {name} = …")).closed_by(Remedy::steps([Step::of_database(sql)])))
}

/// A function that sets the context for the session, or has one of its own.
fn of_function(world: &World<'_>, function: &Function, vars: &[String]) -> Option<Finding> {
    let own = function.settings.iter().find_map(|setting| {
        let (name, value) = setting.split_once('=')?;
        (is_context(vars, name) && !value.is_empty()).then(|| name.to_owned())
    });
    let (name, why) = match own {
        Some(name) => (name, "has it set to one tenant while it runs, whoever calls it"),
        None => (
            for_session(&function.source, vars)?,
            "sets it for the session and not for the transaction, so the next request of the same connection has it",
        ),
    };
    let who = world.who_may_call(function);
    if who.is_empty() {
        return None;
    }
    let signature = function.signature();
    let text = format!("{signature}, which {} may call, {why} ({name}).", names(&who));
    let advice = format!("Use set_config('{name}', …, true) or SET LOCAL, in the transaction that needs it.");
    let finding = Finding::verified(Class::ContextOutlives, signature, text).about(name.clone());
    Some(finding.because(excerpt(&function.source, &name)).closed_by(Remedy::advice(advice)))
}

/// The line that names it.
fn excerpt(source: &str, name: &str) -> String {
    let line = source.lines().find(|line| line.contains(name)).unwrap_or(source);
    line.trim().chars().take(300).collect()
}

/// The context setting that a body sets for the session: `set_config('…', …, false)`, or `set … =` without `local`.
fn for_session(source: &str, vars: &[String]) -> Option<String> {
    let lower = source.to_ascii_lowercase();
    if !vars.iter().any(|name| lower.contains(name.as_str())) {
        return None;
    }
    let tokens = parser::tokens(source)?;
    let words: Vec<(String, i32)> = tokens
        .iter()
        .map(|token| {
            let (start, end) = (usize::try_from(token.start).unwrap_or(0), usize::try_from(token.end).unwrap_or(0));
            (source.get(start..end).unwrap_or_default().to_ascii_lowercase(), token.token)
        })
        .filter(|(_, kind)| *kind != Token::SqlComment as i32 && *kind != Token::CComment as i32)
        .collect();
    // Text that is run: `execute 'set …'`.
    let texts = words.iter().filter(|(_, kind)| *kind == Token::Sconst as i32);
    let inner = texts.map(|(word, _)| word.trim_matches('\'')).find_map(|text| for_session(text, vars));
    if inner.is_some() {
        return inner;
    }
    let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
    (0..words.len()).find_map(|at| by_call(&words[at..], vars).or_else(|| by_set(&words, at, vars)))
}

fn by_call(words: &[&str], vars: &[String]) -> Option<String> {
    let ["set_config", "(", name, ",", rest @ ..] = words else { return None };
    let name = name.trim_matches('\'');
    if !is_context(vars, name) {
        return None;
    }
    let (mut depth, mut last) = (0_i32, "");
    for word in rest {
        match *word {
            "(" | "[" => depth += 1,
            ")" if depth == 0 => return matches!(last, "false" | "'f'" | "'false'").then(|| name.to_owned()),
            ")" | "]" => depth -= 1,
            _ => {}
        }
        last = word;
    }
    None
}

fn by_set(words: &[&str], at: usize, vars: &[String]) -> Option<String> {
    let before = at.checked_sub(1).map_or(";", |before| words[before]);
    let starts = matches!(before, ";" | "begin" | "then" | "else" | "loop" | "'" | "execute" | "$$");
    let rest = match &words[at..] {
        ["set", "session", rest @ ..] | ["set", rest @ ..] if starts => rest,
        _ => return None,
    };
    let end = rest.iter().position(|word| matches!(*word, "=" | "to"))?;
    let name: String = rest[..end].iter().map(|word| word.trim_matches('"')).collect();
    is_context(vars, &name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::for_session;

    #[test]
    fn what_a_body_sets_for_the_session_is_found() {
        let vars = ["app.tenant_id".to_owned()];
        for (source, expected) in [
            ("select set_config('app.tenant_id', $1, false)", true),
            ("begin perform set_config('app.tenant_id', (select f(1)), false); end", true),
            ("select set_config('app.tenant_id', $1, true)", false),
            ("select set_config('app.other', $1, false)", false),
            ("begin set app.tenant_id = 'x'; end", true),
            ("begin set session app.tenant_id to 'x'; end", true),
            ("begin set local app.tenant_id = 'x'; end", false),
            ("select current_setting('app.tenant_id')", false),
            ("begin execute format('set app.tenant_id = %L', t); end", true),
            ("begin execute format('set local app.tenant_id = %L', t); end", false),
            ("-- set_config('app.tenant_id', $1, false)\nselect 1", false),
        ] {
            assert_eq!(for_session(source, &vars).is_some(), expected, "{source}");
        }
    }
}
