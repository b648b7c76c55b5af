//! Grants that no policy holds back, on what is there and on what is to come.

use super::reach::revokes;
use super::{AppRole, World, names};
use crate::catalog::{DefaultPrivilege, Grant, Relation, Schema};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::remedy::{Remedy, Step};

/// What a default grant on tables to come opens.
const OF_TABLES: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    for table in world.exposed().filter(|relation| world.is_of_tenants(relation)) {
        findings.extend(truncate(world, table));
        findings.extend(past_policies(world, table));
    }
    findings.extend(world.catalog.default_privileges.iter().filter_map(|default| to_come(world, default)));
    for schema in world.catalog.schemas.iter().filter(|schema| world.settings.schemas.contains(&schema.name)) {
        findings.extend(create_in(world, schema));
    }
    findings.extend(create_schemas(world));
}

/// Those that were granted it, and may look into the table's schema.
fn holders<'w, 'a>(world: &'w World<'a>, table: &Relation, privilege: &str) -> Vec<&'w AppRole<'a>> {
    let by_column = table.columns.iter().flat_map(|column| column.acl.iter());
    let acl: Vec<Grant> = table.acl.iter().chain(by_column).cloned().collect();
    let granted = world.granted(&acl, table.owner, privilege);
    granted.into_iter().filter(|app| world.has_usage(&table.name.schema, &app.reachable)).collect()
}

fn truncate(world: &World<'_>, table: &Relation) -> Option<Finding> {
    let holders = holders(world, table, "TRUNCATE");
    if holders.is_empty() {
        return None;
    }
    let explanation = format!(
        "{} may truncate {}: that deletes every tenant's rows, since no policy holds TRUNCATE back.",
        names(&holders),
        table.name
    );
    let grantees = world.grantees(&table.acl, table.owner, &["TRUNCATE"]);
    Some(
        Finding::verified(Class::GrantTruncate, table.name.to_string(), explanation)
            .because(format!("granted on {}: TRUNCATE to {}", table.name, grantees.join(", ")))
            .closed_by(Remedy::steps(revokes(table, "table", &["TRUNCATE"], &grantees))),
    )
}

fn past_policies(world: &World<'_>, table: &Relation) -> Option<Finding> {
    let held: Vec<(&str, Vec<&AppRole<'_>>)> = ["REFERENCES", "TRIGGER", "MAINTAIN"]
        .into_iter()
        .map(|privilege| (privilege, holders(world, table, privilege)))
        .filter(|(_, holders)| !holders.is_empty())
        .collect();
    let privileges: Vec<&str> = held.iter().map(|(privilege, _)| *privilege).collect();
    let (_, first) = held.first()?;
    let can: Vec<&str> = privileges.iter().map(|privilege| what_it_does(privilege)).collect();
    let explanation = format!(
        "{} has {} on {}, which no policy holds back: {}.",
        names(first),
        privileges.join(", "),
        table.name,
        can.join("; ")
    );
    let severity = if privileges.contains(&"TRIGGER") { Severity::Medium } else { Severity::Low };
    let by_column = table.columns.iter().flat_map(|column| column.acl.iter());
    let acl: Vec<Grant> = table.acl.iter().chain(by_column).cloned().collect();
    let grantees = world.grantees(&acl, table.owner, &privileges);
    Some(
        Finding::verified(Class::GrantIgnoresRls, table.name.to_string(), explanation)
            .weighing(severity)
            .because(format!("granted on {}: {} to {}", table.name, privileges.join(", "), grantees.join(", ")))
            .closed_by(Remedy::steps(revokes(table, "table", &privileges, &grantees))),
    )
}

fn what_it_does(privilege: &str) -> &'static str {
    match privilege {
        "REFERENCES" => {
            "a foreign key to it tells which keys other tenants have, and keeps their rows from being deleted"
        }
        "TRIGGER" => "a trigger on it runs with the rights of whoever changes a row, and sees every tenant's",
        _ => "it can be locked, rewritten and its views refreshed under everybody",
    }
}

