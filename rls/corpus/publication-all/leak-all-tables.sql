-- A subscriber gets the rows of every tenant; policies do not hold replication.
-- object: everything
-- leak: yes
-- context: guc
-- expect: everything|stream

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
create publication everything for all tables;

-- proof
select pubname, tablename, rowfilter from pg_publication_tables;
