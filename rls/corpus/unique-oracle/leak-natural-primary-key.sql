-- object: public.products
-- leak: yes
-- context: guc
-- expect: 23505

create table products (
  tenant_id uuid not null,
  sku text not null,
  name text,
  primary key (sku)
);
alter table products enable row level security;
alter table products force row level security;
create policy products_tenant on products
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on products to @app@;

-- seed
insert into products (tenant_id, sku) values ('@B@', 'A-1');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into products (tenant_id, sku) values ('@A@', 'A-1');
insert into products (tenant_id, sku) values ('@A@', 'A-2');
rollback;
