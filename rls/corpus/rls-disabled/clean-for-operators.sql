-- object: public.imports
-- leak: no
-- context: guc

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
create table imports (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  file text,
  primary key (tenant_id, id)
);
grant select, insert on imports to @other@;
