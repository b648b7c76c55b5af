//! The rules of `verify` about code: functions that run as their owners, what they build and name, and triggers.

use crate::verify_objects::{MEMBERS, expect};

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

/// A statement that is one of several is each of them.
#[tokio::test]
async fn statements_that_functions_choose() {
    let f = |body: &str| {
        format!(
            "reset role; create function app.f(q text, n int default 0) returns setof app.notes language plpgsql security definer \
             set search_path = app, pg_temp as $f$ declare s text; begin {body} end $f$"
        )
    };
    let hole: &[&str] = &["function-dynamic-sql app.f(text, integer)"];
    let writes: &[&str] = &["function-definer app.f(text, integer)"];
    let (all, own) = ("delete from app.notes", "delete from app.notes where tenant_id = app.tenant()");
    let asks = "if q not in ('id', 'body') or q is null then raise exception 'no'; end if;";
    let runs = "return query execute 'select * from app.notes where tenant_id = app.tenant() order by ' || q;";
    let ordered = "return query execute format('select * from app.notes where tenant_id = app.tenant() order by";
    expect(&[
        (&f(&format!("execute case q when 'a' then '{all}' else '{own}' end;")), writes),
        (&f(&format!("if q = 'a' then s := '{all}'; else s := '{own}'; end if; execute s;")), writes),
        (&f(&format!("execute coalesce(case q when 'a' then '{all}' end, '{own}');")), writes),
        (&f(&format!("execute case q when 'a' then '{own}' else '{own}' end;")), &[]),
        (&f("execute format('delete from app.%I where tenant_id = app.tenant()', case n when 1 then 'notes' else 'orders' end);"), &[]),
        (&f("execute format('delete from app.%I', case n when 1 then 'notes' else 'nothing_that_is_there' end);"), writes),
        (&f("execute format('delete from app.%I where tenant_id = app.tenant()', case n when 1 then 'notes' else q end);"), hole),
        (&f(&format!("{ordered} %I', q);")), &[]),
        (&f(&format!("{ordered} body, notes.%I desc', q);")), &[]),
        (&f(&format!("{ordered} %I', case q when 'b' then 'body' else 'id' end);")), &[]),
        (&f(&format!("{ordered} (select %I)', q);")), hole),
        (&f(&format!("{ordered} 1 limit %I', q);")), hole),
        (&f("execute format(E'select 1 order by 1; delete from\\n%I', q);"), hole),
        (&f("execute format('select 1 order by 1; truncate %I', q);"), hole),
        (&f("execute format('select 1 order by 1; table %I', q);"), hole),
        (&f("execute 'select ' || n || ' from from';"), &["unprovable app.f(text, integer)"]),
        (&f(&format!("{asks} {runs}")), &[]),
        (&f(&format!("{runs} {asks}")), hole),
        (&f(&format!("if n > 0 then {asks} end if; {runs}")), hole),
        (&f(&format!("if q in ('id', 'body') then raise notice 'usual'; end if; {runs}")), hole),
        (&f(&format!("begin {asks} exception when others then null; end; {runs}")), hole),
        (&f(&format!("{asks} select current_setting('app.order') into q; {runs}")), hole),
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
        (&on("security definer", "declare r record; begin r := new; insert into orders (tenant_id, code) values (r.tenant_id, 'x'); end;"), clean),
        (&on("security definer", "declare r record; begin if tg_op = 'INSERT' then r := new; else r := old; end if; insert into orders (tenant_id, code) values (r.tenant_id, 'x'); end;"), clean),
        (&on("security definer", "declare r record; begin r := new; r := jsonb_populate_record(r, new.body::jsonb); insert into orders (tenant_id, code) values (r.tenant_id, 'x'); end;"), hole),
        (&on("security definer", "declare r record; begin r := new; r.tenant_id := new.body::uuid; insert into orders (tenant_id, code) values (r.tenant_id, 'x'); end;"), hole),
        (&on("security definer", "declare r record; begin r := new; if new.body <> '' then r := jsonb_populate_record(r, new.body::jsonb); end if; insert into orders (tenant_id, code) values (r.tenant_id, 'x'); end;"), hole),
        (&on("security definer", "declare r record; begin r := new; for i in 1..2 loop insert into orders (tenant_id, code) values (r.tenant_id, 'x'); r := jsonb_populate_record(r, new.body::jsonb); end loop; end;"), hole),
        (&on("security definer", "declare r record; begin r := new; for i in 1..2 loop insert into orders (tenant_id, code) values (r.tenant_id, 'x'); select f.* into r from jsonb_populate_record(r, new.body::jsonb) f; end loop; end;"), hole),
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

/// What looks as if it held a row to the tenant, and does not.
#[tokio::test]
async fn what_only_looks_like_the_tenant() {
    let f = |language: &str, declared: &str, body: &str| {
        format!(
            "reset role; create function app.f(q text, n int default 0) returns setof app.notes language {language} \
             security definer set search_path = app, pg_temp as $f${declared} {body} $f$"
        )
    };
    let sql = |body: &str| f("sql", "", body);
    let hole: &[&str] = &["function-definer app.f(text, integer)"];
    let built: &[&str] = &["function-dynamic-sql app.f(text, integer)"];
    expect(&[
        // Which arm of CASE it is, the caller chooses.
        (&sql("select * from app.notes where tenant_id = case when n = 1 then '00000000-0000-0000-0000-000000000001' else app.tenant() end"), hole),
        (&sql("select * from app.notes where tenant_id = case when n = 1 then app.tenant() end"), &[]),
        (&sql("select d.* from app.notes d where d.id = case when true then d.id else (select e.id from app.notes e where e.id = d.id and d.tenant_id = app.tenant()) end"), hole),
        // Where nothing is found, it has a row all the same.
        (&sql("select d.* from app.notes d where exists (select count(*) from app.notes e where e.id = d.id and d.tenant_id = app.tenant())"), hole),
        (&sql("select d.* from app.notes d where (0, 1) = (select count(*), 1 from app.notes e where e.id = d.id and d.tenant_id = app.tenant())"), hole),
        (&sql("select d.* from app.notes d where (d.tenant_id, d.id) = (select e.tenant_id, e.id from app.notes e where e.tenant_id = app.tenant() limit 1)"), &[]),
        // A comment declares nothing.
        (&f("plpgsql", "declare /* ; q := app.tenant(); */ v int;", "begin return query select * from app.notes where tenant_id = q::uuid; end"), hole),
        // A quoted name behind the word of a condition may be a table's or a function's.
        (&f("plpgsql", "", "begin return query execute format('select * from (select 1 where true) x, %I t', q); end"), built),
        (&f("plpgsql", "", "begin return query execute format('select * from app.notes where tenant_id = app.tenant() and %I(body)', q); end"), built),
        (&f("plpgsql", "", "begin return query execute format('select * from app.notes where tenant_id = app.tenant() and %I is null', q); end"), &[]),
    ])
    .await;
}

/// Whoever names what nobody guesses is shown what it names; words that only sound like that are none.
#[tokio::test]
async fn what_nobody_guesses() {
    let shown = |column: &str, type_name: &str| {
        format!(
            "alter table notes add {column} {type_name}; \
             create policy shown on notes for select using ({column}::text = nullif(current_setting('app.told', true), ''))"
        )
    };
    let by = |column: &str, refers: &str| {
        format!(
            "reset role; create table app.links (tenant_id uuid not null, note_id uuid not null, {column} text not null, \
             primary key (tenant_id, note_id, {column}){refers}); alter table app.links enable row level security; \
             create policy tenant on app.links using (tenant_id = app.tenant()); \
             create function app.f(t text) returns setof app.notes language sql security definer set search_path = app, pg_temp \
             as $f$ select d.* from app.links l join app.notes d on d.tenant_id = l.tenant_id and d.id = l.note_id \
             where l.{column} = t $f$"
        )
    };
    let key = ", foreign key (tenant_id, note_id) references app.notes";
    let (open, hole): (&[&str], &[&str]) = (&["policy-wrong-context app.notes"], &["function-definer app.f(text)"]);
    expect(&[
        (&shown("share_token", "text"), &[]),
        (&shown("hashtag", "text"), open),
        (&shown("content_hash", "text"), open),
        (&shown("token", "text not null default ''"), open),
        (&shown("is_secret", "boolean"), open),
        (&by("token_hash", key), &[]),
        (&by("token_hash", ""), hole),
        (&by("label", key), hole),
    ])
    .await;
}
