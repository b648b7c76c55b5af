-- object: public.countries
-- leak: no
-- context: guc
-- toml: global_tables = ["countries"]

create table countries (code text primary key, name text);
alter table countries enable row level security;
create policy everybody on countries for select using (true);
grant select on countries to @app@;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  status text not null default 'open',
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
