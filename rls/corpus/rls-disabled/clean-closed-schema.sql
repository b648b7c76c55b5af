-- A grant in a schema that the app may not use reaches nothing.
-- object: audit.trail
-- leak: no
-- context: guc
-- toml: schemas = ["public", "audit"]

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  email text,
  primary key (tenant_id, id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
reset role;
create schema audit authorization @owner@;
set role @owner@;
create table audit.trail (tenant_id uuid not null, at timestamptz not null default now(), what text);
grant insert on audit.trail to @app@;
