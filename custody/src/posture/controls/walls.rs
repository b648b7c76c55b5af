//! One tenant never meets another: the two walls, each tried alone where a running system allows it.

use std::sync::Arc;

use tenantry_core::ids::TenantId;
use tenantry_platform::db::registered;
use tenantry_platform::postgres::rls_advisory;
use uuid::Uuid;

use crate::posture::catalogue::{compare, is_of};
use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Login, Probe, Trial, Tried};

/// The tables of tenants that each serving login sees, and a read of each without the tenant term: the first
/// wall is left out, so only the second one stands between the reader and the others' rows.
const CONTROL_READS: &[&str] = &[
    "select from tenants where tenant_id <> $1 limit 1",
    "select from memberships where tenant_id <> $1 limit 1",
    "select from audit where tenant_id <> $1 limit 1",
    "select from audit_leaves where tenant_id <> $1 limit 1",
    "select from events where tenant_id <> $1 limit 1",
    "select from subject_keys where tenant_id <> $1 limit 1",
];
const MODE_READS: &[&str] = &[
    "select from api_keys where tenant_id <> $1 limit 1",
    "select from audit where tenant_id <> $1 limit 1",
    "select from audit_leaves where tenant_id <> $1 limit 1",
    "select from events where tenant_id <> $1 limit 1",
    "select from subject_keys where tenant_id <> $1 limit 1",
];
/// Changes of all rows that are not one's own.
const CONTROL_WRITES: &[&str] = &[
    "update tenants set name = 'taken' where tenant_id <> $1",
    "update memberships set role = 'taken' where tenant_id <> $1",
    "delete from memberships where tenant_id <> $1",
];
const MODE_WRITES: &[&str] = &["update api_keys set revoked_at = now() where tenant_id <> $1"];

const INSERT_SUBJECT: &str =
    "insert into subject_keys (tenant_id, subject_id, sealed, created_at) values ($1, $2, '', now())";
const INSERT_TENANT: &str = "insert into tenants (tenant_id, slug, name, status_at, created_at) values ($1, 'imagined-tenant', 'Imagined', now(), now())";
const INSERT_KEY: &str = "
    insert into api_keys (tenant_id, id, name, digest, start, scopes, created_at)
    values ($1, $2, 'imagined', sha256($2::uuid::text::bytea), 'imagined', '{}', now())";

/// Two tenants that exist only in a transaction reach for each other's rows, and everybody's.
pub(super) async fn tenant_isolation(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (mut found, mut tried) = (unscoped_statements(), 0);
    for (login, reads, writes) in [
        (Login::Control, CONTROL_READS, CONTROL_WRITES),
        (Login::Live, MODE_READS, MODE_WRITES),
        (Login::Test, MODE_READS, MODE_WRITES),
    ] {
        let trial = probe.trial(login).await?;
        let (here, there) = (probe.imagined_tenant(), probe.imagined_tenant());
        settle(&trial, login, here).await?;
        settle(&trial, login, there).await?;
        trial.as_tenant(Some(here)).await?;
        for statement in reads.iter().chain(writes) {
            if !touches_nothing(&trial.attempt(statement, &[&here.uuid()]).await?) {
                found.push(format!("{} passes the second wall: {statement}", login.name()));
            }
        }
        found.extend(cross(&trial, login, here, there).await?);
        tried += reads.len() + writes.len() + 3;
        trial.roll_back().await?;
    }
    let statements = registered().filter(|statement| statement.scope == "tenant").count();
    Ok(Verdict::unless(
        &found,
        format!("{tried} attempts by 3 logins met nothing; {statements} statements name their tenant"),
    ))
}

/// Rows of an imagined tenant: the attempts have something to find.
async fn settle(trial: &Trial, login: Login, tenant: TenantId) -> Result<(), Inconclusive> {
    trial.as_tenant(Some(tenant)).await?;
    let id = Uuid::from_u128(tenant.uuid().as_u128() ^ 1);
    if login == Login::Control {
        trial.read(INSERT_TENANT, &[&tenant.uuid()]).await?;
    } else {
        trial.read(INSERT_KEY, &[&tenant.uuid(), &id]).await?;
    }
    trial.read(INSERT_SUBJECT, &[&tenant.uuid(), &id]).await.map(drop)
}

/// Asks for the other by name, writes as the other, and asks without a context.
async fn cross(trial: &Trial, login: Login, here: TenantId, there: TenantId) -> Result<Vec<String>, Inconclusive> {
    let mut found = Vec::new();
    let read = trial.attempt("select from subject_keys where tenant_id = $1", &[&there.uuid()]).await?;
    if !touches_nothing(&read) {
        found.push(format!("{} reads the rows of a tenant that it names", login.name()));
    }
    let written = trial.attempt(INSERT_SUBJECT, &[&there.uuid(), &here.uuid()]).await?;
    if !written.is_forbidden() {
        found.push(format!("{} writes a row for another tenant", login.name()));
    }
    trial.as_tenant(None).await?;
    if matches!(trial.attempt("select from subject_keys", &[]).await?, Tried::Ran(_)) {
        found.push(format!("{} reads without saying whose rows", login.name()));
    }
    Ok(found)
}

const fn touches_nothing(tried: &Tried) -> bool {
    matches!(tried, Tried::Ran(0))
}

