//! What is around tables: publications, large objects, statistics, extensions, foreign servers.

use super::{AppRole, World, names};
use crate::catalog::{ForeignServer, Function, Grant, Publication, Relation};
use crate::class::Class;
use crate::finding::{Finding, Severity};
use crate::name::ident;
use crate::remedy::{Remedy, Step};

/// Extensions whose functions, where an app role may call them, reach past policies, and what they reach.
const REACHING: &[(&str, &str)] = &[
    ("dblink", "it opens connections from the server itself, as any login whose password is known or not asked for"),
    ("postgres_fdw", "it opens connections from the server itself"),
    ("adminpack", "it reads and writes the server's files"),
    ("file_fdw", "it reads the server's files"),
    ("pageinspect", "it shows the raw pages of tables, with every tenant's rows"),
    ("pg_walinspect", "it shows the write-ahead log, with every tenant's rows"),
    ("pg_surgery", "it changes rows under everybody"),
    ("pg_dirtyread", "it shows deleted rows of every tenant"),
    ("pgstattuple", "it counts rows of every tenant"),
    ("pg_visibility", "it counts rows of every tenant"),
    ("pg_buffercache", "it shows which pages of tables are in use"),
    ("pg_freespacemap", "it shows where tables have room"),
    ("amcheck", "it reads every row of an index"),
    ("plproxy", "it opens connections from the server itself"),
    ("pg_background", "it runs statements in sessions of their own, without this session's context"),
    ("pg_cron", "it runs statements later, in sessions of their own"),
];

/// Functions of those extensions that do no harm, by the beginnings of their names.
const HARMLESS: &[&str] = &[
    "dblink_fdw_validator",
    "postgres_fdw_validator",
    "postgres_fdw_handler",
    "file_fdw_validator",
    "file_fdw_handler",
    "dblink_get_",
    "dblink_current_query",
    "dblink_build_sql_",
    "dblink_error_message",
    "dblink_is_busy",
    "dblink_cancel_query",
    "dblink_disconnect",
    "dblink_close",
    "dblink_fetch",
    "dblink_open",
    "postgres_fdw_get_connections",
    "postgres_fdw_disconnect",
];

/// Adds what it finds.
pub(super) fn judge(world: &World<'_>, findings: &mut Vec<Finding>) {
    findings.extend(world.catalog.publications.iter().filter_map(|publication| published(world, publication)));
    large_objects(world, findings);
    statistics(world, findings);
    findings.extend(REACHING.iter().flat_map(|(name, reach)| extension(world, name, reach)));
    findings.extend(world.catalog.foreign_servers.iter().filter_map(|server| foreign_server(world, server)));
}

// Publications.

fn published(world: &World<'_>, publication: &Publication) -> Option<Finding> {
    let open: Vec<&Relation> = world.tenant_tables().filter(|table| carries(world, publication, table)).collect();
    let first = open.first()?;
    let (how, severity) = if publication.is_of_all {
        ("every table, those to come among them".to_owned(), Severity::Medium)
    } else if publication.schemas.iter().any(|schema| world.settings.schemas.contains(schema)) {
        (format!("every table of {}, those to come among them", publication.schemas.join(", ")), Severity::Medium)
    } else {
        // Somebody chose these tables, and whoever replicates is no role of the app.
        (tables(&open), Severity::Info)
    };
    let replicating = world.who_replicates();
    let (who, severity) = if replicating.is_empty() {
        ("whoever may replicate".to_owned(), severity)
    } else {
        (names(&replicating), Severity::High)
    };
    let explanation = format!(
        "The publication {} carries {how}, with the rows of all tenants, such as those of {}: no policy is asked, and \
         {who} gets them.",
        publication.name, first.name
    );
    let name = ident(&publication.name);
    let advice = if publication.is_of_all {
        format!(
            "PostgreSQL cannot take tables out of a publication of all tables: make one that names the tables that \
             somebody needs, with a row filter where one tenant is meant (create publication … for table … where ({} = …)), \
             let subscribers change to it, and drop {name}.",
            world.settings.tenant_column
        )
    } else {
        format!(
            "Give each table a row filter (alter publication {name} set table … where (…)), or drop from it what nobody \
             needs; and keep REPLICATION from the app's roles."
        )
    };
    Some(
        Finding::verified(Class::PublicationAll, &publication.name, explanation)
            .weighing(severity)
            .because(format!("publication {name}: {how}"))
            .closed_by(Remedy::advice(advice)),
    )
}

