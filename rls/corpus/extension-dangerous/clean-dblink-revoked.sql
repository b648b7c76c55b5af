-- In a schema that the app may not use.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: permission denied

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
reset role;
create schema tools;
create extension dblink schema tools;
revoke all on schema tools from public;

-- proof
begin;
set local app.tenant_id = '@A@';
select tools.dblink('dbname=x', 'select 1');
rollback;
