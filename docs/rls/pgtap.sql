-- Isolation of two tenants as pgTAP tests (https://pgtap.org), for who runs such tests already. Needs a migrated database with
-- the table public.orders (id, tenant_id, note), the role `app`, and the setting app.tenant_id; put yours in their place.
--
--   psql -c 'create extension if not exists pgtap' && pg_prove --dbname shop docs/rls/pgtap.sql
--
-- It checks what it names. `tenantry rls verify` and `attack` check what nobody thought of naming.
begin;
select plan(9);

-- Every table of the app is under row level security, for its owner too.
select is_empty(
  $$ select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') $$,
  'every table with a tenant has row level security, forced');
select is_empty(
  $$ select rolname from pg_roles where rolname = 'app' and (rolsuper or rolbypassrls) $$,
  'the app passes by no policy');
select table_privs_are('public', 'orders', 'app', array['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  'and has no right that policies do not hold');

-- Two tenants, with a row each.
insert into public.orders (tenant_id, note) values
  ('00000000-0000-0000-0000-00000000000a', 'of A'), ('00000000-0000-0000-0000-00000000000b', 'of B');

set local role app;
select set_config('app.tenant_id', '00000000-0000-0000-0000-00000000000a', true);
select results_eq('select distinct tenant_id from public.orders',
  array['00000000-0000-0000-0000-00000000000a'::uuid], 'A sees the rows of A');
select is_empty($$ update public.orders set note = 'mine' where note = 'of B' returning 1 $$, 'A changes nothing of B');
select is_empty($$ delete from public.orders where note = 'of B' returning 1 $$, 'A deletes nothing of B');
select throws_ok($$ insert into public.orders (tenant_id, note) values ('00000000-0000-0000-0000-00000000000b', 'x') $$,
  '42501', null, 'A writes no row of B');
select throws_ok($$ update public.orders set tenant_id = '00000000-0000-0000-0000-00000000000b' $$,
  '42501', null, 'A gives B none of its own');

-- Without a context nothing is seen: an error, or no row.
select set_config('app.tenant_id', '', true);
create function pg_temp.seen() returns bigint language plpgsql as
  $$ begin return (select count(*) from public.orders); exception when others then return 0; end $$;
select is(pg_temp.seen(), 0::bigint, 'nobody sees nothing');

select * from finish();
rollback;
