-- object: public.shared_orders
-- leak: yes
-- context: role
-- tenant: text
-- toml: [context.tenants]
-- toml: A = "@role_a@"
-- toml: B = "@role_b@"
-- expect: canary-b

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  is_shared boolean not null default true,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = current_user);
grant select, insert, update, delete on orders to @role_a@, @role_b@;
create view shared_orders with (security_barrier = true) as
  select note from orders where tenant_id = current_user or is_shared;
grant select on shared_orders to @role_a@, @role_b@;

-- seed
insert into orders (tenant_id, note) values ('@role_b@', 'canary-b');

-- proof
begin;
select note from shared_orders;
rollback;
