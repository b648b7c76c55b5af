-- object: public.orders
-- leak: no
-- context: role
-- tenant: text
-- expect: \(1 row\)

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy a on orders to @role_a@
  using (tenant_id = 'acme');
create policy b on orders to @role_b@
  using (tenant_id = 'acme-eu');
grant select, insert, update, delete on orders to @role_a@, @role_b@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select note from orders;
rollback;
