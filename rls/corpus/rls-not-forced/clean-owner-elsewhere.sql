-- Without FORCE, but the owner is nobody that the app can be.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: canary-a.*\(1 row\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create table lines (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  sku text,
  primary key (tenant_id, id)
);
alter table lines enable row level security;
create policy lines_tenant on lines
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on lines to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from orders;
rollback;
