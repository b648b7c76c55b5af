//! Every statement that the binary can send, judged by PostgreSQL's parser and prepared by PostgreSQL (AC-5, AC-6).

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
    let logins: std::collections::BTreeSet<&str> =
        registered().flat_map(|s| s.planes.iter().map(|(_, login)| *login)).collect();
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
