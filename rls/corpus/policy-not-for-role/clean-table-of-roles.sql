-- A table says which role is which tenant, and shows each role its own line.
-- object: public.orders, public.tenant_roles
-- leak: no
-- context: role
-- tenant: bigint
-- toml: [context.tenants]
-- toml: A = "1"
-- toml: B = "12"
-- expect: canary-a\n\(1 row\)

create table tenant_roles (role name primary key, tenant_id bigint not null unique);
alter table tenant_roles enable row level security;
alter table tenant_roles force row level security;
create policy own on tenant_roles for select using (role = current_user);
grant select on tenant_roles to @role_a@, @role_b@;
create table orders (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_of_role on orders
  using (tenant_id = (select r.tenant_id from tenant_roles r where r.role = current_user));
grant select, insert, update, delete on orders to @role_a@, @role_b@;

-- seed
insert into tenant_roles values ('@role_a@', 1), ('@role_b@', 12);
insert into orders (tenant_id, note) values (1, 'canary-a'), (12, 'canary-b');

-- proof
select note from orders;
