-- object: @app@, pg_read_server_files
-- leak: yes
-- context: guc
-- tenant: text
-- expect: has_read.*\st\s

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
grant pg_read_server_files to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
create temp table lines (line text);
copy lines from '/etc/passwd';
select count(*) > 0 as has_read from lines;
rollback;