/// The first wall: what serves requests says whose rows it means. A test of the build parses each in full; this
/// one sees that they are the ones that were linked.
fn unscoped_statements() -> Vec<String> {
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    let touches_rows = |text: &str| has(text, &[" from ", "insert into ", "update ", "delete "]);
    let is_scoped = |text: &str| has(text, &["tenant_id = $1", "values ($1", "select $1"]);
    let bad = registered()
        .filter(|statement| statement.scope == "tenant" && touches_rows(statement.text) && !is_scoped(statement.text));
    bad.map(|statement| format!("the statement {} does not name its tenant", statement.name)).collect()
}

/// Row level security on every table, forced, with exactly the policies and grants of this version.
pub(super) async fn rls_coverage(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let on_relation = |line: &str| !line.starts_with("grant on function");
    compare(&probe, "facts on tables, columns, policies, grants and triggers", |line| {
        is_of(line, &["table", "column", "policy", "trigger", "grant"]) && on_relation(line)
    })
    .await
}

/// The functions that look across tenants: exactly these, with these bodies, owners and callers.
pub(super) async fn privileged_functions(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    compare(&probe, "facts on functions", |line| is_of(line, &["function"]) || line.starts_with("grant on function"))
        .await
}

/// Statements of each login against the schemas that are not its own.
const FOREIGN: &[(Login, &str)] = &[
    (Login::Test, "select from live.api_keys limit 1"),
    (Login::Test, "select from live.audit limit 1"),
    (Login::Test, "update live.api_keys set revoked_at = now()"),
    (
        Login::Test,
        "insert into live.events (tenant_id, id, at, type, data) values (gen_random_uuid(), gen_random_uuid(), now(), '', '{}')",
    ),
    (Login::Test, "set local role tenantry_live"),
    (Login::Live, "select from test.api_keys limit 1"),
    (Login::Live, "select from test.audit limit 1"),
    (Login::Live, "update test.api_keys set revoked_at = now()"),
    (Login::Live, "set local role tenantry_test"),
    (Login::Live, "select from control.persons limit 1"),
    (Login::Test, "select from control.persons limit 1"),
    (Login::Control, "select from live.api_keys limit 1"),
    (Login::Control, "select from test.api_keys limit 1"),
    (Login::Jobs, "select from live.api_keys limit 1"),
    (Login::Jobs, "select from control.persons limit 1"),
    (Login::Operator, "select from live.api_keys limit 1"),
    (Login::Operator, "select from control.identities limit 1"),
];

/// Each login tries the schemas of the others.
pub(super) async fn modes_apart(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let mut found = Vec::new();
    for login in Login::ALL {
        let trial = probe.trial(login).await?;
        for (_, statement) in FOREIGN.iter().filter(|(of, _)| *of == login) {
            if !trial.attempt(statement, &[]).await?.is_forbidden() {
                found.push(format!("{} may run: {statement}", login.name()));
            }
        }
        trial.roll_back().await?;
    }
    Ok(Verdict::unless(&found, format!("{} attempts on another plane, all refused", FOREIGN.len())))
}

/// What a session of a login is, in one row. `$1` is the schema that it must see first.
const SESSION: &str = "
    select current_user::text, current_setting('row_security'), current_schema()::text,
           r.rolsuper or r.rolbypassrls or r.rolreplication or r.rolcreaterole or r.rolcreatedb,
           exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                   where n.nspname in ('control', 'live', 'test', 'doors') and pg_catalog.pg_has_role(c.relowner, 'member'))
    from pg_catalog.pg_roles r where r.rolname = current_user";

/// The logins that serve: what they are, and what their sessions see.
pub(super) async fn serving_logins(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let mut found = Vec::new();
    for login in Login::ALL {
        let client = probe.connect(login).await?;
        let row = client.query_one(SESSION, &[]).await?;
        let (user, row_security, schema): (String, String, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (is_powerful, owns): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
        let expected = match login {
            Login::Live => "live",
            Login::Test => "test",
            Login::Control | Login::Jobs | Login::Operator => "control",
        };
        let faults = [
            (user != login.name(), "signs in as another role"),
            (row_security != "on", "has row_security off"),
            (schema.as_deref() != Some(expected), "sees another schema first"),
            (is_powerful, "is superuser, bypasses row level security, replicates, or creates roles or databases"),
            (owns, "owns tables or is a member of their owner"),
        ];
        found.extend(faults.iter().filter(|(is_so, _)| *is_so).map(|(_, what)| format!("{} {what}", login.name())));
    }
    let roles = compare(&probe, "facts on roles", |line| is_of(line, &["role"])).await?;
    if found.is_empty() { Ok(roles) } else { Ok(Verdict::unless(&found, "")) }
}

/// The running server has no known hole in row level security.
pub(super) async fn database_version(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let client = probe.connect(Login::Control).await?;
    let row = client.query_one("select current_setting('server_version_num')::integer", &[]).await?;
    let number =
        u32::try_from(row.try_get::<_, i32>(0)?).map_err(|_| Inconclusive("the server names no version".to_owned()))?;
    Ok(match rls_advisory(number) {
        Some(advisory) => Verdict::fail(advisory.to_string()),
        None => Verdict::pass(format!(
            "PostgreSQL {}.{}: no hole in row level security is known",
            number / 10_000,
            number % 10_000
        )),
    })
}
