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

const MEMBERS: &str = "create table members (tenant_id uuid not null, user_id uuid not null, primary key (tenant_id, user_id)); \
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

#[tokio::test]
async fn functions_that_run_as_their_owners() {
    let made = |options: &str, body: &str| {
        format!(
            "reset role; {MEMBERS} create function app.f(p uuid, q text default '') {options} security definer set search_path = app, pg_temp as $f$ {body} $f$"
        )
    };
    let sql = |body: &str| made("returns setof app.notes language sql stable", body);
    let pl = |body: &str| made("returns setof app.notes language plpgsql", body);
    let void = |body: &str| made("returns void language plpgsql", body);
    let hole: &[&str] = &["function-definer app.f(uuid, text)"];
    let clean: &[&str] = &[];
    expect(&[
        (&sql("select * from notes where tenant_id = p"), hole),
        (&sql("select * from app.notes where tenant_id = $1"), hole),
        (&sql("select * from notes where id = p"), hole),
        (&sql("select * from notes where tenant_id = app.tenant()"), clean),
        (&sql("select * from notes where tenant_id = p and p = app.tenant()"), clean),
        (&sql("select * from notes where tenant_id = current_setting('app.other')::uuid"), hole),
        (&sql("select n.* from notes n where n.tenant_id in (select m.tenant_id from members m where m.user_id = current_setting('app.user_id')::uuid)"), clean),
        (&sql("select n.* from notes n where exists (select from members m where m.tenant_id = p and m.user_id = current_setting('app.user_id')::uuid) and n.tenant_id = p"), clean),
        (&sql("select n.* from notes n where n.tenant_id in (select m.tenant_id from members m where m.user_id = p)"), hole),
        (&made("returns bigint language sql", "select count(*) from notes"), hole),
        (&made("returns boolean language sql", "select exists (select from orders where code = q)"), hole),
        (&made("returns boolean language sql", "select exists (select from members m where m.tenant_id = p and m.user_id = current_setting('app.user_id')::uuid)"), clean),
        (&pl("begin return query select * from notes where tenant_id = p; end"), hole),
        (&pl("begin return query select * from notes where tenant_id = app.tenant(); end"), clean),
        (&pl("declare t uuid := app.tenant(); begin return query select * from notes where tenant_id = t; end"), clean),
        (&pl("declare t uuid := app.tenant(); begin t := p; return query select * from notes where tenant_id = t; end"), hole),
        (&pl("begin if p is distinct from app.tenant() then raise exception 'no'; end if; return query select * from notes where tenant_id = p; end"), clean),
        (&pl("begin if p is distinct from app.tenant() then raise notice 'no'; end if; return query select * from notes where tenant_id = p; end"), hole),
        (&pl("begin if p <> current_setting('app.tenant_id')::uuid then raise exception 'no'; end if; return query select * from notes where tenant_id = p; end"), clean),
        (&pl("begin if p <> app.tenant() then raise exception 'no'; end if; return query select * from notes where tenant_id = p; end"), hole),
        (&pl("begin if app.tenant() is null or p <> app.tenant() then raise exception 'no'; end if; return query select * from notes where tenant_id = p; end"), clean),
        (&pl("begin perform from members m where m.tenant_id = p and m.user_id = current_setting('app.user_id')::uuid; if not found then raise exception 'no'; end if; return query select * from notes where tenant_id = p; end"), clean),
        (&pl("begin if not exists (select from members m where m.tenant_id = p and m.user_id = current_setting('app.user_id')::uuid) then return; end if; return query select * from notes where tenant_id = p; end"), clean),
        (&pl("begin perform from members m where m.tenant_id = p and m.user_id = current_setting('app.user_id')::uuid; return query select * from notes where tenant_id = p; end"), hole),
        (&pl("declare r app.notes; begin for r in select * from app.notes loop return next r; end loop; end"), hole),
        (&pl("declare r app.notes; begin for r in select * from app.notes where tenant_id = app.tenant() loop return next r; end loop; end"), clean),
        (&void("begin update notes set body = q where id = p; end"), hole),
        (&void("begin update notes set body = q where id = p and tenant_id = app.tenant(); end"), clean),
        (&void("begin update notes set tenant_id = p where tenant_id = app.tenant(); end"), hole),
        (&void("begin delete from notes where id = p; end"), hole),
        (&void("begin delete from notes using orders o where notes.order_id = o.id and o.tenant_id = app.tenant(); end"), clean),
        (&void("begin insert into notes (tenant_id, body) values (p, q); end"), hole),
        (&void("begin insert into notes (tenant_id, body) values (app.tenant(), q); end"), clean),
        (&void("begin insert into notes (tenant_id, body) select tenant_id, body from notes where tenant_id = app.tenant(); end"), clean),
        (&void("begin truncate notes; end"), hole),
        (&void("begin perform 1; null; exception when others then null; end"), clean),
        (&made("returns setof app.notes language sql stable begin atomic select * from app.notes where id = p; end; select 1 --", "")
            .replace("security definer set search_path = app, pg_temp as $f$  $f$", ""), clean),
    ])
    .await;
}

