//! Triggers that carry rows past the policies, and notifications that everybody hears.

use super::leaks::{comparison, excerpt, told};
use super::reads::{Found, Library};
use super::{AppRole, World, names};
use crate::catalog::{Function, Relation, Trigger};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::remedy::Remedy;

/// The bits of `tgtype`, and the privilege that makes each fire.
const EVENTS: &[(i16, &str)] = &[(4, "INSERT"), (8, "DELETE"), (16, "UPDATE"), (32, "TRUNCATE")];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let library = Library::of(world);
    for trigger in world.catalog.triggers.iter().filter(|trigger| trigger.is_enabled) {
        let Some(table) = world.relation(trigger.relation).filter(|table| table.extension.is_none()) else { continue };
        findings.extend(telling_keys(&library, trigger, table));
        let Some(function) = world.function(trigger.function).filter(|function| function.extension.is_none()) else {
            continue;
        };
        let before = findings.len();
        one(&library, trigger, table, function, findings);
        let of_function: Vec<_> =
            findings[before..].iter().filter_map(|one| of_function(one, table, function)).collect();
        findings.extend(of_function);
    }
}

/// The same of the function that the trigger runs: what has to change is there, and whoever owns it looks for its name.
fn of_function(finding: &Finding, table: &Relation, function: &Function) -> Option<Finding> {
    let is_leak = matches!(finding.class, Class::TriggerLeaks | Class::NotifyLeaks);
    let of_table = is_leak && finding.object == table.name.to_string();
    of_table.then(|| Finding { object: function.signature(), ..finding.clone() })
}

fn one(
    library: &Library<'_, '_>,
    trigger: &Trigger,
    table: &Relation,
    function: &Function,
    findings: &mut Vec<Finding>,
) {
    let world = library.world;
    let is_fired_by = |app: &&AppRole<'_>| {
        EVENTS.iter().any(|(bit, privilege)| trigger.timing & bit != 0 && world.may(&app.reachable, table, privilege))
    };
    let firing: Vec<_> = world.app_roles.iter().filter(is_fired_by).collect();
    if firing.is_empty() {
        return;
    }
    let found = library.of_function(function, Some((table, &trigger.transitions)));
    let it = Told { trigger, table, function, by: names(&firing) };
    findings.extend(carrying(library, &found, &it));
    findings.extend(found.notifies.first().filter(|_| library.is_of_tenants(table)).map(|what| notifying(what, &it)));
    let is_its_own = function.is_definer && world.who_reaches(function.owner).is_empty();
    findings.extend(found.built.first().filter(|_| is_its_own).map(|text| building(world, text, &it)));
    if !found.unread.is_empty() && function.is_definer {
        let explanation =
            format!("{} runs as {}, and could not be read.", function.signature(), world.role_name(function.owner));
        findings.push(it.finding(Class::Unprovable, explanation).weighing(Severity::High));
    }
}

/// Rows that reach other tenants: past their policies, or into a table that has none.
fn carrying(library: &Library<'_, '_>, found: &Found, it: &Told<'_>) -> Option<Finding> {
    let (world, function) = (library.world, it.function);
    let (leaks, carried) = (library.leaks(found), library.carried(found));
    if !leaks.is_empty() {
        let explanation = format!(
            "When {} changes {}, the trigger {} runs {} as {}: it {}, and nothing holds that to the tenant of the row.",
            it.by,
            it.table.name,
            it.trigger.name,
            function.signature(),
            world.role_name(function.owner),
            told(&leaks)
        );
        let advice = format!(
            "Make {} SECURITY INVOKER, so that the policies hold it; or compare the tenant in each of its statements ({}, or \
             that of NEW and OLD).",
            function.signature(),
            comparison(world)
        );
        return Some(it.finding(Class::TriggerLeaks, explanation).closed_by(Remedy::advice(advice)));
    }
    let open = carried.first().filter(|_| library.is_of_tenants(it.table))?;
    let explanation = format!(
        "The trigger {} of {} writes rows of every tenant into {}, which has no row level security and which app roles read.",
        it.trigger.name, it.table.name, open.name
    );
    let advice = format!("Give {} a tenant column and policies, or take the app's rights to it.", open.name);
    Some(it.finding(Class::TriggerLeaks, explanation).closed_by(Remedy::advice(advice)))
}

/// The trigger of the extension tcn, which notifies of the keys of what is changed.
fn telling_keys(library: &Library<'_, '_>, trigger: &Trigger, table: &Relation) -> Option<Finding> {
    let world = library.world;
    let function = world.function(trigger.function)?;
    let tells = function.extension.is_some() && function.name.name == "triggered_change_notification";
    let fires = EVENTS.iter().any(|(bit, privilege)| {
        trigger.timing & bit != 0 && world.app_roles.iter().any(|app| world.may(&app.reachable, table, privilege))
    });
    if !tells || !fires || !library.is_of_tenants(table) {
        return None;
    }
    let explanation = format!(
        "The trigger {} of {} notifies of the primary key of each row that is changed: every session that may connect hears every \
         channel, whichever tenant it is for.",
        trigger.name, table.name
    );
    let finding = Finding::verified(Class::NotifyLeaks, table.name.to_string(), explanation).about(&trigger.name);
    let advice = "Notify that something changed, and let whoever listens read what under its policies.";
    Some(finding.because(trigger.definition.clone()).closed_by(Remedy::advice(advice)))
}

fn notifying(what: &str, it: &Told<'_>) -> Finding {
    let what = if what == "new" || what == "old" { "whole rows".to_owned() } else { format!("the column {what}") };
    let explanation = format!(
        "The trigger {} of {} notifies {what}: every session that may connect hears every channel, whichever tenant it is for.",
        it.trigger.name, it.table.name
    );
    let advice = "Notify a key alone, and let whoever listens read the row under its policies.";
    it.finding(Class::NotifyLeaks, explanation).closed_by(Remedy::advice(advice))
}

fn building(world: &World<'_>, text: &str, it: &Told<'_>) -> Finding {
    let shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let explanation = format!(
        "When {} changes {}, {} builds a statement from the row and runs it as {}: {}",
        it.by,
        it.table.name,
        it.function.signature(),
        world.role_name(it.function.owner),
        excerpt(&shown)
    );
    Finding::verified(Class::FunctionDynamicSql, it.function.signature(), explanation)
        .because(excerpt(it.function.body()))
        .closed_by(Remedy::advice("Give values by USING, or by format with %L."))
}

struct Told<'t> {
    trigger: &'t Trigger,
    table: &'t Relation,
    function: &'t Function,
    /// The roles that make it fire.
    by: String,
}

impl Told<'_> {
    fn finding(&self, class: Class, explanation: String) -> Finding {
        let definer = if self.function.is_definer { ", security definer" } else { "" };
        Finding::verified(class, self.table.name.to_string(), explanation).about(&self.trigger.name).because(format!(
            "trigger {}: {}\n{}{definer}:\n{}",
            ident(&self.trigger.name),
            self.trigger.definition,
            self.function.signature(),
            excerpt(self.function.body())
        ))
    }
}
