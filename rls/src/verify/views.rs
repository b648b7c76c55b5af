//! Views, materialised views, foreign tables and rewrite rules in front of tenants' tables.

use std::collections::HashSet;

use super::leaks::{comparison, excerpt, told};
use super::reach::revokes;
use super::reads::{Found, Library};
use super::{AppRole, World, names, tree};
use crate::catalog::{Relation, RelationKind, Rule};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::remedy::{Remedy, Step};

const ALL: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    let library = Library::of(world);
    for relation in world.catalog.relations.iter().filter(|relation| relation.extension.is_none()) {
        match relation.kind {
            RelationKind::View => view(&library, relation, findings),
            RelationKind::MaterializedView => findings.extend(materialized(&library, relation)),
            RelationKind::Foreign => findings.extend(foreign(world, relation)),
            _ => {}
        }
    }
    findings.extend(world.catalog.rules.iter().filter_map(|it| rule(&library, it)));
}

/// The app's roles that may do anything to a relation.
fn users<'w, 'a>(world: &'w World<'a>, relation: &Relation, privileges: &[&str]) -> Vec<&'w AppRole<'a>> {
    let may = |app: &&AppRole<'_>| privileges.iter().any(|privilege| world.may(&app.reachable, relation, privilege));
    world.app_roles.iter().filter(may).collect()
}

fn view(library: &Library<'_, '_>, view: &Relation, findings: &mut Vec<Finding>) {
    let world = library.world;
    let users = users(world, view, ALL);
    if users.is_empty() || world.settings.is_global(&view.name) {
        return;
    }
    let found = library.of_view(view);
    let leaks = library.leaks(&found);
    let is_invoker = view.has_option("security_invoker");
    if !leaks.is_empty() {
        let how = if is_invoker {
            "reads another view, which reads as its owner".to_owned()
        } else {
            format!("reads as its owner, {}", world.role_name(view.owner))
        };
        let explanation = format!(
            "{} may use {}, which {how}: it {}, and nothing in it compares the tenant with the context.",
            names(&users),
            view.name,
            told(&leaks)
        );
        findings.push(of_view(world, Class::ViewDefiner, view, explanation).closed_by(invoker(world, view)));
    } else if is_invoker {
        // Held by whoever reads it.
    } else if let Some(open) = unchecked(library, view, &found) {
        findings.push(open);
    } else if past_policies(library, &found) && !view.has_option("security_barrier") {
        let explanation = format!(
            "{} compares the tenant by itself, past the policies of its tables, and is no security barrier: a condition \
             of whoever reads it may be asked of other tenants' rows first, and tell them by an error.",
            view.name
        );
        let sql = format!("alter view {} set (security_barrier = true)", view.name.quoted());
        let remedy = Remedy::steps([Step::on(&view.name, sql)]).with_advice(
            "Better still, let it read as whoever asks (security_invoker = true), so that the policies hold it.",
        );
        findings.push(of_view(world, Class::ViewLeaky, view, explanation).closed_by(remedy));
    }
    if let Some(catalogue) = found.catalogues.first() {
        let explanation = format!(
            "{} may use {}, which reads {catalogue} as {}: that holds values of every tenant's rows.",
            names(&users),
            view.name,
            world.role_name(view.owner)
        );
        findings.push(of_view(world, Class::StatisticsExposed, view, explanation).weighing(Severity::High));
    }
    if !found.unread.is_empty() && !is_invoker {
        let explanation =
            format!("{} reads as its owner, and could not be judged: {}.", view.name, found.unread.join(", "));
        findings.push(of_view(world, Class::Unprovable, view, explanation).weighing(Severity::High));
    }
}

fn of_view(world: &World<'_>, class: Class, view: &Relation, explanation: String) -> Finding {
    let options = if view.options.is_empty() { "without options".to_owned() } else { view.options.join(", ") };
    let owner = world.role_name(view.owner);
    let definition = excerpt(view.definition.as_deref().unwrap_or_default());
    Finding::verified(class, view.name.to_string(), explanation)
        .because(format!("view {} of {owner}, {options}:\n{definition}", view.name))
}

fn invoker(world: &World<'_>, view: &Relation) -> Remedy {
    if view.has_option("security_invoker") {
        return Remedy::advice("Close the view that it reads; its own setting is right.");
    }
    let sql = format!("alter view {} set (security_invoker = true)", view.name.quoted());
    Remedy::steps([Step::on(&view.name, sql)]).with_advice(format!(
        "Whoever reads the view then needs rights to what it reads, and is held by the policies there. Where it must go \
         on reading as its owner, add {} to it, and security_barrier.",
        comparison(world)
    ))
}