/// Tables to come have no row level security until somebody enables it, and are open from their first moment.
fn to_come(world: &World<'_>, default: &DefaultPrivilege) -> Option<Finding> {
    let exposed = default.schema.as_ref().is_none_or(|schema| world.settings.schemas.contains(schema));
    if default.kind != "r" || !exposed || enables_rls_by_itself(world) {
        return None;
    }
    let given: Vec<&str> =
        OF_TABLES.iter().copied().filter(|it| !world.granted(&default.acl, default.owner, it).is_empty()).collect();
    let holders = world.granted(&default.acl, default.owner, given.first()?);
    let (object, place) = match &default.schema {
        Some(schema) => (schema.clone(), format!(" in schema {}", ident(schema))),
        None => (world.catalog.server.database.clone(), String::new()),
    };
    let owner = world.role_name(default.owner);
    let explanation = format!(
        "Every table that {owner} makes{} will be open to {} from its first moment, before anybody enables row level \
         security on it: {}.",
        default.schema.as_ref().map(|schema| format!(" in {schema}")).unwrap_or_default(),
        names(&holders),
        given.join(", ")
    );
    let grantees = world.grantees(&default.acl, default.owner, &given);
    let revoke = |grantee: &String| {
        let given = given.join(", ").to_ascii_lowercase();
        let role = ident(owner);
        Step::of_database(format!(
            "alter default privileges for role {role}{place} revoke {given} on tables from {grantee}"
        ))
    };
    let remedy = Remedy::steps(grantees.iter().map(revoke)).with_advice(
        "Grant on each table in the migration that makes it, after its row level security is enabled and its policies \
         are there.",
    );
    let is_latent = world.gives_guarded_rows(default);
    Some(
        Finding::verified(Class::DefaultPrivileges, object, explanation)
            .about(owner)
            .weighing(if is_latent { Severity::Info } else { Class::DefaultPrivileges.severity() })
            .because(format!(
                "default privileges of {owner}{place}: {} on tables to {}",
                given.join(", "),
                grantees.join(", ")
            ))
            .closed_by(remedy),
    )
}

/// Whether an event trigger puts row level security on every table that is made.
pub(super) fn enables_rls_by_itself(world: &World<'_>) -> bool {
    world.catalog.event_triggers.iter().filter(|trigger| trigger.is_enabled && trigger.event == "ddl_command_end").any(
        |trigger| {
            let source = world.function(trigger.function).map(|function| function.source.to_ascii_lowercase());
            source.is_some_and(|source| source.contains("enable row level security"))
        },
    )
}

fn create_in(world: &World<'_>, schema: &Schema) -> Option<Finding> {
    let holders: Vec<&AppRole<'_>> =
        world.app_roles.iter().filter(|app| world.may_create_in(&schema.name, &app.reachable)).collect();
    if holders.is_empty() {
        return None;
    }
    let explanation = format!(
        "{} may create objects in {}: a table there has no policies, and a function or table of the right name is \
         taken for another by whoever looks it up without its schema.",
        names(&holders),
        schema.name
    );
    let grantees = world.grantees(&schema.acl, schema.owner, &["CREATE"]);
    let steps = grantees.iter().map(|it| format!("revoke create on schema {} from {it}", ident(&schema.name)));
    let remedy = if grantees.is_empty() {
        let owner = world.role_name(schema.owner);
        Remedy::advice(format!("{owner} owns the schema: give it to a role that no app role is or can become."))
    } else {
        Remedy::steps(steps.map(Step::of_database))
    };
    Some(
        Finding::verified(Class::SchemaCreate, &schema.name, explanation)
            .because(format!("CREATE on schema {} is with {}", schema.name, names(&holders)))
            .closed_by(remedy),
    )
}

fn create_schemas(world: &World<'_>) -> Option<Finding> {
    let server = &world.catalog.server;
    let holders = world.granted(&server.acl, server.owner, "CREATE");
    if holders.is_empty() {
        return None;
    }
    let explanation = format!(
        "{} may create schemas in {}, and in them whatever a search_path can be led to.",
        names(&holders),
        server.database
    );
    let grantees = world.grantees(&server.acl, server.owner, &["CREATE"]);
    let database = ident(&server.database);
    let steps = grantees.iter().map(|it| Step::of_database(format!("revoke create on database {database} from {it}")));
    Some(
        Finding::verified(Class::SchemaCreate, &server.database, explanation)
            .about("database")
            .because(format!("CREATE on database {} is with {}", server.database, grantees.join(", ")))
            .closed_by(Remedy::steps(steps)),
    )
}
