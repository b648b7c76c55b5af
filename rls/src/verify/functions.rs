//! Functions that run as somebody else, and what they answer.

use std::collections::HashSet;

use super::grants::enables_rls_by_itself;
use super::leaks::{comparison, excerpt, told};
use super::reads::{Found, Library};
use super::{AppRole, World, names};
use crate::catalog::{Function, granted};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::{ident, mentions};
use crate::remedy::{Remedy, Step};

/// Languages whose code the parser cannot read, and that do more than SQL may.
const UNREADABLE: &[&str] = &["c", "plpython3u", "plpythonu", "plperlu", "pltclu", "plsh", "pljavau", "plr"];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let library = Library::of(world);
    let fired = fired(world);
    for function in world.catalog.functions.iter().filter(|function| function.extension.is_none()) {
        let callers = world.who_may_call(function);
        let is_trigger = matches!(function.returns.as_str(), "trigger" | "event_trigger");
        if function.is_definer && !is_trigger && !callers.is_empty() {
            let found = library.of_function(function, None);
            definer(&library, function, &callers, &found, findings);
            findings.extend(search_path(world, function, &found));
        } else if function.is_definer && fired.contains(&function.oid) {
            findings.extend(search_path(world, function, &library.of_function(function, None)));
        } else if !is_trigger && !callers.is_empty() && UNREADABLE.contains(&function.language.as_str()) {
            findings.push(unreadable(function, &callers));
        }
        if !is_trigger && !callers.is_empty() && function.body().to_ascii_lowercase().contains("notify") {
            findings.extend(notifies(&library, function, &callers));
        }
        findings.extend(leakproof(function, &callers));
        findings.extend(opens_parts(world, function));
    }
}

/// What a function makes and grants has no policies: those of the table that it is a part of do not count there.
fn opens_parts(world: &World<'_>, function: &Function) -> Vec<Finding> {
    let body = function.body();
    let code = body.lines().map(|line| line.split("--").next().unwrap_or_default()).flat_map(str::split_whitespace);
    let lower = code.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let makes = lower.contains("create table") && lower.contains("partition of");
    if !makes || lower.contains("enable row level security") || enables_rls_by_itself(world) {
        return Vec::new();
    }
    let granted = lower.split("grant ").skip(1).filter_map(|rest| rest.split_once(" to "));
    let to: Vec<&str> = granted.filter_map(|(_, rest)| rest.split(['\'', ';', ',', ' ']).next()).collect();
    let is_given = |name: &str| to.iter().any(|word| word.trim_matches('"').eq_ignore_ascii_case(name));
    let holders: Vec<&AppRole<'_>> =
        world.app_roles.iter().filter(|app| is_given(app.name()) || is_given("public")).collect();
    let whole = world.tenant_tables().find(|table| table.has_rls && mentions(body, &table.name.name));
    let Some(whole) = whole.filter(|_| !holders.is_empty()) else { return Vec::new() };
    let text = format!(
        "{} makes partitions of {} and grants them to {}: by its own name a partition has no policies, and none are put on it.",
        function.signature(),
        whole.name,
        names(&holders)
    );
    let advice = "Do not grant partitions: whoever uses the table reaches them by its name. Or enable and force row level \
                  security on each in the same function, with its policies.";
    let finding = |object: String| {
        let finding =
            Finding::verified(Class::PartitionExposed, object, text.clone()).about(function.name.name.clone());
        finding.because(format!("{}: create table … partition of …; grant … to …", function.signature()))
    };
    [function.signature(), whole.name.to_string()]
        .into_iter()
        .map(|object| finding(object).closed_by(Remedy::advice(advice)))
        .collect()
}

/// The functions of triggers that an app role can make fire.
fn fired(world: &World<'_>) -> HashSet<u32> {
    let triggers = world.catalog.triggers.iter().filter(|trigger| {
        let writes = |table| ["INSERT", "UPDATE", "DELETE"].iter().any(|it| !world.who_may(table, it).is_empty());
        trigger.is_enabled && world.relation(trigger.relation).is_some_and(writes)
    });
    triggers.map(|trigger| trigger.function).collect()
}

