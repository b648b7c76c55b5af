//! Views, functions, triggers.

use super::kit::{BY_SETTING, SOUND, finds};

async fn changed(changes: &[(&str, &[&str])]) {
    finds(BY_SETTING, SOUND, changes).await;
}

#[tokio::test]
async fn what_stands_in_front_of_tables() {
    changed(&[
        ("create view all_docs as select * from docs; grant select on all_docs to $app", &["view-definer:public.all_docs"]),
        (
            "create view sizes as select sum(size) as total, count(*) as many from docs; grant select on sizes to $app",
            &["view-definer:public.sizes"],
        ),
        (
            "create view v with (security_invoker) as select * from docs; grant select on v to $app",
            &[],
        ),
        (
            "create view v with (security_barrier) as select * from docs where tenant_id = tenant(); grant select on v to $app",
            &[],
        ),
        (
            "create view v as select title, size from docs where tenant_id = tenant() and length(title) > 2; \
             grant select on v to $app",
            &["view-leaky:public.v"],
        ),
        (
            "create view v as select * from docs; grant insert, update, delete on v to $app",
            &["view-definer:public.v"],
        ),
        (
            "create materialized view m as select status, count(*) from docs group by 1; grant select on m to $app",
            &["matview-exposed:public.m"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn functions_that_answer_for_any_tenant() {
    changed(&[
        (
            "create function find(p_title text) returns setof docs language sql stable security definer set search_path = '' \
             begin atomic select * from public.docs where title = p_title; end",
            &["function-definer:public.find(text)"],
        ),
        (
            "create function taken(p_title text) returns boolean language sql stable security definer set search_path = '' \
             begin atomic select exists (select from public.docs where title = p_title); end",
            &["function-definer:public.taken(text)"],
        ),
        (
            "create function mine(p_title text) returns boolean language sql stable security definer set search_path = '' \
             begin atomic select exists (select from public.docs where title = p_title and tenant_id = public.tenant()); end",
            &[],
        ),
        (
            "create function of_tenant(t uuid) returns setof docs language plpgsql security definer set search_path = '' as \
             $$ begin if t is distinct from public.tenant() then raise exception 'not yours'; end if; \
             return query select * from public.docs where tenant_id = t; end $$",
            &[],
        ),
        (
            "create function wipe(p_id uuid) returns void language sql security definer set search_path = '' \
             begin atomic delete from public.docs where id = p_id; end",
            &["function-definer:public.wipe(uuid)"],
        ),
        (
            "create procedure wipe(p_id uuid) language plpgsql security definer set search_path = '' as \
             $$ begin update public.docs set size = 0 where id = p_id; end $$",
            &["function-definer:public.wipe(uuid)"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn functions_that_build_say_or_set_what_they_should_not() {
    changed(&[
        (
            "create function look(q text) returns setof docs language plpgsql security definer set search_path = '' as \
             $$ begin return query execute 'select * from public.docs where tenant_id = public.tenant() and title = ''' || q || ''''; end $$",
            &["function-dynamic-sql:public.look(text)"],
        ),
        (
            "create function look(q text) returns setof docs language plpgsql as \
             $$ begin return query execute 'select * from public.docs where title = ''' || q || ''''; end $$",
            &["function-dynamic-sql:public.look(text)"],
        ),
        (
            "create function look(q text) returns setof docs language plpgsql security definer set search_path = '' as \
             $$ begin return query execute 'select * from public.docs where tenant_id = public.tenant() and title = $1' using q; end $$",
            &[],
        ),
        (
            "create function mine() returns setof docs language sql stable security definer as \
             $$ select * from docs where tenant_id = tenant() $$",
            &["function-search-path:public.mine()"],
        ),
        (
            "create function mine() returns setof docs language sql stable security definer set search_path = public as \
             $$ select * from docs where tenant_id = tenant() $$",
            &["temp-shadowing:public.mine()"],
        ),
        (
            "create function mine() returns setof docs language sql stable security definer set search_path = public, pg_temp as \
             $$ select * from docs where tenant_id = tenant() $$",
            &[],
        ),
        (
            "create function peek(t text) returns boolean language plpgsql leakproof immutable cost 1 as \
             $$ begin if t like 'canary%' then raise notice '%', t; end if; return true; end $$",
            &["function-leakproof:public.peek(text)"],
        ),
        (
            "create function be(t text) returns void language sql as $$ select set_config('app.tenant_id', t, false) $$",
            &["context-outlives:public.be(text)"],
        ),
        (
            "create function be(t text) returns void language sql as $$ select set_config('app.tenant_id', t, true) $$",
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn triggers_that_reach_others() {
    changed(&[
        (
            "create table log (id bigint generated always as identity, what jsonb); grant select on log to $app; \
             create function log() returns trigger language plpgsql security definer set search_path = '' as \
             $$ begin insert into public.log (what) values (to_jsonb(new)); return new; end $$; \
             create trigger log after insert or update on docs for each row execute function log()",
            &["trigger-leaks:public.docs:log"],
        ),
        (
            "create function only_one() returns trigger language plpgsql security definer set search_path = '' as \
             $$ begin if exists (select from public.docs where title = new.title and tenant_id <> new.tenant_id) then \
             raise exception 'taken' using errcode = 'P0001'; end if; return new; end $$; \
             create trigger only_one before insert on docs for each row execute function only_one()",
            &["trigger-leaks:public.docs:only_one", "trigger-leaks:public.only_one():only_one"],
        ),
        (
            "create function touch() returns trigger language plpgsql security definer set search_path = '' as \
             $$ begin update public.projects set slug = slug; return new; end $$; \
             create trigger touch after insert on docs for each row execute function touch()",
            &["trigger-leaks:public.docs:touch", "trigger-leaks:public.touch():touch"],
        ),
        (
            "create function touch() returns trigger language plpgsql as \
             $$ begin new.made_at := now(); return new; end $$; \
             create trigger touch before update on docs for each row execute function touch()",
            &[],
        ),
        (
            "create rule clear as on delete to docs do also update projects set slug = slug",
            &["rule-bypass:public.docs:clear"],
        ),
    ])
    .await;
}