#[tokio::test]
async fn helpers_are_looked_through() {
    let made = |body: &str| {
        format!(
            "reset role; {MEMBERS} \
             create function app.whose() returns uuid language plpgsql stable as $f$ declare t uuid; begin \
               t := nullif(current_setting('app.tenant_id', true), '')::uuid; if t is null then raise exception 'no tenant'; end if; return t; end $f$; \
             create function app.who() returns uuid language sql stable as $f$ select current_setting('app.user_id')::uuid $f$; \
             create function app.mine() returns setof uuid language sql stable as $f$ select tenant_id from app.members where user_id = app.who() $f$; \
             create function app.is_mine(t uuid) returns boolean language sql stable as $f$ \
               select exists (select from app.members m where m.tenant_id = t and m.user_id = app.who()) $f$; \
             create function app.is_mine_too(t uuid) returns boolean language plpgsql stable as $f$ begin \
               if exists (select from app.members m where m.tenant_id = t and m.user_id = app.who()) then return true; end if; return false; end $f$; \
             create function app.anybodys(t uuid) returns boolean language sql stable as $f$ select true $f$; \
             create function app.must(t uuid) returns void language plpgsql as $f$ begin \
               if not app.is_mine(t) then raise exception 'no'; end if; end $f$; \
             create function app.f(p uuid) returns setof app.notes language plpgsql security definer set search_path = app, pg_temp as $f$ begin {body} end $f$"
        )
    };
    let hole: &[&str] = &["function-definer app.f(uuid)"];
    let clean: &[&str] = &[];
    expect(&[
        (&made("return query select * from notes where tenant_id = app.whose();"), clean),
        (&made("return query select * from notes where tenant_id = (select app.whose());"), clean),
        (&made("return query select * from notes where tenant_id in (select app.mine());"), clean),
        (&made("return query select * from notes where tenant_id = any (array(select app.mine()));"), clean),
        (&made("return query select * from notes where app.is_mine(tenant_id);"), clean),
        (&made("return query select * from notes where app.is_mine_too(tenant_id);"), clean),
        (&made("return query select * from notes where app.anybodys(tenant_id);"), hole),
        (&made("return query select * from notes where app.is_mine(p);"), hole),
        (&made("return query select * from notes where app.is_mine(p) and tenant_id = p;"), clean),
        (&made("if not app.is_mine(p) then raise exception 'no'; end if; return query select * from notes where tenant_id = p;"), clean),
        (&made("if app.is_mine(p) then raise exception 'no'; end if; return query select * from notes where tenant_id = p;"), hole),
        (&made("perform app.must(p); return query select * from notes where tenant_id = p;"), clean),
        (&made("perform app.anybodys(p); return query select * from notes where tenant_id = p;"), hole),
    ])
    .await;
}

