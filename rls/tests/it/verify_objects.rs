//! What `verify` says of views, functions and triggers: each class with holes of several forms, and with near twins
//! that have none.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
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
pub(crate) async fn expect(cases: &[(&str, &[&str])]) {
    const TOGETHER: usize = 6;
    let all = cases.iter().map(|(ddl, expected)| async move { (*ddl, *expected, findings(ddl).await) });
    let mut all = futures_util::stream::iter(all).buffered(TOGETHER);
    let mut wrong = String::new();
    while let Some((ddl, expected, found)) = all.next().await {
        let above = found.iter().filter(|finding| finding.severity > Severity::Info);
        let mut told: Vec<String> = above.map(|finding| format!("{} {}", finding.class.id(), finding.object)).collect();
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        told.sort();
        expected.sort();
        if told != expected {
            let why: Vec<&str> = found.iter().map(|finding| finding.explanation.as_str()).collect();
            wrong += &format!("\n--- {ddl}\nexpected {expected:?}\ntold     {told:?}\n{}\n", why.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn the_ground_is_clean() {
    expect(&[("", &[])]).await;
}

pub(crate) const MEMBERS: &str = "create table members (tenant_id uuid not null, user_id uuid not null, primary key (tenant_id, user_id)); \
     alter table members enable row level security; alter table members force row level security; \
     create policy own on members using (tenant_id = current_setting('app.tenant_id')::uuid); grant select on members to obj_app; ";

#[tokio::test]
async fn views_that_read_as_their_owners() {
    let superuser = |sql: &str| format!("reset role; {sql}");
    expect(&[
        (&superuser("create view v as select * from notes; grant select on v to obj_app"), &["view-definer app.v"]),
        (
            &superuser("create view v as select o.code, count(*) from orders o join notes n on n.order_id = o.id group by 1; grant select on v to public"),
            &["view-definer app.v"],
        ),
        (
            &superuser("create view inner_v as select * from notes; create view v with (security_invoker = on) as select * from inner_v; \
                        grant select on v, inner_v to obj_app"),
            &["view-definer app.inner_v", "view-definer app.v"],
        ),
        (
            &superuser("create view inner_v with (security_invoker) as select * from notes; create view v as select * from inner_v; grant select on v to obj_app"),
            // The inner one asks as whoever asked the outer one, whose owner's power ends there.
            &[],
        ),
        ("alter table notes no force row level security; create view v as select * from notes; grant select on v to obj_app", &["view-definer app.v"]),
        (&superuser("create view v as select id from notes where false or body is not null; grant update on v to obj_app"), &["view-definer app.v"]),
        (
            "create policy all_of_owner on notes to obj_owner using (true); create view v as select * from notes; grant select on v to obj_app",
            &["view-definer app.v"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn views_that_hold_or_compare_the_tenant_themselves() {
    let superuser = |sql: &str| format!("reset role; {sql}");
    let ctx = "current_setting('app.tenant_id')::uuid";
    expect(&[
        ("create view v as select * from notes; grant select on v to obj_app", &[]),
        (&superuser("create view v with (security_invoker = true) as select * from notes; grant select on v to obj_app"), &[]),
        (&superuser("create view v as select * from notes"), &[]),
        (&superuser("create view v as select * from notes; grant select on v to obj_plain"), &[]),
        (&superuser("create view v as select * from countries; grant select on v to obj_app"), &[]),
        (
            &superuser(&format!("create view v with (security_barrier) as select * from notes where tenant_id = {ctx}; grant select on v to obj_app")),
            &[],
        ),
        (
            &superuser("create view v with (security_barrier) as select n.*, o.code from notes n join orders o using (tenant_id) \
                        where o.id = n.order_id and o.tenant_id = app.tenant(); grant select on v to obj_app"),
            &[],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select n.body, o.code from notes n left join orders o \
                        on o.id = n.order_id where n.tenant_id = {ctx}; grant select on v to obj_app")),
            &[],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select n.body, o.code from notes n left join orders o \
                        on o.code = n.body where n.tenant_id = {ctx}; grant select on v to obj_app")),
            &["view-definer app.v"],
        ),
        (
            &superuser(&format!("create view all_notes as select * from notes; create view v with (security_barrier) as \
                        select * from all_notes where tenant_id = {ctx}; grant select on v to obj_app")),
            &[],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as with n as (select tenant_id, count(*) c from notes group by 1) \
                        select * from n where tenant_id = (select {ctx}); grant select on v to obj_app")),
            &[],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select id from notes where tenant_id = {ctx} \
                        union all select id from orders; grant select on v to obj_app")),
            &["view-definer app.v"],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select * from notes where tenant_id = {ctx} or body = 'public'; \
                        grant select on v to obj_app")),
            &["view-definer app.v"],
        ),
        (
            &superuser(&format!("create view v as select * from notes where tenant_id = {ctx}; grant select on v to obj_app")),
            &["view-leaky app.v"],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select * from notes where tenant_id = {ctx}; \
                        grant select, insert on v to obj_app")),
            &["view-definer app.v"],
        ),
        (
            &superuser(&format!("create view v with (security_barrier) as select * from notes where tenant_id = {ctx} \
                        with check option; grant select, insert on v to obj_app")),
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn conditions_that_are_trees() {
    let view = |from: &str| {
        format!(
            "reset role; {MEMBERS} create view v with (security_barrier) as select n.body from {from}; grant select on v to obj_app"
        )
    };
    let function = |signature: &str, body: &str| {
        format!(
            "reset role; {MEMBERS} create function app.f({signature}) returns setof text language plpgsql security definer \
             set search_path = app, pg_temp as $f$ {body} end $f$"
        )
    };
    let own = |alias: &str| format!("{alias}.tenant_id = app.tenant()");
    let open: &[&str] = &["view-definer app.v"];
    let hole: &[&str] = &["function-definer app.f(uuid)"];
    let clean: &[&str] = &[];
    let (n, o) = (own("n"), own("o"));
    let both = format!("case when n.body = 'x' then {n} else not (n.tenant_id <> app.tenant()) end");
    let half = format!("case when n.body = 'x' then {n} else n.body is null end");
    let joined = |on: &str, filter: &str| format!("notes n join orders o on {on} where {filter}");
    let own_notes = "not (tenant_id <> app.tenant() or body is null)";
    let each = format!("({o} and n.tenant_id = o.tenant_id or {n})");
    let check = |contrary: &str| {
        format!(
            "begin if {contrary} then raise exception 'no'; end if; return query select body from notes where case when body = 'x' then tenant_id = p else not (tenant_id <> p) end;"
        )
    };
    expect(&[
        (&view(&format!("notes n where {both}")), clean),
        (&view(&format!("notes n where {half}")), open),
        (&view(&format!("notes n where not (not {n} or n.body = 'x')")), clean),
        (&view(&format!("notes n where not (not {n} and n.body = 'x')")), open),
        (&view(&format!("notes n where {n} and n.body = 'x' or n.body = 'y' and {n}")), clean),
        (&view(&format!("notes n where app.tenant() is null or {n}")), open),
        (&view(&joined("true", &format!("{each} and not ({o}) is not true"))), clean),
        (&view(&joined("true", &each)), open),
        (&view(&joined("o.id = n.order_id", &format!("{n} and not (not {o} or o.code = 'x')"))), clean),
        (&view(&joined("o.code = n.body", &format!("{n} and not (not {o} and o.code = 'x')"))), open),
        (&view(&format!("orders o left join notes n on {n} and n.body = o.code where not (not {o} or o.code = 'x')")), clean),
        (&view(&format!("orders o left join notes n on n.body = o.code where not (not {o} or o.code = 'x')")), open),
        // A name of `with`, and columns by other names, are not what they seem.
        (&view(&format!("(with orders as (select * from notes) select o.body, o.tenant_id from orders o, notes n where {both}) n")), open),
        (&view("notes as n(other, tenant_id, order_id, body) where not (n.tenant_id <> app.tenant() or n.body = 'x')"), open),
        (&view("notes as n(mine, id, order_id, body) where not (n.mine <> app.tenant() or n.body = 'x')"), clean),
        (&function("p uuid", &check("p is distinct from app.tenant()")), clean),
        (&function("p uuid", &check("p is distinct from gen_random_uuid()")), hole),
        (&function("tenant_id uuid", "begin return query select n.body from notes n where not (n.tenant_id <> f.tenant_id);"), hole),
        (&function("p uuid", "declare t uuid := app.tenant(); begin return query select body from notes where not (tenant_id <> t);"), clean),
        (&function("p uuid", "declare t uuid := p; begin return query select body from notes where not (tenant_id <> t);"), hole),
        (&function("p uuid", "begin update notes set body = 'x' where not (tenant_id <> app.tenant() or body = 'y');"), clean),
        (&function("p uuid", "begin update notes set body = 'x' where not (tenant_id <> app.tenant() and body = 'y');"), hole),
        (&function("p uuid", "begin delete from notes n where not (n.tenant_id <> app.tenant() or n.body = 'y');"), clean),
        (&function("p uuid", "begin delete from notes n where not (n.tenant_id <> p or n.body = 'y');"), hole),
        (&function("p uuid", &format!("begin return next (select min(body) from notes where {own_notes});")), clean),
        (&function("p uuid", "begin return next (select min(body) from notes where not (tenant_id <> p));"), hole),
        (&function("p uuid", &format!("declare t text; begin t := (select min(body) from notes where {own_notes}); return next t;")), clean),
        (&function("p uuid", "declare t text; begin t := (select min(body) from notes where not (tenant_id <> p)); return next t;"), hole),
        (&function("p uuid", &format!("begin if exists (select from notes where {own_notes}) then return next 'yes'; end if;")), clean),
        (&function("p uuid", "begin if exists (select from notes where not (tenant_id <> p)) then return next 'yes'; end if;"), hole),
        (&function("p uuid", "begin return query select n.body from notes n where not (n.tenant_id <> app.tenant()) and exists (select from orders o where o.tenant_id = n.tenant_id and o.id = n.order_id);"), clean),
        (&function("p uuid", "begin return query select n.body from notes n where not (n.tenant_id <> app.tenant()) and exists (select from orders o where o.code = n.body);"), hole),
    ])
    .await;
}

#[tokio::test]
async fn what_cannot_have_policies() {
    expect(&[
        ("reset role; create materialized view m as select * from notes; grant select on m to obj_app", &["matview-exposed app.m"]),
        ("reset role; create materialized view m as select count(*) from orders; grant select on m to public", &["matview-exposed app.m"]),
        (
            "reset role; create view w as select code from orders; create materialized view m as select * from w; grant select on m to obj_app",
            &["matview-exposed app.m"],
        ),
        ("reset role; create materialized view m as select * from notes", &[]),
        ("reset role; create materialized view m as select * from countries; grant select on m to obj_app", &[]),
        (
            "reset role; create materialized view m as select tenant_id, count(*) n from orders group by 1; \
             create view v with (security_barrier) as select * from m where tenant_id = app.tenant(); grant select on v to obj_app",
            &[],
        ),
        (
            "reset role; create materialized view m as select tenant_id, count(*) n from orders group by 1; \
             create view v with (security_barrier) as select * from m; grant select on v to obj_app",
            &["view-definer app.v"],
        ),
        (
            "reset role; create extension file_fdw schema private; create server files foreign data wrapper file_fdw; \
             create foreign table f (tenant_id uuid, a text) server files options (filename '/nowhere'); grant select on f to obj_app",
            &["foreign-table-exposed app.f"],
        ),
        (
            "reset role; create extension file_fdw schema private; create server files foreign data wrapper file_fdw; \
             create foreign table f (tenant_id uuid, a text) server files options (filename '/nowhere')",
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn rules_run_as_the_owner_of_their_table() {
    let log = "reset role; create table private.log (tenant_id uuid, body text); ";
    expect(&[
        (
            &format!("{log} create rule r as on update to notes do also update orders set total = 0 where code = new.body; alter table notes owner to obj_bypass"),
            &["rule-bypass app.notes"],
        ),
        (
            "reset role; create table heard (what text); grant select on heard to obj_app; \
             create rule r as on insert to notes do also insert into heard values (new.body); alter table notes owner to obj_bypass",
            &["rule-bypass app.notes"],
        ),
        (
            "alter table orders no force row level security; \
             create rule r as on delete to notes do also delete from orders where id = old.order_id or code = old.body",
            &["rule-bypass app.notes"],
        ),
        ("create rule r as on delete to notes do also update orders set total = 0 where tenant_id = old.tenant_id and id = old.order_id", &[]),
        ("create rule r as on delete to notes do instead nothing", &[]),
    ])
    .await;
}