fn carries(world: &World<'_>, publication: &Publication, table: &Relation) -> bool {
    let named = publication.tables.iter().find(|named| named.relation == table.oid);
    let filters = |filter: &str| filter.contains(world.settings.tenant_column(&table.name));
    match named {
        Some(named) => !named.filter.as_deref().is_some_and(filters),
        None => publication.is_of_all || publication.schemas.contains(&table.name.schema),
    }
}

fn tables(tables: &[&Relation]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = tables.iter().take(SHOWN).map(|table| table.name.to_string()).collect();
    let more = tables.len().saturating_sub(SHOWN);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest} without a row filter", shown.join(", "))
}

// Large objects.

fn large_objects(world: &World<'_>, findings: &mut Vec<Finding>) {
    let server = &world.catalog.server;
    let readers: Vec<&AppRole<'_>> = world
        .app_roles
        .iter()
        .filter(|app| crate::catalog::granted(&server.reads_large_objects, &app.reachable, "EXECUTE"))
        .collect();
    if readers.is_empty() {
        return;
    }
    let tables: Vec<Finding> = world.tenant_tables().filter_map(|table| with_large_objects(world, table)).collect();
    if server.lo_compat_privileges && (server.large_objects > 0 || !tables.is_empty()) {
        findings.push(compatible(world, &readers));
    } else if tables.is_empty() {
        findings.extend(theirs(world));
    }
    findings.extend(tables);
}

fn compatible(world: &World<'_>, readers: &[&AppRole<'_>]) -> Finding {
    let database = &world.catalog.server.database;
    let explanation = format!(
        "lo_compat_privileges is on: {} may read and change every large object in {database}, whoever owns it.",
        names(readers)
    );
    let step = Step::of_database(format!("alter database {} set lo_compat_privileges = off", ident(database)));
    Finding::verified(Class::LargeObjects, database, explanation)
        .about("lo_compat_privileges")
        .weighing(Severity::High)
        .because("lo_compat_privileges = on")
        .closed_by(Remedy::steps([step]).with_advice("Take it out of postgresql.conf as well, where it is there."))
}

/// A table whose rows point at large objects, which all tenants' sessions own alike.
fn with_large_objects(world: &World<'_>, table: &Relation) -> Option<Finding> {
    let is_oid = |type_name: &str| type_name == "oid" || type_name == "lo" || type_name.ends_with(".lo");
    let column = table.columns.iter().find(|column| is_oid(&column.type_name))?;
    let users = world.who_may(table, "INSERT");
    let users = if users.is_empty() { world.who_may(table, "SELECT") } else { users };
    if users.is_empty() {
        return None;
    }
    let explanation = format!(
        "{}.{} points at large objects. They have no policies: what {} writes for one tenant it may read for another, by \
         trying numbers with lo_get.",
        table.name,
        column.name,
        names(&users)
    );
    Some(
        Finding::verified(Class::LargeObjects, table.name.to_string(), explanation)
            .about(&column.name)
            .because(format!("column {} {}", ident(&column.name), column.type_name))
            .closed_by(no_large_objects(
                "Keep the content in a bytea column of a table with policies, or in a store of its own",
            )),
    )
}

/// Large objects that no table points at, and that an app role has.
fn theirs(world: &World<'_>) -> Option<Finding> {
    let server = &world.catalog.server;
    let reach = |app: &AppRole<'_>| {
        server.large_objects_of.iter().any(|some| {
            app.reachable.contains(&some.owner) || crate::catalog::granted(&some.acl, &app.reachable, "SELECT")
        })
    };
    let users: Vec<&AppRole<'_>> = world.app_roles.iter().filter(|app| reach(app)).collect();
    if users.is_empty() {
        return None;
    }
    let explanation = format!(
        "There are large objects in {} that {} may read, whichever tenant they are of: they have no policies, and \
         their numbers can be tried.",
        server.database,
        names(&users)
    );
    Some(
        Finding::verified(Class::LargeObjects, &server.database, explanation)
            .because(format!("{} large objects", server.large_objects))
            .closed_by(no_large_objects("Move their content into a bytea column of a table with policies")),
    )
}

fn no_large_objects(first: &str) -> Remedy {
    Remedy::advice(format!(
        "{first}; then, as a superuser, revoke execute on the functions lo_get, lo_open, lo_create, lo_creat, lo_put, \
         lo_from_bytea, lo_unlink and loread from public."
    ))
}

// Statistics.

fn statistics(world: &World<'_>, findings: &mut Vec<Finding>) {
    let raw = &world.catalog.server.reads_statistics;
    for catalogue in ["pg_statistic", "pg_statistic_ext_data"] {
        let readers: Vec<&AppRole<'_>> =
            world.app_roles.iter().filter(|app| crate::catalog::granted(raw, &app.reachable, catalogue)).collect();
        if !readers.is_empty() {
            findings.push(raw_statistics(world, catalogue, &readers));
        }
    }
}