#[tokio::test]
async fn who_may_call_and_whose_it_is() {
    let f = "create function app.f() returns bigint language sql security definer set search_path = app, pg_temp as 'select count(*) from notes'; ";
    let line = |before: &str, after: &str| format!("{before} {f} {after}");
    let hole: &[&str] = &["function-definer app.f()"];
    expect(&[
        (&line("reset role;", ""), hole),
        (&line("reset role;", "revoke execute on function app.f() from public; grant execute on function app.f() to obj_app"), hole),
        (&line("reset role;", "revoke execute on function app.f() from public"), &[]),
        (&line("reset role;", "revoke execute on function app.f() from public; grant execute on function app.f() to obj_plain"), &[]),
        (&line("", ""), &[]),
        (&line("reset role;", "alter function app.f() owner to obj_bypass"), hole),
        (&line("alter table notes no force row level security;", ""), hole),
        (&line("", "create policy owners on notes to obj_owner using (true)"), hole),
        (&line("reset role;", "alter function app.f() security invoker"), &[]),
        ("reset role; create procedure app.p(t uuid) language sql security definer set search_path = app, pg_temp as 'delete from notes where tenant_id = t'", &["function-definer app.p(uuid)"]),
        ("reset role; create function private.f() returns bigint language sql security definer set search_path = app, pg_temp as 'select count(*) from notes'", &[]),
        ("reset role; create function app.f() returns timestamptz language sql security definer set search_path = app, pg_temp as 'select now()'", &[]),
        (
            "reset role; create function app.inner_f(t uuid) returns bigint language sql set search_path = app, pg_temp as 'select count(*) from notes where tenant_id = t'; \
             create function app.f(t uuid) returns bigint language sql security definer set search_path = app, pg_temp as 'select app.inner_f(t)'",
            &["function-definer app.f(uuid)"],
        ),
        (
            "reset role; create function app.inner_f(t uuid) returns bigint language sql set search_path = app, pg_temp as 'select count(*) from notes where tenant_id = t'; \
             create function app.f() returns bigint language sql security definer set search_path = app, pg_temp as 'select app.inner_f(app.tenant())'",
            &[],
        ),
        (
            "reset role; create table app.sessions (tenant_id uuid not null, token_hash bytea, primary key (tenant_id, token_hash)); \
             alter table app.sessions enable row level security; \
             create function app.login(h bytea) returns uuid language sql security definer set search_path = app, pg_temp as 'select tenant_id from sessions where token_hash = h'",
            &[],
        ),
        ("reset role; create function app.f(a text) returns void language c security definer set search_path = app, pg_temp as '$libdir/plpgsql', 'plpgsql_call_handler'", &["unprovable app.f(text)"]),
    ])
    .await;
}