/// Whether it reads tables that its owner is not held by, and holds them itself.
fn past_policies(library: &Library<'_, '_>, found: &Found) -> bool {
    found.touches.iter().filter(|touch| touch.is_held).any(|touch| {
        let relation = library.world.relation(touch.relation).filter(|relation| library.is_of_tenants(relation));
        relation
            .zip(touch.reader)
            .is_some_and(|(relation, reader)| library.why_not_held(reader, relation, touch.verb).is_some())
    })
}

/// A view that shows the tenant's rows alone, and takes anybody's.
fn unchecked(library: &Library<'_, '_>, view: &Relation, found: &Found) -> Option<Finding> {
    let world = library.world;
    let mut privileges = vec!["INSERT", "UPDATE"];
    privileges.retain(|privilege| !is_taken_over(world, view, privilege));
    let writers = users(world, view, &privileges);
    if writers.is_empty()
        || !past_policies(library, found)
        || is_checked(world, view, &mut HashSet::new())
        || !is_updatable(view)
    {
        return None;
    }
    let explanation = format!(
        "{} may write through {}, which shows the tenant's rows alone but writes as its owner past the policies, without \
         a check option: rows of other tenants go in.",
        names(&writers),
        view.name
    );
    let sql = format!("alter view {} set (check_option = cascaded)", view.name.quoted());
    let remedy = Remedy::steps([Step::on(&view.name, sql)])
        .with_advice("Or let it read and write as whoever asks: security_invoker = true.");
    Some(
        of_view(world, Class::ViewDefiner, view, explanation)
            .about("writes")
            .weighing(Severity::High)
            .closed_by(remedy),
    )
}

/// Whether a trigger or rule does the writing instead, which is judged by what it does.
fn is_taken_over(world: &World<'_>, view: &Relation, privilege: &str) -> bool {
    const INSTEAD: i16 = 64;
    let (bit, event) = if privilege == "INSERT" { (4, 4) } else { (16, 3) };
    let mut triggers = world.catalog.triggers.iter().filter(|it| it.relation == view.oid && it.is_enabled);
    let mut rules = world.catalog.rules.iter().filter(|it| it.relation == view.oid && it.is_enabled);
    triggers.any(|trigger| trigger.timing & INSTEAD != 0 && trigger.timing & bit != 0)
        || rules.any(|rule| {
            let tree = tree::parse(&rule.definition);
            tree.as_ref().and_then(|tree| tree::find(tree, "RuleStmt")).is_some_and(|statement| {
                let is_whole = statement.get("where_clause").is_none_or(serde_json::Value::is_null);
                let of_event = statement.get("event").and_then(serde_json::Value::as_i64) == Some(event);
                of_event && is_whole && is_instead(statement)
            })
        })
}

/// Whether what is written has to be shown afterwards. LOCAL asks this view's condition alone, and those of views below
/// that ask it themselves.
fn is_checked(world: &World<'_>, view: &Relation, seen: &mut HashSet<u32>) -> bool {
    if !seen.insert(view.oid) {
        return false;
    }
    let option = view.options.iter().find_map(|option| option.strip_prefix("check_option="));
    match option {
        Some("local") => {
            let below = world.catalog.dependencies.iter().filter(|dependency| dependency.view == view.oid);
            let views = below.filter_map(|dependency| world.relation(dependency.relation));
            let mut views = views.filter(|below| below.kind == RelationKind::View && below.oid != view.oid);
            views.all(|below| is_checked(world, below, seen))
        }
        Some(_) => true,
        None => false,
    }
}

/// Whether PostgreSQL writes through it by itself: one relation, nothing put together.
fn is_updatable(view: &Relation) -> bool {
    let Some(tree) = view.definition.as_deref().and_then(tree::parse) else { return false };
    let Some(select) = tree::find(&tree, "SelectStmt") else { return false };
    let empty = ["distinct_clause", "group_clause", "window_clause", "values_lists"];
    let none = ["having_clause", "limit_count", "limit_offset", "with_clause", "larg"];
    let from = tree::list(select, "from_clause");
    from.len() == 1
        && matches!(tree::node(&from[0]), Some(("RangeVar", _)))
        && empty.iter().all(|part| tree::list(select, part).is_empty())
        && none.iter().all(|part| select.get(part).is_none_or(serde_json::Value::is_null))
}

