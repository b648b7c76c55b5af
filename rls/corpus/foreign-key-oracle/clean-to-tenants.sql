-- Each row names its own tenant, which the policy has checked.
-- object: public.orders
-- leak: no
-- context: guc
-- toml: global_tables = ["tenants"]

create table tenants (id uuid primary key, name text);
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  foreign key (tenant_id) references tenants on delete cascade,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
