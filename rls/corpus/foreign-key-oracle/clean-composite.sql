-- object: public.orders
-- leak: no
-- context: guc
-- expect: 23503.*23503

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id uuid,
  note text,
  foreign key (tenant_id, customer_id) references customers,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;

-- seed
insert into customers (tenant_id, id, name) values ('@B@', '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id, customer_id) values ('@A@', '00000000-0000-0000-0000-00000000000b');
insert into orders (tenant_id, customer_id) values ('@A@', '00000000-0000-0000-0000-00000000000f');
rollback;
