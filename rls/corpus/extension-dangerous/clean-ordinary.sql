-- object: public.orders
-- leak: no
-- context: guc

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
create extension pgcrypto;
create extension citext;
create extension pg_trgm;
create extension btree_gist;
create extension "uuid-ossp";
