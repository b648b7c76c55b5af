//! The catalogue of a migrated database, compared with what is written down.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_platform::db::logins;
use tenantry_platform::kit::TestDb;

/// Policies that are neither the tenant's, the person's nor a door's, and why.
const OWN_POLICIES: &[(&str, &str)] = &[
    ("control.tenants", "operator"),
    ("control.audit", "operator_audit"),
    ("control.subject_keys", "operator_keys"),
    ("control.events", "operator_events"),
    ("control.jobs", "jobs"),
];

fn listed(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn classes() -> BTreeMap<&'static str, &'static str> {
    listed(logins::CONTROL_TABLES)
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(t, c)| (t, c.trim()))
        .collect()
}

#[tokio::test]
async fn every_table_has_forced_row_level_security() {
    let client = TestDb::new().await.administrator().await;
    let open = client
        .query(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('control', 'live', 'test') and c.relkind in ('r', 'p')
               and not (c.relrowsecurity and c.relforcerowsecurity)",
            &[],
        )
        .await
        .expect("read");
    assert!(open.is_empty(), "without FORCE: {:?}", open.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_control_table_has_its_class() {
    let client = TestDb::new().await.administrator().await;
    let rows = client
        .query(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'control' and c.relkind in ('r', 'p') and not c.relispartition",
            &[],
        )
        .await
        .expect("read");
    let found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let listed: BTreeSet<String> = classes().keys().map(|table| (*table).to_owned()).collect();
    assert_eq!(found, listed, "control-tables.txt and the catalogue differ");
}

#[tokio::test]
async fn every_policy_is_the_one_of_its_tables_class() {
    let client = TestDb::new().await.administrator().await;
    let rows = client
        .query(
            "select schemaname || '.' || tablename, policyname::text, permissive, array_to_string(roles, ','), cmd, qual, with_check
             from pg_policies where schemaname in ('control', 'live', 'test')",
            &[],
        )
        .await
        .expect("read");
    let mut walls: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let (table, policy, qual, check): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(5), row.get(6));
        assert_eq!((row.get::<_, &str>(2), row.get::<_, &str>(4)), ("PERMISSIVE", "ALL"), "{table} {policy}");
        let roles: String = row.get(3);
        let own = |owner: &str| format!("({owner}_id = (current_setting('tenantry.{owner}'::text))::uuid)");
        let schema = table.split('.').next().unwrap_or_default().to_owned();
        match policy.as_str() {
            "tenant" | "person" => {
                assert_eq!((&qual, &check), (&own(&policy), &own(&policy)), "{table}");
                assert_eq!(roles, format!("tenantry_{schema}"), "{table}");
                *walls.entry(table).or_default() += 1;
            }
            door if door.starts_with("door_") => assert_eq!(roles, format!("tenantry_{door}"), "{table}"),
            other => assert!(OWN_POLICIES.contains(&(table.as_str(), other)), "an unlisted policy: {table} {other}"),
        }
    }
    assert_eq!(walls.values().max(), Some(&1), "one wall a table");
    for (table, class) in classes() {
        let walled = walls.contains_key(&format!("control.{table}"));
        assert_eq!(walled, class != "global", "control.{table} is {class}");
    }
}

#[tokio::test]
async fn every_key_begins_with_its_owner() {
    let client = TestDb::new().await.administrator().await;
    let rows = client
        .query(
            "select n.nspname::text, c.relname::text, a.attname::text from pg_index i
             join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
             where n.nspname in ('control', 'live', 'test') and i.indisunique and not c.relispartition",
            &[],
        )
        .await
        .expect("read");
    let classes = classes();
    for row in rows {
        let (schema, table, first): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let class = if schema == "control" { classes[table.as_str()] } else { "tenant" };
        let expected = match class {
            "tenant" => "tenant_id",
            "person" => "person_id",
            _ => continue,
        };
        assert_eq!(first, expected, "a key of {schema}.{table}");
    }
}

#[tokio::test]
async fn serving_logins_hold_no_grant_that_row_level_security_does_not_see() {
    let client = TestDb::new().await.administrator().await;
    let rows = client
        .query(
            "select grantee || ' has ' || privilege_type || ' on ' || table_schema || '.' || table_name
             from information_schema.role_table_grants
             where table_schema in ('control', 'live', 'test')
               and (grantee = 'PUBLIC' or privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
               and grantee not in ('tenantry_owner')",
            &[],
        )
        .await
        .expect("read");
    assert!(rows.is_empty(), "{:?}", rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>());
    for (table, class) in classes() {
        let grants = client
            .query(
                "select distinct grantee::text from information_schema.role_table_grants
                 where table_schema = 'control' and table_name = $1 and grantee in
                    ('tenantry_control', 'tenantry_live', 'tenantry_test', 'tenantry_operator', 'PUBLIC')",
                &[&table],
            )
            .await
            .expect("read");
        assert!(class != "global" || grants.is_empty(), "control.{table} is global and granted");
    }
}

#[tokio::test]
async fn no_serving_login_makes_platform_staff() {
    let client = TestDb::new().await.administrator().await;
    for (login, _) in logins::SERVING {
        for verb in ["insert", "update"] {
            let may: bool = client
                .query_one("select has_column_privilege($1, 'control.persons', 'operator', $2)", &[&login, &verb])
                .await
                .expect("asked")
                .get(0);
            assert!(!may, "{login} may {verb} control.persons.operator");
        }
    }
}

#[tokio::test]
async fn every_door_is_listed_with_its_owner_and_callers() {
    let client = TestDb::new().await.administrator().await;
    let rows = client
        .query(
            "select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.prosecdef, p.proconfig,
                    p.proowner::regrole::text, pg_get_userbyid(p.proowner)::text,
                    coalesce((select array_agg(distinct case when a.grantee = 0 then 'PUBLIC' else a.grantee::regrole::text end
                                               order by case when a.grantee = 0 then 'PUBLIC' else a.grantee::regrole::text end)
                     from aclexplode(p.proacl) a where a.grantee <> p.proowner), '{}'), format_type_list.types
             from pg_proc p join pg_namespace n on n.oid = p.pronamespace
             cross join lateral (select string_agg(format_type(t, null), ', ' order by ord) as types
                                 from unnest(p.proargtypes) with ordinality u(t, ord)) format_type_list
             where n.nspname = 'doors' and p.prosecdef",
            &[],
        )
        .await
        .expect("read");
    let mut found = BTreeSet::new();
    for row in &rows {
        let config: Option<Vec<String>> = row.get(2);
        let name: String = row.get(0);
        // How long a door waits for a lock is its own matter; where it looks for names is not.
        let settings: Vec<&String> = config.iter().flatten().filter(|one| !one.starts_with("lock_timeout=")).collect();
        assert_eq!(settings, ["search_path=\"\""], "{name} has another search_path");
        let bare = name.split('(').next().unwrap_or_default();
        let types: Option<String> = row.get(6);
        let callers: Vec<String> = row.get(5);
        found.insert(
            format!("{bare}({}) | {} | {}", types.unwrap_or_default(), row.get::<_, String>(4), callers.join(" "))
                .trim_end()
                .to_owned(),
        );
    }
    let listed: BTreeSet<String> = listed(logins::DOORS).map(str::to_owned).collect();
    let odd: Vec<&String> = found.symmetric_difference(&listed).collect();
    assert!(odd.is_empty(), "doors.txt and the catalogue differ:\n{odd:#?}");
}
