//! The roles, and the SQL that a DBA runs once to make them. CREATEROLE is enough; no superuser is needed.

use std::fmt::Write as _;

use super::plane::{Control, Jobs, Live, Operator, Plane, Test};

/// The serving logins, with the schema that each sees first.
pub const SERVING: [(&str, &str); 5] = [of::<Control>(), of::<Live>(), of::<Test>(), of::<Jobs>(), of::<Operator>()];

const fn of<P: Plane>() -> (&'static str, &'static str) {
    (P::LOGIN, P::SCHEMA)
}

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

/// The SQL for an empty database that the administrator owns. `password` gives each login's password. Running it
/// again does no harm: it adds the roles that a newer version needs and sets the passwords.
pub fn plan(database: &str, mut password: impl FnMut(&str) -> String) -> String {
    let mut sql = format!(
        "-- Run once, connected to the database {name} as a role with CREATEROLE that owns the database.\n\
         -- Then run `tenantry migrate` with the URL of {MIGRATE}. After an upgrade run the newer plan first.\n\n",
        name = identifier(database),
    );
    role(&mut sql, OWNER, "nologin");
    role(&mut sql, MIGRATE, "login noinherit");
    let _ =
        writeln!(sql, "alter role {MIGRATE} password {};\ngrant {OWNER} to {MIGRATE};", literal(&password(MIGRATE)));
    for (login, schema) in SERVING {
        serving_login(&mut sql, login, schema, &password(login));
    }
    for owner in door_owners() {
        role(&mut sql, owner, "nologin");
        let _ = writeln!(sql, "grant {owner} to {OWNER};");
    }
    sql.push_str(&database_grants(database));
    sql
}

/// A role, if it is not there yet: PostgreSQL has no `create role if not exists`.
fn role(sql: &mut String, name: &str, options: &str) {
    let _ = writeln!(
        sql,
        "do $$ begin if not exists (select from pg_catalog.pg_roles where rolname = {}) then create role {name} {options}; end if; end $$;",
        literal(name),
    );
}

fn serving_login(sql: &mut String, login: &str, schema: &str, password: &str) {
    role(sql, login, "login noinherit");
    let _ = write!(
        sql,
        "alter role {login} password {};\n\
         alter role {login} set search_path = {schema};\n\
         alter role {login} set row_security = on;\n\
         alter role {login} set statement_timeout = {STATEMENT_TIMEOUT_MS};\n\
         alter role {login} set lock_timeout = {LOCK_TIMEOUT_MS};\n\
         alter role {login} set idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_TIMEOUT_MS};\n",
        literal(password),
    );
}

/// What the roles may do with one database.
pub fn database_grants(database: &str) -> String {
    let name = identifier(database);
    let logins: Vec<&str> = SERVING.iter().map(|(login, _)| *login).collect();
    format!(
        "revoke all on database {name} from public;\n\
         grant connect on database {name} to {MIGRATE}, {};\n\
         grant connect, create on database {name} to {OWNER};\n\
         revoke all on schema public from public;\n",
        logins.join(", "),
    )
}

/// An SQL string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An SQL identifier.
fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
