-- object: app_stream
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: everything|stream

create table orders (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on orders to @app@;
reset role;
create publication app_stream for tables in schema public;

-- proof
select pubname, tablename, rowfilter from pg_publication_tables;
