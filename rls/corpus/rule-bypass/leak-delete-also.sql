-- Numbers are per tenant; the rule deletes by number alone.
-- object: public.carts
-- leak: yes
-- context: guc
-- expect: left_of_b.*\s0\s

create table carts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  number int not null,
  primary key (tenant_id, id)
);
alter table carts enable row level security;
create policy carts_tenant on carts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on carts to @app@;
create table cart_items (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  cart_number int not null,
  sku text,
  primary key (tenant_id, id)
);
alter table cart_items enable row level security;
create policy cart_items_tenant on cart_items
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on cart_items to @app@;
create rule empty as on delete to carts do also
  delete from cart_items where cart_number = old.number;

-- seed
insert into carts (tenant_id, number) values
  ('@A@', 7),
  ('@B@', 7);
insert into cart_items (tenant_id, cart_number, sku) values
  ('@A@', 7, 'canary-a'),
  ('@B@', 7, 'canary-b');

-- proof
set app.tenant_id = '@A@';
delete from carts where number = 7;
set app.tenant_id = '@B@';
select count(*) as left_of_b from cart_items;