fn raw_statistics(world: &World<'_>, catalogue: &str, readers: &[&AppRole<'_>]) -> Finding {
    let explanation = format!(
        "{} may read {catalogue}, which holds the most common values of every column of every tenant; pg_stats shows what \
         the policies allow.",
        names(readers)
    );
    let grants: Vec<Grant> = world.catalog.server.reads_statistics.clone();
    let steps = world.grantees(&grants, 0xffff_ffff, &[catalogue]).into_iter();
    let steps = steps.map(|it| Step::of_database(format!("revoke select on pg_catalog.{catalogue} from {it}")));
    Finding::verified(Class::StatisticsExposed, format!("pg_catalog.{catalogue}"), explanation)
        .weighing(Severity::High)
        .because(format!("granted on pg_catalog.{catalogue}: SELECT to {}", names(readers)))
        .closed_by(Remedy::steps(steps))
}

// Extensions and foreign servers.

fn extension(world: &World<'_>, name: &str, reach: &str) -> Vec<Finding> {
    let Some(extension) = world.catalog.extensions.iter().find(|extension| extension.name == name) else {
        return Vec::new();
    };
    let is_harmful = |called: &str| !HARMLESS.iter().any(|beginning| called.starts_with(beginning));
    let functions = world.catalog.functions.iter().filter(|it| it.extension.as_deref() == Some(name));
    let callable: Vec<_> = functions
        .filter(|function| is_harmful(&function.name.name))
        .filter(|function| function.language != "c" || !superuser_only(name))
        .map(|function| (function, world.who_may_call(function)))
        .filter(|(_, callers)| !callers.is_empty())
        .collect();
    let Some((first, callers)) = callable.first() else { return Vec::new() };
    let explanation = format!("{} may call {} of the extension {name}: {reach}.", names(callers), first.signature());
    let steps: Vec<Step> = callable
        .iter()
        .flat_map(|(function, _)| {
            let grantees = world.grantees(&function.acl, function.owner, &["EXECUTE"]).into_iter();
            grantees.map(|it| Step::of_database(format!("revoke execute on function {} from {it}", function.quoted())))
        })
        .collect();
    // What somebody granted, where it is not everybody's: whoever did looks for its name.
    let is_granted = |function: &Function| function.acl.iter().all(|grant| grant.grantee != 0);
    let granted =
        callable.iter().filter(|(function, _)| is_granted(function)).map(|(function, _)| function.signature());
    let finding = |object: String| {
        Finding::verified(Class::ExtensionDangerous, object, explanation.clone())
            .because(format!("EXECUTE on {} functions of {name} is with {}", callable.len(), names(callers)))
            .closed_by(Remedy::steps(steps.clone()).with_advice(
                "Grant EXECUTE to the role that needs them and is no role of the app, or drop the extension where nothing \
                 uses it.",
            ))
    };
    std::iter::once(extension.name.clone()).chain(granted).map(finding).collect()
}

/// Whether its functions refuse everybody but superusers whatever was granted.
fn superuser_only(extension: &str) -> bool {
    matches!(extension, "pageinspect" | "pg_surgery")
}

/// A server that an app role may make foreign tables on, and is let in by.
fn foreign_server(world: &World<'_>, server: &ForeignServer) -> Option<Finding> {
    let is_mapped = |app: &AppRole<'_>| server.mapped.iter().any(|role| *role == 0 || app.reachable.contains(role));
    let needs_mapping = server.wrapper != "file_fdw";
    let users: Vec<&AppRole<'_>> = world
        .app_roles
        .iter()
        .filter(|app| {
            crate::catalog::granted(&server.acl, &app.reachable, "USAGE") && (is_mapped(app) || !needs_mapping)
        })
        .collect();
    if users.is_empty() {
        return None;
    }
    let explanation = format!(
        "{} may use the foreign server {} of {}: what is read there is read as another login, past the policies here.",
        names(&users),
        server.name,
        server.wrapper
    );
    let grantees = world.grantees(&server.acl, u32::MAX, &["USAGE"]).into_iter();
    let revoke =
        |it: String| Step::of_database(format!("revoke usage on foreign server {} from {it}", ident(&server.name)));
    Some(
        Finding::verified(Class::ExtensionDangerous, &server.wrapper, explanation)
            .about(&server.name)
            .because(format!("USAGE on foreign server {} is with {}", server.name, names(&users)))
            .closed_by(
                Remedy::steps(grantees.map(revoke))
                    .with_advice("Foreign tables that are there go on working for those that have rights to them."),
            ),
    )
}
