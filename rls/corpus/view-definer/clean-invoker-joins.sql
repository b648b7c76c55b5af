-- object: public.order_names
-- leak: no
-- context: guc
-- expect: \(0 rows\)

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table customers enable row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id uuid,
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create view order_names with (security_invoker = on, security_barrier) as select o.note, c.name from customers c join orders o on (o.tenant_id, o.customer_id) = (c.tenant_id, c.id);
grant select on order_names to @app@;

-- seed
insert into customers (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select * from order_names;
rollback;
