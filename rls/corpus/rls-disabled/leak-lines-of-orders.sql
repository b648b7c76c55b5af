-- The child has no tenant of its own, and its parent guards only itself.
-- object: public.order_lines
-- leak: yes
-- context: guc
-- also: foreign-key-oracle
-- expect: canary-b

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
  sku text not null,
  quantity int not null
);
grant select, insert, update, delete on order_lines to @app@;

-- seed
insert into orders (tenant_id, id) values ('@B@', '00000000-0000-0000-0000-00000000000b');
insert into order_lines (order_id, sku, quantity) values ('00000000-0000-0000-0000-00000000000b', 'canary-b', 1);

-- proof
begin;
set local app.tenant_id = '@A@';
select sku from order_lines;
rollback;