#[tokio::test]
async fn where_names_are_looked_up() {
    let f = |options: &str, body: &str| {
        format!(
            "reset role; create function app.f() returns bigint language sql security definer {options} as $f$ {body} $f$"
        )
    };
    let held = "select count(*) from notes where tenant_id = app.tenant()";
    let qualified = "select count(*) from app.notes where tenant_id = app.tenant()";
    let loose = "reset role; create schema loose; grant create, usage on schema loose to public; ";
    expect(&[
        (&f("", qualified), &["function-search-path app.f()"]),
        (&f("set search_path = app, pg_temp", held), &[]),
        (&f("set search_path = ''", qualified), &[]),
        (&f("set search_path = app", qualified), &[]),
        (&f("set search_path = app", held), &["temp-shadowing app.f()"]),
        (&f("set search_path = pg_temp, app", held), &["temp-shadowing app.f()"]),
        (
            &format!(
                "reset role; do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$; {}",
                f("set search_path = app", held)
            ),
            &[],
        ),
        (&format!("{loose} {}", f("set search_path = loose, app, pg_temp", qualified)), &["function-search-path app.f()"]),
        ("reset role; create function app.f() returns bigint language sql security definer begin atomic select count(*) from app.notes where tenant_id = app.tenant(); end", &[]),
        ("reset role; create function app.f() returns bigint language sql security definer begin atomic select count(*) from app.notes where tenant_id <> app.tenant(); end", &["function-definer app.f()"]),
        (
            &format!(
                "reset role; {MEMBERS} create function app.is_in(t uuid) returns boolean language plpgsql stable as \
                 $f$ begin return exists (select from members m where m.tenant_id = t); end $f$; \
                 create policy more on orders as restrictive using (app.is_in(tenant_id))"
            ),
            &["policy-function-unsafe app.is_in(uuid)", "policy-function-unsafe app.orders"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn statements_that_functions_build() {
    let f = |body: &str| {
        format!(
            "reset role; create function app.f(q text, n int default 0) returns setof app.notes language plpgsql security definer \
             set search_path = app, pg_temp as $f$ declare s text; begin {body} end $f$"
        )
    };
    let hole: &[&str] = &["function-dynamic-sql app.f(text, integer)"];
    let reads: &[&str] = &["function-definer app.f(text, integer)"];
    expect(&[
        (&f("return query execute 'select * from app.notes where tenant_id = app.tenant() and body = ''' || q || '''';"), hole),
        (&f("return query execute format('select * from app.notes where tenant_id = app.tenant() and body = ''%s''', q);"), hole),
        (&f("s := 'select * from app.notes where tenant_id = app.tenant()'; if q <> '' then s := s || ' order by ' || q; end if; return query execute s;"), hole),
        (&f("execute 'update app.notes set body = 1 where ' || q;"), hole),
        (&f("execute format('select * from app.%I where tenant_id = app.tenant()', q);"), hole),
        (&f("return query execute 'select * from app.notes where tenant_id = app.tenant() and body = $1' using q;"), &[]),
        (&f("return query execute format('select * from app.notes where tenant_id = app.tenant() and body = %L', q);"), &[]),
        (&f("return query execute 'select * from app.notes where tenant_id = app.tenant() and body = ' || quote_literal(q);"), &[]),
        (&f("return query execute 'select * from app.notes where tenant_id = app.tenant() limit ' || n;"), &[]),
        (&f("return query execute format('select * from app.notes where tenant_id = %L', app.tenant());"), &[]),
        (&f("return query execute 'select * from app.notes where tenant_id = $1' using app.tenant();"), &[]),
        (&f("return query execute 'select * from app.notes where tenant_id = $1' using q::uuid;"), reads),
        (&f("return query execute format('select * from app.notes where body = %L', q);"), reads),
        ("create function app.f(q text) returns void language plpgsql as $f$ begin execute 'select ' || q; end $f$", &[]),
    ])
    .await;
}

#[tokio::test]
async fn claims_of_leakproof() {
    let shout =
        "returns boolean language plpgsql leakproof cost 0.1 as $f$ begin raise notice '%', t; return true; end $f$";
    expect(&[
        (&format!("reset role; create function app.f(t text) {shout}"), &["function-leakproof app.f(text)"]),
        (
            "reset role; create function app.f(t text) returns int language sql leakproof immutable as 'select t::int'",
            &["function-leakproof app.f(text)"],
        ),
        (
            &format!("reset role; create function app.f(t uuid, u text) {shout}"),
            &["function-leakproof app.f(uuid, text)"],
        ),
        (
            &format!(
                "reset role; create function app.f(t text) {shout}; revoke execute on function app.f(text) from public"
            ),
            &[],
        ),
        (
            "reset role; create function app.f() returns uuid language sql leakproof stable as 'select app.tenant()'",
            &[],
        ),
        (&format!("reset role; create function app.f(t text) {}", shout.replace("leakproof", "")), &[]),
    ])
    .await;
}

#[tokio::test]
async fn triggers_that_carry_rows() {
    let on = |definer: &str, body: &str| {
        format!(
            "reset role; create table totals (what text primary key, n bigint); grant select on totals to obj_app; \
             create table private.audit (tenant_id uuid, body text); \
             create function private.t() returns trigger language plpgsql {definer} set search_path = app, pg_temp as $f$ begin {body} return new; end $f$; \
             create trigger t after insert or update on notes for each row execute function private.t()"
        )
    };
    let hole: &[&str] = &["trigger-leaks app.notes", "trigger-leaks private.t()"];
    let told: &[&str] = &["notify-leaks app.notes", "notify-leaks private.t()"];
    let clean: &[&str] = &[];
    let other = "update orders set total = total + 1 where code = new.body;";
    expect(&[
        (&on("security definer", other), hole),
        (&on("security definer", "update orders set total = total + 1 where id = new.order_id;"), clean),
        (&on("security definer", "update orders set total = total + 1 where tenant_id = new.tenant_id and code = new.body;"), clean),
        (&on("security definer", "insert into orders (tenant_id, code) values (gen_random_uuid(), new.body);"), hole),
        (&on("security definer", "insert into orders (tenant_id, code) values (new.tenant_id, new.body);"), clean),
        (&on("security definer", "if exists (select from orders where code = new.body) then raise exception 'taken %', new.body; end if;"), hole),
        (&on("security definer", "insert into totals values (new.body, 1);"), hole),
        (&on("", "insert into totals values (new.body, 1);"), hole),
        (&on("security definer", "insert into private.audit values (new.tenant_id, new.body);"), clean),
        (&on("", "new.body := lower(new.body);"), clean),
        (&on("", other), clean),
        (&on("", "perform pg_notify('notes', row_to_json(new)::text);"), told),
        (&on("", "perform pg_notify('notes', json_build_object('id', new.id, 'body', new.body)::text);"), told),
        (&on("", "perform pg_notify('notes', new.id::text);"), clean),
        (&on("", "notify notes;"), clean),
        (&on("", "execute format('notify notes, %L', new.body);"), told),
        (&on("", "if new.body is not null then raise exception 'no'; end if;"), clean),
        (
            "create function app.tell(b text) returns void language sql as $f$ select pg_notify('n', body) from app.notes where body = b $f$",
            &["notify-leaks app.tell(text)"],
        ),
        ("create function app.tell(b text) returns void language sql as $f$ select pg_notify('n', b) $f$", clean),
        (
            &on("security definer", "execute 'update app.orders set total = 0 where code = ''' || new.body || '''';"),
            &["function-dynamic-sql private.t()"],
        ),
        (&format!("{}; alter table notes disable trigger t", on("security definer", other)), clean),
    ])
    .await;
}
