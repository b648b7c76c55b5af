//! Every statement that the binary can send, judged by PostgreSQL's parser and prepared by PostgreSQL (AC-5, AC-6).

use std::collections::BTreeSet;

use tenantry_platform::db::registered;
use tenantry_platform::kit::TestDb;

use crate::judge::judge;

/// Each looks scoped to a hurried reader, and is not.
const HOSTILE: [(&str, &str); 16] = [
    ("tenant", "select id from api_keys where tenant_id = $1 or true"),
    ("tenant", "select id from api_keys where not (tenant_id = $1)"),
    ("tenant", "select id from api_keys where tenant_id >= $1"),
    ("tenant", "select id from api_keys where tenant_id = $2"),
    ("tenant", "select id from api_keys where coalesce(tenant_id, $1) = $1"),
    ("tenant", "select k.id from api_keys k join audit a on a.entity_id = k.id::text where k.tenant_id = $1"),
    ("tenant", "select k.id from api_keys k left join audit a on true where k.tenant_id = $1"),
    ("tenant", "select id from api_keys where tenant_id = $1 union all select id from api_keys"),
    ("tenant", "with everything as (select id from api_keys) select id from everything"),
    ("tenant", "select (select count(*) from api_keys) from audit where tenant_id = $1"),
    ("tenant", "insert into api_keys (tenant_id, id) values ($2, $1)"),
    ("tenant", "insert into api_keys (tenant_id, id) select tenant_id, $2 from api_keys where tenant_id = $1"),
    ("tenant", "insert into api_keys (tenant_id, id) values ($1, $2) on conflict (id) do update set name = $3"),
    ("tenant", "update api_keys set tenant_id = $2 where tenant_id = $1"),
    ("tenant", "delete from api_keys using audit a where api_keys.tenant_id = $1"),
    ("door", "select * from doors.tenant_by_slug($1), control.tenants"),
];

/// Each is scoped, in another way than most.
const FRIENDLY: [&str; 4] = [
    "select k.id from api_keys k join audit a on a.tenant_id = k.tenant_id where k.tenant_id = $1",
    "select k.id from api_keys k left join audit a on a.tenant_id = $1 and a.entity_id = k.id::text where $1 = k.tenant_id",
    "insert into api_keys (id, tenant_id) values ($2, $1) on conflict (tenant_id, id) do nothing",
    "with mine as (select id from api_keys where tenant_id = $1) select id from mine",
];

#[test]
fn hostile_statements_are_refused() {
    for (scope, sql) in HOSTILE {
        assert!(judge(scope, sql).is_err(), "accepted: {sql}");
    }
    for sql in FRIENDLY {
        assert_eq!(judge("tenant", sql), Ok(()), "{sql}");
    }
}

#[test]
fn every_registered_statement_is_scoped() {
    let faults: Vec<String> = registered()
        .filter_map(|s| judge(s.scope, s.text).err().map(|why| format!("{} in {}: {why}", s.name, s.file)))
        .collect();
    assert!(registered().count() > 30, "the registry is empty: the rooms were not linked");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_registered_statement_prepares_in_each_of_its_planes() {
    let db = TestDb::new().await;
    let mut faults = Vec::new();
    let logins: BTreeSet<&str> = registered().flat_map(|s| s.planes.iter().map(|(_, login)| *login)).collect();
    for login in logins {
        let client = db.login(login).await;
        for statement in registered().filter(|s| s.planes.iter().any(|(_, of)| *of == login)) {
            if let Err(error) = client.prepare(statement.text).await {
                faults.push(format!("{login} cannot prepare {} ({}): {error:?}", statement.name, statement.file));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What nodes believe from memory.
const BELIEVED: [&str; 6] = ["api_keys", "memberships", "persons", "roles", "sessions", "tenants"];

/// Statements that change what is believed and take nothing away, each with the reason.
const GIVING: [(&str, &str); 11] = [
    ("custody/src/audit/store.rs DROP_MONTH", "rows of the audit log; its door's owner owns every table"),
    ("custody/src/audit/store.rs MONTHS", "reads; the same owner"),
    ("identity/src/account/store.rs PROVE", "a pending person gets in"),
    ("identity/src/apikeys/store.rs USED", "when a key was used last"),
    ("identity/src/apikeys/store.rs WARN", "that somebody was told of a key's end"),
    ("identity/src/sessions/store.rs MARK_USED", "that a session's new token has arrived"),
    ("identity/src/sessions/store.rs ROTATE", "a living session gets its next token"),
    ("identity/src/sessions/store.rs SWEEP", "what ended long ago"),
    ("platform/src/months.rs DROP_EVENTS", "events; the owner of every table"),
    ("platform/src/months.rs MAKE", "partitions; the owner of every table"),
    ("platform/src/months.rs MISSING", "reads; the owner of every table"),
];

/// A statement that changes what nodes believe takes something away, and its transaction then commits through the fence
/// alone; or it stands in the list above (KEY-3, ID-11, AC-12).
#[tokio::test]
async fn whatever_takes_something_away_says_so() {
    let writing = doors_that_write(&TestDb::new().await).await;
    let mut faults = Vec::new();
    let mut unused: BTreeSet<&str> = GIVING.iter().map(|(name, _)| *name).collect();
    for statement in registered().filter(|statement| changes_believed(statement.text, &writing)) {
        let name = format!("{} {}", statement.file, statement.name);
        let is_listed = GIVING.iter().any(|(listed, _)| *listed == name);
        unused.remove(name.as_str());
        if statement.is_taking == is_listed {
            faults.push(name);
        }
    }
    assert!(faults.is_empty(), "neither taking nor listed, or both:\n{}", faults.join("\n"));
    assert!(unused.is_empty(), "listed, and not there: {unused:?}");
}

fn changes_believed(text: &str, doors: &BTreeSet<String>) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_written = |table| ["update", "delete from"].iter().any(|verb| text.contains(&format!("{verb} {table} ")));
    BELIEVED.iter().any(is_written) || doors.iter().any(|door| text.contains(&format!("doors.{door}(")))
}

/// The doors whose owners may change or delete what is believed, by the catalogue.
async fn doors_that_write(db: &TestDb) -> BTreeSet<String> {
    let sql = "
        select p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and exists (
            select from pg_class c join pg_namespace s on s.oid = c.relnamespace
            where s.nspname in ('control', 'live', 'test') and c.relname = any ($1)
              and (has_table_privilege(p.proowner, c.oid, 'update') or has_table_privilege(p.proowner, c.oid, 'delete')))";
    let tables: Vec<&str> = BELIEVED.to_vec();
    db.administrator().await.query(sql, &[&tables]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
