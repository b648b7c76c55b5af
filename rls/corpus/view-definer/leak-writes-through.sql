-- object: public.prices
-- leak: yes
-- context: guc
-- expect: canary-b \|\s+0

create table products (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  price numeric,
  primary key (tenant_id, id)
);
alter table products enable row level security;
create policy products_tenant on products
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on products to @app@;
create view prices as select tenant_id, id, name, price from products;
grant select, update on prices to @app@;

-- seed
insert into products (tenant_id, name, price) values
  ('@A@', 'canary-a', 5),
  ('@B@', 'canary-b', 5);

-- proof
set app.tenant_id = '@A@';
update prices set price = 0;
set app.tenant_id = '@B@';
select name, price from products;