fn definer(
    library: &Library<'_, '_>,
    function: &Function,
    callers: &[&AppRole<'_>],
    found: &Found,
    findings: &mut Vec<Finding>,
) {
    let world = library.world;
    if !world.who_reaches(function.owner).is_empty() {
        return;
    }
    let leaks = library.leaks(found);
    let owner = world.role_name(function.owner);
    if !leaks.is_empty() {
        let by_secret = leaks.iter().all(|leak| leak.is_by_secret);
        let ends = if by_secret {
            "It finds rows by a value that cannot be guessed: whoever has that value is who is meant."
        } else {
            "Nothing holds that to the tenant of the context."
        };
        let explanation = format!(
            "{} may call {}, which runs as {owner} and {}. {ends}",
            names(callers),
            function.signature(),
            told(&leaks)
        );
        let severity = if by_secret { Severity::Info } else { Severity::Critical };
        findings.push(
            of_function(Class::FunctionDefiner, function, explanation)
                .weighing(severity)
                .closed_by(closed(world, function)),
        );
    }
    if let Some(catalogue) = found.catalogues.first() {
        let explanation = format!(
            "{} may call {}, which reads {catalogue} as {owner}: that holds values of every tenant's rows.",
            names(callers),
            function.signature()
        );
        findings.push(
            of_function(Class::StatisticsExposed, function, explanation)
                .weighing(Severity::High)
                .closed_by(closed(world, function)),
        );
    }
    if let Some(text) = found.built.first() {
        findings.push(dynamic(library, function, callers, text));
    }
    if !found.unread.is_empty() {
        let explanation = format!(
            "{} may call {}, which runs as {owner} and could not be read: {}.",
            names(callers),
            function.signature(),
            excerpt(&found.unread.join(", "))
        );
        // It reads past the policies: as bad as what it could hide.
        let finding = of_function(Class::Unprovable, function, explanation).weighing(Severity::High);
        findings.push(finding.closed_by(closed(world, function)));
    }
}

fn of_function(class: Class, function: &Function, explanation: String) -> Finding {
    let definer = if function.is_definer { ", security definer" } else { "" };
    let settings: String = function.settings.iter().map(|setting| format!(", set {setting}")).collect();
    Finding::verified(class, function.signature(), explanation).because(format!(
        "{} in {}{definer}{settings}:\n{}",
        function.signature(),
        function.language,
        excerpt(function.body())
    ))
}

/// `function` or `procedure`, for statements about it.
fn kind(function: &Function) -> &'static str {
    if function.kind == "p" { "procedure" } else { "function" }
}

fn closed(world: &World<'_>, function: &Function) -> Remedy {
    let grantees = world.grantees(&function.acl, function.owner, &["EXECUTE"]);
    let revoke = |grantee: &String| {
        Step::of_database(format!("revoke execute on {} {} from {grantee}", kind(function), function.quoted()))
    };
    Remedy::steps(grantees.iter().map(revoke)).with_advice(format!(
        "Where the app needs it: make it SECURITY INVOKER (alter {} {} security invoker), so that the policies hold it, \
         or add {} to each of its statements, and then grant EXECUTE again to the role that needs it.",
        kind(function),
        function.quoted(),
        comparison(world)
    ))
}

