-- object: public.orders
-- leak: no
-- context: guc
-- tenant: text

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on orders to @app@;
reset role;
create extension hstore;
create extension unaccent;
create extension ltree;
create extension intarray;
create extension tablefunc;
