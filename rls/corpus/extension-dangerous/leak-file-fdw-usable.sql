-- object: file_fdw, files
-- leak: yes
-- context: guc
-- also: role-reads-all @app@
-- also: role-reads-all pg_read_server_files
-- also: schema-create public
-- expect: has_read.*\st\s

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
grant usage on foreign server files to @app@;
grant pg_read_server_files to @app@;
grant create on schema public to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
create foreign table passwd (line text) server files options (filename '/etc/passwd');
select count(*) > 0 as has_read from passwd;
rollback;
