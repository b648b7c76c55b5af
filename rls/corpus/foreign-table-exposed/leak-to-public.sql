-- No policy can be put on a foreign table.
-- object: public.old_orders
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on orders to @app@;
reset role;
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table old_orders (tenant_id text, line text) server files
  options (program 'printf "@A@,canary-a\n@B@,canary-b\n"', format 'csv');
grant select on old_orders to public;

-- proof
begin;
set local app.tenant_id = '@A@';
select line from old_orders;
rollback;