fn materialized(library: &Library<'_, '_>, view: &Relation) -> Option<Finding> {
    let world = library.world;
    let readers = users(world, view, &["SELECT"]);
    if readers.is_empty() || world.settings.is_global(&view.name) {
        return None;
    }
    let query = tree::parse(view.definition.as_deref()?)?;
    let found = library.of_statement(&query, Some(view.owner));
    let mut relations = found.touches.iter().filter_map(|touch| world.relation(touch.relation));
    let of_tenants = relations.find(|relation| library.is_of_tenants(relation))?;
    let explanation = format!(
        "{} may read the materialised view {}, which keeps what it read from {} of all tenants: it has no policies, and \
         cannot have any.",
        names(&readers),
        view.name,
        of_tenants.name
    );
    let grantees = world.grantees(&view.acl, view.owner, &["SELECT"]);
    let tenant = ident(world.settings.tenant_column(&view.name));
    let remedy = Remedy::steps(revokes(view, "table", &["SELECT"], &grantees)).with_advice(format!(
        "Give the app a view over it instead, that has security_barrier and compares {tenant} with the context; or a table \
         with policies that a job fills.",
    ));
    Some(of_view(world, Class::MatviewExposed, view, explanation).closed_by(remedy))
}

fn foreign(world: &World<'_>, table: &Relation) -> Option<Finding> {
    let readers = users(world, table, ALL);
    let exposed = world.settings.schemas.contains(&table.name.schema);
    if readers.is_empty() || !exposed || world.settings.is_global(&table.name) {
        return None;
    }
    let has_tenant = world.has_tenant(table);
    let severity = if has_tenant { Severity::High } else { Severity::Low };
    let server = table.server.as_deref().unwrap_or("a server");
    let explanation = format!(
        "{} may use the foreign table {}, which reads {server} as one login for all tenants and has no policies here.",
        names(&readers),
        table.name
    );
    let grantees = world.grantees(&table.acl, table.owner, ALL);
    let remedy = Remedy::steps(revokes(table, "table", ALL, &grantees)).with_advice(
        "Give the app a view over it instead, that has security_barrier and compares the tenant with the context. Where \
         what it holds is everybody's, say so under global_tables.",
    );
    Some(
        Finding::verified(Class::ForeignTableExposed, table.name.to_string(), explanation)
            .weighing(severity)
            .because(format!("foreign table {} of server {server}", table.name))
            .closed_by(remedy),
    )
}

/// A rule runs as the owner of its relation, whoever's statement it is.
fn rule(library: &Library<'_, '_>, rule: &Rule) -> Option<Finding> {
    let world = library.world;
    let relation = world.relation(rule.relation).filter(|relation| relation.extension.is_none())?;
    let tree = tree::parse(&rule.definition)?;
    let statement = tree::find(&tree, "RuleStmt")?;
    let privilege = match statement.get("event").and_then(serde_json::Value::as_i64)? {
        3 => "UPDATE",
        4 => "INSERT",
        5 => "DELETE",
        _ => return None,
    };
    let users = users(world, relation, &[privilege]);
    if users.is_empty() || !rule.is_enabled {
        return None;
    }
    let is_checked = relation.is_table() && relation.has_rls && !(privilege == "INSERT" && is_instead(statement));
    let mut found = Found::default();
    for action in tree::list(statement, "actions") {
        let of = library.of_action(action, relation, is_checked);
        found.touches.extend(of.touches);
    }
    let leaks = library.leaks(&found);
    let carried = library.carried(&found);
    let what = if let Some(first) = carried.first() {
        format!("writes its rows into {}, which everybody reads", first.name)
    } else if leaks.is_empty() {
        return None;
    } else {
        told(&leaks)
    };
    let explanation = format!(
        "When {} does {} on {}, the rule {} runs as {}, past the policies: it {what}.",
        names(&users),
        privilege,
        relation.name,
        rule.name,
        world.role_name(relation.owner)
    );
    Some(
        Finding::verified(Class::RuleBypass, relation.name.to_string(), explanation)
            .about(&rule.name)
            .because(excerpt(&rule.definition))
            .closed_by(Remedy::advice(format!(
                "Write a trigger whose function is no SECURITY DEFINER in its place, and drop the rule: drop rule {} on {}.",
                ident(&rule.name),
                relation.name.quoted()
            ))),
    )
}

fn is_instead(statement: &serde_json::Value) -> bool {
    statement.get("instead").and_then(serde_json::Value::as_bool).unwrap_or_default()
}
