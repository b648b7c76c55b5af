-- object: public.addresses
-- leak: no
-- context: guc
-- tenant: text
-- toml: global_tables = ["countries"]

create table countries (code text primary key, name text);
grant select on countries to @app@;
create table addresses (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  country text references countries,
  street text,
  primary key (tenant_id, id)
);
alter table addresses enable row level security;
alter table addresses force row level security;
create policy addresses_tenant on addresses
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on addresses to @app@;
