-- The parent's policies hold inside the child's: what is not visible does not exist.
-- object: public.order_lines
-- leak: no
-- context: guc
-- expect: \(0 rows\).*42501.*42501

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  status text,
  primary key (id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
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
grant select, insert, update, delete on order_lines to @app@;

-- seed
insert into orders (tenant_id, id) values ('@B@', '00000000-0000-0000-0000-00000000000b');
insert into order_lines (order_id, sku) values ('00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select sku from order_lines;
insert into order_lines (order_id, sku) values ('00000000-0000-0000-0000-00000000000b', 'x');
insert into order_lines (order_id, sku) values ('00000000-0000-0000-0000-0000000000ff', 'x');
rollback;
