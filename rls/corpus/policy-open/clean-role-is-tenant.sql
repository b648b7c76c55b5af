-- object: public.orders
-- leak: no
-- context: role
-- tenant: text
-- toml: [context.tenants]
-- toml: A = "@role_a@"
-- toml: B = "@role_b@"
-- expect: \(0 rows\)

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = current_user);
grant select, insert, update, delete on orders to @role_a@, @role_b@;

-- seed
insert into orders (tenant_id, note) values ('@role_b@', 'canary-b');

-- proof
begin;
select note from orders;
rollback;
