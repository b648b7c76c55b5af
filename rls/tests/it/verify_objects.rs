//! What `verify` says of everything that is not a policy: each class with holes of several forms, and with near twins
//! that have none.

use std::sync::atomic::{AtomicU64, Ordering};

use tenantry_platform::postgres::{PrivateCluster, shared_for_tests};
use tenantry_rls::catalog;
use tenantry_rls::config::Settings;
use tenantry_rls::finding::{Finding, Severity};
use tenantry_rls::verify::{World, verify};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

const ROLES: &str = "create role obj_owner nologin; create role obj_app login; create role obj_group nologin; \
     create role obj_bypass nologin bypassrls; create role obj_plain nologin";

/// Two tables as they should be, of an owner that is no role of the app.
const GROUND: &str = "create schema app authorization obj_owner; grant usage on schema app to obj_app; \
     create schema private authorization obj_owner; set role obj_owner; set search_path = app; \
     create function app.tenant() returns uuid language sql stable as \
       $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$; \
     create table orders (tenant_id uuid not null, id uuid not null default gen_random_uuid(), code text, total int, \
       primary key (tenant_id, id)); \
     create table notes (tenant_id uuid not null, id uuid not null default gen_random_uuid(), order_id uuid, body text, \
       primary key (tenant_id, id), foreign key (tenant_id, order_id) references orders (tenant_id, id)); \
     create table countries (code text primary key, name text); \
     alter table orders enable row level security; alter table orders force row level security; \
     alter table notes enable row level security; alter table notes force row level security; \
     create policy tenant on orders using (tenant_id = current_setting('app.tenant_id')::uuid); \
     create policy tenant on notes using (tenant_id = current_setting('app.tenant_id')::uuid); \
     grant select, insert, update, delete on orders, notes to obj_app; grant select on countries to obj_app;";

const SETTINGS: &str = r#"
    schemas = ["app"]
    app_roles = ["obj_app"]
    tenant_column = "tenant_id"
    tenant_type = "uuid"
    global_tables = ["countries"]
    [context]
    kind = "guc"
    vars = { "app.tenant_id" = "$tenant", "app.user_id" = "$user" }
    [context.membership]
    table = "members"
    tenant = "tenant_id"
    user = "user_id"
"#;

/// What is told of the ground with `ddl` on it, above information, by these classes.
async fn findings(ddl: &str) -> Vec<Finding> {
    let cluster = shared_for_tests().await;
    let name = database(cluster).await;
    let admin = connect(cluster, &name).await;
    let script = format!("{GROUND} {ddl}");
    admin.batch_execute(&script).await.unwrap_or_else(|error| panic!("{error:?}\n{ddl}"));
    let mut client = tenantry_rls::connect::connect(&cluster.administrator_url(&name)).await.unwrap();
    let catalog = catalog::read(&mut client).await.unwrap_or_else(|fault| panic!("{fault}\n{ddl}"));
    let settings = Settings::parse(SETTINGS).unwrap();
    let world = World::new(&catalog, &settings).unwrap();
    let mut found = verify(&world);
    for finding in found.iter_mut().filter(|finding| finding.object == name) {
        "DATABASE".clone_into(&mut finding.object);
    }
    drop((client, admin));
    let postgres = connect(cluster, "postgres").await;
    postgres.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
    found
}

