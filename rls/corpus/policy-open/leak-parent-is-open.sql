-- The child trusts its parent's policy, which is open.
-- object: public.order_lines
-- leak: yes
-- context: guc
-- also: policy-open public.orders
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  status text not null default 'open',
  primary key (id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or status = 'open');
grant select, insert, update, delete on orders to @app@;
create table order_lines (
  id uuid primary key default gen_random_uuid(),
  order_id uuid not null references orders on delete cascade,
  sku text not null
);
alter table order_lines enable row level security;
alter table order_lines force row level security;
create policy of_order on order_lines
  using (exists (select from orders o where o.id = order_lines.order_id));
grant select, insert on order_lines to @app@;

-- seed
insert into orders (tenant_id, id) values ('@B@', '00000000-0000-0000-0000-00000000000b');
insert into order_lines (order_id, sku) values ('00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select sku from order_lines;
rollback;
