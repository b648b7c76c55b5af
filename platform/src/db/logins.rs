//! The roles, and the SQL that a DBA runs once to make them. CREATEROLE is enough; no superuser is needed.

use std::fmt::Write as _;

/// The serving logins, in the order of [`Urls`](super::Urls), with the schema that each sees first.
pub const SERVING: [(&str, &str); 5] = [
    ("tenantry_control", "control"),
    ("tenantry_live", "live"),
    ("tenantry_test", "test"),
    ("tenantry_jobs", "control"),
    ("tenantry_operator", "control"),
];

/// The login that migrates. It is a member of the owner and inherits nothing until it says `set role`.
pub const MIGRATE: &str = "tenantry_migrate";

/// The role that owns every table. It cannot sign in.
pub const OWNER: &str = "tenantry_owner";

/// The doors, as `doors.txt` lists them.
pub const DOORS: &str = include_str!("doors.txt");

/// The classes of the control tables, as `control-tables.txt` lists them.
pub const CONTROL_TABLES: &str = include_str!("control-tables.txt");

/// How long a statement of a serving login may take.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;
/// How long a transaction may wait for its client.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: u32 = 10_000;
/// How long a statement may wait for a lock.
const LOCK_TIMEOUT_MS: u32 = 5_000;

/// The NOLOGIN role of each door, without the one door that the owner keeps.
pub fn door_owners() -> impl Iterator<Item = &'static str> {
    DOORS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .filter(|owner| *owner != OWNER)
}

/// The SQL for an empty database that the administrator owns. `password` gives each login's password.
pub fn plan(database: &str, mut password: impl FnMut(&str) -> String) -> String {
    let mut sql = format!(
        "-- Run once, connected to the database {name} as a role with CREATEROLE that owns the database.\n\
         -- Then run `tenantry migrate` with the URL of {MIGRATE}.\n\n\
         create role {OWNER} nologin;\n\
         create role {MIGRATE} login noinherit password {pw} in role {OWNER};\n",
        name = identifier(database),
        pw = literal(&password(MIGRATE)),
    );
    for (login, schema) in SERVING {
        serving_login(&mut sql, login, schema, &password(login));
    }
    for owner in door_owners() {
        let _ = writeln!(sql, "create role {owner} nologin;\ngrant {owner} to {OWNER};");
    }
    database_grants(&mut sql, database);
    sql
}

fn serving_login(sql: &mut String, login: &str, schema: &str, password: &str) {
    let _ = write!(
        sql,
        "create role {login} login noinherit password {};\n\
         alter role {login} set search_path = {schema};\n\
         alter role {login} set row_security = on;\n\
         alter role {login} set statement_timeout = {STATEMENT_TIMEOUT_MS};\n\
         alter role {login} set lock_timeout = {LOCK_TIMEOUT_MS};\n\
         alter role {login} set idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_TIMEOUT_MS};\n",
        literal(password),
    );
}

fn database_grants(sql: &mut String, database: &str) {
    let name = identifier(database);
    let logins: Vec<&str> = SERVING.iter().map(|(login, _)| *login).collect();
    let _ = write!(
        sql,
        "revoke all on database {name} from public;\n\
         grant connect on database {name} to {MIGRATE}, {};\n\
         grant connect, create on database {name} to {OWNER};\n\
         revoke all on schema public from public;\n",
        logins.join(", "),
    );
}

/// An SQL string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An SQL identifier.
fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
