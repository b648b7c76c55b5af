-- object: public.orders
-- leak: no
-- context: guc
-- toml: [tables."public.tenants"]
-- toml: tenant_column = "id"
-- expect: \(1 row\)

create table tenants (id uuid primary key, is_suspended boolean not null default false);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenants_tenant on tenants
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on tenants to @app@;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = (select t.id from tenants t where t.id = nullif(current_setting('app.tenant_id', true), '')::uuid and not t.is_suspended));
grant select, insert, update, delete on orders to @app@;

-- seed
insert into tenants (id) values ('@A@'), ('@B@');
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from orders;
rollback;
