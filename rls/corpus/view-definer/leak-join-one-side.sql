-- Only one side of the join is filtered.
-- object: public.order_names
-- leak: yes
-- context: guc
-- also: view-leaky
-- expect: canary-b

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (id)
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
create view order_names as select o.note, c.name from customers c left join orders o on o.customer_id = c.id and o.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
grant select on order_names to @app@;

-- seed
insert into customers (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from order_names;
rollback;