fn dynamic(library: &Library<'_, '_>, function: &Function, callers: &[&AppRole<'_>], text: &str) -> Finding {
    let world = library.world;
    let passes = world.tenant_tables().any(|table| world.passes_policies(function.owner, table));
    let severity = if passes { Severity::Critical } else { Severity::High };
    let shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let explanation = format!(
        "{} may call {}, which builds a statement from what its caller gives and runs it as {}: {}",
        names(callers),
        function.signature(),
        world.role_name(function.owner),
        excerpt(&shown)
    );
    let mut remedy = closed(world, function);
    remedy.advice = format!(
        "Give values by USING, or by format with %L; names of tables and columns from a list that the function has. {}",
        remedy.advice
    );
    of_function(Class::FunctionDynamicSql, function, explanation).weighing(severity).closed_by(remedy)
}

// Where a definer function looks names up.

fn search_path(world: &World<'_>, function: &Function, found: &Found) -> Option<Finding> {
    if !world.who_reaches(function.owner).is_empty() || function.sql_body.is_some() || function.language == "internal" {
        return None;
    }
    let Some(path) = path_of(function) else {
        let severity = if found.unqualified.is_empty() { Severity::Medium } else { Severity::High };
        let explanation = format!(
            "{} runs as {} and looks names up where its caller says: with a search_path of its own choosing the caller has it \
             take another table, function or operator for the one that is meant.",
            function.signature(),
            world.role_name(function.owner)
        );
        return Some(of_path(world, Class::FunctionSearchPath, function, explanation).weighing(severity));
    };
    let open = path.iter().find(|schema| world.app_roles.iter().any(|app| world.may_create_in(schema, &app.reachable)));
    if let Some(schema) = open {
        let explanation = format!(
            "{} runs as {} and looks names up in {schema}, where an app role may create objects of the same name.",
            function.signature(),
            world.role_name(function.owner)
        );
        return Some(of_path(world, Class::FunctionSearchPath, function, explanation));
    }
    shadowed(world, function, found, &path)
}

/// A temporary table is found before any other, unless `pg_temp` is said to come last.
fn shadowed(world: &World<'_>, function: &Function, found: &Found, path: &[String]) -> Option<Finding> {
    let name = found.unqualified.first()?;
    let makers = makers_of_temporary_tables(world);
    let is_last =
        path.last().is_some_and(|last| last == "pg_temp") && path.iter().filter(|it| *it == "pg_temp").count() == 1;
    if makers.is_empty() || is_last {
        return None;
    }
    let explanation = format!(
        "{} looks {name} up without its schema, and temporary tables come first: {} may make one of that name, and the \
         function reads it in place of the real one.",
        function.signature(),
        names(&makers)
    );
    Some(of_path(world, Class::TempShadowing, function, explanation).weighing(Severity::High))
}

fn makers_of_temporary_tables<'w, 'a>(world: &'w World<'a>) -> Vec<&'w AppRole<'a>> {
    let may = |app: &&AppRole<'_>| granted(&world.catalog.server.acl, &app.reachable, "TEMPORARY");
    world.app_roles.iter().filter(may).collect()
}

fn of_path(world: &World<'_>, class: Class, function: &Function, explanation: String) -> Finding {
    let schemas: Vec<String> = path_of(function)
        .unwrap_or_else(|| world.settings.schemas.clone())
        .into_iter()
        .filter(|schema| schema != "pg_temp" && schema != "pg_catalog" && !schema.is_empty() && schema != "$user")
        .filter(|schema| !world.app_roles.iter().any(|app| world.may_create_in(schema, &app.reachable)))
        .map(|schema| ident(&schema))
        .collect();
    let path =
        std::iter::once("pg_catalog".to_owned()).chain(schemas).chain(["pg_temp".to_owned()]).collect::<Vec<_>>();
    let sql = format!("alter {} {} set search_path = {}", kind(function), function.quoted(), path.join(", "));
    let remedy = Remedy::steps([Step::of_database(sql)])
        .with_advice("Names in its body that are in other schemas need their schema written before them.");
    of_function(class, function, explanation).closed_by(remedy)
}

/// The search_path that a function sets.
fn path_of(function: &Function) -> Option<Vec<String>> {
    let written = function.settings.iter().find_map(|setting| setting.strip_prefix("search_path="))?;
    let parts = written.split(',').map(|part| part.trim().trim_matches('"').to_owned());
    Some(parts.filter(|part| !part.is_empty()).collect())
}

fn notifies(library: &Library<'_, '_>, function: &Function, callers: &[&AppRole<'_>]) -> Option<Finding> {
    let found = library.of_function(function, None);
    let what = found.notifies.first()?;
    let explanation = format!(
        "{} may call {}, which notifies {what} of tenants' rows: every session that may connect hears every channel, \
         whichever tenant it is for.",
        names(callers),
        function.signature()
    );
    let advice = "Notify a key alone, and let whoever listens read the row under its policies.";
    Some(of_function(Class::NotifyLeaks, function, explanation).closed_by(Remedy::advice(advice)))
}

// Claims and languages.

fn leakproof(function: &Function, callers: &[&AppRole<'_>]) -> Option<Finding> {
    let is_readable = matches!(function.language.as_str(), "sql" | "plpgsql");
    if !function.is_leakproof
        || callers.is_empty()
        || function.argument_types.is_empty()
        || function.language == "internal"
    {
        return None;
    }
    let raises = function.source.to_ascii_lowercase().contains("raise");
    let how = if raises {
        "it raises or notices what it is given"
    } else if is_readable {
        "it can fail with a message that has the value in it"
    } else {
        "nobody can see that it is"
    };
    let explanation = format!(
        "{} says that it is LEAKPROOF, so PostgreSQL asks it of rows before their policies; {how}, and {} may call it: \
         other tenants' values are told.",
        function.signature(),
        names(callers)
    );
    let sql = format!("alter function {} not leakproof", function.quoted());
    Some(
        of_function(Class::FunctionLeakproof, function, explanation).closed_by(Remedy::steps([Step::of_database(sql)])),
    )
}

fn unreadable(function: &Function, callers: &[&AppRole<'_>]) -> Finding {
    let explanation = format!(
        "{} may call {}, which is written in {}: that language does what it likes on the server, and its code cannot be \
         judged here.",
        names(callers),
        function.signature(),
        function.language
    );
    of_function(Class::Unprovable, function, explanation)
        .closed_by(Remedy::advice("Read it; and revoke EXECUTE where the app does not need it."))
}
