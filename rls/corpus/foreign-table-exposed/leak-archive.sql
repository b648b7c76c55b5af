-- object: public.archive
-- leak: yes
-- context: guc
-- expect: canary-b

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
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table archive (tenant_id uuid, line text) server files
  options (program 'printf "@A@,canary-a\n@B@,canary-b\n"', format 'csv');
grant select on archive to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
select line from archive;
rollback;