async fn database(cluster: &PrivateCluster) -> String {
    static MADE: OnceCell<()> = OnceCell::const_new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let postgres = connect(cluster, "postgres").await;
    MADE.get_or_init(|| async { postgres.batch_execute(ROLES).await.unwrap() }).await;
    let name = format!("objects_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    postgres.batch_execute(&format!("create database {name} template template0")).await.unwrap();
    name
}

async fn connect(cluster: &PrivateCluster, name: &str) -> Client {
    let (client, connection) = cluster.administrator(name).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Each of these, on the ground, is told exactly as it says: `class object`, in any order; nothing where it is clean.
async fn expect(cases: &[(&str, &[&str])]) {
    let mut wrong = String::new();
    for (ddl, expected) in cases {
        let found = findings(ddl).await;
        let above = found.iter().filter(|finding| finding.severity > Severity::Info);
        let mut told: Vec<String> = above.map(|finding| format!("{} {}", finding.class.id(), finding.object)).collect();
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        told.sort();
        expected.sort();
        if told != expected {
            wrong += &format!("\n--- {ddl}\nexpected {expected:?}\ntold     {told:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn the_ground_is_clean() {
    expect(&[("", &[])]).await;
}

#[tokio::test]
async fn grants_that_no_policy_holds_back() {
    expect(&[
        ("grant truncate on notes to obj_app", &["grant-truncate app.notes"]),
        ("grant truncate on notes to public", &["grant-truncate app.notes"]),
        ("grant truncate on notes to obj_group; reset role; grant obj_group to obj_app", &["grant-truncate app.notes"]),
        ("grant truncate on notes to obj_plain", &[]),
        ("grant truncate on countries to obj_app", &[]),
        ("grant references on notes to obj_app", &["grant-ignores-rls app.notes"]),
        ("grant references (id) on notes to obj_app", &["grant-ignores-rls app.notes"]),
        ("grant trigger on notes to public", &["grant-ignores-rls app.notes"]),
        ("grant trigger on countries to obj_app", &[]),
        ("grant all on notes to obj_app", &["grant-ignores-rls app.notes", "grant-truncate app.notes"]),
    ])
    .await;
}

#[tokio::test]
async fn grants_on_what_is_to_come() {
    expect(&[
        ("alter default privileges in schema app grant all on tables to obj_app", &["default-privileges app"]),
        ("alter default privileges in schema app grant select on tables to public", &["default-privileges app"]),
        ("alter default privileges grant truncate on tables to obj_app", &["default-privileges DATABASE"]),
        ("alter default privileges in schema app grant select on tables to obj_plain", &[]),
        ("alter default privileges in schema private grant select on tables to obj_app", &[]),
        ("alter default privileges in schema app grant usage on sequences to obj_app", &[]),
        ("alter default privileges revoke execute on functions from public", &[]),
        (
            "alter default privileges in schema app grant select on tables to obj_app; reset role; \
             create function private.guard() returns event_trigger language plpgsql as $$ declare t record; begin \
             for t in select * from pg_event_trigger_ddl_commands() where object_type = 'table' loop \
             execute format('alter table %s enable row level security', t.object_identity); end loop; end $$; \
             create event trigger guard on ddl_command_end when tag in ('CREATE TABLE') execute function private.guard()",
            &[],
        ),
        ("grant create on schema app to obj_app", &["schema-create app"]),
        ("grant create on schema app to public", &["schema-create app"]),
        ("grant create on schema private to obj_app", &[]),
        ("grant create on schema app to obj_plain", &[]),
    ])
    .await;
}

#[tokio::test]
async fn sequences_that_count_for_everybody() {
    expect(&[
        ("create sequence numbers; grant select on sequence numbers to obj_app", &["sequence-oracle app.numbers"]),
        ("create sequence numbers; grant update on sequence numbers to public", &["sequence-oracle app.numbers"]),
        (
            "alter table notes add number bigint generated by default as identity; \
             grant usage, select on all sequences in schema app to obj_app",
            &["sequence-oracle app.notes_number_seq"],
        ),
        (
            "alter table notes add number bigint generated by default as identity; \
             grant usage on all sequences in schema app to obj_app",
            &[],
        ),
        ("alter table countries add number serial; grant select on sequence countries_number_seq to obj_app", &[]),
        (
            "create sequence \"It's\"; alter table countries add number bigint default nextval('\"It''s\"'); \
             grant select on sequence \"It's\" to obj_app",
            &[],
        ),
        ("create sequence private.numbers; grant select on sequence private.numbers to obj_app", &[]),
    ])
    .await;
}

#[tokio::test]
async fn keys_over_all_tenants() {
    expect(&[
        ("alter table orders add unique (code)", &["unique-oracle app.orders"]),
        ("create unique index on orders (lower(code)) where total > 0", &["unique-oracle app.orders"]),
        ("create unique index on orders (code) include (tenant_id)", &["unique-oracle app.orders"]),
        ("alter table orders add unique nulls not distinct (code, total)", &["unique-oracle app.orders"]),
        ("alter table orders add unique (code, tenant_id)", &[]),
        ("create unique index on orders ((tenant_id::text || code))", &[]),
        ("alter table orders add unique (id)", &[]),
        ("alter table orders add token_hash text unique", &[]),
        ("alter table orders add number bigint generated always as identity unique", &[]),
        (
            "create table plans (code text primary key, tenant_id uuid not null); alter table plans enable row level security; \
             alter table plans force row level security; grant select, insert on plans to obj_app; \
             create policy tenant on plans using (tenant_id = current_setting('app.tenant_id')::uuid)",
            &["unique-oracle app.plans"],
        ),
        (
            "create table plans (code text primary key, tenant_id uuid not null); alter table plans enable row level security; \
             alter table plans force row level security; grant select, delete on plans to obj_app; \
             create policy tenant on plans using (tenant_id = current_setting('app.tenant_id')::uuid)",
            &[],
        ),
        ("alter table countries add unique (name)", &[]),
        (
            "alter table orders add during int4range; alter table orders add exclude using gist (during with &&)",
            &["exclusion-oracle app.orders"],
        ),
        (
            "reset role; create extension btree_gist schema app; set role obj_owner; alter table orders add during int4range; \
             alter table orders add exclude using gist (tenant_id with =, during with &&)",
            &[],
        ),
        (
            "reset role; create extension btree_gist schema app; set role obj_owner; alter table orders add during int4range; \
             alter table orders add exclude using gist (tenant_id with <>, during with &&)",
            &["exclusion-oracle app.orders"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn foreign_keys_across_tenants() {
    let both = "reset role; create unique index parent_id on orders (id); ";
    let key = |sql: &str| format!("{both}{sql}");
    expect(&[
        (&key("alter table notes add foreign key (order_id) references orders (id)"), &["foreign-key-oracle app.notes"]),
        (
            &key("alter table notes add foreign key (order_id) references orders (id) on delete cascade"),
            &["foreign-key-oracle app.notes"],
        ),
        (
            "reset role; create unique index note_id on notes (id); alter table notes add parent uuid references notes (id)",
            &["foreign-key-oracle app.notes"],
        ),
        (
            "reset role; alter table notes add other uuid, add foreign key (other, order_id) references orders (tenant_id, id)",
            &["foreign-key-oracle app.notes"],
        ),
        ("reset role; alter table notes add foreign key (tenant_id, order_id) references orders (tenant_id, id) on delete cascade", &[]),
        ("alter table notes add country text references countries (code)", &[]),
        (&key("revoke insert, update on notes from obj_app; alter table notes add foreign key (order_id) references orders (id)"), &[]),
        (
            &key(
                "create table parts (id uuid primary key, order_id uuid references orders (id)); \
                 alter table parts enable row level security; alter table parts force row level security; \
                 create policy tenant on parts using (exists (select from orders o where o.id = order_id and \
                   o.tenant_id = current_setting('app.tenant_id')::uuid)); grant select, insert on parts to obj_app",
            ),
            &[],
        ),
        (
            &key(
                "create table parts (id uuid primary key, order_id uuid, other uuid references orders (id)); \
                 alter table parts enable row level security; alter table parts force row level security; \
                 create policy tenant on parts using (exists (select from orders o where o.id = order_id and \
                   o.tenant_id = current_setting('app.tenant_id')::uuid)); grant select, insert on parts to obj_app",
            ),
            &["foreign-key-oracle app.parts"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_around_tables() {
    expect(&[
        ("reset role; create publication everything for all tables", &["publication-all everything"]),
        ("reset role; create publication several for tables in schema app", &["publication-all several"]),
        ("reset role; create publication one for table app.notes", &["publication-all one"]),
        ("reset role; create publication lists for table app.countries", &[]),
        (
            "reset role; create publication one for table app.notes where (tenant_id = '00000000-0000-0000-0000-000000000001')",
            &[],
        ),
        ("alter table notes add attachment oid", &["large-objects app.notes"]),
                (
            "reset role; select lo_create(4711); grant select on large object 4711 to obj_app",
            &["large-objects DATABASE"],
        ),
        ("reset role; select lo_create(4711)", &[]),
        ("reset role; grant select on pg_statistic_ext_data to obj_app", &["statistics-exposed pg_catalog.pg_statistic_ext_data"]),
        ("create statistics app.both on tenant_id, code from orders", &[]),
        ("reset role; create extension dblink schema app", &["extension-dangerous dblink"]),
        ("reset role; create extension dblink schema private", &[]),
        (
            "reset role; create extension dblink schema app; \
             revoke execute on all functions in schema app from public, obj_app; \
             grant execute on function app.tenant() to obj_app",
            &[],
        ),
        ("reset role; create extension pgcrypto schema app; create extension pg_trgm schema app", &[]),
        (
            "reset role; create extension postgres_fdw schema private; create server other foreign data wrapper postgres_fdw; \
             create user mapping for public server other; grant usage on foreign server other to obj_app",
            &["extension-dangerous postgres_fdw"],
        ),
        (
            "reset role; create extension postgres_fdw schema private; create server other foreign data wrapper postgres_fdw; \
             create user mapping for obj_plain server other",
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_watcher_sees_other_tenants() {
    let cluster = shared_for_tests().await;
    let name = database(cluster).await;
    let admin = connect(cluster, &name).await;
    admin
        .batch_execute("create role obj_watcher login; grant pg_monitor to obj_watcher; create schema app")
        .await
        .unwrap();
    let mut client = tenantry_rls::connect::connect(&cluster.administrator_url(&name)).await.unwrap();
    let catalog = catalog::read(&mut client).await.unwrap();
    let settings = Settings::parse(&SETTINGS.replace("obj_app", "obj_watcher")).unwrap();
    let found = verify(&World::new(&catalog, &settings).unwrap());
    let ids: Vec<String> = found.iter().map(Finding::id).collect();
    assert_eq!(ids, ["statistics-exposed:obj_watcher:pg_monitor"]);
}
