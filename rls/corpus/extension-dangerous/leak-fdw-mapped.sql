-- object: postgres_fdw, loopback
-- leak: yes
-- context: guc
-- also: foreign-table-exposed
-- expect: loopback

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
create extension postgres_fdw;
create server loopback foreign data wrapper postgres_fdw options (dbname '@db@');
grant usage on foreign server loopback to @app@;
create user mapping for @app@ server loopback options (user 'x', password 'y');

-- proof
\des
